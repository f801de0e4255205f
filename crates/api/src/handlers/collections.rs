//! `GET /api`: the collections that the caller may read.

use axum::response::Response;
use serde_json::{Map, Value};
use stratus_document::{Collection, Field, State};

use crate::{
    answer::{self, Audience},
    call::Call,
    problem::Problem,
    wire::{self, Pages},
};

/// Lists the collections with their public fields.
pub(crate) async fn all(mut call: Call) -> Result<Response, Problem> {
    call.no_params()?;
    let known = call.take_freshness()?;
    let readable = call.repository().readable_collections(call.scope()).await;
    let readable = readable.map_err(|it| call.refuse(it))?;
    let is_there = |name: &str| readable.iter().any(|it| it.name() == name);
    let body = wire::list(&readable, &Pages::default(), |body, collection| {
        body.push_str(&Value::Object(shown(collection, &is_there)).to_string());
        Ok(())
    })?;
    Ok(answer::body(body, Audience::of(call.caller(), State::Published), &known))
}

/// What a client needs to know of a collection: no private field, no grant.
fn shown(collection: &Collection, is_there: &dyn Fn(&str) -> bool) -> Map<String, Value> {
    let definition = collection.definition();
    let mut shown = Map::new();
    shown.insert("name".to_owned(), definition.name.as_str().into());
    for (key, text) in [("label", &definition.label), ("help", &definition.help)] {
        if let Some(text) = text {
            shown.insert(key.to_owned(), text.as_str().into());
        }
    }
    if let Some(rule) = &definition.slug {
        shown.insert("slug".to_owned(), serde_json::json!({ "from": rule.from }));
    }
    shown.insert("defaultLocale".to_owned(), collection.default_locale().into());
    let public = collection.fields().iter().filter(|it| !it.definition().private);
    let fields = public.map(|it| (it.name().to_owned(), field(it, is_there)));
    shown.insert("fields".to_owned(), Value::Object(fields.collect()));
    shown
}

fn field(field: &Field, is_there: &dyn Fn(&str) -> bool) -> Value {
    let mut definition = serde_json::to_value(field.definition()).unwrap_or_default();
    hide_targets(&mut definition, is_there);
    definition
}

/// Takes out the names of collections that the caller may not know of, at any depth of a definition.
fn hide_targets(definition: &mut Value, is_there: &dyn Fn(&str) -> bool) {
    let Some(members) = definition.as_object_mut() else { return };
    if members.get("to").and_then(Value::as_str).is_some_and(|it| !is_there(it)) {
        members.shift_remove("to");
    }
    if let Some(items) = members.get_mut("items") {
        hide_targets(items, is_there);
    }
    for key in ["fields", "blocks"] {
        let Some(inner) = members.get_mut(key).and_then(Value::as_object_mut) else { continue };
        inner.values_mut().for_each(|it| hide_targets(it, is_there));
    }
}
