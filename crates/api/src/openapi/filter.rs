//! What lists can be filtered by, as schemas: of `filter` in the body of a query, and of the
//! parameter, where all values are text.

use serde_json::{Map, Value, json};
use stratus_document::{Collection, FieldDefinition, FieldType};

use super::{Scope, field::definitions, name_of, schema};

/// How many items a list of values has at most.
const MAX_OPERANDS: usize = 1_000;
/// The longest text that is looked for inside others, in bytes.
const MAX_PART: usize = 50;

/// What values compare as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Day,
    Moment,
    Number,
    Integer,
    Boolean,
    Id,
}

const KINDS: [Kind; 7] =
    [Kind::Text, Kind::Day, Kind::Moment, Kind::Number, Kind::Integer, Kind::Boolean, Kind::Id];

impl Kind {
    fn of(field: &FieldDefinition) -> Option<Self> {
        use FieldType as T;
        Some(match field.kind {
            T::Date => Self::Day,
            T::Datetime => Self::Moment,
            T::Number => Self::Number,
            T::Integer => Self::Integer,
            T::Boolean => Self::Boolean,
            T::Reference => Self::Id,
            T::Json | T::Richtext | T::Object | T::Array | T::Blocks => return None,
            _ => Self::Text,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Day => "Day",
            Self::Moment => "Moment",
            Self::Number => "Number",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::Id => "Id",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Day => json!({ "type": "string", "format": "date" }),
            Self::Moment => schema("AnyMoment"),
            Self::Number => json!({ "type": "number" }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Id => schema("Id"),
        }
    }
}

/// How tests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In a body, of single values.
    Single,
    /// In a body, of fields with many values.
    Many,
    /// As a parameter, of either: what is a list is joined by commas.
    Text,
}

/// The schema of a test of each kind of values, in each form.
pub(super) fn tests() -> impl Iterator<Item = (String, Value)> {
    let forms = [Form::Single, Form::Many, Form::Text];
    let all = KINDS.into_iter().flat_map(move |kind| forms.map(|form| (kind, form)));
    all.map(|(kind, form)| (test_name(kind, form), test(kind, form)))
}

fn test_name(kind: Kind, form: Form) -> String {
    let form = match form {
        Form::Single => "",
        Form::Many => "OfMany",
        Form::Text => "AsText",
    };
    format!("{}Test{form}", kind.name())
}

/// A value, or operators that all hold.
fn test(kind: Kind, form: Form) -> Value {
    let value = kind.value();
    let list = |least: usize, most: usize| match form {
        Form::Text => json!({ "type": "string", "description": "Values, joined by commas." }),
        _ => json!({ "type": "array", "items": value, "minItems": least, "maxItems": most }),
    };
    let part = json!({ "type": "string", "maxLength": MAX_PART });
    let mut operators = Map::new();
    let mut add = |names: &[&str], operand: &Value| {
        for name in names {
            operators.insert((*name).to_owned(), operand.clone());
        }
    };
    add(&["eq", "ne"], &value);
    if !matches!(kind, Kind::Boolean | Kind::Id) {
        add(&["gt", "gte", "lt", "lte"], &value);
        add(&["between"], &list(2, 2));
    }
    add(&["in", "nin"], &list(0, MAX_OPERANDS));
    if form != Form::Single {
        add(&["any", "all", "none"], &list(0, MAX_OPERANDS));
    }
    add(&["exists"], &json!({ "type": "boolean" }));
    if kind == Kind::Text {
        add(&["contains", "ends"], &part);
        add(&["starts"], &value);
    }
    let operators = json!({
        "type": "object", "properties": operators, "additionalProperties": false, "minProperties": 1,
    });
    json!({ "anyOf": [value, operators] })
}

/// The filter of a collection, in a body.
pub(super) fn filter(scope: &Scope<'_>, collection: &Collection) -> Value {
    let own = schema(name_of(collection.name(), "Filter"));
    let several = json!({ "type": "array", "items": own });
    let found = Found::of(scope, collection);
    let tests = found.tests.iter().map(|(path, kind, many)| {
        let form = if *many { Form::Many } else { Form::Single };
        (path.clone(), schema(test_name(*kind, form)))
    });
    let any = |to: &str| json!({ "description": format!("A test of what {to} can be filtered by.") });
    conditions(&found, tests, own, &several, any)
}

/// The same as a parameter: lists of conditions are numbered, `filter[or][0]…`.
pub(super) fn filter_as_text(scope: &Scope<'_>, collection: &Collection) -> Value {
    let own = schema(name_of(collection.name(), "FilterAsText"));
    let several = json!({
        "type": "object",
        "propertyNames": { "pattern": "^(?:0|[1-9][0-9]?)$" },
        "additionalProperties": own,
        "minProperties": 1,
    });
    let found = Found::of(scope, collection);
    let tests =
        found.tests.iter().map(|(path, kind, _)| (path.clone(), schema(test_name(*kind, Form::Text))));
    conditions(&found, tests, own, &several, |_| schema(test_name(Kind::Text, Form::Text)))
}

fn conditions(
    found: &Found<'_>,
    tests: impl Iterator<Item = (String, Value)>,
    own: Value,
    several: &Value,
    behind: impl Fn(&str) -> Value,
) -> Value {
    let mut properties: Map<_, _> = tests.collect();
    for name in ["and", "or"] {
        properties.insert(name.to_owned(), several.clone());
    }
    properties.insert("not".to_owned(), own);
    let mut filter = json!({
        "type": "object",
        "description": "Conditions, all of which hold.",
        "properties": properties,
        "additionalProperties": false,
    });
    if !found.behind.is_empty() {
        let behind: Map<_, _> =
            found.behind.iter().map(|it| (it.pattern(), behind(&it.collection))).collect();
        filter["patternProperties"] = Value::Object(behind);
    }
    filter
}

/// What a collection can be filtered by.
struct Found<'s> {
    scope: &'s Scope<'s>,
    /// Paths, what their values compare as, and whether a document may have many.
    tests: Vec<(String, Kind, bool)>,
    behind: Vec<Behind>,
}

