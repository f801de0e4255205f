//! The append-only event log, and the generations that tell whether a collection has changed.
//!
//! A write puts [`append`] and, directly after it, [`advance`] into its own batch, so that the log
//! and the generations never disagree with what was written. The tables are the migration set
//! `EVENTS`, usable without the rest of Stratus.
//!
//! # Invariants
//!
//! - Positions only grow, and none is given twice.
//! - An event carries changed field paths and small facts, never content.
//! - Generations are never removed; the log may be pruned.

mod generation;
mod guard;
mod log;

pub use generation::{Generation, Reach, Stamp, advance, generations, restamp};
pub use guard::{GuardKind, guard_changed, guard_when};
pub use log::{Event, EventKind, NewEvent, append, read_after, receipt};
