//! What documents look like from outside.
//!
//! Bodies are pushed together as text: fields leave as they are stored, without being parsed.

mod fields;
mod populated;

use std::fmt::Write as _;

use serde_json::{Value, json};
use stratus_access::Entry;
use stratus_document::{Document, Referrer, push_time};
use stratus_storage::Timestamp;

pub(crate) use fields::Projection;
pub(crate) use populated::{list_populated, one_populated};

use crate::problem::Problem;

/// How much room a list asks for before it knows that it needs it, in bytes.
const MAX_RESERVED: usize = 1 << 20;

/// The body of an answer with one document.
pub(crate) fn one(document: &Document, projection: Option<&Projection>) -> Result<String, Problem> {
    let mut body = String::with_capacity(document.fields.len() + 400);
    body.push_str("{\"data\":");
    push_document(&mut body, document, projection)?;
    body.push('}');
    Ok(body)
}

/// Where a list goes on, in both directions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    /// The cursor after it.
    pub(crate) next: Option<String>,
    /// The cursor before it.
    pub(crate) prev: Option<String>,
    /// How many there are on all pages, if it was asked.
    pub(crate) count: Option<i64>,
}

/// The body of an answer with a list; `push` writes one item.
pub(crate) fn list<T>(
    items: &[T],
    pages: &Pages,
    push: impl Fn(&mut String, &T) -> Result<(), Problem>,
) -> Result<String, Problem> {
    list_of(items.iter(), pages, push)
}

fn list_of<T, E>(
    items: impl ExactSizeIterator<Item = T>,
    pages: &Pages,
    push: impl Fn(&mut String, T) -> Result<(), E>,
) -> Result<String, E> {
    let mut body = String::from("{\"data\":[");
    let count = items.len();
    for (at, item) in items.enumerate() {
        if at > 0 {
            body.push(',');
        }
        push(&mut body, item)?;
        if at == 0 {
            // Most others are about as long; a body that grows step by step is copied at each.
            body.reserve(room_for(count - 1, body.len()));
        }
    }
    body.push_str("],\"page\":{\"next\":");
    push_optional(&mut body, pages.next.as_deref());
    body.push_str(",\"prev\":");
    push_optional(&mut body, pages.prev.as_deref());
    body.push_str("},\"meta\":{");
    if let Some(count) = pages.count {
        let _ = write!(body, "\"count\":{count}");
    }
    body.push_str("}}");
    Ok(body)
}

/// How much room is asked for where more items follow that are about as long as the first.
fn room_for(items: usize, bytes: usize) -> usize {
    // On 32 bits, a hundred long documents are more than can be counted.
    (items.saturating_mul(bytes).saturating_mul(5) / 4).saturating_add(200).min(MAX_RESERVED)
}

/// One document, its members in the order of the contract.
pub(crate) fn push_document(
    body: &mut String,
    document: &Document,
    projection: Option<&Projection>,
) -> Result<(), Problem> {
    push_head(body, document);
    match projection {
        None => body.push_str(&document.fields),
        Some(projection) => projection.push(body, &document.fields)?,
    }
    body.push('}');
    Ok(())
}

/// Everything of a document in front of its fields.
fn push_head(body: &mut String, document: &Document) {
    // Ids and names have nothing to escape.
    for part in ["{\"id\":\"", &document.id, "\",\"type\":\"", document.collection().name(), "\",\"slug\":"] {
        body.push_str(part);
    }
    push_optional(body, document.slug.as_deref());
    body.push_str(",\"status\":\"");
    body.push_str(document.status.name());
    body.push_str("\",\"locale\":");
    push_text(body, &document.locale);
    body.push_str(",\"version\":");
    // Writing to a String can't fail.
    let _ = write!(body, "{}", document.version);
    push_times(body, document);
    if let Some(parent) = &document.parent {
        body.push_str(",\"parent\":");
        push_text(body, parent);
    }
    if document.order != 0 {
        let _ = write!(body, ",\"order\":{}", document.order);
    }
    if let Some(group) = &document.translation_group {
        body.push_str(",\"translationGroup\":");
        push_text(body, group);
    }
    body.push_str(",\"fields\":");
}

fn push_times(body: &mut String, document: &Document) {
    let always = [
        (",\"createdAt\":", Some(document.created_at)),
        (",\"updatedAt\":", Some(document.updated_at)),
        (",\"publishedAt\":", document.published_at),
    ];
    // Most documents were written once: a time that is the one before is copied.
    let mut before = (None, 0..0);
    for (key, time) in always {
        body.push_str(key);
        match time {
            Some(_) if before.0 == time => body.extend_from_within(before.1.clone()),
            Some(millis) => {
                let begin = body.len();
                push_moment(body, millis);
                before = (time, begin..body.len());
            }
            None => body.push_str("null"),
        }
    }
    let where_set = [(",\"publishAt\":", document.publish_at), (",\"expireAt\":", document.expire_at)];
    for (key, time) in where_set {
        if let Some(time) = time {
            body.push_str(key);
            push_moment(body, time);
        }
    }
}

fn push_moment(body: &mut String, time: Timestamp) {
    body.push('"');
    push_time(body, time);
    body.push('"');
}

/// One document that refers to another one.
pub(crate) fn push_referrer(body: &mut String, referrer: &Referrer) -> Result<(), Problem> {
    let members = [
        ("{\"type\":", Some(referrer.collection.as_str())),
        (",\"id\":", Some(&referrer.id)),
        (",\"slug\":", referrer.slug.as_deref()),
        (",\"field\":", Some(&referrer.field)),
        (",\"strength\":", Some(&referrer.strength)),
    ];
    for (key, text) in members {
        body.push_str(key);
        push_optional(body, text);
    }
    body.push('}');
    Ok(())
}

/// The body of an answer with the permissions of a document: what a `PUT` of them takes, in `data`.
pub(crate) fn permissions(entries: &[Entry]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|it| {
            json!({
                "principal": it.principal.to_string(),
                "action": it.action.name(),
                "effect": it.effect.name(),
            })
        })
        .collect();
    json!({ "data": { "permissions": entries } }).to_string()
}

fn push_optional(body: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(body, text),
        None => body.push_str("null"),
    }
}

fn push_text(body: &mut String, text: &str) {
    // Looks at all bytes, without a branch at each: that is some at once.
    let is_plain =
        text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'));
    if is_plain {
        body.push('"');
        body.push_str(text);
        body.push('"');
    } else {
        body.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn room_is_bounded_however_much_would_be_needed() {
        assert_eq!(room_for(4, 100), 700);
        assert_eq!(room_for(0, usize::MAX), 200);
        assert_eq!(room_for(99, usize::MAX / 100), MAX_RESERVED);
        assert_eq!(room_for(2, usize::MAX), MAX_RESERVED);
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_writes_them(text in any::<String>()) {
            let mut body = String::new();
            push_text(&mut body, &text);
            prop_assert_eq!(body, Value::from(text).to_string());
        }
    }
}
