//! The ports of Stratus: what the rest of the workspace may ask of a machine.
//!
//! A program is a composition of adapters that implement these traits: a SQL [`Database`], a
//! [`KeyValue`] store, a [`BlobStore`], a [`Clock`], a source of [`Entropy`] and a place for
//! [`Background`] work. Every promise made in the documentation of a method is a named
//! conformance case in `stratus-testkit`, which every adapter runs.
//!
//! # Invariants
//!
//! - No runtime, no driver, no domain: nothing here knows tokio, rusqlite, JavaScript or a table.
//! - There are no transaction handles. The unit of atomicity is [`Session::batch`].
//! - Time is integer milliseconds UTC; integers are within ±(2^53−1), see [`Value::integer`].

mod blob;
mod bookmark;
mod clock;
mod database;
mod entropy;
mod error;
mod ids;
mod key_value;
mod limits;
mod rows;
mod statement;
mod value;

pub use blob::{Blob, BlobKey, BlobStore};
pub use bookmark::{Bookmark, InvalidBookmark};
pub use clock::{Background, Clock, Timestamp};
pub use database::{Committed, Consistency, Database, Session, commit};
pub use entropy::Entropy;
pub use error::{BoxError, Error, Result};
pub use ids::{InvalidUuid, OpId, mint_uuid_v7, parse_uuid};
pub use key_value::{KeyValue, MAX_KEY_BYTES, MIN_TTL_SECONDS, fitting_key};
pub use limits::Limits;
pub use rows::{Row, RowMut, Rows};
pub use statement::{Sql, Statement, refuse_transaction_control};
pub use value::{MAX_SAFE_INTEGER, Value};
