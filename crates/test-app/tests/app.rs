//! The API's behaviour as data: `fixtures/transcripts` on SQLite, on SQLite as strict as D1, and
//! on D1 inside workerd, equal to the byte; and the plans of what it asks the database.
//!
//! Beside them are the differential fuzz and the naive oracle of queries.
//!
//! What needs a Worker is behind the feature `workerd`: `cargo xtask transcripts` builds one, starts
//! it and runs these. `UPDATE_TRANSCRIPTS=1` writes the answers of SQLite into the stories, and into
//! the recipes of `docs/api.md`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails says so, and the fuzz says what it did"
)]

mod app {
    #[cfg(feature = "workerd")]
    mod bad_inputs;
    #[cfg(feature = "workerd")]
    mod client;
    mod cookbook;
    mod described;
    mod description;
    mod fuzz;
    mod oracle;
    mod plans;
    mod pretty;
    mod story;
    mod target;
    mod transcripts;
    mod wire;
}
