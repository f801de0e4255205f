//! Collections, documents, revisions: the document model, and all SQL of documents.
//!
//! A [`Registry`] holds the compiled collections. [`DocumentRepository`] is the one place that
//! documents are read from, [`DocumentsService`] the one that they are written through;
//! [`transfer`] takes them out by the thousand, and in. [`examine`] says whether what is stored
//! agrees with itself, and [`repair`] sees to it; [`Settings`] are kept beside.
//!
//! # Invariants
//!
//! - Every statement carries the tenant and the caller's rights; text of a statement is a function
//!   of definitions and of a query's shape, never of a value.
//! - Every write is one batch: version row, derived rows, guards, one event, one generation.
//! - `data` holds what may leave the server, `data_private` the rest; they are never mixed.
//! - No wire format but the stored JSON of fields, no HTTP, no driver.

mod collection;
mod definition;
mod derived;
mod doctor;
mod document;
mod entries;
mod error;
mod insert;
mod install;
mod physical;
mod projection;
mod query;
mod registry;
mod repair;
mod repository;
mod rewrite;
mod selection;
mod service;
mod settings;
mod slug;
mod sql;
mod standing;
mod sweep;
mod texts;
pub mod transfer;
mod validate;

pub use collection::{Collection, Field};
pub use definition::{
    CollectionDefinition, ColumnType, DEFAULT_LOCALE, DEFAULT_MAX_VERSIONS, DefinitionError,
    DefinitionProblem, FieldDefinition, FieldType, SlugRule, Strength, VersionRule,
};
pub use doctor::{Finding, FindingKind, examine};
pub use document::{Document, Scope, format_time, parse_time, push_time};
pub use error::{DocumentError, Referrer, Result};
pub use install::{
    InstallError, Installed, drop_obsolete, install, install_at_once, install_observed, is_empty,
    stored_definitions, write_definition,
};
pub use physical::{Column, Direction, Index, State};
pub use query::{
    Count, CursorKey, DEFAULT_LIMIT, ListParams, ListQuery, MAX_CONDITIONS, MAX_LIMIT, OPERATORS, Operand,
    RawCondition,
};
pub use registry::Registry;
pub use repair::{Repaired, repair};
pub use repository::{
    DocumentRepository, MAX_POPULATED, MAX_POPULATED_BYTES, Page, Piece, Place, Populated, Reading, View,
};
pub use rewrite::rewrite_outdated;
pub use selection::{Branch, Selection, Unselectable};
pub use service::{
    Answer, Change, DocumentsService, Done, Failed, Input, Keyed, MakeAnswer, Member, Operation, Outcome,
    Permissions, Precondition, Step, Written,
};
pub use settings::{Setting, Settings, SettingsError, Shown};
pub use slug::{MAX_SLUG_BYTES, is_slug};
pub use sweep::{Swept, sweep};
pub use validate::{FieldError, RICHTEXT_NODES};
