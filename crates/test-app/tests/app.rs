//! The API's behaviour as data: `fixtures/transcripts` on SQLite, on SQLite as strict as D1, and
//! on D1 inside workerd, equal to the byte.
//!
//! What needs a Worker is ignored here: `cargo xtask transcripts` builds one, starts it and runs
//! these. `UPDATE_TRANSCRIPTS=1` writes the answers of SQLite into the stories.

#[path = "app/bad_inputs.rs"]
mod bad_inputs;
#[path = "app/client.rs"]
mod client;
#[path = "app/fuzz.rs"]
mod fuzz;
#[path = "app/pretty.rs"]
mod pretty;
#[path = "app/story.rs"]
mod story;
#[path = "app/target.rs"]
mod target;
#[path = "app/transcripts.rs"]
mod transcripts;
#[path = "app/wire.rs"]
mod wire;
