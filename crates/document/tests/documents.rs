//! What documents promise, through the public door, on real SQLite in D1-strict mode.

#[path = "documents/fixture.rs"]
mod fixture;

#[path = "documents/lifecycle.rs"]
mod lifecycle;
