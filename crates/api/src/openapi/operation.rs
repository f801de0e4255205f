//! One operation: a route, of a collection if it is a collection's.

use http::StatusCode;
use serde_json::{Map, Value, json};
use stratus_access::Action;
use stratus_document::{Collection, State};

use super::{Scope, collection::sort_keys, field, name_of, schema, shared};
use crate::routes::{Answer, Body, Parameter, Right, Route, Shape};

/// Adds it at its address.
pub(super) fn add(
    paths: &mut Map<String, Value>,
    scope: &Scope<'_>,
    route: &Route,
    collection: Option<&Collection>,
) {
    let name = collection.map_or("", Collection::name);
    let address = route.path.replace("{collection}", name);
    let item = paths.entry(address).or_insert_with(|| new_item(route.path));
    if let Some(item) = item.as_object_mut() {
        item.insert(route.method.key().to_owned(), operation(scope, route, collection));
    }
}

/// What all methods of an address have in common: what stands in its path.
fn new_item(path: &str) -> Value {
    let known = [("{id}", "Id"), ("{slug}", "Slug"), ("{version}", "Version")];
    let inside = known.iter().filter(|(part, _)| path.contains(part));
    let parameters: Vec<_> = inside.map(|(_, name)| parameter(name)).collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn operation(scope: &Scope<'_>, route: &Route, collection: Option<&Collection>) -> Value {
    let name = collection.map(Collection::name);
    let id = name.map_or_else(|| route.name.to_owned(), |it| format!("{}_{it}", route.name));
    let mut operation = Map::new();
    let mut set = |key: &str, value: Value| operation.insert(key.to_owned(), value);
    set("tags", json!([name.unwrap_or("Stratus")]));
    set("operationId", id.into());
    set("summary", route.summary.into());
    if let Right::To(action) = route.right
        && action != Action::Read
    {
        set("description", format!("Needs the right to {action}.").into());
    }
    let parameters: Vec<_> = route.parameters.iter().map(|it| described(*it, scope, collection)).collect();
    if !parameters.is_empty() {
        set("parameters", parameters.into());
    }
    match route.body {
        Body::Nothing => {}
        Body::Optional(shape) => drop(set("requestBody", body(shape, name, false))),
        Body::Needed(shape) => drop(set("requestBody", body(shape, name, true))),
    }
    set("responses", responses(route, name));
    set("security", security(scope, route, collection));
    Value::Object(operation)
}

fn body(shape: Shape, collection: Option<&str>, required: bool) -> Value {
    let content = json!({ "application/json": { "schema": shape_of(shape, collection) } });
    json!({ "required": required, "content": content })
}

/// What it takes, as far as this caller is concerned: what others may do is not told.
fn security(scope: &Scope<'_>, route: &Route, collection: Option<&Collection>) -> Value {
    let is_free = match (route.right, collection) {
        (Right::Probe | Right::Anyone, _) => true,
        (Right::To(action), Some(collection)) => {
            scope.caller.is_anonymous() && collection.allows(scope.caller, action)
        }
        _ => false,
    };
    if is_free { json!([{}, { "bearer": [] }]) } else { json!([{ "bearer": [] }]) }
}

/// The schema of a body.
fn shape_of(shape: Shape, collection: Option<&str>) -> Value {
    let own = |what: &str| schema(name_of(collection.unwrap_or_default(), what));
    match shape {
        Shape::Probe => schema("Probe"),
        Shape::Description => json!({ "type": "object", "required": ["openapi", "info", "paths"] }),
        Shape::Collections => shared::list(&schema("Collection")),
        Shape::View => shared::one(&own("View")),
        Shape::Views => own("List"),
        Shape::Translations => shared::list(&own("View")),
        Shape::Document => shared::one(&own("Document")),
        Shape::Input => own("Input"),
        Shape::Patch => own("Patch"),
        Shape::Query => own("Query"),
        Shape::Version => schema("VersionNumber"),
        Shape::Empty => schema("Empty"),
        Shape::Referrers => shared::list(&schema("Referrer")),
        Shape::Permissions => schema("Permissions"),
        Shape::PermissionsOf => shared::one(&schema("Permissions")),
        Shape::Batch => schema("Batch"),
        Shape::BatchResults => schema("BatchResults"),
    }
}

fn responses(route: &Route, collection: Option<&str>) -> Value {
    let mut responses = Map::new();
    let replays = route.parameters.contains(&Parameter::IdempotencyKey).then_some("Idempotency-Replayed");
    let mut set = |status: StatusCode, what: &str, shape: Option<Shape>, always: &[&str], maybe: &[&str]| {
        let always = always.iter().chain(&["Cache-Control"]).map(|it| (*it, *it));
        // A header that may be missing has a component of its own.
        let maybe = maybe.iter().chain(&replays).map(|it| (*it, *it));
        let mut headers = Map::new();
        always.for_each(|(name, _)| drop(headers.insert(name.to_owned(), shared::header(name, true))));
        maybe.for_each(|(name, _)| drop(headers.insert(name.to_owned(), shared::header(name, false))));
        let mut response = json!({ "description": what, "headers": headers });
        if let Some(shape) = shape {
            response["content"] = json!({ "application/json": { "schema": shape_of(shape, collection) } });
        }
        responses.insert(status.as_str().to_owned(), response);
    };
    match route.answer {
        Answer::Plain(shape) => set(StatusCode::OK, "It is so.", Some(shape), &[], &[]),
        Answer::Read(shape) => {
            set(StatusCode::OK, "What was asked for.", Some(shape), &["ETag"], &[]);
            set(StatusCode::NOT_MODIFIED, "`If-None-Match` names it.", None, &["ETag"], &[]);
        }
        Answer::Made(shape) => {
            let always = ["ETag", "Location", "Stratus-Bookmark"];
            set(StatusCode::CREATED, "It is made.", Some(shape), &always, &[]);
        }
        Answer::Written(shape) => {
            let maybe = ["Stratus-Bookmark"];
            set(StatusCode::OK, "It is done, or was so already.", Some(shape), &["ETag"], &maybe);
        }
        Answer::Several(shape) => {
            set(StatusCode::OK, "All are done.", Some(shape), &[], &["Stratus-Bookmark"]);
        }
        Answer::Gone => {
            set(StatusCode::NO_CONTENT, "It is in the trash.", None, &["ETag"], &["Stratus-Bookmark"]);
        }
        Answer::Erased => set(StatusCode::NO_CONTENT, "Nothing is left.", None, &["Stratus-Bookmark"], &[]),
    }
    for status in route.refusals() {
        let reference = format!("#/components/responses/{}", shared::refusal_name(status));
        responses.insert(status.as_str().to_owned(), json!({ "$ref": reference }));
    }
    Value::Object(responses)
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn described(kind: Parameter, scope: &Scope<'_>, collection: Option<&Collection>) -> Value {
    match (kind, collection) {
        (Parameter::State, _) => parameter("State"),
        (Parameter::Locale, _) => parameter("Locale"),
        (Parameter::Limit, _) => parameter("Limit"),
        (Parameter::After, _) => parameter("After"),
        (Parameter::Before, _) => parameter("Before"),
        (Parameter::Count, _) => parameter("Count"),
        (Parameter::Parent, _) => parameter("Parent"),
        (Parameter::AfterVersion, _) => parameter("AfterVersion"),
        (Parameter::IfMatch, _) => parameter("IfMatch"),
        (Parameter::NeededIfMatch, _) => parameter("NeededIfMatch"),
        (Parameter::IfNoneMatch, _) => parameter("IfNoneMatch"),
        (Parameter::Bookmark, _) => parameter("Bookmark"),
        (Parameter::IdempotencyKey, _) => parameter("IdempotencyKey"),
        (Parameter::Filter, Some(collection)) => filter(collection),
        (Parameter::Sort, Some(collection)) => sort(collection),
        (Parameter::Fields, Some(collection)) => fields(scope, collection),
        // Only a collection's routes have these.
        (Parameter::Filter | Parameter::Sort | Parameter::Fields, None) => Value::Null,
    }
}

fn filter(collection: &Collection) -> Value {
    json!({
        "name": "filter",
        "in": "query",
        "description": "Conditions, all of which hold: `filter[<field>]=<value>` or \
            `filter[<field>][<operator>]=<value>`, lists as `a,b`; \
            `filter[or][0][<field>]=…`, `filter[and][0]…` and `filter[not]…` nest.",
        "style": "deepObject",
        "explode": true,
        "schema": schema(name_of(collection.name(), "FilterAsText")),
    })
}

fn sort(collection: &Collection) -> Value {
    let order = |state: State| if state == State::Published { "-publishedAt" } else { "-updatedAt" };
    let (published, others) = (order(State::Published), order(State::Draft));
    json!({
        "name": "sort",
        "in": "query",
        "description": format!(
            "Keys joined by commas, `-` before a descending one; an index must serve them. \
             Default: `{published}`, of drafts and trash `{others}`."
        ),
        "style": "form",
        "explode": false,
        "schema": { "type": "array", "items": sort_key(collection), "uniqueItems": true, "minItems": 1 },
    })
}

/// A key that stands in an index, in either order.
pub(super) fn sort_key(collection: &Collection) -> Value {
    let keys: Vec<_> =
        sort_keys(collection).into_iter().flat_map(|it| [it.to_owned(), format!("-{it}")]).collect();
    json!({ "enum": keys })
}

fn fields(scope: &Scope<'_>, collection: &Collection) -> Value {
    json!({
        "name": "fields",
        "in": "query",
        "description": "The fields to show, joined by commas; all where nothing is said. \
            A reference may be followed by what to show of its document: `author(name)`; inside of an \
            object or a block it is named by its path: `seo.image(url)`, `parts.hero.image(url)`.",
        "style": "form",
        "explode": false,
        "schema": {
            "type": "array", "items": chosen_field(scope, collection), "uniqueItems": true, "minItems": 1,
        },
    })
}

/// A public field, with what to show of what it refers to.
pub(super) fn chosen_field(scope: &Scope<'_>, collection: &Collection) -> Value {
    let public = collection.fields().iter().filter(|it| !it.definition().private);
    let names = public.map(|it| {
        let (name, definition) = (it.name(), it.definition());
        let is_reference = field::can_be_populated(scope, definition);
        match (is_reference, field::leads_on(scope, definition)) {
            (true, _) => format!(r"{name}(?:\([A-Za-z0-9_.,()]+\))?"),
            (false, true) => format!(r"{name}(?:(?:\.[A-Za-z0-9_]+)+\([A-Za-z0-9_.,()]+\))?"),
            (false, false) => name.to_owned(),
        }
    });
    json!({ "type": "string", "pattern": format!("^(?:{})$", names.collect::<Vec<_>>().join("|")) })
}
