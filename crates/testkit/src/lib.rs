//! What it means to be a backend, as executable cases, and the worlds that tests run in.
//!
//! Each promise in the documentation of a port is a named case here: [`database`], [`key_value`],
//! [`blob`], [`machine`]. Adapters run them under `cargo test` through [`database_conformance!`] and its
//! siblings; backends that exist only inside a runtime (D1) run the very same `CASES` from a probe
//! Worker. The decorators [`CountingDatabase`], [`RecordingDatabase`] and [`FaultyDatabase`] wrap any backend;
//! [`SettableClock`], [`SeededEntropy`] and [`InlineBackground`] stand in for the machine.
//!
//! # Invariants
//!
//! - Compiles for wasm: no runtime, no thread, no clock and no randomness of the machine.
//! - A case gets an empty store and creates what it needs; it passes on SQLite, on SQLite in
//!   D1-strict mode and on D1, whose numbers are JavaScript's.
//! - A case left out of its list is dead code, which CI denies.
//! - Never a normal dependency of anything that ships.

mod background;
pub mod blob;
mod clock;
mod counting;
pub mod database;
mod entropy;
mod faulty;
pub mod key_value;
pub mod machine;
mod recording;

use std::{fmt, future::Future, pin::Pin};

pub use background::InlineBackground;
pub use clock::SettableClock;
pub use counting::{CountingDatabase, Counts};
pub use entropy::SeededEntropy;
pub use faulty::{Fault, FaultyDatabase};
pub use recording::RecordingDatabase;

/// A named promise, and how to check it against a fresh, empty subject `S`.
pub struct Case<S> {
    /// What is promised, as a test name.
    pub name: &'static str,
    /// Panics if the promise is broken.
    pub check: fn(S) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S> fmt::Debug for Case<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Finds a case by name and runs it.
async fn check_by_name<S>(cases: &[Case<S>], name: &str, subject: S) {
    let case = cases.iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("no case named `{name}`"));
    (case.check)(subject).await;
}
