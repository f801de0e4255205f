//! What callers can't do to a connection, and what D1-strict mode refuses besides.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_storage::{Consistency, Database, Error, Limits, Session, Statement, Value};
use tempfile::TempDir;

fn database(options: SqliteOptions) -> (TempDir, SqliteDatabase) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = SqliteDatabase::open(folder.path().join("test.db"), options).expect("a database");
    (folder, database)
}

async fn session(options: SqliteOptions) -> (TempDir, Box<dyn Session>) {
    let (folder, database) = database(options);
    let session = database.session(Consistency::Any);
    session.batch(&[Statement::bare("CREATE TABLE t (n INTEGER)")]).await.expect("a table");
    (folder, session)
}

/// What both ways of asking say, in one word.
async fn said(session: &dyn Session, sql: &'static str) -> &'static str {
    let statement = Statement::bare(sql);
    let queried = word(&session.query(&statement).await);
    let batched = word(&session.batch(&[statement]).await);
    // A sound write is refused by `query` and taken by `batch`.
    if queried == batched || queried == "refused" { batched } else { "differs" }
}

fn word<T>(answer: &Result<T, Error>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Error::Refused { .. }) => "refused",
        Err(Error::TooLarge { .. }) => "too large",
        Err(Error::MissingSchema { .. }) => "missing",
        Err(_) => "another error",
    }
}

const NEVER: [&str; 22] = [
    "ATTACH DATABASE '/tmp/x.db' AS x",
    "DETACH DATABASE main",
    "CREATE TEMP TABLE u (n INTEGER)",
    "CREATE TEMPORARY VIEW v AS SELECT 1 AS n",
    "PRAGMA query_only = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA \"defer_foreign_keys\" = ON",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA wal_checkpoint",
    "PRAGMA user_version = 5",
    "PRAGMA max_page_count = 100000",
    "PRAGMA page_size = 512",
    "PRAGMA case_sensitive_like = ON",
    "SELECT load_extension('x') AS n",
    "SELECT 1 AS a; SELECT 2 AS b",
    "INSERT INTO t VALUES (1); COMMIT",
    "",
    "-- nothing",
    ";",
];

#[tokio::test]
async fn a_connection_cannot_be_changed_by_its_callers() {
    for options in [SqliteOptions::default(), SqliteOptions::default().d1_strict()] {
        let (_folder, session) = session(options).await;
        for sql in NEVER {
            assert_eq!(said(&*session, sql).await, "refused", "{sql}");
        }
        assert_eq!(said(&*session, "SELECT count(*) AS n FROM t").await, "ok");
    }
}

#[tokio::test]
async fn what_only_d1_refuses() {
    let (_ordinary, ordinary) = session(SqliteOptions::default()).await;
    let (_strict, strict) = session(SqliteOptions::default().d1_strict()).await;
    for sql in [
        "SELECT sqlite_version() AS v",
        "SELECT sqlite_source_id() AS v",
        "SELECT soundex('x') AS v",
        "PRAGMA page_count",
        "PRAGMA integrity_check",
        "SELECT * FROM pragma_page_size()",
        "PRAGMA compile_options",
        "CREATE VIRTUAL TABLE r USING rtree (id, a, b)",
    ] {
        assert_eq!(said(&*ordinary, sql).await, "ok", "ordinary: {sql}");
        assert_eq!(said(&*strict, sql).await, "refused", "strict: {sql}");
    }
}

#[tokio::test]
async fn what_d1_allows_is_allowed() {
    for options in [SqliteOptions::default(), SqliteOptions::default().d1_strict()] {
        let (_folder, session) = session(options).await;
        for sql in [
            "PRAGMA table_info(t)",
            "PRAGMA table_xinfo('t')",
            "PRAGMA table_list",
            "PRAGMA index_list(t)",
            "PRAGMA foreign_key_list(t)",
            "PRAGMA foreign_key_check",
            "PRAGMA quick_check",
            "PRAGMA optimize",
            "SELECT name FROM pragma_table_xinfo('t')",
            "SELECT json_extract('{\"a\":1}', '$.a') AS n, jsonb('{}') AS b, unixepoch() AS t",
            "EXPLAIN QUERY PLAN SELECT * FROM t",
            "CREATE VIRTUAL TABLE f USING fts5 (body)",
            "INSERT INTO f (body) VALUES ('some words')",
            "SELECT highlight(f, 0, '[', ']') AS h FROM f('words')",
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO f (body) VALUES (new.n); END",
            "INSERT INTO t VALUES (5)",
            "DROP TABLE f",
        ] {
            assert_eq!(said(&*session, sql).await, "ok", "{sql}");
        }
    }
}

