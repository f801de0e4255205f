//! What `query` answers, and what it refuses.

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Error};

use super::{bare, integer, rows, session_with, texts, with};

pub(super) async fn query_answers_rows_in_order(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let found =
        rows(&*session, bare("SELECT value FROM json_each('[\"b\",\"a\",\"c\"]') ORDER BY value")).await;
    assert_eq!(texts(&found), ["a", "b", "c"]);
    let reversed = rows(&*session, bare("SELECT value FROM json_each('[1,2,3]') ORDER BY value DESC")).await;
    let numbers: Vec<_> = reversed.iter().map(|row| row.integer(0).expect("an integer")).collect();
    assert_eq!(numbers, [3, 2, 1]);
}

pub(super) async fn query_without_rows_is_empty(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let found = rows(&*session, bare("SELECT 1 AS one, 2 AS two WHERE 0")).await;
    assert!(found.is_empty() && found.first().is_none());
}

pub(super) async fn columns_come_in_the_order_of_the_select(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let select = bare("SELECT 'x' AS zebra, 'y' AS apple, 'z' AS mango");
    let queried = rows(&*session, select.clone()).await;
    let batched = session.batch(&[select]).await.expect("batch");
    for found in [&queried, &batched[0]] {
        let row = found.first().expect("a row");
        let cells: Vec<_> = (0..3).map(|column| row.text(column).expect("text")).collect();
        assert_eq!(cells, ["x", "y", "z"]);
        assert!(row.value(3).is_err(), "there are three columns");
    }
}

pub(super) async fn work_is_counted(database: Arc<dyn Database>) {
    let schema =
        ["CREATE TABLE t (n INTEGER)", "INSERT INTO t SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9]')"];
    let session = session_with(&database, &schema).await;
    let scan = bare("SELECT count(*) AS n FROM t WHERE n <> 5");
    let first = rows(&*session, scan.clone()).await.work();
    let second = rows(&*session, scan).await.work();
    assert!(first > 0, "a scan is work");
    assert_eq!(first, second, "work is of one run, not a sum");
}

pub(super) async fn query_refuses_writes(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"]).await;
    for sql in [
        "INSERT INTO t VALUES (2)",
        "INSERT INTO t VALUES (2) RETURNING n",
        "REPLACE INTO t VALUES (2)",
        "UPDATE t SET n = 2",
        "DELETE FROM t",
        "CREATE TABLE u (n INTEGER)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN m INTEGER",
    ] {
        let answer = session.query(&bare(sql)).await;
        assert!(matches!(answer, Err(Error::Refused { .. })), "{sql}: {answer:?}");
    }
    assert_eq!(integer(&*session, "SELECT sum(n) AS n FROM t").await, 1, "a refused write wrote");
}

pub(super) async fn query_refuses_a_write_behind_with(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (n INTEGER)"]).await;
    for sql in [
        "WITH a(n) AS (SELECT 1) INSERT INTO t SELECT n FROM a",
        "  with a(n) AS (SELECT 1) insert INTO t SELECT n FROM a RETURNING n",
        "/* SELECT */ INSERT INTO t VALUES (1)",
    ] {
        let answer = session.query(&bare(sql)).await;
        assert!(matches!(answer, Err(Error::Refused { .. })), "{sql}: {answer:?}");
    }
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM t").await, 0, "a refused write wrote");
    // Words in a literal are no write.
    let found = rows(&*session, with("WITH a(n) AS (SELECT 'INSERT INTO t') SELECT n FROM a", [])).await;
    assert_eq!(texts(&found), ["INSERT INTO t"]);
}
