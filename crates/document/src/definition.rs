//! Collection definitions: what a document of a collection holds, as declarative JSON or code.
//!
//! A [`CollectionDefinition`] is what an author writes; [`Collection`](crate::Collection) is the
//! checked and compiled form that everything else works with.

mod check;
mod field;
mod repeated;

use std::collections::BTreeSet;

use repeated::Unrepeated;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use stratus_access::{Action, Grants, Principal};

pub use check::{DefinitionError, DefinitionProblem};
pub(crate) use check::{ORDER_KEY, PARENT_KEY, SYSTEM_KEYS, check};
pub use field::{ColumnType, FieldDefinition, FieldType, Strength};

/// How many versions of a document are kept where a definition doesn't say.
pub const DEFAULT_MAX_VERSIONS: u32 = 50;

/// The locale of documents where neither a definition nor a request names one.
pub const DEFAULT_LOCALE: &str = "default";

/// A collection as its author writes it.
///
/// ```
/// use stratus_document::CollectionDefinition;
/// let posts: CollectionDefinition = serde_json::from_str(r#"{
///     "name": "posts",
///     "slug": {"from": "title"},
///     "grants": {"public": ["read"]},
///     "fields": {"title": {"type": "text", "required": true, "index": true}},
///     "indexes": [["title", "-publishedAt"]]
/// }"#)?;
/// assert_eq!(posts.name, "posts");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CollectionDefinition {
    /// `^[a-z][a-z0-9_-]{0,62}$`: the segment of its URL.
    pub name: String,
    /// What editors call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Which field slugs are derived from. Without it a slug is optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<SlugRule>,
    /// Who may do what. A collection with no `public` grant is not readable anonymously.
    #[serde(default)]
    pub grants: Grants,
    /// How many versions are kept.
    #[serde(default)]
    pub versions: VersionRule,
    /// The locale of requests that name none.
    #[serde(default = "default_locale")]
    pub default_locale: String,
    /// The fields, in the order in which documents show them.
    pub fields: Map<String, Json>,
    /// Composite indexes: lists of sort keys, such as `["featured", "-publishedAt"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<String>>,
}

/// How slugs come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlugRule {
    /// The field that a slug is derived from when a document is made without one.
    pub from: String,
}

/// How history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// How many versions of a document are kept, the head included; the public one always is.
    pub max: u32,
}

impl Default for VersionRule {
    fn default() -> Self {
        Self { max: DEFAULT_MAX_VERSIONS }
    }
}

fn default_locale() -> String {
    DEFAULT_LOCALE.to_owned()
}

impl CollectionDefinition {
    /// A collection without fields or grants, to be built up in code.
    ///
    /// ```
    /// use stratus_access::{Action, Principal};
    /// use stratus_document::{CollectionDefinition, FieldDefinition, FieldType};
    /// let notes = CollectionDefinition::new("notes")
    ///     .field("title", FieldDefinition::new(FieldType::Text).required().indexed())
    ///     .slug_from("title")
    ///     .allow(Principal::Public, [Action::Read]);
    /// assert!(notes.fields.contains_key("title"));
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: None,
            help: None,
            slug: None,
            grants: Grants::default(),
            versions: VersionRule::default(),
            default_locale: default_locale(),
            fields: Map::new(),
            indexes: Vec::new(),
        }
    }

    /// With one more field, after the others.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, field: FieldDefinition) -> Self {
        self.fields.insert(name.into(), field.to_json());
        self
    }

    /// With slugs derived from a field.
    #[must_use]
    pub fn slug_from(mut self, field: impl Into<String>) -> Self {
        self.slug = Some(SlugRule { from: field.into() });
        self
    }

    /// With actions granted to a principal.
    #[must_use]
    pub fn allow(mut self, principal: Principal, actions: impl IntoIterator<Item = Action>) -> Self {
        self.grants = self.grants.allow(principal, actions);
        self
    }

    /// With one more composite index.
    #[must_use]
    pub fn index<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.indexes.push(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Parses a definition.
    ///
    /// # Errors
    ///
    /// A [`DefinitionError`] that names the member, for JSON of another shape.
    pub fn parse(json: &str) -> Result<Self, DefinitionError> {
        let parsed =
            serde_json::from_str::<Unrepeated>(json).and_then(|Unrepeated| serde_json::from_str(json));
        parsed.map_err(|error| DefinitionError::new("?", [DefinitionProblem::new("", error.to_string())]))
    }

    /// What the wire and the physical schema depend on: everything but `label` and `help`, keys
    /// sorted and defaults filled, so that equal definitions are equal texts.
    pub(crate) fn canonical(&self) -> String {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        strip_prose(&mut json, true);
        sorted(&json).to_string()
    }
}

/// Removes `label` and `help` from a definition and its fields, but not fields of those names.
fn strip_prose(definition: &mut Json, is_definition: bool) {
    let Some(object) = definition.as_object_mut() else { return };
    if is_definition {
        object.remove("label");
        object.remove("help");
    }
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "fields" | "blocks" if is_definition => strip_prose(value, false),
            "items" if is_definition => strip_prose(value, true),
            _ if !is_definition => strip_prose(value, true),
            _ => {}
        }
    }
}

fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(object) => {
            let keys: BTreeSet<_> = object.keys().collect();
            Json::Object(keys.into_iter().map(|key| (key.clone(), sorted(&object[key]))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
