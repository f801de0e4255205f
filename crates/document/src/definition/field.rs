//! The definition of one field: its type and what is demanded of its values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// A line of text.
    Text,
    /// Several lines of text.
    Textarea,
    /// Markdown.
    Markdown,
    /// A block tree: `{"type": "doc", "content": […]}`.
    Richtext,
    /// A number.
    Number,
    /// A whole number within ±(2^53−1).
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A day: `2026-11-21`.
    Date,
    /// A moment, RFC 3339; stored in UTC with milliseconds.
    Datetime,
    /// An e-mail address.
    Email,
    /// An `http` or `https` URL.
    Url,
    /// A slug: `^[a-z0-9]+(-[a-z0-9]+)*$`.
    Slug,
    /// A colour: `#rgb`, `#rrggbb` or `#rrggbbaa`, stored in lower case.
    Color,
    /// One of `enum`.
    Select,
    /// Several of `enum`, each once.
    Multiselect,
    /// A list of words, each once.
    Tags,
    /// Any JSON.
    Json,
    /// An object of `fields`.
    Object,
    /// A list of `items`.
    Array,
    /// A list of objects, each of a kind of `blocks`, which its member `type` names.
    Blocks,
    /// The id of a document, or a list of ids with `many`.
    Reference,
    /// The id of a file.
    Media,
}

/// Whether the target of a reference must exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// The target must exist, and can't be trashed or erased while it is referred to.
    Strong,
    /// The reference may dangle.
    #[default]
    Weak,
}

impl Strength {
    /// Its name, as `document_references.ref_strength` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
        }
    }
}

/// A field as its author writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FieldDefinition {
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What editors call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What to put into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// It must have a value, in drafts too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// What a create or a PUT fills in for an absent value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
    /// The least number, or the least count of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number, or the greatest count of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The least count of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    /// The greatest count of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// A regular expression that is found in the text. Anchor it to match the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The values allowed.
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<Json>>,
    /// No two heads and no two public documents of a locale have the same value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Lists can be filtered and sorted by it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub index: bool,
    /// Full-text search looks into it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub search: bool,
    /// Lists can be filtered by each of its values.
    #[serde(default, skip_serializing_if = "is_false")]
    pub facet: bool,
    /// It never leaves the server through the API.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    /// Requests can't set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// The collection that a reference points into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// A list of references instead of one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub many: bool,
    /// Whether the target of a reference must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// The fields of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Json>>,
    /// What an array is a list of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<FieldDefinition>>,
    /// The kinds of blocks: each an object with `fields`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Map<String, Json>>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl FieldDefinition {
    /// A field of a type that demands nothing more.
    pub fn new(kind: FieldType) -> Self {
        Self {
            kind,
            label: None,
            help: None,
            required: false,
            default: None,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            allowed: None,
            unique: false,
            index: false,
            search: false,
            facet: false,
            private: false,
            read_only: false,
            to: None,
            many: false,
            strength: None,
            fields: None,
            items: None,
            blocks: None,
        }
    }

    /// A reference to one document of a collection.
    pub fn reference(to: impl Into<String>, strength: Strength) -> Self {
        Self { to: Some(to.into()), strength: Some(strength), ..Self::new(FieldType::Reference) }
    }

    /// References to many documents of a collection.
    pub fn references(to: impl Into<String>, strength: Strength) -> Self {
        Self { many: true, ..Self::reference(to, strength) }
    }

    /// It must have a value.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Lists can be filtered and sorted by it.
    #[must_use]
    pub fn indexed(self) -> Self {
        Self { index: true, ..self }
    }

    /// No two documents have the same value.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// Lists can be filtered by each of its values.
    #[must_use]
    pub fn facet(self) -> Self {
        Self { facet: true, ..self }
    }

    /// It never leaves the server.
    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// Requests can't set it.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// What is filled in for an absent value.
    #[must_use]
    pub fn default_value(self, value: impl Into<Json>) -> Self {
        Self { default: Some(value.into()), ..self }
    }

    pub(crate) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl FieldType {
    /// Whether its values are text that length and pattern speak of.
    pub(crate) fn is_text(self) -> bool {
        use FieldType::{Color, Email, Markdown, Select, Slug, Text, Textarea, Url};
        matches!(self, Text | Textarea | Markdown | Email | Url | Slug | Color | Select)
    }

    pub(crate) fn takes_enum(self) -> bool {
        use FieldType::{Integer, Multiselect, Number, Select, Text};
        matches!(self, Select | Multiselect | Text | Number | Integer)
    }

    pub(crate) fn needs_enum(self) -> bool {
        matches!(self, Self::Select | Self::Multiselect)
    }

    pub(crate) fn takes_range(self, many: bool) -> bool {
        use FieldType::{Array, Blocks, Integer, Multiselect, Number, Reference, Tags};
        matches!(self, Number | Integer | Array | Blocks | Multiselect | Tags) || (self == Reference && many)
    }

    pub(crate) fn can_be_facet(self) -> bool {
        self.column_type().is_some() || matches!(self, Self::Tags | Self::Multiselect)
    }

    /// The type of the generated column over a single value, where there is one.
    pub(crate) fn column_type(self) -> Option<ColumnType> {
        use FieldType::{
            Boolean, Color, Date, Datetime, Email, Integer, Markdown, Media, Number, Select, Slug, Text,
            Textarea, Url,
        };
        match self {
            Text | Textarea | Markdown | Date | Datetime | Email | Url | Slug | Color | Select | Media => {
                Some(ColumnType::Text)
            }
            Integer | Boolean => Some(ColumnType::Integer),
            Number => Some(ColumnType::Real),
            _ => None,
        }
    }
}

/// The type of a column that lists are filtered and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Text, compared by code point.
    Text,
    /// Whole numbers and flags.
    Integer,
    /// Numbers.
    Real,
}

impl ColumnType {
    /// Its name in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
        }
    }

    /// The last letter of a generated column's name.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Text => 't',
            Self::Integer => 'i',
            Self::Real => 'r',
        }
    }

    /// SQL for a value that no value of the type is less than, NULL excepted.
    ///
    /// `IS NOT NULL` is no range that an index could be entered by.
    pub(crate) fn least(self) -> &'static str {
        match self {
            Self::Text => "''",
            Self::Integer | Self::Real => "-9e999",
        }
    }
}
