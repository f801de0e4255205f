//! The Worker: the API of Stratus over Cloudflare D1.
//!
//! `entry` is what the runtime calls, `app` what an isolate builds on its first request, `schema`
//! how it finds out on the way of that request whether the database is fit, and makes it so.
//!
//! # Invariants
//!
//! - Nothing of a request outlives it: what an isolate keeps are values, never a future, a promise
//!   or a lock that somebody may hold across one.
//! - An isolate asks nothing of its own before a request's first query; what it must know comes
//!   with that query's answer.
//! - A panic answers its request with 500 and costs the isolate its instance, not its life.
//! - A secret comes from a secret of the Worker and is never in the log.
//! - No wire format and no rule of documents is known here.

mod app;
mod chores;
mod collections;
mod config;
#[cfg(not(feature = "trials"))]
mod definitions;
mod entry;
mod gate;
mod log;
mod patience;
mod schema;
#[cfg(feature = "trials")]
mod trials;
mod watch;

pub use entry::{answer_panic, begin, fetch, migrate, plan, polled, tick};
