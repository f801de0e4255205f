//! Documents of any collection, made after its definition: with ties, absent values, drafts, trash,
//! translations and windows, more than a page may examine.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stratus_document::{Collection, FieldDefinition, FieldType, Registry};
use stratus_test_app::{RESET, with_corpora};

use super::asker::Asker;

/// Documents of each collection, in the trash those from the first of [`TRASHED`] on.
pub(crate) const DOCUMENTS: usize = 360;

/// The first that is put into the trash. Nothing refers to them.
const TRASHED: usize = 280;

/// Operations of one batch: so many documents have one time.
const BATCH: usize = 30;

/// The ids of what was made, by collection.
pub(crate) type Ids = BTreeMap<String, Vec<String>>;

/// Empties the database and fills it.
pub(crate) async fn fill(asker: &mut Asker) -> Ids {
    let reset = asker.write("POST", RESET, &json!({})).await;
    assert_eq!(reset.status, 200, "{reset}");
    let registry = with_corpora();
    let mut ids = Ids::new();
    for collection in in_order(&registry) {
        ids.insert(collection.name().to_owned(), Vec::new());
        for first in (0..DOCUMENTS).step_by(BATCH) {
            let create = |n: usize| json!({"op": "create", "collection": collection.name(), "document": document(collection, n, &ids)});
            let made = batch(asker, (first..first + BATCH).map(create).collect()).await;
            ids.entry(collection.name().to_owned()).or_default().extend(made);
        }
    }
    for collection in registry.collections() {
        let name = collection.name();
        let step = |op: &str, id: &String| json!({"op": op, "collection": name, "id": id, "ifMatch": "*"});
        // Heads beside a public row.
        let changed = |id: &String| {
            let mut patch = step("patch", id);
            patch["document"] = json!({"order": 9});
            patch
        };
        let made = &ids[name];
        batch(asker, made.iter().take(TRASHED).skip(2).step_by(10).map(changed).collect()).await;
        let trashed: Vec<_> = made.iter().skip(TRASHED).map(|id| step("trash", id)).collect();
        for some in trashed.chunks(BATCH) {
            batch(asker, some.to_vec()).await;
        }
    }
    ids
}

