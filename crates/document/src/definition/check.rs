//! Checks a definition and compiles its fields, naming every fault at once.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use serde_json::{Map, Value as Json};

use super::{CollectionDefinition, FieldDefinition, FieldType, Strength};
use crate::{
    collection::{Field, FieldKind, Shape},
    slug::is_locale,
    validate::{self, Purpose, normal_number},
};

/// Names that a field can't have, because the wire and the query language use them.
pub(crate) const SYSTEM_KEYS: [&str; 9] =
    ["id", "type", "slug", "status", "locale", "version", "createdAt", "updatedAt", "publishedAt"];
pub(crate) const PARENT_KEY: &str = "parent";
/// The system key that fields may be named like; then the field is meant.
pub(crate) const ORDER_KEY: &str = "order";

const MAX_PATTERN_CHARS: usize = 200;
const MAX_PATTERN_BYTES: usize = 64 * 1024;
const MAX_NESTING: usize = 16;

/// What is wrong with a definition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionProblem {
    /// The dotted path of the field or member, or nothing for the whole.
    pub path: String,
    /// What is wrong, and the cure.
    pub message: String,
}

impl DefinitionProblem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// A definition that can't be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the collection `{collection}` can't be used: {}", summary(problems))]
pub struct DefinitionError {
    /// The collection's name.
    pub collection: String,
    /// Everything that is wrong.
    pub problems: Vec<DefinitionProblem>,
}

fn summary(problems: &[DefinitionProblem]) -> String {
    let line = |it: &DefinitionProblem| match it.path.as_str() {
        "" => it.message.clone(),
        path => format!("`{path}`: {}", it.message),
    };
    problems.iter().map(line).collect::<Vec<_>>().join("; ")
}

impl DefinitionError {
    pub(crate) fn new(
        collection: impl Into<String>,
        problems: impl IntoIterator<Item = DefinitionProblem>,
    ) -> Self {
        Self { collection: collection.into(), problems: problems.into_iter().collect() }
    }
}

/// Collects faults so that an author sees all of them in one run.
pub(crate) struct Checker {
    problems: Vec<DefinitionProblem>,
}

/// Checks a definition by itself and compiles its fields.
pub(crate) fn check(definition: &CollectionDefinition) -> Result<Shape, DefinitionError> {
    let mut checker = Checker { problems: Vec::new() };
    if !is_collection_name(&definition.name) {
        checker.fault("", "the name must be ^[a-z][a-z0-9_-]{0,62}$");
    }
    if !is_locale(&definition.default_locale) {
        checker.fault("defaultLocale", "not a locale such as `en`, `pt-BR` or `default`");
    }
    if definition.versions.max == 0 {
        checker.fault("versions.max", "at least one version must be kept");
    }
    for principal in definition.grants.principals() {
        // Its text stands in SQL, so code must not make what text can't say.
        if principal.to_string().parse() != Ok(principal.clone()) {
            checker.fault("grants", format!("`{principal}` is not a principal"));
        }
    }
    let shape = checker.shape("", &definition.fields, Nesting::TOP);
    if let Some(rule) = &definition.slug {
        checker.slug_source(&shape, &rule.from);
    }
    if checker.problems.is_empty() {
        Ok(shape)
    } else {
        Err(DefinitionError { collection: definition.name.clone(), problems: checker.problems })
    }
}

pub(crate) fn is_collection_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=63).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.bytes().all(plain)
}

fn is_field_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Where a field stands.
#[derive(Clone, Copy)]
struct Nesting {
    depth: usize,
    in_list: bool,
    private: bool,
}

impl Nesting {
    const TOP: Self = Self { depth: 0, in_list: false, private: false };
}

