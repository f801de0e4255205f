//! Applying and looking.

use std::{sync::Barrier, thread};

use stratus_migrations::{
    CORE, DOCUMENTS, EVENTS, Migration, MigrationError, MigrationSet, MigrationState, apply, status,
};

use crate::database::{FileDatabase, Interrupted, Noon, ready};

const ALL: [&MigrationSet; 3] = [&CORE, &DOCUMENTS, &EVENTS];

/// The names of all migrations, in their order.
fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.iter().flat_map(|it| it.migrations).map(|it| it.name).collect();
    names.sort_unstable();
    names
}

/// Those that follow one that was applied.
fn names_after(name: &str) -> Vec<&'static str> {
    names().into_iter().filter(|it| *it > name).collect()
}

fn apply_all(database: &FileDatabase) -> Result<Vec<&'static str>, MigrationError> {
    ready(apply(database, &Noon, &ALL))
}

/// A set of one migration, numbered 900.
macro_rules! set {
    ($sql:expr, $checksum:expr) => {
        MigrationSet {
            name: "test",
            requires: &[],
            migrations: &[Migration { id: 900, name: "0900_test", sql: $sql, checksum: $checksum }],
        }
    };
}

#[test]
fn a_fresh_database_gets_everything_in_order_and_once() {
    let database = FileDatabase::new();
    assert_eq!(apply_all(&database).unwrap(), names());
    assert_eq!(database.ask("SELECT id || name || applied_at FROM migrations ORDER BY id"), {
        let rows = names().into_iter().map(|it| format!("{}{it}{}", it.as_bytes()[3] - b'0', Noon::AT));
        rows.collect::<Vec<_>>().join(",")
    });
    assert_eq!(apply_all(&database).unwrap(), [""; 0]);
    assert_eq!(database.ask("PRAGMA integrity_check"), "ok");
}

#[test]
fn a_status_says_what_is_pending_and_writes_nothing() {
    let database = FileDatabase::new();
    let before = ready(status(&database, &ALL)).unwrap();
    assert_eq!(before.pending().map(|it| it.name).collect::<Vec<_>>(), names());
    assert!(matches!(before.require_applied(), Err(MigrationError::Pending { name: "0001_core" })));
    assert_eq!(database.ask("SELECT count(*) FROM sqlite_master"), "0");

    ready(apply(&database, &Noon, &[&EVENTS])).unwrap();
    let events_alone = ready(status(&database, &ALL)).unwrap();
    assert_eq!(events_alone.pending().count(), names().len() - 1);
    let checksum = EVENTS.migrations[0].checksum.to_owned();
    assert_eq!(events_alone.migrations[2].state, MigrationState::Applied { at: Noon::AT, checksum });
    ready(apply(&database, &Noon, &ALL)).unwrap();
    ready(status(&database, &ALL)).unwrap().require_applied().unwrap();
}

#[test]
fn of_two_that_start_at_once_one_applies_each_migration() {
    for _ in 0..10 {
        let database = FileDatabase::new();
        let barrier = Barrier::new(2);
        let start = || {
            barrier.wait();
            apply_all(&database.again()).unwrap()
        };
        let mut applied = thread::scope(|scope| {
            let other = scope.spawn(start);
            [start(), other.join().unwrap()].concat()
        });
        applied.sort_unstable();
        assert_eq!(applied, names());
        assert_eq!(database.ask("SELECT count(*) FROM migrations"), names().len().to_string());
    }
}

#[test]
fn another_program_may_apply_in_between() {
    // The first batch creates the table of records, the second applies 0001.
    for before_batch in 1..=4 {
        let inner = FileDatabase::new();
        let path = inner.path().to_owned();
        let other = inner.again();
        let act = std::sync::Arc::new(move || drop(apply_all(&other).unwrap()));
        let database = Interrupted { inner, before_batch, act: move || act() };
        let applied = ready(apply(&database, &Noon, &ALL)).unwrap();
        assert_eq!(applied, names()[..before_batch.saturating_sub(2)], "{}", path.display());
    }
}

#[test]
fn an_edited_migration_is_named() {
    static BEFORE: MigrationSet = set!("CREATE TABLE t (x)", "aa");
    static AFTER: MigrationSet = set!("CREATE TABLE t (x, y)", "bb");
    let database = FileDatabase::new();
    ready(apply(&database, &Noon, &[&BEFORE])).unwrap();
    let error = ready(apply(&database, &Noon, &[&AFTER])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the migration `0900_test` was edited after it was applied (applied aa, now bb): restore its file and \
         write a new migration"
    );
    let drifted = MigrationState::Drifted { at: Noon::AT, applied: "aa".to_owned(), bundled: "bb" };
    assert_eq!(ready(status(&database, &[&AFTER])).unwrap().migrations[0].state, drifted);
}

