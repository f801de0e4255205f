//! The ports over Cloudflare: SQL on D1, key-value on Workers KV, blobs on R2, and the time,
//! randomness and background of a Worker.
//!
//! D1 is SQLite behind a network and behind JavaScript. This crate is the only one that knows
//! either: it hands every `!Send` future to [`SendFuture`](worker::send::SendFuture) so that
//! nobody above notices, and it turns what Cloudflare says into [`stratus_storage::Error`]. What D1,
//! KV and R2 were found to do is written down, with the way to check it again, in `docs/d1.md`.
//!
//! # Invariants
//!
//! - A call to D1 is one round trip: one `batch` of prepared statements, never a loop of them.
//! - A batch that writes is never repeated. When its answer is lost, the caller hears
//!   [`OutcomeUnknown`](stratus_storage::Error::OutcomeUnknown). Only a read that a replica fails is
//!   asked once more, of the primary.
//! - Every call has a deadline, and every answer is looked at before it is believed: no binding makes
//!   a request hang or panic.
//! - What D1 would round, truncate or run unasked is refused before it is sent: integers beyond
//!   ±(2^53−1), numbers that are not finite, a second statement behind a semicolon.
//! - No JavaScript value leaves this crate, not even inside an error, and none is kept in a static:
//!   whatever belongs to a request ends with it.

mod anchor;
mod background;
mod blobs;
mod call;
mod clock;
mod convert;
mod database;
mod entropy;
mod error;
mod exchange;
mod js;
mod key_value;
mod session;
mod sql;

pub use background::WaitUntil;
pub use blobs::R2BlobStore;
pub use clock::WorkerClock;
pub use database::D1Database;
pub use entropy::WorkerEntropy;
pub use exchange::{Incoming, MalformedRequest, request_of_worker, response_for_worker};
pub use key_value::WorkersKeyValue;
pub use sql::{Effect, effect};

#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
compile_error!("`SendFuture` is only sound while a Worker is single-threaded");
