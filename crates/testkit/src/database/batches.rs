//! Atomicity, guards, and what sessions see.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use stratus_storage::{Bookmark, Consistency, Database, Error, Session, Statement};

use super::{bare, failure, integer, rows, session_with, with};

const TABLE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT";
const GUARDS: &str = "CREATE TABLE guards (kind TEXT NOT NULL, \
     CONSTRAINT stratus_stale_revision CHECK (kind <> 'stale_revision'), \
     CONSTRAINT stratus_missing_reference CHECK (kind <> 'missing_reference'), \
     CONSTRAINT stratus_referenced CHECK (kind <> 'referenced')) STRICT";
const COUNT: &str = "SELECT count(*) AS n FROM t";

fn insert(id: i32, n: i32) -> Statement {
    with("INSERT INTO t (id, n) VALUES (?1, ?2)", [id.into(), n.into()])
}

/// Fails its batch, under the name of `kind`, when the statement before it changed nothing.
fn guard(kind: &str) -> Statement {
    with("INSERT INTO guards (kind) SELECT ?1 WHERE changes() = 0", [kind.into()])
}

async fn guarded(database: &Arc<dyn Database>) -> Box<dyn Session> {
    session_with(database, &[TABLE, GUARDS, "INSERT INTO t (id, n) VALUES (1, 10)"]).await
}

pub(super) async fn batch_answers_one_result_per_statement(database: Arc<dyn Database>) {
    let session = session_with(&database, &[TABLE]).await;
    let select = bare("SELECT id, n FROM t ORDER BY id");
    let statements = [select.clone(), insert(1, 10), select.clone(), insert(2, 20), select];
    let results = session.batch(&statements).await.expect("batch");
    let sizes: Vec<_> = results.iter().map(stratus_storage::Rows::len).collect();
    assert_eq!(sizes, [0, 0, 1, 0, 2]);
    assert_eq!(results[4].iter().next_back().expect("a row").integer(1).expect("n"), 20);
}

pub(super) async fn batch_runs_in_order(database: Arc<dyn Database>) {
    let session = session_with(&database, &[TABLE]).await;
    let double = bare("UPDATE t SET n = n * 2");
    let increment = bare("UPDATE t SET n = n + 1");
    session.batch(&[insert(1, 1), increment.clone(), double, increment]).await.expect("batch");
    assert_eq!(integer(&*session, "SELECT n FROM t").await, 5);
}

pub(super) async fn empty_batch_does_nothing(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    assert_eq!(session.batch(&[]).await.expect("batch"), []);
}

pub(super) async fn statement_without_rows_answers_none(database: Arc<dyn Database>) {
    let session = session_with(&database, &[TABLE]).await;
    let results = session.batch(&[insert(1, 1), bare("DELETE FROM t")]).await.expect("batch");
    assert!(results.iter().all(stratus_storage::Rows::is_empty));
}

pub(super) async fn failed_statement_rolls_back_the_whole_batch(database: Arc<dyn Database>) {
    let session = session_with(&database, &[TABLE, "INSERT INTO t (id, n) VALUES (1, 10)"]).await;
    let create = bare("CREATE TABLE u (n INTEGER)");
    let error = failure(&*session, &[insert(2, 20), create, bare("UPDATE t SET n = 0"), insert(1, 1)]).await;
    assert!(matches!(error, Error::NotUnique { .. }), "{error:?}");
    assert_eq!(integer(&*session, "SELECT sum(n) AS n FROM t").await, 10);
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM sqlite_schema WHERE name = 'u'").await, 0);
}

pub(super) async fn failed_guard_rolls_back_the_whole_batch(database: Arc<dyn Database>) {
    let session = guarded(&database).await;
    let stale = bare("UPDATE t SET n = 11 WHERE id = 1 AND n = 9");
    let error = failure(&*session, &[insert(2, 20), stale, guard("stale_revision"), insert(3, 30)]).await;
    assert!(matches!(error, Error::Guard { .. }), "{error:?}");
    assert_eq!(integer(&*session, "SELECT sum(n) AS n FROM t").await, 10);
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM guards").await, 0);
}

pub(super) async fn guard_arrives_by_name(database: Arc<dyn Database>) {
    let session = guarded(&database).await;
    let nothing = bare("UPDATE t SET n = 11 WHERE id = 99");
    for kind in ["stale_revision", "missing_reference", "referenced"] {
        let error = failure(&*session, &[nothing.clone(), guard(kind)]).await;
        match error {
            Error::Guard { guard } => assert_eq!(guard, kind),
            other => panic!("expected the guard `{kind}`, got {other:?}"),
        }
    }
}

