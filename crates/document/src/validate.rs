//! Checks values against a collection's fields, with a JSON pointer for each fault, and turns them
//! into the form in which they are stored.
//!
//! What passes is normal: numbers without a fraction are integers, moments are in UTC with
//! milliseconds, colours are lower case, absent and `null` members are gone, and members stand in
//! the order of the definition. Equal contents are equal texts.

mod format;
mod richtext;

pub(crate) use format::{parse_moment, rfc3339};
pub use richtext::NODES as RICHTEXT_NODES;
use serde_json::{Map, Value as Json};
use stratus_storage::{MAX_SAFE_INTEGER, parse_uuid};

use crate::{
    collection::{Collection, Field, FieldKind, Shape},
    definition::FieldType,
    slug::is_slug,
};

/// How many items a list holds where its `max` doesn't say more.
const MAX_ITEMS: usize = 1_000;
/// How long an indexed text is: cursors carry it, and URLs are bounded.
const MAX_KEY_BYTES: usize = 1_000;
/// How deep a value nests at most. The edge refuses deeper bodies; this holds for code, too.
const MAX_DEPTH: usize = 64;

/// One fault in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where: an RFC 6901 pointer into the request's body.
    pub pointer: String,
    /// What, for programs: `required`, `type`, `too_long`, …
    pub code: &'static str,
    /// What, for people.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }
}

/// What a value is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A document: everything holds.
    Document,
    /// A default: a part of an object may be missing.
    Default,
}

/// Checks the whole content of a document and makes it normal.
///
/// # Errors
///
/// Every fault, in the order of the fields.
pub(crate) fn content(
    collection: &Collection,
    fields: &Map<String, Json>,
) -> Result<Map<String, Json>, Vec<FieldError>> {
    let mut checker = Checker { errors: Vec::new(), purpose: Purpose::Document };
    let content = checker.object("/fields", collection.shape(), fields, &[], 1);
    if checker.errors.is_empty() { Ok(content) } else { Err(checker.errors) }
}

/// Checks one value of a field and makes it normal.
pub(crate) fn value(field: &Field, json: &Json, purpose: Purpose) -> Result<Json, Vec<FieldError>> {
    let mut checker = Checker { errors: Vec::new(), purpose };
    let value = checker.value("", field, json, 1);
    match value {
        Some(value) if checker.errors.is_empty() => Ok(value),
        _ => Err(checker.errors),
    }
}

/// Appends a member to a pointer, escaped as RFC 6901 wants it.
pub(crate) fn pointer(base: &str, member: &str) -> String {
    format!("{base}/{}", member.replace('~', "~0").replace('/', "~1"))
}

struct Checker {
    errors: Vec<FieldError>,
    purpose: Purpose,
}

