//! Migrations, generated columns and indexes on real SQLite files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod applying;
mod auditing;
mod columns;
mod database;
mod snapshot;
