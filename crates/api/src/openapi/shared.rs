//! What all collections have in common: problems, headers, parameters, and the schemas of ids,
//! moments and the like.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Map, Value, json};
use stratus_access::{Action, Effect};
use stratus_document::{DEFAULT_LIMIT, MAX_LIMIT, MAX_SLUG_BYTES, RICHTEXT_NODES};

use super::{Scope, field::NOT_BLANK, filter, name_of, schema};
use crate::{problem::Code, routes::ROUTES};

/// The longest text of an `Idempotency-Key`.
const MAX_KEY_CHARS: usize = 255;
/// How many writes are in a batch at most.
const MAX_OPERATIONS: usize = 100;

/// One thing.
pub(super) fn one(of: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["data"],
        "properties": { "data": of },
        "additionalProperties": false,
    })
}

/// A page of them.
pub(super) fn list(of: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["data", "page", "meta"],
        "properties": {
            "data": { "type": "array", "items": of },
            "page": schema("Page"),
            "meta": schema("Meta"),
        },
        "additionalProperties": false,
    })
}

/// The schemas that are no collection's.
pub(super) fn schemas(scope: &Scope<'_>) -> Map<String, Value> {
    let mut schemas = texts();
    schemas.extend(filter::tests());
    let mut add = |name: &str, value: Value| schemas.insert(name.to_owned(), value);
    add("Problem", problem());
    add(
        "Page",
        closed(
            &["next", "prev"],
            json!({ "next": { "type": ["string", "null"] }, "prev": { "type": ["string", "null"] } }),
        ),
    );
    add(
        "Meta",
        closed(
            &[],
            json!({ "count": { "type": "integer", "minimum": 0, "description": "With `count=exact`." } }),
        ),
    );
    add("Probe", closed(&["status"], json!({ "status": { "enum": ["ok", "ready"] } })));
    add("Empty", closed(&[], json!({})));
    add("VersionNumber", closed(&["version"], json!({ "version": { "type": "integer", "minimum": 1 } })));
    add("Richtext", richtext());
    add("RichtextNode", richtext_node());
    add("Collection", collection());
    add("FieldDefinition", field_definition());
    add("Referrer", referrer());
    add("Permissions", permissions());
    add("Batch", batch(scope));
    add("BatchResults", batch_results(scope));
    schemas
}