pub(super) async fn passing_guard_lets_the_batch_through(database: Arc<dyn Database>) {
    let session = guarded(&database).await;
    let fresh = bare("UPDATE t SET n = 11 WHERE id = 1 AND n = 10");
    session.batch(&[fresh, guard("stale_revision"), insert(2, 20)]).await.expect("a fresh write");
    assert_eq!(integer(&*session, "SELECT sum(n) AS n FROM t").await, 31);
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM guards").await, 0, "guards stays empty");
}

pub(super) async fn changes_speaks_of_the_statement_before(database: Arc<dyn Database>) {
    let session = guarded(&database).await;
    // The first update changed a row, the one directly before the guard none.
    let one = bare("UPDATE t SET n = n + 1 WHERE id = 1");
    let none = bare("UPDATE t SET n = n + 1 WHERE id = 99");
    let error = failure(&*session, &[one.clone(), none.clone(), guard("referenced")]).await;
    assert!(matches!(error, Error::Guard { .. }), "{error:?}");
    session.batch(&[none, one, guard("referenced")]).await.expect("a row was changed directly before");
    let three = bare("INSERT INTO t (id, n) SELECT value, 0 FROM json_each('[5,6,7]')");
    let results = session.batch(&[three, bare("SELECT changes() AS n")]).await.expect("batch");
    assert_eq!(results[1].first().expect("a row").integer(0).expect("changes"), 3);
}

pub(super) async fn failing_batch_leaves_its_neighbours_unharmed(database: Arc<dyn Database>) {
    let session = guarded(&database).await;
    // Batches sent together may share a transaction; every third is refused half way.
    let batches: Vec<Vec<Statement>> = (0..24)
        .map(|i| match i % 6 {
            2 => vec![insert(100 + i, 1), insert(1, 1)],
            5 => vec![insert(100 + i, 1), bare("UPDATE t SET n = 0 WHERE id = 99"), guard("referenced")],
            _ => vec![insert(100 + i, 1), insert(200 + i, 1)],
        })
        .collect();
    let session = &*session;
    let answers = join_all(batches.iter().map(|batch| async move { session.batch(batch).await })).await;
    for (i, answer) in answers.iter().enumerate() {
        match i % 6 {
            2 => assert!(matches!(answer, Err(Error::NotUnique { .. })), "{i}: {answer:?}"),
            5 => assert!(matches!(answer, Err(Error::Guard { .. })), "{i}: {answer:?}"),
            _ => assert!(answer.is_ok(), "{i}: {answer:?}"),
        }
    }
    assert_eq!(integer(session, COUNT).await, 1 + 16 * 2);
}

pub(super) async fn select_batch_reads_one_snapshot(database: Arc<dyn Database>) {
    let setup = [TABLE, "INSERT INTO t (id, n) VALUES (1, 0), (2, 0)"];
    let session = session_with(&database, &setup).await;
    let both = [bare("UPDATE t SET n = n + 1 WHERE id = 1"), bare("UPDATE t SET n = n + 1 WHERE id = 2")];
    let read = [bare("SELECT n FROM t WHERE id = 1"), bare("select n from t where id = 2"), bare(COUNT)];
    for _ in 0..20 {
        let (written, seen) = join(session.batch(&both), session.batch(&read)).await;
        written.expect("write");
        let seen = seen.expect("read");
        let n = |at: usize| seen[at].first().expect("a row").integer(0).expect("n");
        assert_eq!(n(0), n(1), "two statements of one batch saw different times");
    }
}

pub(super) async fn a_session_reads_its_own_writes(database: Arc<dyn Database>) {
    session_with(&database, &[TABLE]).await;
    let session = database.session(Consistency::Any);
    for i in 1..=10 {
        session.batch(&[insert(i, i)]).await.expect("write");
        assert_eq!(integer(&*session, COUNT).await, i.into());
    }
}

pub(super) async fn a_committed_batch_is_seen_at_the_primary(database: Arc<dyn Database>) {
    let writer = session_with(&database, &[TABLE]).await;
    for i in 1..=10 {
        writer.batch(&[insert(i, i)]).await.expect("write");
        let reader = database.session(Consistency::Primary);
        assert_eq!(integer(&*reader, COUNT).await, i.into());
    }
}

pub(super) async fn a_bookmark_carries_writes_to_another_session(database: Arc<dyn Database>) {
    let writer = session_with(&database, &[TABLE]).await;
    for i in 1..=10 {
        writer.batch(&[insert(i, i)]).await.expect("write");
        let bookmark = Bookmark::new(0, writer.bookmark());
        let reader = database.session(Consistency::AtLeast(bookmark));
        let seen = rows(&*reader, bare(COUNT)).await;
        assert_eq!(seen.first().expect("a row").integer(0).expect("n"), i.into());
    }
}
