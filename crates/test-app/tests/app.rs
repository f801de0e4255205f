//! The API's behaviour as data: `fixtures/transcripts` on SQLite, on SQLite as strict as D1, and
//! on D1 inside workerd, equal to the byte.
//!
//! What needs a Worker is ignored here: `cargo xtask transcripts` builds one, starts it and runs
//! these. `UPDATE_TRANSCRIPTS=1` writes the answers of SQLite into the stories.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails says so, and the fuzz says what it did"
)]

mod app {
    mod bad_inputs;
    mod client;
    mod fuzz;
    mod pretty;
    mod story;
    mod target;
    mod transcripts;
    mod wire;
}
