//! The promises of [`Database`] and [`Session`].

mod batches;
mod errors;
mod limits;
mod queries;
mod sql;
mod values;

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Error, Result, Rows, Session, Statement, Value};

use self::{batches::*, errors::*, limits::*, queries::*, sql::*, values::*};
use crate::Case;

/// Calls `$callback!` with the name of every case: the only list of them.
///
/// A case function left out of this list is dead code, which CI denies.
#[doc(hidden)]
#[macro_export]
macro_rules! __database_cases {
    ($callback:path $(, $arg:tt)*) => {
        $callback! {
            [$($arg)*]
            query_answers_rows_in_order
            query_without_rows_is_empty
            columns_come_in_the_order_of_the_select
            work_is_counted
            query_refuses_writes
            query_refuses_a_write_behind_with
            batch_answers_one_result_per_statement
            batch_runs_in_order
            empty_batch_does_nothing
            statement_without_rows_answers_none
            failed_statement_rolls_back_the_whole_batch
            failed_guard_rolls_back_the_whole_batch
            guard_arrives_by_name
            passing_guard_lets_the_batch_through
            changes_speaks_of_the_statement_before
            failing_batch_leaves_its_neighbours_unharmed
            select_batch_reads_one_snapshot
            a_session_reads_its_own_writes
            a_committed_batch_is_seen_at_the_primary
            a_bookmark_carries_writes_to_another_session
            transaction_control_is_refused
            refused_statement_leaves_nothing_of_its_batch
            unique_violation_names_its_columns
            primary_key_violation_is_not_unique
            partial_unique_index_violation_names_its_columns
            foreign_key_violation_is_a_constraint
            not_null_violation_is_a_constraint
            other_check_is_a_constraint
            raise_abort_is_a_constraint
            strict_table_refuses_another_type
            missing_table_is_missing_schema
            missing_column_is_missing_schema
            missing_index_is_missing_schema
            broken_sql_is_refused
            unusable_index_is_refused
            integers_up_to_2_pow_53_round_trip
            text_blob_real_null_round_trip
            utf8_text_round_trips
            empty_text_and_blob_are_not_null
            bytes_round_trip
            reals_round_trip
            large_text_round_trips
            json_each_takes_a_list_as_one_parameter
            a_parameter_may_be_used_twice
            returning_gives_rows
            upsert_works
            generated_column_index_is_usable_by_name
            generated_column_can_be_added_and_is_listed
            partial_index_by_literal
            row_values_seek
            row_value_with_null_matches_nothing
            text_compares_by_code_point
            nulls_sort_first
            triggers_fire
            strict_without_rowid_tables_work
            common_table_expressions_recurse
            window_functions_count
            too_many_parameters_is_refused_or_taken
            too_many_columns_is_refused_or_taken
            too_many_compound_terms_is_refused_or_taken
            over_long_sql_is_refused_or_taken
            over_long_pattern_is_refused_or_taken
            over_large_value_is_refused_or_taken
        }
    };
}

macro_rules! table {
    ([] $($case:ident)*) => {
        /// Every promise, in the order they are best read.
        pub const CASES: &[Case<Arc<dyn Database>>] =
            &[$(Case { name: stringify!($case), check: |database| Box::pin($case(database)) }),*];
    };
}
__database_cases!(table);

/// Generates one test per case.
///
/// `$test` is the test attribute of the backend's runtime; `$fresh` is an async function that
/// returns a guard to keep alive and an `Arc<dyn Database>` without a table.
///
/// ```ignore
/// async fn fresh() -> (TempDir, Arc<dyn Database>) { /* … */ }
/// stratus_testkit::database_conformance!((tokio::test), fresh);
/// ```
#[macro_export]
macro_rules! database_conformance {
    ($test:tt, $fresh:ident) => {
        mod database_conformance {
            $crate::__database_cases!($crate::__database_tests, $test, $fresh);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __database_tests {
    ([($test:meta) $fresh:ident] $($case:ident)*) => {$(
        #[$test]
        async fn $case() {
            let (_guard, database) = super::$fresh().await;
            $crate::database::check(stringify!($case), database).await;
        }
    )*};
}

/// Checks one case by name.
///
/// # Panics
///
/// If the promise is broken, or there is no such case.
pub async fn check(name: &str, database: Arc<dyn Database>) {
    crate::check_by_name(CASES, name, database).await;
}

/// Drops every table, newest first, so that a backend that cannot be made anew is empty again.
///
/// Names that begin with `sqlite_` or `_cf_` belong to the backend.
///
/// # Errors
///
/// Those of [`Session::batch`].
pub async fn clear(database: &dyn Database) -> Result<()> {
    let session = database.session(Consistency::Primary);
    let tables = session
        .query(&Statement::bare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' \
             AND substr(name, 1, 4) <> '_cf_' ORDER BY rowid DESC",
        ))
        .await?;
    for table in tables.iter() {
        session.batch(&[Statement::bare(format!("DROP TABLE \"{}\"", table.text(0)?))]).await?;
    }
    Ok(())
}

/// A statement with parameters.
fn with<const N: usize>(sql: impl Into<stratus_storage::Sql>, params: [Value; N]) -> Statement {
    Statement::new(sql, params.into())
}

/// A statement without parameters.
fn bare(sql: impl Into<stratus_storage::Sql>) -> Statement {
    Statement::bare(sql)
}

/// A session at the primary with these tables made.
async fn session_with(database: &Arc<dyn Database>, schema: &[&'static str]) -> Box<dyn Session> {
    let session = database.session(Consistency::Primary);
    let statements: Vec<_> = schema.iter().map(|&sql| bare(sql)).collect();
    session.batch(&statements).await.expect("the schema of a case");
    session
}

/// The rows of a query that must succeed.
async fn rows(session: &dyn Session, statement: Statement) -> Rows {
    let answer = session.query(&statement).await;
    answer.unwrap_or_else(|error| panic!("{:?}: {error:?}", statement.sql))
}

/// The one integer that a query answers.
async fn integer(session: &dyn Session, sql: &'static str) -> i64 {
    let rows = rows(session, bare(sql)).await;
    rows.first().expect("a row").integer(0).expect("an integer")
}

/// The first column as text, one a row.
fn texts(rows: &Rows) -> Vec<&str> {
    rows.iter().map(|row| row.text(0).expect("text")).collect()
}

/// The error of a batch that must fail.
async fn failure(session: &dyn Session, statements: &[Statement]) -> Error {
    match session.batch(statements).await {
        Ok(_) => panic!("this batch should fail: {statements:?}"),
        Err(error) => error,
    }
}
