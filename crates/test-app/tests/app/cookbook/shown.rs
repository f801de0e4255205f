//! An answer as the cookbook shows it: what matters of its headers, and a body that is short enough
//! to be read. What was left out is marked by `…`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::{pretty, wire::Answer};

/// Shown where an answer has them.
const HEADERS: [&str; 7] =
    ["location", "etag", "cache-control", "idempotency-replayed", "retry-after", "allow", "www-authenticate"];

/// How many characters of a longer text are shown.
const TEXT: usize = 180;

/// Of more documents, so many are shown.
const DOCUMENTS: usize = 2;

/// Of more items elsewhere, so many are shown.
const ITEMS: usize = 4;

/// Of more members, so many are shown.
const MEMBERS: usize = 12;

pub(crate) fn answer(answer: &Answer) -> String {
    let status = StatusCode::from_u16(answer.status).unwrap();
    let mut shown = format!("HTTP/1.1 {status}\n");
    for name in HEADERS {
        if let Some(value) = answer.headers.get(name) {
            shown.push_str(&format!("{name}: {value}\n"));
        }
    }
    if let Some(mut body) = answer.json() {
        if let Some(Value::Array(documents)) = body.get_mut("data") {
            shorten(documents, DOCUMENTS);
        }
        shown.push_str(&format!("\n{}\n", pretty::json(&short(body), 0)));
    } else {
        assert!(answer.body.is_empty(), "a body that is no JSON: {answer}");
    }
    shown
}

fn short(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > TEXT + 1 => {
            json!(format!("{}…", text.chars().take(TEXT).collect::<String>()))
        }
        Value::Array(mut items) => {
            shorten(&mut items, ITEMS);
            items.into_iter().map(short).collect()
        }
        Value::Object(members) => {
            let left_out = members.len().saturating_sub(MEMBERS);
            let shown = members.into_iter().take(MEMBERS).map(|(name, it)| (name, short(it)));
            let mut shown: Map<_, _> = shown.collect();
            if left_out > 0 {
                shown.insert("…".to_owned(), json!(format!("{left_out} more")));
            }
            Value::Object(shown)
        }
        other => other,
    }
}

/// The mark itself stays when a list is shortened again.
fn shorten(items: &mut Vec<Value>, to: usize) {
    let left_out = items.len().saturating_sub(to);
    if left_out > 1 {
        items.truncate(to);
        items.push(json!(format!("… {left_out} more")));
    }
}
