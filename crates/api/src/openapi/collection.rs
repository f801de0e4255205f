//! The schemas of a collection: its documents as they are read and written, lists and queries.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use stratus_document::{Collection, FieldDefinition, FieldType, MAX_LIMIT};
use stratus_storage::MAX_SAFE_INTEGER;

use super::{
    Scope,
    field::{self, Use, nullable},
    filter, name_of,
    operation::{chosen_field, sort_key},
    schema,
};

/// Adds them.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>, scope: &Scope<'_>, collection: &Collection) {
    let name = collection.name();
    let mut add = |what: &str, value: Value| schemas.insert(name_of(name, what), value);
    add("View", view(name));
    add("Fields", fields(scope, collection));
    add("Document", document(collection));
    add("List", super::shared::list(&schema(name_of(name, "View"))));
    add("Input", input(scope, collection, Use::Input));
    add("Patch", input(scope, collection, Use::Patch));
    add("Filter", filter::filter(scope, collection));
    add("FilterAsText", filter::filter_as_text(scope, collection));
    add("Query", query(scope, collection));
}

/// The fields that anyone gets to see, with their names.
fn public(collection: &Collection) -> impl Iterator<Item = (&str, &FieldDefinition)> {
    let fields = collection.fields().iter().map(|it| (it.name(), it.definition()));
    fields.filter(|(_, it)| !it.private)
}

/// A document as it is read. Nothing in `fields` is required: a reader may choose among them.
fn view(name: &str) -> Value {
    json!({
        "type": "object",
        "required": [
            "id", "type", "slug", "status", "locale", "version", "createdAt", "updatedAt", "publishedAt",
            "fields"
        ],
        "properties": {
            "id": schema("Id"),
            "type": { "const": name },
            "slug": { "anyOf": [schema("Slug"), { "type": "null" }] },
            "status": { "enum": ["published", "draft", "trashed"] },
            "locale": schema("Locale"),
            "version": { "type": "integer", "minimum": 1 },
            "createdAt": schema("Moment"),
            "updatedAt": schema("Moment"),
            "publishedAt": { "anyOf": [schema("Moment"), { "type": "null" }] },
            "publishAt": schema("Moment"),
            "expireAt": schema("Moment"),
            "parent": schema("Id"),
            "order": { "type": "integer", "description": "Among those of one parent; absent: 0." },
            "translationGroup": schema("Id"),
            "fields": schema(name_of(name, "Fields")),
        },
        "additionalProperties": false,
    })
}

fn fields(scope: &Scope<'_>, collection: &Collection) -> Value {
    let mut fields = field::object(scope, public(collection), Use::View);
    if let Some(members) = fields.as_object_mut() {
        members.shift_remove("required");
    }
    fields
}

/// A document as it was just written: whole, and nothing of it populated.
fn document(collection: &Collection) -> Value {
    let name = collection.name();
    let required: Vec<_> = public(collection).filter(|(_, it)| it.required).map(|(name, _)| name).collect();
    let references = public(collection).filter(|(_, it)| it.kind == FieldType::Reference);
    let ids = references.map(|(name, it)| {
        let id = schema("Id");
        (name.to_owned(), if it.many { json!({ "items": id }) } else { id })
    });
    let ids: Map<_, _> = ids.collect();
    let mut fields = Map::new();
    if !required.is_empty() {
        fields.insert("required".to_owned(), json!(required));
    }
    if !ids.is_empty() {
        fields.insert("properties".to_owned(), Value::Object(ids));
    }
    let mut document = schema(name_of(name, "View"));
    if !fields.is_empty() {
        document["properties"] = json!({ "fields": fields });
    }
    document
}

/// The body of a write. `fields` is open, because what is private is not told of here.
fn input(scope: &Scope<'_>, collection: &Collection, purpose: Use) -> Value {
    let settable = public(collection).filter(|(_, it)| !it.read_only);
    let mut fields = field::object(scope, settable, purpose);
    let must_have_fields = fields.get("required").is_some();
    if let Some(members) = fields.as_object_mut() {
        members.shift_remove("additionalProperties");
    }
    // A create without one gets one; what is there can't lose it.
    let must_have_slug = purpose == Use::Patch && collection.definition().slug.is_some();
    let moment = nullable(schema("AnyMoment"));
    let id = nullable(schema("Id"));
    let mut input = json!({
        "type": "object",
        "properties": {
            "slug": if must_have_slug { schema("Slug") } else { nullable(schema("Slug")) },
            "locale": schema("Locale"),
            "publishAt": moment,
            "expireAt": moment,
            "parent": id,
            "order": { "type": ["integer", "null"], "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER },
            "translationOf": id,
            "publish": { "type": "boolean", "default": false },
            "fields": fields,
        },
        "additionalProperties": false,
    });
    if must_have_fields {
        input["required"] = json!(["fields"]);
    }
    input
}

/// The body of `POST …/query`.
fn query(scope: &Scope<'_>, collection: &Collection) -> Value {
    let either = |item: Value| {
        let list = json!({ "type": "array", "items": item });
        json!({ "anyOf": [list, { "type": "string", "description": "The same, joined by commas." }] })
    };
    json!({
        "type": "object",
        "properties": {
            "filter": schema(name_of(collection.name(), "Filter")),
            "sort": either(sort_key(collection)),
            "limit": { "type": "integer", "minimum": 1, "maximum": MAX_LIMIT },
            "after": { "type": "string" },
            "before": { "type": "string" },
            "fields": either(chosen_field(scope, collection)),
            "count": { "enum": ["none", "exact"] },
            "state": { "enum": ["published", "draft", "trashed"] },
            "locale": schema("Locale"),
        },
        "additionalProperties": false,
    })
}

/// What lists can be sorted by: the keys of indexes, and `id`.
pub(super) fn sort_keys(collection: &Collection) -> BTreeSet<&str> {
    collection.indexes().iter().flat_map(|it| it.sort_keys()).chain(["id"]).collect()
}
