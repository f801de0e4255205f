//! Which error says what.

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Error, Session};

use super::{bare, failure, integer, session_with};

pub(super) async fn transaction_control_is_refused(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER UNIQUE)"]).await;
    for sql in [
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "END TRANSACTION",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "/* hidden */ commit",
        "\u{feff}COMMIT",
        "INSERT OR \u{feff}ROLLBACK INTO t VALUES (1)",
        "INSERT OR ROLLBACK INTO t VALUES (1)",
        "UPDATE OR ROLLBACK t SET n = 1",
        "CREATE TABLE u (n INTEGER UNIQUE ON CONFLICT ROLLBACK)",
        "CREATE TRIGGER a BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        "CREATE TABLE u (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)",
        "PRAGMA defer_foreign_keys = on",
    ] {
        let queried = session.query(&bare(sql)).await;
        assert!(matches!(queried, Err(Error::Refused { .. })), "query {sql}: {queried:?}");
        // Twice: what was refused once is not remembered as good.
        for _ in 0..2 {
            let error = failure(&*session, &[bare(sql)]).await;
            assert!(matches!(error, Error::Refused { .. }), "batch {sql}: {error:?}");
        }
    }
}

pub(super) async fn refused_statement_leaves_nothing_of_its_batch(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER)"]).await;
    let insert = bare("INSERT INTO t VALUES (1)");
    let error = failure(&*session, &[insert.clone(), bare("COMMIT"), insert]).await;
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM t").await, 0);
}

async fn not_unique(session: &dyn Session, sql: &'static str, expected: &str) {
    match failure(session, &[bare(sql)]).await {
        Error::NotUnique { columns } => assert_eq!(columns, expected),
        other => panic!("expected a violation of {expected}, got {other:?}"),
    }
}

pub(super) async fn unique_violation_names_its_columns(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (a TEXT, b TEXT, c TEXT UNIQUE, UNIQUE (a, b))",
        "INSERT INTO t VALUES ('x', 'y', 'z')",
    ];
    let session = session_with(&database, &schema).await;
    not_unique(&*session, "INSERT INTO t VALUES ('x', 'y', 'other')", "t.a, t.b").await;
    not_unique(&*session, "INSERT INTO t VALUES ('other', 'y', 'z')", "t.c").await;
}

pub(super) async fn primary_key_violation_is_not_unique(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE u (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO u VALUES ('1')",
    ];
    let session = session_with(&database, &schema).await;
    not_unique(&*session, "INSERT INTO t VALUES (1)", "t.id").await;
    not_unique(&*session, "INSERT INTO u VALUES ('1')", "u.id").await;
}

pub(super) async fn partial_unique_index_violation_names_its_columns(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (tenant TEXT, slug TEXT, live INTEGER)",
        "CREATE UNIQUE INDEX ix ON t (tenant, slug) WHERE live = 1",
        "INSERT INTO t VALUES ('a', 's', 1), ('a', 's', 0), ('a', 's', 0)",
    ];
    let session = session_with(&database, &schema).await;
    not_unique(&*session, "UPDATE t SET live = 1", "t.tenant, t.slug").await;
}

async fn constraint(session: &dyn Session, sql: &'static str, mentions: &str) {
    match failure(session, &[bare(sql)]).await {
        Error::Constraint { constraint } => assert!(constraint.contains(mentions), "{constraint}"),
        other => panic!("expected a constraint that mentions {mentions}, got {other:?}"),
    }
}

pub(super) async fn foreign_key_violation_is_a_constraint(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER NOT NULL REFERENCES parent (id))",
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO child VALUES (1)",
    ];
    let session = session_with(&database, &schema).await;
    constraint(&*session, "INSERT INTO child VALUES (2)", "FOREIGN KEY").await;
    constraint(&*session, "DELETE FROM parent", "FOREIGN KEY").await;
}

pub(super) async fn not_null_violation_is_a_constraint(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER NOT NULL)"]).await;
    constraint(&*session, "INSERT INTO t VALUES (NULL)", "t.n").await;
}

pub(super) async fn other_check_is_a_constraint(database: Arc<dyn Database>) {
    let schema = ["CREATE TABLE t (n INTEGER, CONSTRAINT small CHECK (n < 10), CHECK (n <> 5))"];
    let session = session_with(&database, &schema).await;
    constraint(&*session, "INSERT INTO t VALUES (10)", "small").await;
    constraint(&*session, "INSERT INTO t VALUES (5)", "n <> 5").await;
}

pub(super) async fn raise_abort_is_a_constraint(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (n INTEGER)",
        "CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'rows are for ever'); END",
        "INSERT INTO t VALUES (1)",
    ];
    let session = session_with(&database, &schema).await;
    constraint(&*session, "DELETE FROM t", "rows are for ever").await;
}

pub(super) async fn strict_table_refuses_another_type(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER) STRICT"]).await;
    constraint(&*session, "INSERT INTO t VALUES ('x')", "t.n").await;
}

async fn missing(database: &Arc<dyn Database>, sql: &'static str, mentions: &str) {
    let session = database.session(Consistency::Primary);
    let queried = session.query(&bare(sql)).await.expect_err(sql);
    let batched = failure(&*session, &[bare(sql)]).await;
    for error in [queried, batched] {
        match error {
            Error::MissingSchema { what } => assert!(what.contains(mentions), "{what}"),
            other => panic!("expected that {mentions} is missing, got {other:?}"),
        }
    }
}

pub(super) async fn missing_table_is_missing_schema(database: Arc<dyn Database>) {
    missing(&database, "SELECT * FROM documents", "documents").await;
}

pub(super) async fn missing_column_is_missing_schema(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER)"]).await;
    missing(&database, "SELECT q_price_i FROM t", "q_price_i").await;
    let insert = bare("INSERT INTO t (q_price_i) VALUES (1)");
    let error = failure(&*session, &[insert]).await;
    assert!(matches!(error, Error::MissingSchema { .. }), "{error:?}");
}

pub(super) async fn missing_index_is_missing_schema(database: Arc<dyn Database>) {
    session_with(&database, &["CREATE TABLE t (n INTEGER)"]).await;
    missing(&database, "SELECT n FROM t INDEXED BY ix_none WHERE n = 1", "ix_none").await;
}

async fn refused(database: &Arc<dyn Database>, sql: &'static str) {
    let session = database.session(Consistency::Primary);
    let queried = session.query(&bare(sql)).await;
    assert!(matches!(queried, Err(Error::Refused { .. })), "query {sql}: {queried:?}");
    let batched = session.batch(&[bare(sql)]).await;
    assert!(matches!(batched, Err(Error::Refused { .. })), "batch {sql}: {batched:?}");
}

pub(super) async fn broken_sql_is_refused(database: Arc<dyn Database>) {
    refused(&database, "SELEC 1").await;
    refused(&database, "SELECT 1 +").await;
    refused(&database, "SELECT no_such_function(1) AS n").await;
}

pub(super) async fn unusable_index_is_refused(database: Arc<dyn Database>) {
    let schema = ["CREATE TABLE t (a INTEGER, b INTEGER)", "CREATE INDEX ix_a ON t (a) WHERE b = 1"];
    session_with(&database, &schema).await;
    refused(&database, "SELECT a FROM t INDEXED BY ix_a WHERE a = 1").await;
}
