//! A document as a line of a file that is imported, and how its members are gathered.

use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

/// A document to publish. References are slugs: import finds the ids.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) collection: &'static str,
    pub(crate) slug: String,
    pub(crate) fields: Map<String, Value>,
}

impl Line {
    /// What it is sorted by, and told apart by.
    pub(crate) fn key(&self) -> (&str, &str) {
        (self.collection, &self.slug)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, slug, fields } = self;
        json!({ "type": collection, "slug": slug, "publish": true, "fields": fields }).fmt(f)
    }
}

/// The members of an object, in the order in which they are given, which is the definition's. What
/// is null or empty is left out: absence is how documents say it.
#[derive(Debug, Default)]
pub(crate) struct Members(Map<String, Value>);

impl Members {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let is_nothing = match &value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_nothing {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// A flag that is there only when it is set.
    pub(crate) fn flag(self, name: &str, is_set: bool) -> Self {
        self.with(name, if is_set { Value::Bool(true) } else { Value::Null })
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::Object(members.0)
    }
}

/// The text at a member that must be there.
pub(crate) fn text<'json>(json: &'json Value, name: &str) -> Result<&'json str> {
    json[name].as_str().with_context(|| format!("`{name}` is no text"))
}

/// The object at a member that must be there.
pub(crate) fn object<'json>(json: &'json Value, name: &str) -> Result<&'json Map<String, Value>> {
    json[name].as_object().with_context(|| format!("`{name}` is no object"))
}

/// The list at a member that must be there.
pub(crate) fn list<'json>(json: &'json Value, name: &str) -> Result<&'json [Value]> {
    json[name].as_array().map(Vec::as_slice).with_context(|| format!("`{name}` is no list"))
}

/// One or many: what a member holds without a list around it where there is only one.
pub(crate) fn several(json: &Value) -> &[Value] {
    match json {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}
