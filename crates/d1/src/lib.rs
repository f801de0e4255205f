//! The SQL port over Cloudflare D1.
//!
//! D1 is SQLite behind a network and behind JavaScript. This crate is the only one that knows
//! either: it hands every `!Send` future to [`SendFuture`](worker::send::SendFuture) so that
//! nobody above notices, and it turns what D1 says into [`stratus_storage::Error`]. What D1 was
//! found to do is written down, with the way to check it again, in `docs/d1.md`.
//!
//! # Invariants
//!
//! - A call is one round trip to D1: one `batch` of prepared statements, never a loop of them.
//! - A batch is never repeated. When its answer is lost, the caller hears
//!   [`OutcomeUnknown`](stratus_storage::Error::OutcomeUnknown).
//! - What D1 would round, truncate or run unasked is refused before it is sent: integers beyond
//!   ±(2^53−1), numbers that are not finite, a second statement behind a semicolon.
//! - No JavaScript value leaves this crate, not even inside an error.

mod background;
mod clock;
mod convert;
mod database;
mod entropy;
mod error;
mod exchange;
mod session;
mod sql;

pub use background::WaitUntil;
pub use clock::WorkerClock;
pub use database::D1Database;
pub use entropy::WorkerEntropy;
pub use exchange::{Incoming, MalformedRequest, request_of_worker, response_for_worker};

#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
compile_error!("`SendFuture` is only sound while a Worker is single-threaded");