/// A reference through which paths go on.
struct Behind {
    path: String,
    collection: String,
}

impl Behind {
    /// What such paths look like.
    fn pattern(&self) -> String {
        let name = "[A-Za-z][A-Za-z0-9_]{0,62}";
        format!(r"^{}(?:\.{name})+$", self.path.replace('.', r"\."))
    }
}

impl<'s> Found<'s> {
    fn of(scope: &'s Scope<'s>, collection: &Collection) -> Self {
        const SYSTEM: [(&str, Kind); 11] = [
            ("id", Kind::Text),
            ("type", Kind::Text),
            ("slug", Kind::Text),
            ("status", Kind::Text),
            ("locale", Kind::Text),
            ("version", Kind::Integer),
            ("createdAt", Kind::Moment),
            ("updatedAt", Kind::Moment),
            ("publishedAt", Kind::Moment),
            ("parent", Kind::Text),
            ("order", Kind::Integer),
        ];
        let system = SYSTEM.map(|(name, kind)| (name.to_owned(), kind, false));
        let mut found = Self { scope, tests: system.into(), behind: Vec::new() };
        for field in collection.fields().iter().filter(|it| !it.definition().private) {
            found.look_at(field.name(), field.definition(), false);
        }
        found
    }

    fn look_at(&mut self, path: &str, field: &FieldDefinition, in_list: bool) {
        let listed = matches!(field.kind, FieldType::Tags | FieldType::Multiselect);
        let many = in_list || listed || field.many;
        let is_reference = field.kind == FieldType::Reference;
        if let Some(kind) = Kind::of(field)
            && (field.index || field.unique || field.facet || is_reference)
        {
            self.tests.push((path.to_owned(), kind, many));
        }
        if let Some(to) = field.to.as_deref().filter(|to| self.scope.knows(to)) {
            self.behind.push(Behind { path: path.to_owned(), collection: to.to_owned() });
        }
        for (name, inner) in definitions(field.fields.as_ref()) {
            self.look_at(&format!("{path}.{name}"), &inner, in_list);
        }
        if let Some(item) = &field.items {
            self.look_at(path, item, true);
        }
        for (block, inner) in field.blocks.iter().flatten() {
            for (name, inner) in definitions(inner.get("fields").and_then(Value::as_object)) {
                self.look_at(&format!("{path}.{block}.{name}"), &inner, true);
            }
        }
    }
}
