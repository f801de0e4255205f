//! The filter of a list as it is written, brackets in a URL or JSON in a body, brought to one tree.
//!
//! What the names and values mean is for the collection to say; here is only what belongs to which
//! `and`, `or` and `not`. Nothing that a client may be guessing at is repeated.

mod body;
mod brackets;

use stratus_document::RawCondition;

pub(crate) use body::{query, wrong};
pub(crate) use brackets::take;

/// All conditions of one level, which must all hold.
fn all(mut conditions: Vec<RawCondition>) -> RawCondition {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => RawCondition::All(conditions),
    }
}

/// Whether a condition is one of some already.
fn is_among(conditions: &[RawCondition], name: &str, by: &str) -> bool {
    conditions
        .iter()
        .any(|it| matches!(it, RawCondition::Test { path, operator, .. } if path == name && operator == by))
}
