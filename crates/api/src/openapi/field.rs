//! The values of a field as a schema.
//!
//! A schema promises no less than validation demands and, of what is read, no more: a pattern that
//! other languages read otherwise is told in words only.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use stratus_document::{FieldDefinition, FieldType};

use super::{Scope, name_of, schema};

/// How many items a list has where its definition doesn't say more.
const MAX_ITEMS: u64 = 1_000;
/// The longest text of an index, in bytes; so it has no more characters either.
const MAX_KEY_CHARS: usize = 1_000;
/// The longest URL.
const MAX_URL_CHARS: usize = 2_048;
/// What is more than white space, as Unicode has it: `\s` is something else in each language.
pub(super) const NOT_BLANK: &str =
    "[^\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

/// What a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// What is read: references may be populated.
    View,
    /// What makes a document, or replaces its fields.
    Input,
    /// A merge patch: nothing is required, `null` takes away.
    Patch,
}

/// The fields of an object, as far as they can be read.
pub(super) fn definitions(fields: Option<&Map<String, Value>>) -> Vec<(&str, FieldDefinition)> {
    let fields = fields.into_iter().flatten();
    fields.filter_map(|(name, it)| Some((name.as_str(), FieldDefinition::deserialize(it).ok()?))).collect()
}

/// An object of these fields.
pub(super) fn object<'f>(
    scope: &Scope<'_>,
    fields: impl IntoIterator<Item = (&'f str, &'f FieldDefinition)>,
    purpose: Use,
) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, field) in fields {
        if field.required && (purpose == Use::View || purpose == Use::Input && field.default.is_none()) {
            required.push(name);
        }
        properties.insert(name.to_owned(), member(scope, field, purpose));
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A value where it stands in an object: with `null` for what may be absent, and its prose.
fn member(scope: &Scope<'_>, field: &FieldDefinition, purpose: Use) -> Value {
    let mut member = value(scope, field, purpose);
    let may_be_absent = match purpose {
        Use::View => false,
        Use::Input => !field.required || field.default.is_some(),
        Use::Patch => !field.required,
    };
    if may_be_absent {
        member = nullable(member);
    }
    let Some(members) = member.as_object_mut() else { return member };
    if purpose == Use::View {
        let pattern = field.pattern.as_ref().filter(|it| !is_common(it));
        let pattern = pattern.map(|it| format!("Matches `{it}`, as Rust's `regex` reads it."));
        let prose: Vec<_> = [&field.label, &field.help, &pattern].into_iter().flatten().cloned().collect();
        if !prose.is_empty() {
            members.insert("description".to_owned(), prose.join("\n\n").into());
        }
        if field.read_only {
            members.insert("readOnly".to_owned(), true.into());
        }
    } else if let (Use::Input, Some(default)) = (purpose, &field.default) {
        members.insert("default".to_owned(), default.clone());
    }
    member
}

/// The same, or `null`.
pub(super) fn nullable(mut schema: Value) -> Value {
    match schema["type"].as_str() {
        Some(kind) if schema.get("enum").is_none() && schema.get("const").is_none() => {
            schema["type"] = json!([kind, "null"]);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

fn value(scope: &Scope<'_>, field: &FieldDefinition, purpose: Use) -> Value {
    use FieldType as T;
    let is_input = purpose != Use::View;
    match field.kind {
        T::Text | T::Textarea | T::Markdown | T::Select => text(field, is_input, json!({ "type": "string" })),
        T::Email => text(field, is_input, json!({ "type": "string", "format": "email", "maxLength": 254 })),
        T::Url => {
            let url = json!({
                "type": "string",
                "pattern": "^[Hh][Tt][Tt][Pp][Ss]?:",
                "maxLength": MAX_URL_CHARS,
                "examples": ["https://example.org/"],
            });
            text(field, is_input, url)
        }
        T::Slug => text(field, is_input, schema("Slug")),
        T::Color => text(field, is_input, schema(if is_input { "AnyColor" } else { "Color" })),
        T::Date => json!({ "type": "string", "format": "date" }),
        T::Datetime => schema(if is_input { "AnyMoment" } else { "Moment" }),
        T::Number => number(field, "number"),
        T::Integer => number(field, "integer"),
        T::Boolean => json!({ "type": "boolean" }),
        T::Json => json!({}),
        T::Richtext => schema("Richtext"),
        T::Tags => list(field, is_input, schema("Tag"), true),
        T::Multiselect => {
            let item = json!({ "enum": field.allowed.clone().unwrap_or_default() });
            list(field, is_input, item, true)
        }
        T::Object => {
            let fields = definitions(field.fields.as_ref());
            let mut object = object(scope, fields.iter().map(|(name, field)| (*name, field)), purpose);
            if purpose == Use::View && leads_on(scope, field) {
                object.as_object_mut().map(|it| it.remove("required"));
            }
            object
        }
        T::Array => {
            let item = field.items.as_deref();
            let item = item.map_or_else(|| json!({}), |it| value(scope, it, whole(purpose)));
            list(field, is_input, item, false)
        }
        T::Blocks => list(field, is_input, block(scope, field, whole(purpose)), false),
        T::Reference if field.many => {
            let item = reference(scope, field, purpose);
            // Two that are hidden are `null` both.
            list(field, is_input, item, is_input)
        }
        T::Reference => reference(scope, field, purpose),
        T::Media => schema("Id"),
    }
}

/// A merge patch replaces a list as a whole: what is in it is what an input has.
fn whole(purpose: Use) -> Use {
    if purpose == Use::Patch { Use::Input } else { purpose }
}

/// An id, or the document in its place: `null` for one that the caller doesn't get to see.
fn reference(scope: &Scope<'_>, field: &FieldDefinition, purpose: Use) -> Value {
    match field.to.as_deref().filter(|to| purpose == Use::View && scope.knows(to)) {
        Some(to) => {
            json!({ "anyOf": [schema("Id"), schema(name_of(to, "View")), { "type": "null" }] })
        }
        None => schema("Id"),
    }
}

fn text(field: &FieldDefinition, is_input: bool, mut schema: Value) -> Value {
    let least = field.min_length.max(field.required.then_some(1));
    let most =
        field.max_length.into_iter().chain((field.index || field.unique).then_some(MAX_KEY_CHARS)).min();
    if let Some(least) = least {
        schema["minLength"] = least.into();
    }
    if let Some(most) = most.filter(|&most| schema["maxLength"].as_u64().is_none_or(|it| most as u64 <= it)) {
        schema["maxLength"] = most.into();
    }
    if let Some(allowed) = &field.allowed {
        schema["enum"] = json!(allowed);
    }
    let pattern = field.pattern.as_deref().filter(|it| is_common(it));
    let not_blank = (field.required && is_input && field.allowed.is_none()).then_some(NOT_BLANK);
    for pattern in pattern.into_iter().chain(not_blank) {
        if schema.get("pattern").is_none() && schema.get("$ref").is_none() {
            schema["pattern"] = pattern.into();
        } else if let Some(more) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
            more.push(json!({ "pattern": pattern }));
        } else {
            schema["allOf"] = json!([{ "pattern": pattern }]);
        }
    }
    schema
}

fn number(field: &FieldDefinition, kind: &str) -> Value {
    const MOST: i64 = stratus_storage::MAX_SAFE_INTEGER;
    let bound = |given: Option<f64>, otherwise: i64| match given {
        // Whole numbers are written as such.
        Some(it) if it.fract() == 0.0 && it.abs() <= MOST as f64 => json!(it as i64),
        Some(it) => json!(it),
        None => json!(otherwise),
    };
    let mut number =
        json!({ "type": kind, "minimum": bound(field.min, -MOST), "maximum": bound(field.max, MOST) });
    if let Some(allowed) = &field.allowed {
        number["enum"] = json!(allowed);
    }
    number
}

fn list(field: &FieldDefinition, is_input: bool, items: Value, unique: bool) -> Value {
    let least = field.min.unwrap_or(0.0).max(if field.required { 1.0 } else { 0.0 });
    let most = field.max.map_or(MAX_ITEMS, |it| it.max(0.0) as u64);
    let mut list = json!({ "type": "array", "items": items, "maxItems": most });
    if least > 0.0 {
        list["minItems"] = json!(least.ceil() as u64);
    }
    if unique && (is_input || field.kind != FieldType::Reference) {
        list["uniqueItems"] = true.into();
    }
    list
}

/// One of the kinds of blocks, which `type` names.
fn block(scope: &Scope<'_>, field: &FieldDefinition, purpose: Use) -> Value {
    let is_whole = purpose != Use::View || !leads_on(scope, field);
    let blocks = field.blocks.iter().flatten().map(|(name, block)| {
        let fields = definitions(block.get("fields").and_then(Value::as_object));
        let mut block = object(scope, fields.iter().map(|(name, field)| (*name, field)), purpose);
        block["properties"]["type"] = json!({ "const": name });
        let others = block["required"].as_array().filter(|_| is_whole).cloned().unwrap_or_default();
        block["required"] = [vec![json!("type")], others].concat().into();
        block
    });
    let blocks: Vec<_> = blocks.collect();
    if blocks.is_empty() { json!(false) } else { json!({ "anyOf": blocks }) }
}

/// Whether other dialects read a pattern as Rust does: no flags, classes or escapes that are only
/// here, or mean more here.
fn is_common(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let plain_escapes = b"\\.+*?()|[]{}^$-/tnr";
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes.get(at + 1).is_some_and(|it| plain_escapes.contains(it)) => at += 1,
            b'\\' => return false,
            b'(' if bytes.get(at + 1) == Some(&b'?') && bytes.get(at + 2) != Some(&b':') => return false,
            // Of a class: one in another, or a set operation.
            b'[' if bytes.get(at + 1) == Some(&b'[') => return false,
            b'&' | b'~' | b'-' if bytes.get(at + 1) == Some(&byte) => return false,
            b'.' | 0x80.. => return false,
            _ => {}
        }
        at += 1;
    }
    true
}

/// Whether a document can be shown in the place of what a field refers to.
pub(super) fn can_be_populated(scope: &Scope<'_>, field: &FieldDefinition) -> bool {
    match field.items.as_deref() {
        Some(item) => can_be_populated(scope, item),
        None => field.to.as_deref().is_some_and(|to| scope.knows(to)),
    }
}

/// Whether a reader can follow references in it. Then what else is in it is shown only if they ask.
pub(super) fn leads_on(scope: &Scope<'_>, field: &FieldDefinition) -> bool {
    let any =
        |fields: Option<&Map<String, Value>>| definitions(fields).iter().any(|(_, it)| leads_on(scope, it));
    let mut blocks = field.blocks.iter().flatten();
    can_be_populated(scope, field)
        || any(field.fields.as_ref())
        || blocks.any(|(_, it)| any(it.get("fields").and_then(Value::as_object)))
        || field.items.as_deref().is_some_and(|it| leads_on(scope, it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_everyone_reads_alike() {
        for common in ["^[^!]*$", "^[A-Z]{2}-[0-9]+$", r"^a\.b(?:c|d)?$", "x*?"] {
            assert!(is_common(common), "{common}");
        }
        let own = [r"\d", r"\pL", "(?i)a", "(?<n>a)", "a.b", "é", "[[:alpha:]]", "[a&&b]", r"\x{61}", r"\z"];
        for own in own {
            assert!(!is_common(own), "{own}");
        }
    }
}
