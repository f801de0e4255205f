//! What the cookbook is asked of: the demo, the invented countries and the extract of MDN's data, as
//! their editors would have written them, an hour apart.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use stratus_document::parse_time;
use stratus_test_app::Moment;

use crate::app::{cookbook::SEED, target::Target, wire::Request};

/// When the first document was published.
const FOUNDED: &str = "2026-11-10T08:00:00.000Z";

/// An hour, in milliseconds.
const PACE: i64 = 3_600_000;

/// The fields that refer to others, which stand there as slugs.
const REFERENCES: [(&str, &str, &str); 8] = [
    ("posts", "author", "authors"),
    ("posts", "categories", "categories"),
    ("comments", "post", "posts"),
    ("countries", "borders", "countries"),
    ("browsers", "upstream", "browsers"),
    ("features", "partOf", "features"),
    ("features", "support", "browsers"),
    ("browser", "browser", "browsers"),
];

/// The ids of what was made, by collection and slug.
type Ids = BTreeMap<(String, String), String>;

struct Document {
    collection: String,
    body: Map<String, Value>,
}

fn fixtures(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(fixtures(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fills the database. Ids follow from the order alone: the first time finds them out, so that the
/// second can refer to what comes later.
pub(crate) async fn load(target: &mut Target) {
    let mut ids = Ids::new();
    for _ in 0..2 {
        ids = load_with(target, ids).await;
    }
}

async fn load_with(target: &mut Target, known: Ids) -> Ids {
    let mut now = parse_time(FOUNDED).unwrap();
    target.reset(SEED, now).await;
    let mut ids = known;
    for (ordinal, Document { collection, mut body }) in (1..).zip(documents()) {
        resolve(&collection, body["fields"].as_object_mut().unwrap(), &ids);
        let slug = body.get("slug").and_then(Value::as_str).map(str::to_owned);
        let request = Request::new("POST", &format!("/api/{collection}"));
        let request = request.by_admin().with_json(&Value::Object(body));
        let answer = target.ask(&Moment { seed: SEED, ordinal, now }, &request).await;
        assert_eq!(answer.status, 201, "{request}\n{answer}");
        if let Some(slug) = slug {
            ids.insert((collection, slug), answer.at("/data/id").unwrap());
        }
        now += PACE;
    }
    ids
}

fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    for name in ["countries", "compat"] {
        for line in text(&format!("{name}/{name}.ndjson")).lines() {
            let mut body: Map<String, Value> = serde_json::from_str(line).unwrap();
            let collection = body.shift_remove("type").unwrap().as_str().unwrap().to_owned();
            documents.push(Document { collection, body });
        }
    }
    for name in ["authors", "categories", "posts", "comments"] {
        let entries = text(&format!("demo/content/{name}.json"));
        for mut body in serde_json::from_str::<Vec<Map<String, Value>>>(&entries).unwrap() {
            let slug = body.get("slug").and_then(Value::as_str).unwrap_or_default();
            let long = fixtures(&format!("demo/content/{name}/{slug}.md"));
            if let Ok(text) = fs::read_to_string(long) {
                body["fields"]["body"] = json!(text);
            }
            documents.push(Document { collection: name.to_owned(), body });
        }
    }
    documents
}

/// Puts ids in the place of slugs; what is not there yet is left out.
fn resolve(collection: &str, fields: &mut Map<String, Value>, ids: &Ids) {
    for (_, field, to) in REFERENCES.iter().filter(|it| it.0 == collection) {
        let id = |slug: &Value| ids.get(&((*to).to_owned(), slug.as_str()?.to_owned())).map(|it| json!(it));
        match fields.get_mut(*field) {
            Some(Value::Array(items)) if items.iter().all(Value::is_object) => {
                items.iter_mut().for_each(|it| resolve("browser", it.as_object_mut().unwrap(), ids));
            }
            Some(Value::Array(slugs)) => *slugs = slugs.iter().filter_map(id).collect(),
            Some(slug) => *slug = id(slug).unwrap_or_default(),
            None => {}
        }
    }
}
