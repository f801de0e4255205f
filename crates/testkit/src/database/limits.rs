//! What a backend takes at most is what it says it takes.

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Error, Limits, Statement, Value};

use super::{bare, session_with, with};

/// Limits above this are not approached: the test would be about memory.
const MEASURABLE: usize = 3_000_000;

/// Checks that `statement(limit)` is taken, and that one beyond the limit is too large.
async fn holds(
    database: &Arc<dyn Database>,
    limit: fn(Limits) -> usize,
    low: usize,
    over: usize,
    statement: impl Fn(usize) -> Statement,
) {
    let session = database.session(Consistency::Primary);
    let limit = limit(database.limits());
    // Where the backend takes more than can be measured, what the narrowest refuses is taken.
    let taken = if limit <= MEASURABLE { limit - low } else { over };
    let answer = session.batch(&[statement(taken)]).await;
    assert!(answer.is_ok(), "{taken} of {limit}: {:?}", answer.err());
    if limit <= MEASURABLE {
        let statement = statement(limit + over);
        let batched = session.batch(std::slice::from_ref(&statement)).await;
        assert!(matches!(batched, Err(Error::TooLarge { .. })), "{} of {limit}: {batched:?}", limit + over);
        if statement.sql.trim_start().starts_with("SELECT") {
            let queried = session.query(&statement).await;
            assert!(
                matches!(queried, Err(Error::TooLarge { .. })),
                "{} of {limit}: {queried:?}",
                limit + over
            );
        }
    }
}

pub(super) async fn too_many_parameters_is_refused_or_taken(database: Arc<dyn Database>) {
    holds(
        &database,
        |it| it.params,
        0,
        1,
        |count| {
            let marks: Vec<String> = (1..=count).map(|n| format!("(?{n})")).collect();
            let sql = format!("SELECT count(*) AS n FROM (VALUES {})", marks.join(","));
            Statement::new(sql, vec![Value::Integer(1); count])
        },
    )
    .await;
}

pub(super) async fn too_many_columns_is_refused_or_taken(database: Arc<dyn Database>) {
    holds(
        &database,
        |it| it.columns,
        0,
        1,
        |count| {
            let columns: Vec<String> = (1..=count).map(|n| format!("c{n} INTEGER")).collect();
            bare(format!("CREATE TABLE t{count} ({})", columns.join(",")))
        },
    )
    .await;
}

pub(super) async fn too_many_compound_terms_is_refused_or_taken(database: Arc<dyn Database>) {
    holds(
        &database,
        |it| it.compound_terms,
        0,
        1,
        |count| {
            let terms = vec!["SELECT abs(1) AS n"; count];
            bare(terms.join(" UNION ALL "))
        },
    )
    .await;
}

pub(super) async fn over_long_sql_is_refused_or_taken(database: Arc<dyn Database>) {
    holds(
        &database,
        |it| it.sql_bytes,
        1000,
        1000,
        |bytes| bare(format!("SELECT 1 AS n /* {} */", "x".repeat(bytes.max(20) - 20))),
    )
    .await;
}

pub(super) async fn over_long_pattern_is_refused_or_taken(database: Arc<dyn Database>) {
    holds(
        &database,
        |it| it.pattern_bytes,
        0,
        1,
        |bytes| with("SELECT 'x' LIKE ?1 AS n", ["x".repeat(bytes).into()]),
    )
    .await;
}

pub(super) async fn over_large_value_is_refused_or_taken(database: Arc<dyn Database>) {
    session_with(&database, &["CREATE TABLE t (v BLOB)"]).await;
    // D1 documents 2 MB and enforces a little more.
    holds(
        &database,
        |it| it.row_bytes,
        1000,
        500_000,
        |bytes| with("INSERT INTO t VALUES (?1)", [Value::Blob(vec![7; bytes])]),
    )
    .await;
}