/// An object that has no other members.
fn closed(required: &[&str], properties: Value) -> Value {
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn texts() -> Map<String, Value> {
    let texts = json!({
        "Id": {
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        },
        "Slug": {
            "type": "string",
            "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$",
            "maxLength": MAX_SLUG_BYTES,
        },
        "Locale": {
            "type": "string",
            "pattern": "^(?:default|[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)$",
            "maxLength": 35,
        },
        "Moment": {
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
            "examples": ["2026-11-21T09:30:00.000Z"],
        },
        "AnyMoment": {
            "type": "string",
            "format": "date-time",
            "description": "With any offset; kept in UTC, and what is finer than milliseconds cut off.",
        },
        "Color": { "type": "string", "pattern": "^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$" },
        "AnyColor": {
            "type": "string",
            "pattern": "^#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$",
        },
        "Tag": { "type": "string", "minLength": 1, "maxLength": 100, "pattern": NOT_BLANK },
    });
    match texts {
        Value::Object(texts) => texts,
        _ => Map::new(),
    }
}

fn richtext() -> Value {
    let content = json!({ "type": "array", "items": schema("RichtextNode") });
    closed(&["type"], json!({ "type": { "const": "doc" }, "content": content }))
}

fn richtext_node() -> Value {
    let content = json!({ "type": "array", "items": schema("RichtextNode") });
    let node = json!({
        "type": { "enum": RICHTEXT_NODES }, "attrs": {}, "content": content, "text": { "type": "string" }, "marks": {},
    });
    closed(&["type"], node)
}

/// What `GET /api` tells of a collection.
fn collection() -> Value {
    let text = json!({ "type": "string" });
    let collection = json!({
        "name": text,
        "label": text,
        "help": text,
        "slug": closed(&["from"], json!({ "from": text })),
        "defaultLocale": schema("Locale"),
        "fields": { "type": "object", "additionalProperties": schema("FieldDefinition") },
    });
    closed(&["name", "defaultLocale", "fields"], collection)
}

fn field_definition() -> Value {
    let (text, flag) = (json!({ "type": "string" }), json!({ "type": "boolean" }));
    let (number, count) = (json!({ "type": "number" }), json!({ "type": "integer", "minimum": 0 }));
    let definition = schema("FieldDefinition");
    let fields = json!({ "type": "object", "additionalProperties": definition });
    let block = json!({ "type": "object", "required": ["fields"], "properties": { "fields": fields } });
    let field = json!({
        "type": text, "label": text, "help": text, "required": flag, "default": {}, "min": number,
        "max": number, "minLength": count, "maxLength": count, "pattern": text,
        "enum": { "type": "array" }, "unique": flag, "index": flag, "search": flag, "facet": flag,
        "readOnly": flag, "to": text, "many": flag, "strength": { "enum": ["strong", "weak"] },
        "fields": fields, "items": definition,
        "blocks": { "type": "object", "additionalProperties": block },
    });
    closed(&["type"], field)
}

fn referrer() -> Value {
    let text = json!({ "type": "string" });
    let referrer = json!({
        "type": text,
        "id": schema("Id"),
        "slug": { "anyOf": [schema("Slug"), { "type": "null" }] },
        "field": text,
        "strength": { "enum": ["strong", "weak"] },
    });
    closed(&["type", "id", "slug", "field", "strength"], referrer)
}

fn permissions() -> Value {
    let entry = json!({
        "principal": {
            "type": "string",
            "pattern": "^(?:public|(?:user|role|group|token):[A-Za-z0-9_.-]{1,128})$",
        },
        "action": { "enum": Action::ALL.map(Action::name) },
        "effect": { "enum": [Effect::Allow.name(), Effect::Deny.name()] },
    });
    let entry = closed(&["principal", "action", "effect"], entry);
    let entries = json!({ "type": "array", "items": entry, "uniqueItems": true });
    closed(&["permissions"], json!({ "permissions": entries }))
}

/// The body of `POST /batch`.
fn batch(scope: &Scope<'_>) -> Value {
    let names: Vec<_> = scope.readable.iter().map(|it| it.name()).collect();
    let (collection, id, tag) = (json!({ "enum": names }), schema("Id"), json!({ "type": "string" }));
    let document = json!({ "type": "object", "description": "What the call alone has for its body." });
    let name = json!({
        "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$",
        "description": "What later operations call the document: `$` and this name, in the place of its id.",
    });
    let operation = |ops: &[&str], required: &[&str], more: Value| {
        let mut properties = json!({ "op": { "enum": ops }, "collection": collection });
        if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
            properties.extend(more);
        }
        closed(&[&["op", "collection"], required].concat(), properties)
    };
    let operations = json!([
        operation(&["create"], &["document"], json!({ "document": document, "ref": name })),
        operation(
            &["patch", "replace"],
            &["id", "ifMatch", "document"],
            json!({ "id": id, "ifMatch": tag, "document": document }),
        ),
        operation(
            &["publish", "unpublish", "trash", "recover", "erase"],
            &["id"],
            json!({ "id": id, "ifMatch": tag }),
        ),
        operation(
            &["restore"],
            &["id", "ifMatch", "version"],
            json!({ "id": id, "ifMatch": tag, "version": { "type": "integer", "minimum": 1 } }),
        ),
        operation(&["duplicate"], &["id"], json!({ "id": id, "document": document, "ref": name })),
    ]);
    let operations = json!({
        "type": "array", "items": { "anyOf": operations }, "minItems": 1, "maxItems": MAX_OPERATIONS,
    });
    closed(&["operations"], json!({ "operations": operations }))
}

fn batch_results(scope: &Scope<'_>) -> Value {
    let documents: Vec<_> = scope.readable.iter().map(|it| schema(name_of(it.name(), "View"))).collect();
    let data = if documents.is_empty() { json!(false) } else { json!({ "anyOf": documents }) };
    let result = json!({
        "status": { "enum": [200, 201, 204] },
        "etag": { "type": "string" },
        "location": { "type": "string" },
        "data": data,
    });
    one(&json!({ "type": "array", "items": closed(&["status"], result) }))
}

/// Every refusal, RFC 9457.
fn problem() -> Value {
    let text = json!({ "type": "string" });
    let error = json!({ "pointer": text, "code": text, "message": text });
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457). Some have members of their own, such as `referrers`.",
        "required": ["type", "title", "status", "detail", "code", "requestId", "errors"],
        "properties": {
            "type": { "type": "string", "pattern": "^urn:stratus:problem:[a-z_]+$" },
            "title": text,
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": text,
            "code": { "enum": Code::ALL.iter().map(|it| it.name()).collect::<Vec<_>>() },
            "requestId": { "type": "string", "format": "uuid" },
            "errors": {
                "type": "array",
                "description": "Each with a JSON pointer into the body, or the name of a parameter.",
                "items": closed(&["pointer", "code", "message"], error),
            },
        },
    })
}

/// What a refusal is called among the components.
pub(super) fn refusal_name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Refusal").replace([' ', '-'], "")
}

