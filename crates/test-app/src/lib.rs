//! The API as a program that tests can repeat: the same router as every other program's, over any
//! database, with a time and a randomness that each request brings along.
//!
//! [`TestApp`] runs in process over SQLite, and in a Worker over D1. A request says in
//! [`MOMENT`] when it is and which one it is; all ids and times that it leaves follow from that.
//! So two programs that are asked the same answer the same, to the byte.
//!
//! # Invariants
//!
//! - Nothing is remembered from one request to the next but by the database.
//! - The headers and the calls of its own never reach the API.
//! - Compiles for wasm: no runtime, no driver, no clock and no randomness of the machine.

mod app;
mod definitions;
mod moment;
mod plans;
mod reset;

pub use app::{ADMIN_TOKEN, COLLECTIONS, HOST, SECOND_HOST, TestApp};
pub use definitions::with_corpora;
pub use moment::{InvalidMoment, MOMENT, Moment};
pub use plans::PLANS;
pub use reset::RESET;
