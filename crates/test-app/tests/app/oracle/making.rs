//! The documents of a world, made over HTTP as their author would.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use stratus_document::{format_time, parse_time};
use stratus_query_oracle::{COLLECTIONS, Doc, Fate, Made, NOBODY, Stage};

use super::{BEGINNING, World};
use crate::app::wire::Request;

const HOUR: i64 = 3_600_000;

/// So many are made in a batch: those have the same times, and those of the next have others.
const TOGETHER: usize = 5;

/// Makes the documents, waits until some are over, and tells what they were given.
pub(super) async fn make(world: &mut World, docs: &[Doc]) -> Result<Vec<Made>, TestCaseError> {
    let ids = create(world, docs).await?;
    change(world, docs, &ids).await?;
    for (doc, id) in docs.iter().zip(&ids) {
        permit(world, doc, id).await?;
    }
    let trashed = docs.iter().zip(&ids).filter(|(doc, _)| doc.fate == Fate::Trashed);
    let operations = trashed.map(|(doc, id)| json!({"op": "trash", "collection": doc.collection, "id": id}));
    batch(world, operations.collect()).await?;
    world.moment.now = BEGINNING + 2 * HOUR;
    look(world, ids).await
}

/// The first versions, published unless they are drafts. What is made in the same batch is referred
/// to by name.
async fn create(world: &mut World, docs: &[Doc]) -> Result<Vec<String>, TestCaseError> {
    let mut ids: Vec<String> = Vec::new();
    let numbers: Vec<usize> = (0..docs.len()).collect();
    for numbers in numbers.chunks(TOGETHER) {
        let known = ids.clone();
        let id = |number: usize| match known.get(number) {
            Some(id) => id.clone(),
            None if number < docs.len() => format!("$d{number}"),
            None => NOBODY.to_owned(),
        };
        let operation = |&own: &usize| {
            let doc = &docs[own];
            let mut document = json!({"fields": doc.public.written(docs, own, &id)});
            if doc.fate != Fate::Draft {
                document["publish"] = json!(true);
            }
            match doc.fate {
                Fate::Ahead => document["publishAt"] = json!(format_time(BEGINNING + 48 * HOUR)),
                Fate::Over => document["expireAt"] = json!(format_time(BEGINNING + HOUR)),
                Fate::Draft | Fate::Public | Fate::Trashed => {}
            }
            json!({"op": "create", "collection": doc.collection, "ref": format!("d{own}"), "document": document})
        };
        let body = batch(world, numbers.iter().map(operation).collect()).await?;
        let id = |number: usize| body["data"][number]["data"]["id"].as_str().map(str::to_owned);
        ids.extend((0..numbers.len()).map(|it| id(it).unwrap()));
    }
    Ok(ids)
}

/// The latest versions, of those that have another one.
async fn change(world: &mut World, docs: &[Doc], ids: &[String]) -> Result<(), TestCaseError> {
    let id = |number: usize| ids.get(number).map_or(NOBODY, |it| it).to_owned();
    let changed = docs.iter().enumerate().filter(|(_, doc)| doc.head != doc.public);
    let operations = changed.map(|(own, doc)| {
        json!({
            "op": "patch", "collection": doc.collection, "id": ids[own], "ifMatch": "*",
            "document": {"fields": doc.head.written(docs, own, &id)},
        })
    });
    batch(world, operations.collect()).await.map(drop)
}

async fn permit(world: &mut World, doc: &Doc, id: &str) -> Result<(), TestCaseError> {
    let entries = doc.entries();
    if entries.is_empty() {
        return Ok(());
    }
    let entry = |it: &stratus_access::Entry| {
        json!({
            "principal": it.principal.to_string(),
            "action": it.action.to_string(),
            "effect": it.effect.name(),
        })
    };
    let body = json!({"permissions": entries.iter().map(entry).collect::<Value>()});
    world.moment.now += 1;
    let request = Request::new("PUT", &format!("/api/{}/{id}/permissions", doc.collection));
    let request = request.by_admin().with("if-match", "*").with_json(&body);
    world.ask(&request).await.map(drop)
}

async fn batch(world: &mut World, operations: Vec<Value>) -> Result<Value, TestCaseError> {
    if operations.is_empty() {
        return Ok(Value::Null);
    }
    world.moment.now += 1;
    let request = Request::new("POST", "/batch").by_admin().with_json(&json!({"operations": operations}));
    world.ask(&request).await
}

/// The times that the documents were given, as lists of everything tell them.
async fn look(world: &mut World, ids: Vec<String>) -> Result<Vec<Made>, TestCaseError> {
    let mut made: BTreeMap<String, Made> = BTreeMap::new();
    for stage in [Stage::Published, Stage::Draft, Stage::Trashed] {
        for collection in COLLECTIONS {
            let path = format!("/api/{collection}?limit=100&state={}", stage.name());
            let body = world.ask(&Request::new("GET", &path).by_admin()).await?;
            for it in body["data"].as_array().unwrap() {
                let time = |name: &str| it[name].as_str().and_then(parse_time);
                let made = made.entry(it["id"].as_str().unwrap().to_owned()).or_default();
                match stage {
                    Stage::Published => made.published_at = time("publishedAt"),
                    Stage::Draft | Stage::Trashed => made.updated_at = time("updatedAt").unwrap(),
                }
            }
        }
    }
    prop_assert_eq!(made.len(), ids.len(), "not all that was made is there");
    Ok(ids.into_iter().map(|id| Made { id: id.clone(), ..made.remove(&id).unwrap_or_default() }).collect())
}