#[test]
fn limits_are_told() {
    assert_eq!(database(SqliteOptions::default()).1.limits(), Limits::SQLITE);
    assert_eq!(database(SqliteOptions::default().d1_strict()).1.limits(), Limits::D1);
}

#[tokio::test]
async fn parameters_are_counted() {
    let (_folder, session) = session(SqliteOptions::default()).await;
    for params in [vec![], vec![Value::Null; 1], vec![Value::Null; 3]] {
        let statement = Statement::new("SELECT ?1 AS a, ?2 AS b", params);
        assert_eq!(word(&session.query(&statement).await), "refused");
        assert_eq!(word(&session.batch(&[statement]).await), "refused");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_damage() {
    let (_folder, session) = session(SqliteOptions::default()).await;
    let answer = session.query(&Statement::bare("SELECT CAST(x'ff' AS TEXT) AS v")).await;
    assert!(matches!(answer, Err(Error::Corrupt { .. })), "{answer:?}");
}

const RUNAWAY: &str = "SELECT count(*) AS n FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c)";

#[tokio::test]
async fn a_runaway_read_is_interrupted() {
    let timeout = Duration::from_millis(100);
    let (_folder, session) = session(SqliteOptions::default().read_timeout(timeout)).await;
    let runaway = Statement::bare(RUNAWAY);
    let sound = Statement::bare("SELECT 1 AS n");
    for _ in 0..3 {
        #[expect(clippy::disallowed_methods, reason = "a test of time, on a native machine")]
        let since = Instant::now();
        let queried = session.query(&runaway).await;
        assert!(matches!(queried, Err(Error::TooSlow { .. })), "{queried:?}");
        let batched = session.batch(&[sound.clone(), runaway.clone()]).await;
        assert!(matches!(batched, Err(Error::TooSlow { .. })), "{batched:?}");
        let took = since.elapsed();
        assert!(took >= timeout * 2 && took < timeout * 40, "{took:?}");
        session.query(&sound).await.expect("the connection is as good as new");
        session.batch(&[sound.clone(), sound.clone()]).await.expect("the pool as well");
    }
}

/// On one thread for everybody, as many of them as there are cores would keep all others waiting.
#[tokio::test]
async fn nobody_waits_behind_a_long_read() {
    let (_folder, session) = session(SqliteOptions::default()).await;
    let long = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000) SELECT max(n) AS n FROM c";
    let (long, short) = (Statement::bare(long), Statement::bare("SELECT 1 AS n"));
    let done = Mutex::new(Vec::new());
    let note = |name| done.lock().expect("a list").push(name);
    let read = async |name, statement: &Statement, expected: i64| {
        let rows = session.query(statement).await.expect("an answer");
        assert_eq!(rows.first().expect("a row").integer(0).expect("n"), expected);
        note(name);
    };
    let batch = async {
        let answers = session.batch(&[short.clone(), long.clone()]).await.expect("answers");
        assert_eq!(answers[1].first().expect("a row").integer(0).expect("n"), 2_000_000);
        note("long");
    };
    tokio::join!(read("long", &long, 2_000_000), batch, read("long", &long, 2_000_000), async {
        for _ in 0..10 {
            read("short", &short, 1).await;
        }
    });
    let done = done.into_inner().expect("a list");
    assert_eq!(done.iter().rposition(|it| *it == "short"), Some(9), "{done:?}");
}

#[tokio::test]
async fn many_short_reads_are_not_one_long_one() {
    let (_folder, session) = session(SqliteOptions::default().read_timeout(Duration::from_millis(50))).await;
    let short = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000) SELECT max(n) AS n FROM c";
    for _ in 0..200 {
        session.query(&Statement::bare(short)).await.expect("a short read");
    }
}

#[test]
fn reads_run_on_any_thread_without_a_runtime() {
    let (_folder, database) = database(SqliteOptions::default());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let session = database.session(Consistency::Any);
            scope.spawn(move || {
                for n in 0..200 {
                    let select = Statement::new("SELECT ?1 AS n", vec![Value::Integer(n)]);
                    let answer = poll_once(session.query(&select)).expect("a read");
                    assert_eq!(answer.first().expect("a row").integer(0).expect("n"), n);
                }
            });
        }
    });
}

/// A short read is ready at once: it waits for nobody to wake it.
fn poll_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("a read should not wait"),
    }
}

/// D1 takes a misspelt `"column"` for a text; here it is found out at once, in both modes.
#[tokio::test]
async fn double_quoted_text_is_no_literal() {
    for options in [SqliteOptions::default(), SqliteOptions::default().d1_strict()] {
        let (_folder, session) = session(options).await;
        assert_eq!(said(&*session, "SELECT \"nonsense\" AS n FROM t").await, "missing");
    }
}
