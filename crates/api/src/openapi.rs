//! The document of OpenAPI 3.1 that `/openapi.json` answers with: of the table of routes, and of
//! the collections that a caller may read.
//!
//! It is put together as JSON: most of it are schemas, which follow definitions that are data.

mod collection;
mod field;
mod filter;
mod operation;
mod shared;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use stratus_access::Caller;
use stratus_document::Collection;

use crate::{conditional::BodyTag, routes::ROUTES};

/// How many are kept: there are few sets of collections that somebody may read.
const MAX_KEPT: usize = 32;

/// A document, written out.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) body: Bytes,
    pub(crate) tag: BodyTag,
}

/// The documents that were asked for so far: putting one together takes longer than sending it.
#[derive(Default)]
pub(crate) struct Descriptions(Mutex<BTreeMap<Key, Arc<Description>>>);

/// Whether the caller is anonymous, and what they may read: the rest is the registry's.
type Key = (bool, Vec<String>);

impl fmt::Debug for Descriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptions").finish_non_exhaustive()
    }
}

impl Descriptions {
    /// The document for a caller who may read these collections.
    pub(crate) fn of(&self, caller: &Caller, readable: &[Arc<Collection>]) -> Arc<Description> {
        let key = (caller.is_anonymous(), readable.iter().map(|it| it.name().to_owned()).collect());
        if let Some(kept) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(kept);
        }
        let body = Bytes::from(document(caller, readable).to_string());
        let made = Arc::new(Description { tag: BodyTag::new(&body), body });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&made));
        made
    }
}

/// What a document is made for.
pub(crate) struct Scope<'a> {
    caller: &'a Caller,
    readable: &'a [Arc<Collection>],
}

impl Scope<'_> {
    /// Whether the caller may know of a collection.
    fn knows(&self, name: &str) -> bool {
        self.readable.iter().any(|it| it.name() == name)
    }
}

/// The whole document.
fn document(caller: &Caller, readable: &[Arc<Collection>]) -> Value {
    let scope = Scope { caller, readable };
    let mut schemas = shared::schemas(&scope);
    let mut paths = Map::new();
    let mut tags = vec![json!({ "name": "Stratus", "description": "What is no collection's." })];
    for route in ROUTES.iter().filter(|it| !it.is_of_collection()) {
        operation::add(&mut paths, &scope, route, None);
    }
    for collection in readable {
        collection::add_schemas(&mut schemas, &scope, collection);
        for route in ROUTES.iter().filter(|it| it.is_of_collection()) {
            operation::add(&mut paths, &scope, route, Some(collection));
        }
        tags.push(tag(collection));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stratus",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The collections that you may read, and what can be asked of them. \
                Refusals are RFC 9457 problems. Whatever is not described here, be it a parameter or \
                a member, is refused.",
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": shared::responses(),
            "parameters": shared::parameters(),
            "headers": shared::headers(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A wrong token is 401 on every route, never the public.",
                },
            },
        },
    })
}

fn tag(collection: &Collection) -> Value {
    let definition = collection.definition();
    let mut tag = Map::from_iter([("name".to_owned(), json!(collection.name()))]);
    let texts = [&definition.label, &definition.help];
    let texts: Vec<_> = texts.into_iter().flatten().map(String::as_str).collect();
    if !texts.is_empty() {
        tag.insert("description".to_owned(), texts.join(": ").into());
    }
    Value::Object(tag)
}

/// A reference to a schema.
fn schema(name: impl fmt::Display) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What a schema of a collection is called. Shared ones begin with a capital, collections don't.
fn name_of(collection: &str, what: &str) -> String {
    format!("{collection}_{what}")
}