/// The refusals by their status, each with the codes that it may have.
pub(super) fn responses() -> Map<String, Value> {
    let mut statuses: Vec<_> = ROUTES.iter().flat_map(|it| it.refusals()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter().map(|status| (refusal_name(status), refusal(status))).collect()
}

fn refusal(status: StatusCode) -> Value {
    let codes: Vec<_> = Code::ALL.iter().filter(|it| it.status() == status).collect();
    let mut prose = String::new();
    for code in &codes {
        // Writing to a String can't fail.
        let _ =
            write!(prose, "{}`{}`: {}", if prose.is_empty() { "" } else { "; " }, code.name(), code.title());
    }
    let mut headers = Map::from_iter([("Cache-Control".to_owned(), header("Cache-Control", true))]);
    for (name, of) in
        [("WWW-Authenticate", StatusCode::UNAUTHORIZED), ("Retry-After", StatusCode::SERVICE_UNAVAILABLE)]
    {
        if of == status {
            headers.insert(name.to_owned(), header(name, true));
        }
    }
    let names: Vec<_> = codes.iter().map(|it| it.name()).collect();
    let body = json!({
        "allOf": [schema("Problem")],
        "properties": { "status": { "const": status.as_u16() }, "code": { "enum": names } },
    });
    json!({
        "description": prose,
        "headers": headers,
        "content": { "application/problem+json": { "schema": body } },
    })
}

/// A reference to a header, which every such answer has, or some.
pub(super) fn header(name: &str, always: bool) -> Value {
    let name = if always { name.to_owned() } else { format!("{name}{IF_ANY}") };
    json!({ "$ref": format!("#/components/headers/{name}") })
}

const IF_ANY: &str = ".if-any";

/// The headers of answers: those that are there, and those that may be.
pub(super) fn headers() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let tag = json!({ "type": "string", "pattern": "^(W/)?\"[!-~]+\"$" });
    let (always, maybe, both) = (&[true][..], &[false][..], &[true, false][..]);
    let all = [
        ("ETag", always, tag, "What `If-Match` and `If-None-Match` take."),
        ("Cache-Control", always, text.clone(), "Who may keep it."),
        ("Location", always, json!({ "type": "string", "pattern": "^/api/" }), "Where it is."),
        ("Stratus-Bookmark", both, text.clone(), "Sent with a later read, it shows this write on any node."),
        ("Idempotency-Replayed", maybe, json!({ "const": "true" }), "The answer to an earlier request."),
        ("Retry-After", always, json!({ "type": "integer", "minimum": 1 }), "How many seconds to wait."),
        ("WWW-Authenticate", always, text, "Which credential is needed."),
    ];
    let mut headers = Map::new();
    for (name, presences, schema, description) in all {
        for &required in presences {
            let key = if required { name.to_owned() } else { format!("{name}{IF_ANY}") };
            let header = json!({ "description": description, "required": required, "schema": schema });
            headers.insert(key, header);
        }
    }
    headers
}

/// The parameters that no collection changes.
pub(super) fn parameters() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    // `*`, or tags in quotes.
    let tags = r#"^(?:\*|(?:W/)?"[!#-~]*"(?:, (?:W/)?"[!#-~]*")*)$"#;
    let tags = json!({ "type": "string", "pattern": tags });
    let key = format!(r#"^(?:"[!#-\[\]-~]{{1,{MAX_KEY_CHARS}}}"|[!#-\[\]-~]{{1,{MAX_KEY_CHARS}}})$"#);
    let state = json!({ "enum": ["published", "draft", "trashed"], "default": "published" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT });
    let bookmark = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" });
    let all = [
        ("Id", "path", "id", schema("Id"), "The id of a document."),
        ("Slug", "path", "slug", schema("Slug"), "The slug of a document."),
        (
            "Version",
            "path",
            "version",
            json!({ "type": "integer", "minimum": 1 }),
            "The number of a version.",
        ),
        ("State", "query", "state", state, "`draft` and `trashed` need the right to update."),
        ("Locale", "query", "locale", schema("Locale"), "The collection's own, if none is named."),
        ("Limit", "query", "limit", limit, "How many documents a page has at most."),
        ("After", "query", "after", text.clone(), "The cursor `next` of the page before."),
        ("Before", "query", "before", text, "The cursor `prev` of the page after; not beside `after`."),
        (
            "Count",
            "query",
            "count",
            json!({ "enum": ["none", "exact"], "default": "none" }),
            "`exact` tells in `meta` how many there are in all.",
        ),
        ("Parent", "query", "parent", schema("Id"), "The document that it is below; else it is at the top."),
        (
            "AfterVersion",
            "query",
            "after",
            json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
            "The page goes on below this version.",
        ),
        (
            "IfMatch",
            "header",
            "If-Match",
            tags.clone(),
            "The version that this is meant for: its `ETag`, or `*` for any.",
        ),
        (
            "NeededIfMatch",
            "header",
            "If-Match",
            tags.clone(),
            "The version that this is meant for: its `ETag`, or `*` for any.",
        ),
        ("IfNoneMatch", "header", "If-None-Match", tags, "What is there already: it is answered with 304."),
        (
            "Bookmark",
            "header",
            "Stratus-Bookmark",
            bookmark,
            "What a write answered with: the read shows it.",
        ),
        (
            "IdempotencyKey",
            "header",
            "Idempotency-Key",
            json!({ "type": "string", "pattern": key }),
            "Repeats of a request with this key are answered as the first was, for a day.",
        ),
    ];
    let parameter = |(component, place, name, schema, description): (&str, &str, &str, Value, &str)| {
        let mut parameter =
            json!({ "name": name, "in": place, "description": description, "schema": schema });
        if place == "path" || component == "NeededIfMatch" {
            parameter["required"] = true.into();
        }
        (component.to_owned(), parameter)
    };
    all.into_iter().map(parameter).collect()
}
