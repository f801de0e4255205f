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

/// The schema of a test of each kind of values: of single ones, and of fields with many.
pub(super) fn tests() -> impl Iterator<Item = (String, Value)> {
    let all = KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]);
    all.map(|(kind, many)| (test_name(kind, many), test(kind, many)))
}

fn test_name(kind: Kind, many: bool) -> String {
    let many = if many { "OfMany" } else { "" };
    format!("{}Test{many}", kind.name())
}

/// A value, or operators that all hold.
fn test(kind: Kind, many: bool) -> Value {
    let value = kind.value();
    let list = json!({ "type": "array", "items": value, "maxItems": MAX_OPERANDS });
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
        let two = json!({ "type": "array", "items": value, "minItems": 2, "maxItems": 2 });
        add(&["between"], &two);
    }
    add(&["in", "nin"], &list);
    if many {
        add(&["any", "all", "none"], &list);
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

/// The operators of a kind, in text: what is a list is joined by commas.
pub(super) fn text_test() -> Value {
    let text = json!({ "type": "string" });
    let operators = [
        "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "any", "all", "none", "exists", "between",
        "contains", "starts", "ends",
    ];
    let operators: Map<_, _> = operators.map(|it| (it.to_owned(), text.clone())).into_iter().collect();
    let operators = json!({
        "type": "object", "properties": operators, "additionalProperties": false, "minProperties": 1,
    });
    json!({ "anyOf": [text, operators] })
}

/// The filter of a collection, in a body.
pub(super) fn filter(scope: &Scope<'_>, collection: &Collection) -> Value {
    let found = Found::of(scope, collection);
    let mut tests: Map<_, _> =
        found.tests.into_iter().map(|(path, kind, many)| (path, schema(test_name(kind, many)))).collect();
    let own = schema(name_of(collection.name(), "Filter"));
    let several = json!({ "type": "array", "items": own });
    tests.extend([("and".to_owned(), several.clone()), ("or".to_owned(), several), ("not".to_owned(), own)]);
    conditions(
        tests,
        found.behind,
        |to| json!({ "description": format!("A test of what {to} can be filtered by.") }),
    )
}

/// The same as a parameter.
pub(super) fn parameter(scope: &Scope<'_>, collection: &Collection) -> Value {
    let found = Found::of(scope, collection);
    let mut tests: Map<_, _> = found.tests.into_iter().map(|(path, ..)| (path, schema("TextTest"))).collect();
    let nested = json!({ "type": "object", "description": "Conditions, as they stand beside it." });
    let several = json!({ "type": "object", "description": "Conditions by number: `[0]`, `[1]`, …" });
    tests.extend([
        ("and".to_owned(), several.clone()),
        ("or".to_owned(), several),
        ("not".to_owned(), nested),
    ]);
    conditions(tests, found.behind, |_| schema("TextTest"))
}

fn conditions(tests: Map<String, Value>, behind: Vec<Behind>, test: impl Fn(&str) -> Value) -> Value {
    let mut filter = json!({
        "type": "object",
        "description": "Conditions, all of which hold.",
        "properties": tests,
        "additionalProperties": false,
    });
    if !behind.is_empty() {
        let behind: Map<_, _> = behind.iter().map(|it| (it.pattern(), test(&it.collection))).collect();
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