impl Checker {
    fn fault(&mut self, pointer: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, code, message));
    }

    /// `extra` are members that are not fields: the discriminator of a block.
    fn object(
        &mut self,
        at: &str,
        shape: &Shape,
        members: &Map<String, Json>,
        extra: &[&str],
        depth: usize,
    ) -> Map<String, Json> {
        for name in members.keys() {
            if shape.field(name).is_none() && !extra.contains(&name.as_str()) {
                self.fault(
                    &pointer(at, name),
                    "unknown_field",
                    format!("there is no field `{}`", shorten(name)),
                );
            }
        }
        let mut normal = Map::new();
        for field in &shape.fields {
            let at = pointer(at, &field.name);
            let json = members.get(&field.name).filter(|it| !it.is_null());
            let value = json.and_then(|json| self.value(&at, field, json, depth + 1));
            let missing = json.is_none() || value.as_ref().is_some_and(is_blank);
            if field.definition.required && missing && self.purpose == Purpose::Document {
                self.fault(&at, "required", format!("`{}` is required", field.name));
            }
            if let Some(value) = value {
                normal.insert(field.name.clone(), value);
            }
        }
        normal
    }

    fn value(&mut self, at: &str, field: &Field, json: &Json, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            self.fault(at, "too_deep", format!("nested deeper than {MAX_DEPTH}"));
            return None;
        }
        let value = match &field.kind {
            FieldKind::Plain => self.plain(at, field, json, depth)?,
            FieldKind::Object(shape) => {
                let members = self.expect(at, json.as_object(), "an object")?;
                Json::Object(self.object(at, shape, members, &[], depth))
            }
            FieldKind::Array(item) => {
                self.list(at, json, |it, at, json| it.value(at, item, json, depth + 1))?
            }
            FieldKind::Blocks(_) => {
                self.list(at, json, |it, at, json| it.block(at, field, json, depth + 1))?
            }
            FieldKind::Reference { many: false, .. } => self.id(at, json)?,
            FieldKind::Reference { many: true, .. } => {
                let ids = self.list(at, json, |it, at, json| it.id(at, json))?;
                self.each_once(at, &ids);
                ids
            }
        };
        self.demands(at, field, &value);
        Some(value)
    }

    fn expect<T>(&mut self, at: &str, value: Option<T>, wanted: &str) -> Option<T> {
        if value.is_none() {
            self.fault(at, "type", format!("must be {wanted}"));
        }
        value
    }

    fn list(
        &mut self,
        at: &str,
        json: &Json,
        mut item: impl FnMut(&mut Self, &str, &Json) -> Option<Json>,
    ) -> Option<Json> {
        let items = self.expect(at, json.as_array(), "a list")?;
        let normal = items.iter().enumerate().filter_map(|(n, json)| item(self, &format!("{at}/{n}"), json));
        Some(Json::Array(normal.collect()))
    }

    fn block(&mut self, at: &str, field: &Field, json: &Json, depth: usize) -> Option<Json> {
        let FieldKind::Blocks(blocks) = &field.kind else { return None };
        let members = self.expect(at, json.as_object(), "an object")?;
        let named = members.get("type").and_then(Json::as_str).and_then(|name| blocks.get_key_value(name));
        let Some((name, shape)) = named else {
            let known = blocks.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            self.fault(&pointer(at, "type"), "unknown_block", format!("must name one of: {known}"));
            return None;
        };
        let mut block = Map::from_iter([("type".to_owned(), Json::from(name.as_str()))]);
        block.extend(self.object(at, shape, members, &["type"], depth));
        Some(Json::Object(block))
    }

    fn id(&mut self, at: &str, json: &Json) -> Option<Json> {
        let text = json.as_str().filter(|text| parse_uuid(text).is_ok());
        if text.is_none() {
            self.fault(at, "type", "must be the id of a document");
        }
        text.map(Json::from)
    }

    fn plain(&mut self, at: &str, field: &Field, json: &Json, depth: usize) -> Option<Json> {
        use FieldType as T;
        let kind = field.definition.kind;
        match kind {
            T::Number | T::Integer => self.number(at, kind, json),
            T::Boolean => self.expect(at, json.as_bool(), "true or false").map(Json::from),
            T::Json => self.any(at, json, depth),
            T::Richtext => {
                let value = self.any(at, json, depth)?;
                let faults = richtext::faults(&value);
                faults
                    .into_iter()
                    .for_each(|(path, message)| self.fault(&format!("{at}{path}"), "richtext", message));
                Some(value)
            }
            T::Tags | T::Multiselect => {
                let items = self.list(at, json, |it, at, json| it.tag(at, json))?;
                self.each_once(at, &items);
                Some(items)
            }
            T::Media => self.id(at, json),
            _ => {
                let text = self.text(at, json)?;
                let stored = match kind {
                    T::Date => format::date(text),
                    T::Datetime => format::moment(text),
                    T::Email => format::email(text),
                    T::Url => format::url(text),
                    T::Color => format::color(text),
                    T::Slug if !is_slug(text) => Err("must be lower-case words of [a-z0-9] joined by dashes"),
                    _ => Ok(text.to_owned()),
                };
                stored.map(Json::from).map_err(|message| self.fault(at, "format", message)).ok()
            }
        }
    }

    fn text<'j>(&mut self, at: &str, json: &'j Json) -> Option<&'j str> {
        let text = self.expect(at, json.as_str(), "text")?;
        // SQLite ends text at a NUL in some functions, and so do many of its readers.
        if text.contains('\0') {
            self.fault(at, "nul", "must not contain NUL");
            return None;
        }
        Some(text)
    }

    fn tag(&mut self, at: &str, json: &Json) -> Option<Json> {
        let text = self.text(at, json)?;
        if text.trim().is_empty() || text.chars().count() > 100 {
            self.fault(at, "tag", "must be 1 to 100 characters");
            return None;
        }
        Some(Json::from(text))
    }

    fn number(&mut self, at: &str, kind: FieldType, json: &Json) -> Option<Json> {
        let number = self.expect(at, json.as_number(), "a number")?;
        let value = normal_number(number);
        match (&value, kind) {
            (None, _) => self.fault(at, "out_of_range", format!("must be within ±{MAX_SAFE_INTEGER}")),
            (Some(value), FieldType::Integer) if !value.is_i64() => {
                self.fault(at, "type", "must be a whole number");
                return None;
            }
            _ => {}
        }
        value
    }

    /// Any JSON, made normal: what can't be stored in every backend is a fault.
    fn any(&mut self, at: &str, json: &Json, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            self.fault(at, "too_deep", format!("nested deeper than {MAX_DEPTH}"));
            return None;
        }
        match json {
            Json::String(_) => self.text(at, json).map(Json::from),
            Json::Number(_) => self.number(at, FieldType::Number, json),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(n, it)| self.any(&format!("{at}/{n}"), it, depth + 1)).collect::<Vec<_>>();
                items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Json::Object(members) => {
                let mut normal = Map::new();
                for (name, value) in members {
                    let at = pointer(at, name);
                    if name.contains('\0') {
                        self.fault(&at, "nul", "a name must not contain NUL");
                    }
                    normal.insert(name.clone(), self.any(&at, value, depth + 1)?);
                }
                Some(Json::Object(normal))
            }
            Json::Null | Json::Bool(_) => Some(json.clone()),
        }
    }

    fn each_once(&mut self, at: &str, items: &Json) {
        let mut seen = std::collections::BTreeSet::new();
        for (n, item) in items.as_array().into_iter().flatten().enumerate() {
            if !seen.insert(item.as_str().unwrap_or_default()) {
                self.fault(&format!("{at}/{n}"), "duplicate", "is in the list already");
            }
        }
    }

    /// What the attributes demand of a value of the right type.
    fn demands(&mut self, at: &str, field: &Field, value: &Json) {
        let definition = &field.definition;
        match value {
            Json::String(text) => self.lengths(at, field, text),
            Json::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                self.range(at, field, number, "");
            }
            Json::Array(items) if definition.kind != FieldType::Json => {
                self.range(at, field, items.len() as f64, " items");
                if definition.max.is_none() && items.len() > MAX_ITEMS {
                    self.fault(at, "too_many", format!("must be at most {MAX_ITEMS} items"));
                }
            }
            _ => {}
        }
        let Some(allowed) = &definition.allowed else { return };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if items.iter().any(|item| !allowed.contains(item)) {
            let known = allowed.iter().map(Json::to_string).collect::<Vec<_>>().join(", ");
            self.fault(at, "enum", format!("must be one of: {known}"));
        }
    }

    fn lengths(&mut self, at: &str, field: &Field, text: &str) {
        if field.is_key && text.len() > MAX_KEY_BYTES {
            let message = format!("is indexed: at most {MAX_KEY_BYTES} bytes, is {}", text.len());
            self.fault(at, "too_long", message);
        }
        let definition = &field.definition;
        let count = text.chars().count();
        if let Some(min) = definition.min_length.filter(|&min| count < min) {
            self.fault(at, "too_short", format!("must be at least {min} characters, is {count}"));
        }
        if let Some(max) = definition.max_length.filter(|&max| count > max) {
            self.fault(at, "too_long", format!("must be at most {max} characters, is {count}"));
        }
        if field.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            let pattern = definition.pattern.as_deref().unwrap_or_default();
            self.fault(at, "pattern", format!("must match {pattern}"));
        }
    }

    fn range(&mut self, at: &str, field: &Field, number: f64, unit: &str) {
        if let Some(min) = field.definition.min.filter(|&min| number < min) {
            self.fault(at, "too_small", format!("must be at least {min}{unit}"));
        }
        if let Some(max) = field.definition.max.filter(|&max| number > max) {
            self.fault(at, "too_large", format!("must be at most {max}{unit}"));
        }
    }
}

/// A number as it is stored: whole ones as integers, none beyond what every backend hands through.
pub(crate) fn normal_number(number: &serde_json::Number) -> Option<Json> {
    if let Some(whole) = number.as_i64() {
        return (whole.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs()).then(|| Json::from(whole));
    }
    let real = number.as_f64().filter(|it| it.abs() <= MAX_SAFE_INTEGER as f64)?;
    if real.fract() == 0.0 { Some(Json::from(real as i64)) } else { Some(Json::from(real)) }
}

/// What `required` does not take for a value.
fn is_blank(value: &Json) -> bool {
    match value {
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

pub(crate) fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}
