//! What is made of a D1 that hangs, fails, or answers with anything.

use std::{future::poll_fn, pin::pin, task::Poll};

use stratus_d1::D1Database;
use stratus_storage::{
    Bookmark, Committed, Consistency, Database as _, Error, Result, Rows, Statement, commit,
};
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{
    Env,
    js_sys::{Array, Reflect},
};

use super::{DEADLINE, faulty_database, in_time, kind};

const REPLICA: &str = "first-unconstrained";
const PRIMARY: &str = "first-primary";
const BOOKMARK: &str = "00000001-00000002-00000003-0123456789abcdef0123456789abcdef";

/// What is no answer of D1 to a batch of one statement.
const GARBAGE: [&str; 17] = [
    "answer:undefined",
    "answer:null",
    "answer:42",
    "answer:\"text\"",
    "answer:{}",
    "answer:[]",
    "answer:[null]",
    "answer:[42]",
    "answer:[{}]",
    "answer:[{\"success\":false,\"error\":\"no\"}]",
    "answer:[{\"results\":42}]",
    "answer:[{\"results\":[null]}]",
    "answer:[{\"results\":[{}]}]",
    "answer:[{\"results\":[{\"a\":1},{\"a\":1,\"b\":2}]}]",
    "answer:[{\"results\":[{\"a\":{\"b\":1}}]}]",
    "answer:[{\"results\":[{\"a\":1}]},{\"results\":[]}]",
    "bare:42",
];

/// A database over a binding that misbehaves.
struct Faulty {
    binding: JsValue,
    database: D1Database,
}

impl Faulty {
    fn new(env: &Env, replica: &str, primary: &str) -> Self {
        let real = env.d1("DB").expect("a database");
        let binding = faulty_database(real.as_ref(), replica, primary);
        let database = D1Database::new(binding.clone().unchecked_into()).deadline(DEADLINE);
        Self { binding, database }
    }

    async fn read(&self, consistency: Consistency) -> Result<Rows> {
        self.database.session(consistency).query(&Statement::bare("SELECT 1 AS n")).await
    }

    async fn write(&self) -> Result<Vec<Rows>> {
        let insert = Statement::bare("INSERT INTO t VALUES (1)");
        self.database.session(Consistency::Any).batch(&[insert]).await
    }

    async fn commit(&self) -> Result<Committed> {
        let insert = Statement::bare("INSERT INTO t VALUES (1)");
        let receipt = Statement::bare("SELECT n FROM t WHERE n = 1");
        let session = self.database.session(Consistency::Any);
        commit(&self.database, &*session, &[insert], &receipt).await
    }

    /// From where each batch was sent.
    fn asked(&self) -> Vec<String> {
        let asked = Reflect::get(&self.binding, &"asked".into()).expect("a member");
        Array::from(&asked).iter().filter_map(|it| it.as_string()).collect()
    }
}

/// An empty table in the real database.
async fn table(env: &Env) {
    let create = Statement::bare("CREATE TABLE t (n INTEGER)");
    Faulty::new(env, "pass", "pass")
        .database
        .session(Consistency::Primary)
        .batch(&[create])
        .await
        .expect("a table");
}

/// The rows of the table in the real database.
async fn count(env: &Env) -> Option<i64> {
    let count = Statement::bare("SELECT count(*) AS n FROM t");
    let session = Faulty::new(env, "pass", "pass").database.session(Consistency::Primary);
    let rows = session.query(&count).await.expect("a count");
    rows.first()?.value(0).ok()?.as_integer()
}

pub(super) async fn a_read_that_hangs_on_a_replica_is_answered_by_the_primary(env: &Env) {
    let faulty = Faulty::new(env, "hang", "pass");
    let session = faulty.database.session(Consistency::Any);
    let read = Statement::bare("SELECT 1 AS n");
    assert_eq!(session.query(&read).await.expect("an answer").len(), 1);
    assert_eq!(faulty.asked(), [REPLICA, PRIMARY]);
    // The session goes on from what the primary has seen, and has its bookmark.
    assert_eq!(session.batch(&[read.clone(), read]).await.expect("an answer").len(), 2);
    assert_eq!(faulty.asked(), [REPLICA, PRIMARY, PRIMARY]);
    assert!(session.bookmark().is_some());
}

pub(super) async fn a_read_that_a_replica_fails_is_answered_by_the_primary(env: &Env) {
    let failures = [
        "reject:Network connection lost.",
        "reject:D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
        // It has yet to see a migration.
        "reject:D1_ERROR: no such column: q_price_i at offset 7: SQLITE_ERROR",
        "reject:whatever",
        "throw:whatever",
    ];
    for way in failures.into_iter().chain(GARBAGE) {
        let faulty = Faulty::new(env, way, "pass");
        let read = faulty.read(Consistency::Any).await;
        assert_eq!((kind(&read), faulty.asked()), ("ok", vec![REPLICA.into(), PRIMARY.into()]), "{way}");
    }
    let closed = Faulty::new(env, "closed", "pass");
    assert_eq!(kind(&closed.read(Consistency::Any).await), "ok");
    assert_eq!(closed.asked(), [PRIMARY]);
}

