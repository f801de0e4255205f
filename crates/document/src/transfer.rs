//! Documents out of a database and into one, as lines of JSON: one root a line.
//!
//! [`export`] writes what [`Importer`] reads: a second export from the new database is the same,
//! byte for byte. Both work on streams and in bounded memory, and know no file.
//!
//! A line is `{id, type, slug, locale, parent, createdAt, publishedAt, order?, translationGroup?,
//! published?: {version, updatedAt, publishAt, expireAt, fields}, head: {…} | "same", permissions?,
//! versions?: [{version, updatedAt, fields}]}`, its members in this order. `slug`, `locale` and
//! `parent` are the head's; a row where they differ has its own behind `fields`. Private fields are
//! among the others. Revisions, events, authors and the tenant are not in it.
//!
//! # Invariants
//!
//! - What is imported was checked as any other write is, and tells the log as one does.
//! - An equal document is not written at all: no event, no generation.
//! - Nothing in memory grows with the file, but for 100 bytes a line of those that refer to each
//!   other in a circle.

mod batch;
mod cycles;
mod export;
mod import;
mod line;
mod plan;
mod references;
mod resolve;
mod run;
mod settle;
mod source;
mod stage;
mod staging;
mod stored;
mod strict;
mod target;
#[cfg(test)]
mod tests;
mod wanted;
mod write;

pub use export::{ExportError, ExportOptions, ExportState, History, export};
pub use import::{ImportError, ImportOptions, Importer, LineFault, OnError, Report, Summary};
