//! Random documents and queries, and what each query must show of them: a naive filter in memory,
//! sorted, that shares nothing with the compiler.
//!
//! What is hidden, absent, ahead, over, denied, in the trash or a draft is among the documents. The
//! same oracle is asked by the tests of the repository and by those of the API on every database.
//!
//! # Invariants
//!
//! - Knows neither the crate of documents nor the API: definitions, fields and filters are JSON.
//! - No I/O: whoever asks makes the documents and says which ids and times they were given.

mod content;
mod document;
mod filter;
mod oracle;
mod query;

pub use content::{Content, NOBODY, Val};
pub use document::{Doc, Fate, documents};
pub use filter::{Filter, Test};
pub use oracle::{Made, Oracle};
pub use query::{Query, Reader, Stage, query};

/// The collections that the documents are of, in which order they are asked: all three look alike,
/// so that paths can go on and on; only what one may do differs. The definitions are in
/// `fixtures/queries/collections`.
pub const COLLECTIONS: [&str; 3] = ["things", "people", "vault"];