#[test]
fn a_newer_schema_is_left_alone() {
    static NEWER: MigrationSet = set!("CREATE TABLE t (x)", "aa");
    let database = FileDatabase::new();
    ready(apply(&database, &Noon, &[&NEWER, &CORE])).unwrap();
    let error = apply_all(&database).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this database was written by a newer Stratus: it has the migration `0900_test`"
    );
    assert_eq!(database.ask("SELECT group_concat(name) FROM migrations"), "0001_core,0900_test");
    assert_eq!(ready(status(&database, &ALL)).unwrap().unknown, ["0900_test"]);
}

/// What `wrangler d1 migrations apply` leaves behind.
fn apply_with_wrangler(database: &FileDatabase, names: &[&str]) {
    database.run(
        "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    );
    for name in names {
        let sql = ALL.iter().flat_map(|it| it.migrations).find(|it| it.name == *name).map_or("", |it| it.sql);
        database.run(sql);
        database.run(&format!(
            "INSERT INTO d1_migrations (name, applied_at) VALUES ('{name}.sql', '2026-11-21 06:00:00')"
        ));
    }
}

#[test]
fn what_wrangler_applied_is_taken_over() {
    let database = FileDatabase::new();
    apply_with_wrangler(&database, &["0001_core", "0002_documents"]);
    let at = 1_795_240_800_000;
    let checksum = CORE.migrations[0].checksum.to_owned();
    let before = ready(status(&database, &ALL)).unwrap();
    assert_eq!(before.migrations[0].state, MigrationState::Applied { at, checksum });
    assert_eq!(apply_all(&database).unwrap(), names_after("0002_documents"));
    assert_eq!(
        database.ask("SELECT applied_at FROM migrations WHERE id <= 3 ORDER BY id"),
        format!("{at},{at},{}", Noon::AT)
    );
    assert_eq!(apply_all(&database).unwrap(), [""; 0]);
}

#[test]
fn wrangler_knows_newer_schemas_and_other_peoples_migrations() {
    let newer = FileDatabase::new();
    apply_with_wrangler(&newer, &["0001_core", "0900_newer"]);
    assert!(
        matches!(apply_all(&newer), Err(MigrationError::NewerSchema { name }) if name == "0900_newer"),
        "a folder with ours in it is ours"
    );
    let others = FileDatabase::new();
    apply_with_wrangler(&others, &["0001_shop"]);
    assert_eq!(apply_all(&others).unwrap(), names());
}

#[test]
fn a_failing_migration_leaves_nothing() {
    static FAILING: MigrationSet =
        set!("CREATE TABLE t (x); INSERT INTO t VALUES (1); INSERT INTO gone VALUES (1)", "");
    let database = FileDatabase::new();
    let error = ready(apply(&database, &Noon, &[&FAILING, &EVENTS])).unwrap_err();
    assert_eq!(error.to_string(), "the migration `0900_test` failed");
    assert_eq!(database.ask("SELECT name FROM migrations"), "0003_events");
    assert_eq!(database.ask("SELECT count(*) FROM sqlite_master WHERE name = 't'"), "0");
}

#[test]
fn a_migration_that_is_not_unique_in_itself_fails() {
    static FAILING: MigrationSet =
        set!("CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)", "");
    let error = ready(apply(&FileDatabase::new(), &Noon, &[&FAILING])).unwrap_err();
    assert!(matches!(error, MigrationError::Failed { name: "0900_test", .. }), "{error}");
}

#[test]
fn a_malformed_migration_touches_nothing() {
    static MALFORMED: MigrationSet = set!("CREATE TABLE t (x);\nSELECT 'x", "");
    let database = FileDatabase::new();
    let error = ready(apply(&database, &Noon, &[&CORE, &MALFORMED])).unwrap_err();
    assert!(matches!(error, MigrationError::Malformed { name: "0900_test", source } if source.line == 2));
    assert_eq!(database.ask("SELECT count(*) FROM sqlite_master"), "0");
}

#[test]
fn events_alone_are_usable() {
    let database = FileDatabase::new();
    assert_eq!(ready(apply(&database, &Noon, &[&EVENTS])).unwrap(), ["0003_events"]);
    database.run(
        "INSERT INTO events (op_id, at, tenant_id, collection, kind) VALUES ('a', 1, 'default', 'c', 'created');
         INSERT INTO generations VALUES ('default', 'c', 1, 1, '00');
         INSERT INTO guards SELECT 'stale_append' WHERE changes() = 0;",
    );
}

#[test]
fn documents_need_events() {
    let database = FileDatabase::new();
    let error = ready(apply(&database, &Noon, &[&DOCUMENTS])).unwrap_err();
    assert_eq!(error.to_string(), "the migrations `documents` require the migrations `events`: apply both");
    assert_eq!(database.ask("SELECT count(*) FROM sqlite_master"), "0");
    ready(apply(&database, &Noon, &[&EVENTS])).unwrap();
    let names: Vec<_> = DOCUMENTS.migrations.iter().map(|it| it.name).collect();
    assert_eq!(ready(apply(&database, &Noon, &[&DOCUMENTS])).unwrap(), names);
}