/// Gives one document of each collection permissions of its own: from then on every row is asked about.
pub(crate) async fn permit(asker: &mut Asker, ids: &Ids) {
    let permissions = json!({"permissions": [
        {"principal": "public", "action": "read", "effect": "allow"},
        {"principal": "role:editor", "action": "update", "effect": "deny"},
    ]});
    for (collection, ids) in ids {
        let answer =
            asker.write("PUT", &format!("/api/{collection}/{}/permissions", ids[6]), &permissions).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

async fn batch(asker: &mut Asker, operations: Vec<Value>) -> Vec<String> {
    let answer = asker.write("POST", "/batch", &json!({ "operations": operations })).await;
    assert_eq!(answer.status, 200, "{answer}");
    let made = answer.json().unwrap()["data"].take();
    let ids = made.as_array().into_iter().flatten().map(|it| &it["data"]["id"]);
    ids.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// Every collection behind those that it must refer to.
fn in_order(registry: &Registry) -> Vec<&Collection> {
    let (mut left, mut ordered): (Vec<&Collection>, Vec<&Collection>) =
        (registry.collections().map(AsRef::as_ref).collect(), Vec::new());
    while !left.is_empty() {
        let is_ready = |it: &&Collection| {
            let others = it.references().into_iter().map(|(_, to)| to).filter(|to| *to != it.name());
            others.into_iter().all(|to| ordered.iter().any(|it| it.name() == to))
        };
        let ready: Vec<_> = left.iter().copied().filter(is_ready).collect();
        assert!(!ready.is_empty(), "collections refer to each other");
        left.retain(|it| !ready.iter().any(|ready| ready.name() == it.name()));
        ordered.extend(ready);
    }
    ordered
}

/// The body of the document of that number.
fn document(collection: &Collection, n: usize, ids: &Ids) -> Value {
    let mut fields = Map::new();
    for field in collection.fields().iter().filter(|it| !it.definition().read_only) {
        if let Some(value) = value(field.definition(), n, ids) {
            fields.insert(field.name().to_owned(), value);
        }
    }
    let own = &ids[collection.name()];
    let mut body = json!({"slug": format!("s{n}"), "publish": n % 10 != 1, "order": n % 6, "fields": fields});
    if n % 40 == 3 {
        body["publishAt"] = json!("2030-01-01T00:00:00Z");
    }
    // Of the first ones there is nothing yet to be below, or to be a translation of.
    let Some(original) = n.checked_sub(BATCH).and_then(|it| own.get(it)) else { return body };
    if n % 50 == 7 {
        body["locale"] = json!("pl");
        body["translationOf"] = json!(original);
    } else if n % 9 == 4 && n < TRASHED {
        body["parent"] = json!(own[0]);
    }
    body
}

/// A value of a field in the document of that number; nothing where it may be absent and is. Of what
/// is no unique value there are four: lists have ties.
fn value(field: &FieldDefinition, n: usize, ids: &Ids) -> Option<Value> {
    if n.is_multiple_of(5) && !field.required {
        return None;
    }
    let kind = n % 4;
    let members = |fields: Option<&Map<String, Value>>| {
        let inner = fields.into_iter().flatten();
        let inner = inner.map(|(name, it)| (name.clone(), serde_json::from_value(it.clone()).unwrap()));
        let made = inner.filter_map(|(name, it): (_, FieldDefinition)| Some((name, value(&it, n, ids)?)));
        made.collect::<Map<_, _>>()
    };
    let allowed = |at: usize| field.allowed.as_ref().map(|it| it[at % it.len()].clone());
    Some(match field.kind {
        FieldType::Text | FieldType::Textarea | FieldType::Markdown => text(field, n).into(),
        FieldType::Slug => WORDS[kind].into(),
        FieldType::Richtext => json!({"type": "doc", "content": []}),
        FieldType::Number | FieldType::Integer => json!(kind + 1),
        FieldType::Boolean => json!(n.is_multiple_of(3)),
        FieldType::Date => json!(format!("2026-01-0{}", kind + 1)),
        FieldType::Datetime => json!(format!("2026-01-0{}T00:00:00Z", kind + 1)),
        FieldType::Email => json!("a@example.org"),
        FieldType::Url => json!("https://example.org/"),
        FieldType::Color => json!("#aabbcc"),
        FieldType::Select => allowed(n)?,
        FieldType::Multiselect => Value::from(vec![allowed(n)?]),
        FieldType::Tags => json!([WORDS[kind], WORDS[(kind + 1) % 4]]),
        FieldType::Json => json!({"a": 1}),
        FieldType::Object => members(field.fields.as_ref()).into(),
        FieldType::Array => Value::from(vec![value(field.items.as_deref()?, n, ids)?]),
        FieldType::Blocks => {
            let block = |(name, it): (&String, &Value)| {
                let mut made = members(it["fields"].as_object());
                made.insert("type".to_owned(), name.as_str().into());
                made
            };
            Value::from_iter(field.blocks.iter().flatten().map(block))
        }
        FieldType::Reference => {
            let there = ids.get(field.to.as_deref()?).map_or(&[][..], Vec::as_slice);
            let there = &there[..there.len().min(TRASHED)];
            let first = there.get((n * 7).checked_rem(there.len())?)?;
            if field.many { json!([first, there[(n * 11) % there.len()]]) } else { json!(first) }
        }
        FieldType::Media => json!("01a1fd55-7e68-7e97-b910-34455a9ebff1"),
    })
}

/// The texts that most fields have.
pub(crate) const WORDS: [&str; 4] = ["aa", "bb", "cc", "dd"];

fn text(field: &FieldDefinition, n: usize) -> String {
    // `^[A-Z]{2}$` and the like: as many different ones as there are.
    if let Some(pattern) = field.pattern.as_deref().and_then(|it| it.strip_prefix("^[")) {
        let (first, length) = (pattern.as_bytes()[0], pattern.split(['{', '}']).nth(1));
        let base = if first == b'0' { 10 } else { 26 };
        let digit = |at: u32| char::from(first + u8::try_from(n / usize::pow(base, at) % base).unwrap());
        if let Some(length) = length.and_then(|it| it.parse::<u32>().ok()) {
            return (0..length).rev().map(digit).collect();
        }
    }
    if field.unique { format!("u{n:04}") } else { WORDS[n % 4].to_owned() }
}
