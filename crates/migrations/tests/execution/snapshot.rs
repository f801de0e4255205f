//! The schema, so that a change of it is visible in review.

use stratus_migrations::{CORE, DOCUMENTS, EVENTS, MigrationSet, apply};

use crate::database::{FileDatabase, Noon, ready};

/// Each table and index with its definition, without comments, ordered by name.
fn schema(set: &[&MigrationSet]) -> String {
    let database = FileDatabase::new();
    ready(apply(&database, &Noon, set)).unwrap();
    let objects = database.ask(
        "SELECT group_concat(name || ': ' || sql, char(10))
         FROM (SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name)",
    );
    let without_comment = |line: &str| line.split("--").next().unwrap_or_default().trim_end().to_owned();
    objects.lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

#[test]
fn schema_of_identity() {
    insta::assert_snapshot!(schema(&[&CORE]));
}

#[test]
fn schema_of_documents_and_events() {
    insta::assert_snapshot!(schema(&[&DOCUMENTS, &EVENTS]));
}
