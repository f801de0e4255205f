//! The ports over embedded SQLite: [`SqliteDatabase`], [`SqliteKeyValue`] and [`FileBlobStore`].
//!
//! A database is one file in WAL mode. Reads run on the calling thread, on a small pool of
//! read-only connections; what turns out to be long is begun again on a thread of its own. Writes go to
//! one thread that commits batches which wait together in one transaction with one fsync. Several
//! processes may use the same file.
//!
//! # Invariants
//!
//! - Nothing is answered before COMMIT returned, and a failing batch never harms a neighbour that
//!   shares its transaction.
//! - A connection is never held over an `await`.
//! - Callers can't change a connection: an authorizer refuses transaction control, ATTACH, temporary
//!   tables and every pragma that is not a plain question.
//! - No domain: not a table of Stratus is named here.
//! - No runtime: any executor may poll these futures, and none is needed.

mod blobs;
mod connection;
mod database;
mod error;
mod key_value;
mod open;
mod options;
mod policy;
mod readers;
mod slow;
mod writer;

pub use blobs::FileBlobStore;
pub use database::SqliteDatabase;
pub use key_value::SqliteKeyValue;
pub use open::OpenError;
pub use options::{SqliteOptions, Synchronous};
pub use writer::WriteStats;