pub(super) async fn a_read_after_a_bookmark_falls_back_too(env: &Env) {
    let faulty = Faulty::new(env, "hang", "pass");
    let bookmark = Bookmark::new(1, Some(BOOKMARK.to_owned()));
    assert_eq!(kind(&faulty.read(Consistency::AtLeast(bookmark)).await), "ok");
    assert_eq!(faulty.asked(), [BOOKMARK, PRIMARY]);
}

pub(super) async fn a_read_that_hangs_everywhere_is_unavailable_in_time(env: &Env) {
    let faulty = Faulty::new(env, "hang", "hang");
    let read = in_time(faulty.read(Consistency::Any)).await;
    assert_eq!((kind(&read), faulty.asked().len()), ("unavailable", 2));
}

pub(super) async fn a_read_of_the_primary_is_asked_once(env: &Env) {
    let hanging = Faulty::new(env, "pass", "hang");
    let read = in_time(hanging.read(Consistency::Primary)).await;
    assert_eq!((kind(&read), hanging.asked().len()), ("unavailable", 1));
    let failing = Faulty::new(env, "pass", "reject:Network connection lost.");
    let read = failing.read(Consistency::Primary).await;
    assert_eq!((kind(&read), failing.asked().len()), ("unavailable", 1));
}

pub(super) async fn a_read_that_is_refused_is_asked_once(env: &Env) {
    for (way, expected) in [
        ("reject:D1_ERROR: near \"SELEC\": syntax error at offset 0: SQLITE_ERROR", "refused"),
        ("reject:D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR", "too large"),
    ] {
        let faulty = Faulty::new(env, way, "pass");
        let read = faulty.read(Consistency::Any).await;
        assert_eq!((kind(&read), faulty.asked().len()), (expected, 1), "{way}");
    }
}

pub(super) async fn a_read_answered_with_garbage_is_unavailable(env: &Env) {
    for way in GARBAGE {
        let faulty = Faulty::new(env, way, way);
        assert_eq!(kind(&faulty.read(Consistency::Any).await), "unavailable", "{way}");
    }
}

pub(super) async fn a_write_that_hangs_is_unknown_in_time_and_asked_once(env: &Env) {
    table(env).await;
    for (way, rows) in [("hang", 0), ("late", 1)] {
        let faulty = Faulty::new(env, way, "pass");
        let write = in_time(faulty.write()).await;
        assert_eq!((kind(&write), faulty.asked().len()), ("unknown", 1), "{way}");
        assert_eq!(count(env).await, Some(rows), "{way}");
    }
}

pub(super) async fn a_write_answered_with_garbage_is_unknown_and_asked_once(env: &Env) {
    let failures = ["reject:whatever", "throw:whatever", "reject:Network connection lost."];
    for way in failures.into_iter().chain(GARBAGE) {
        let faulty = Faulty::new(env, way, "pass");
        let write = faulty.write().await;
        assert_eq!((kind(&write), faulty.asked().len()), ("unknown", 1), "{way}");
    }
}

pub(super) async fn a_write_that_never_ran_is_unavailable_and_asked_once(env: &Env) {
    let faulty = Faulty::new(env, "reject:D1_ERROR: D1 DB is overloaded. Too many requests queued.", "pass");
    let write = faulty.write().await;
    assert_eq!((kind(&write), faulty.asked().len()), ("unavailable", 1));
}

pub(super) async fn a_write_whose_answer_is_lost_is_found_by_its_receipt(env: &Env) {
    table(env).await;
    for (way, written) in [("lose", 1), ("late", 2)] {
        let faulty = Faulty::new(env, way, "pass");
        let committed = faulty.commit().await;
        assert!(matches!(committed, Ok(Committed::Found(_))), "{way}: {committed:?}");
        assert_eq!(faulty.asked(), [REPLICA, PRIMARY], "{way}");
        assert_eq!(count(env).await, Some(written), "{way}");
    }
}

pub(super) async fn a_write_that_was_not_done_is_missed_by_its_receipt(env: &Env) {
    table(env).await;
    let faulty = Faulty::new(env, "hang", "pass");
    assert_eq!(kind(&faulty.commit().await), "unavailable");
    assert_eq!(count(env).await, Some(0));
}

pub(super) async fn a_receipt_that_hangs_leaves_the_outcome_unknown(env: &Env) {
    let faulty = Faulty::new(env, "hang", "hang");
    assert_eq!(kind(&in_time(faulty.commit()).await), "unknown");
    assert_eq!(faulty.asked(), [REPLICA, PRIMARY]);
}

pub(super) async fn a_call_that_is_dropped_harms_nothing(env: &Env) {
    let faulty = Faulty::new(env, "hang", "pass");
    let session = faulty.database.session(Consistency::Any);
    let read = Statement::bare("SELECT 1 AS n");
    {
        let mut call = pin!(session.query(&read));
        let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    assert_eq!(kind(&session.query(&read).await), "ok");
    assert_eq!(faulty.asked(), [REPLICA, REPLICA, PRIMARY]);
}

pub(super) async fn what_no_session_opens_for_was_not_written(env: &Env) {
    let faulty = Faulty::new(env, "closed", "closed");
    assert_eq!(kind(&faulty.write().await), "unavailable");
    assert!(matches!(faulty.read(Consistency::Any).await, Err(Error::Unavailable { .. })));
    assert_eq!(faulty.asked().len(), 0);
}
