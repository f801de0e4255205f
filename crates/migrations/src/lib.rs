//! Numbered SQL files, bundled into the program, applied once and tracked; and the generated
//! columns and indexes of `documents`, which come without a migration.
//!
//! A [`MigrationSet`] is applied with [`apply`] and looked at with [`status`]. The sets of this
//! repository are [`CORE`], [`DOCUMENTS`] and [`EVENTS`]; each can be had without the others,
//! except that `DOCUMENTS` requires `EVENTS`. `cargo xtask codegen` writes them from
//! `migrations/` by [`codegen::bundle`].
//!
//! # Invariants
//!
//! - A migration and its record are one batch: either both are there or neither.
//! - A migration is applied once, however many processes start at the same time.
//! - A migration that was released is never edited: the generator compares checksums.
//! - Nothing here drops anything, but for [`drop_indexes`] and [`drop_generated_columns`], which are
//!   asked to, and for [`repair_schema`], which puts what belongs there in its place.
//! - No clock, no file, no runtime: it runs where the database is, Workers included.
//! - No domain: of documents only the name of the table and of its column `data` are known.

mod apply;
mod audit;
#[rustfmt::skip]
mod bundle;
pub mod codegen;
mod columns;
mod error;
mod indexes;
mod records;
mod schema;
mod set;
mod split;
mod status;

pub use apply::apply;
pub use audit::{Fault, SchemaFault, SchemaRepair, audit_schema, repair_schema};
pub use bundle::{CORE, DOCUMENTS, EVENTS};
pub use columns::{
    GeneratedColumn, drop_generated_columns, ensure_generated_columns, obsolete_generated_columns,
};
pub use error::MigrationError;
pub use indexes::{
    IndexDefinition, IndexProgress, build_indexes, drop_indexes, ensure_indexes, obsolete_indexes,
};
pub use set::{Migration, MigrationSet};
pub use split::{SplitError, split};
pub use status::{MigrationState, MigrationStatus, Status, status};