impl Checker {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(DefinitionProblem::new(path, message));
    }

    fn shape(&mut self, path: &str, fields: &Map<String, Json>, nesting: Nesting) -> Shape {
        if nesting.depth > MAX_NESTING {
            self.fault(path, format!("fields nest deeper than {MAX_NESTING}"));
            return Shape::default();
        }
        let mut compiled = Vec::with_capacity(fields.len());
        for (name, json) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if !is_field_name(name) {
                self.fault(&path, "a field's name must be ^[A-Za-z][A-Za-z0-9_]{0,62}$");
            }
            if nesting.depth == 0 && (SYSTEM_KEYS.contains(&name.as_str()) || name == PARENT_KEY) {
                self.fault(&path, "the name is taken by a system key");
            }
            match serde_json::from_value::<FieldDefinition>(json.clone()) {
                Ok(definition) => compiled.push(self.field(name, &path, definition, nesting)),
                Err(error) => self.fault(&path, error.to_string()),
            }
        }
        Shape::new(compiled)
    }

    fn field(&mut self, name: &str, path: &str, definition: FieldDefinition, nesting: Nesting) -> Field {
        let private = nesting.private || definition.private;
        // Values are compared after they were made normal.
        let normal = |it: &Json| it.as_number().and_then(normal_number).unwrap_or_else(|| it.clone());
        let allowed = definition.allowed.as_ref().map(|allowed| allowed.iter().map(normal).collect());
        let definition = FieldDefinition { allowed, ..definition };
        let kind = self.kind(path, &definition, Nesting { private, ..nesting });
        self.attributes(path, &definition, nesting, private);
        let pattern = definition.pattern.as_deref().and_then(|pattern| self.pattern(path, pattern));
        let mut field = Field {
            name: name.to_owned(),
            path: path.to_owned(),
            kind,
            pattern,
            default: None,
            is_key: false,
            definition,
        };
        if let Some(default) = field.definition.default.clone() {
            match validate::value(&field, &default, Purpose::Default) {
                Ok(default) => field.default = Some(default),
                Err(errors) => {
                    let first = errors.first().map(|it| it.message.clone()).unwrap_or_default();
                    self.fault(path, format!("the default is no value of the field: {first}"));
                }
            }
        }
        field
    }

    fn kind(&mut self, path: &str, definition: &FieldDefinition, nesting: Nesting) -> FieldKind {
        let inner = Nesting { depth: nesting.depth + 1, ..nesting };
        let in_list = Nesting { in_list: true, ..inner };
        self.structure(path, definition);
        match definition.kind {
            FieldType::Object => {
                FieldKind::Object(self.shape(path, definition.fields.as_ref().unwrap_or(&Map::new()), inner))
            }
            FieldType::Array => {
                let item = definition.items.as_deref().cloned();
                let item = item.unwrap_or_else(|| FieldDefinition::new(FieldType::Json));
                FieldKind::Array(Box::new(self.field("items", path, item, in_list)))
            }
            FieldType::Blocks => {
                let mut blocks = BTreeMap::new();
                for (name, block) in definition.blocks.as_ref().unwrap_or(&Map::new()) {
                    let fields = block.get("fields").and_then(Json::as_object).cloned();
                    if !is_field_name(name) || fields.is_none() {
                        self.fault(path, format!("the block `{name}` must be an object with `fields`"));
                    }
                    let fields = fields.unwrap_or_default();
                    if fields.contains_key("type") {
                        self.fault(
                            path,
                            format!("`type` in the block `{name}` is taken: it names the block"),
                        );
                    }
                    blocks.insert(name.clone(), self.shape(&format!("{path}.{name}"), &fields, in_list));
                }
                FieldKind::Blocks(blocks)
            }
            FieldType::Reference => FieldKind::Reference {
                to: definition.to.clone().unwrap_or_default(),
                many: definition.many,
                strength: definition.strength.unwrap_or(Strength::Weak),
            },
            _ => FieldKind::Plain,
        }
    }

    /// Members that belong to one type only are there with it, and absent without it.
    fn structure(&mut self, path: &str, definition: &FieldDefinition) {
        let kind = definition.kind;
        let members = [
            ("fields", definition.fields.is_some(), kind == FieldType::Object, true),
            ("items", definition.items.is_some(), kind == FieldType::Array, true),
            ("blocks", definition.blocks.is_some(), kind == FieldType::Blocks, true),
            ("to", definition.to.is_some(), kind == FieldType::Reference, true),
            ("many", definition.many, kind == FieldType::Reference, false),
            ("strength", definition.strength.is_some(), kind == FieldType::Reference, false),
            ("enum", definition.allowed.is_some(), kind.takes_enum(), kind.needs_enum()),
        ];
        for (name, present, allowed, needed) in members {
            if present && !allowed {
                self.fault(path, format!("`{name}` has no meaning for this type"));
            } else if !present && allowed && needed {
                self.fault(path, format!("`{name}` is missing"));
            }
        }
    }

    fn attributes(&mut self, path: &str, definition: &FieldDefinition, nesting: Nesting, private: bool) {
        let kind = definition.kind;
        let scalar = kind.column_type().is_some() || (kind == FieldType::Reference && !definition.many);
        let faults = [
            (definition.index && !scalar, "`index` needs a type with a single value; declare a `facet`"),
            (definition.unique && !scalar, "`unique` needs a type with a single value"),
            (
                (definition.index || definition.unique) && nesting.in_list,
                "a value in a list can't be indexed; declare a `facet`",
            ),
            (definition.facet && !kind.can_be_facet(), "`facet` has no meaning for this type"),
            (definition.search && !kind.is_text(), "`search` needs text"),
            (
                private && (definition.index || definition.unique || definition.facet || definition.search),
                "a private field can't be indexed, unique, a facet or searched: answers would tell of it",
            ),
            (
                nesting.depth > 0 && (definition.private || definition.read_only),
                "`private` and `readOnly` belong to a field of the document itself",
            ),
            (
                (definition.min_length.is_some()
                    || definition.max_length.is_some()
                    || definition.pattern.is_some())
                    && !kind.is_text(),
                "`minLength`, `maxLength` and `pattern` need text",
            ),
            (
                (definition.min.is_some() || definition.max.is_some()) && !kind.takes_range(definition.many),
                "`min` and `max` need a number or a list",
            ),
        ];
        self.allowed(path, definition);
        for (_, message) in faults.iter().filter(|(broken, _)| *broken) {
            self.fault(path, *message);
        }
        if let (Some(min), Some(max)) = (definition.min, definition.max)
            && min > max
        {
            self.fault(path, "`min` is greater than `max`");
        }
        if let (Some(min), Some(max)) = (definition.min_length, definition.max_length)
            && min > max
        {
            self.fault(path, "`minLength` is greater than `maxLength`");
        }
    }

    /// An `enum` that no value could be of is a slip.
    fn allowed(&mut self, path: &str, definition: &FieldDefinition) {
        let Some(allowed) = &definition.allowed else { return };
        let fits = |it: &Json| match definition.kind {
            FieldType::Number => it.is_number(),
            FieldType::Integer => it.is_i64(),
            _ => it.is_string(),
        };
        if allowed.is_empty() || !allowed.iter().all(fits) {
            self.fault(path, "`enum` must be a list of values of the field's type, and not empty");
        }
    }

    /// Compiled within bounds: the engine is linear in the text, and this bounds the constant.
    fn pattern(&mut self, path: &str, pattern: &str) -> Option<regex::Regex> {
        if pattern.chars().count() > MAX_PATTERN_CHARS {
            self.fault(path, format!("`pattern` is longer than {MAX_PATTERN_CHARS} characters"));
            return None;
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build();
        built.map_err(|error| self.fault(path, format!("`pattern`: {error}"))).ok()
    }

    fn slug_source(&mut self, shape: &Shape, name: &str) {
        match shape.field(name) {
            Some(field) if field.definition.kind.is_text() && !field.definition.private => {}
            Some(_) => self.fault("slug.from", format!("`{name}` is not a public text field")),
            None => self.fault("slug.from", format!("there is no field `{name}`")),
        }
    }
}
