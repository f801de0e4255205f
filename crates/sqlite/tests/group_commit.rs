//! Batches that share a transaction don't harm each other, and many of them share one.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::{join, join_all};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_storage::{Consistency, Database, Error, Result, Rows, Session, Statement, Value};
use tempfile::TempDir;

/// A database, and a connection of somebody else to the same file.
struct World {
    folder: TempDir,
    database: SqliteDatabase,
    foreign: rusqlite::Connection,
}

const SCHEMA: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, who INTEGER NOT NULL);
    CREATE TABLE guards (kind TEXT, CONSTRAINT stratus_stale CHECK (kind <> 'stale'));
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER wreck BEFORE INSERT ON t WHEN new.id = 666 BEGIN SELECT RAISE(ROLLBACK, 'wrecked'); END;
";

/// How many good batches stand before the bad one, and how many after it.
const BEFORE: i64 = 4;
const AFTER: i64 = 5;

impl World {
    fn new(options: SqliteOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = SqliteDatabase::open(folder.path().join("test.db"), options).expect("a database");
        let foreign = rusqlite::Connection::open(folder.path().join("test.db")).expect("a connection");
        foreign.busy_timeout(Duration::from_secs(10)).expect("a timeout");
        foreign.execute_batch(SCHEMA).expect("the schema");
        Self { folder, database, foreign }
    }

    fn session(&self) -> Box<dyn Session> {
        self.database.session(Consistency::Any)
    }

    /// Runs batches that all wait while somebody else holds the write lock, so that they make one
    /// group; `meanwhile` runs once all of them wait.
    async fn together(&self, batches: &[Vec<Statement>], meanwhile: impl Future<Output = ()>) -> Vec<Answer> {
        self.foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let sessions: Vec<_> = batches.iter().map(|_| self.session()).collect();
        let answers = join_all(sessions.iter().zip(batches).map(|(session, batch)| session.batch(batch)));
        // Polled after all the batches, each of which was queued when it was polled.
        let release = async {
            meanwhile.await;
            self.foreign.execute_batch("COMMIT").expect("the release");
        };
        join(answers, release).await.0
    }

    /// Runs good batches around a bad one in one group, and checks that all of them are there.
    async fn around(&self, bad: Vec<Statement>) -> Error {
        let mut batches: Vec<_> = (0..BEFORE + AFTER).map(good).collect();
        batches.insert(BEFORE as usize, bad);
        let mut answers = self.together(&batches, async {}).await;
        let error = answers.remove(BEFORE as usize).expect_err("the bad batch");
        for (id, answer) in (0..).zip(answers) {
            let returned = answer.unwrap_or_else(|error| panic!("neighbour {id}: {error:?}"));
            assert_eq!(returned[1].first().expect("a row").integer(0).expect("an id"), id * 10);
        }
        assert_eq!(self.ids(), (0..BEFORE + AFTER).flat_map(|id| [id * 10, id * 10 + 1]).collect::<Vec<_>>());
        error
    }

    /// The ids that somebody else sees.
    fn ids(&self) -> Vec<i64> {
        let mut select = self.foreign.prepare("SELECT id FROM t ORDER BY id").expect("a statement");
        let ids = select.query_map([], |row| row.get(0)).expect("a query");
        ids.collect::<rusqlite::Result<_>>().expect("ids")
    }
}

type Answer = Result<Vec<Rows>>;

fn insert(id: i64) -> Statement {
    Statement::new("INSERT INTO t (id) VALUES (?1)", vec![Value::Integer(id)])
}

fn good(id: i64) -> Vec<Statement> {
    let select = "SELECT ?1 AS id";
    vec![insert(id * 10), Statement::new(select, vec![Value::Integer(id * 10)]), insert(id * 10 + 1)]
}

#[tokio::test]
async fn a_violated_constraint_rolls_back_its_own_batch_only() {
    let world = World::new(SqliteOptions::default());
    let error = world.around(vec![insert(500), insert(501), insert(500)]).await;
    assert!(matches!(error, Error::NotUnique { columns } if columns == "t.id"));
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (1, 10, 5));
}

#[tokio::test]
async fn a_guard_rolls_back_its_own_batch_only() {
    let world = World::new(SqliteOptions::default());
    let update = Statement::bare("UPDATE t SET v = 1 WHERE id = 999");
    let guard = Statement::bare("INSERT INTO guards SELECT 'stale' WHERE changes() = 0");
    let error = world.around(vec![insert(500), update, guard, insert(501)]).await;
    assert!(matches!(error, Error::Guard { guard } if guard == "stale"));
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (1, 10, 5));
}

#[tokio::test]
async fn a_refused_statement_rolls_back_its_own_batch_only() {
    let world = World::new(SqliteOptions::default());
    for sql in ["COMMIT", "ROLLBACK", "RELEASE batch", "ROLLBACK TO batch", "END"] {
        let world = World::new(SqliteOptions::default());
        let error = world.around(vec![insert(500), Statement::bare(sql), insert(501)]).await;
        assert!(matches!(error, Error::Refused { .. }), "{sql}: {error:?}");
    }
    let error = world.around(vec![insert(500), Statement::bare("INSERT INTO missing VALUES (1)")]).await;
    assert!(matches!(error, Error::MissingSchema { .. }), "{error:?}");
    assert_eq!(world.database.write_stats().commits, 1);
}

#[tokio::test]
async fn a_commit_that_fails_is_taken_apart() {
    let world = World::new(SqliteOptions::default());
    let orphan = Statement::bare("INSERT INTO child VALUES (99)");
    let error = world.around(vec![insert(500), orphan, insert(501)]).await;
    assert!(
        matches!(&error, Error::Constraint { constraint } if constraint.contains("FOREIGN KEY")),
        "{error:?}"
    );
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (9, 10, 10));
}

#[tokio::test]
async fn a_rollback_of_the_whole_transaction_is_taken_apart() {
    let world = World::new(SqliteOptions::default());
    let error = world.around(vec![insert(500), insert(666), insert(501)]).await;
    assert!(
        matches!(&error, Error::Constraint { constraint } if constraint.contains("wrecked")),
        "{error:?}"
    );
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (9, 10, 10));
}

#[tokio::test]
async fn a_full_disk_refuses_the_batch_that_does_not_fit() {
    let world = World::new(SqliteOptions::default().max_bytes(1 << 20));
    let large = "INSERT INTO t (id, v) VALUES (500, zeroblob(4000000))";
    let error = world.around(vec![insert(501), Statement::bare(large)]).await;
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    // Within several statements as well, some of which fit.
    let many: Vec<_> = (0..200)
        .map(|n| {
            let sql = "INSERT INTO t (id, v) VALUES (?1, randomblob(10000))";
            Statement::new(sql, vec![Value::Integer(1000 + n)])
        })
        .collect();
    let before = world.ids();
    let answers = world.together(&[vec![insert(701)], many, vec![insert(702)]], async {}).await;
    assert!(matches!(answers[1], Err(Error::Full { .. })), "{:?}", answers[1]);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(world.ids().len(), before.len() + 2);
}

#[tokio::test]
async fn a_runaway_batch_is_interrupted_and_its_neighbours_run_again() {
    let options = SqliteOptions::default().write_timeout(Duration::from_millis(200));
    let world = World::new(options);
    let runaway = "INSERT INTO t (v) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) \
                   SELECT n FROM c WHERE n < 0";
    let error = world.around(vec![insert(500), Statement::bare(runaway)]).await;
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (9, 10, 9), "it is not run twice");
}

/// A batch that tells the log, and fails if it is told to.
fn told(who: i64, fails: bool) -> Vec<Statement> {
    let log = "INSERT INTO log (who) VALUES (?1) RETURNING seq";
    let update = Statement::new("UPDATE log SET who = who WHERE who = ?1", vec![Value::Integer(who)]);
    let stale = Statement::bare("UPDATE log SET who = 0 WHERE who = -1");
    let guard = Statement::bare("INSERT INTO guards SELECT 'stale' WHERE changes() = 0");
    let looked = if fails { stale } else { update };
    vec![insert(who), Statement::new(log, vec![Value::Integer(who)]), looked, guard]
}

#[tokio::test]
async fn what_runs_again_is_there_once_and_in_order() {
    let world = World::new(SqliteOptions::default());
    let mut sound = 0..;
    // The first group runs twice, the second has savepoints already.
    for fails in [[false, false, true, false, true, false], [true, false, false, true, false, false]] {
        let batches: Vec<_> = (0..).zip(fails).map(|(who, fails)| told(who, fails)).collect();
        let answers = world.together(&batches, async {}).await;
        for (answer, fails) in answers.iter().zip(fails) {
            match answer {
                Ok(rows) => {
                    assert!(!fails);
                    let seq = rows[1].first().expect("a row").integer(0).expect("a number");
                    assert_eq!(Some(seq - 1), sound.next(), "no position is left out");
                }
                Err(Error::Guard { guard }) => assert!(fails && guard == "stale"),
                Err(error) => panic!("{error:?}"),
            }
        }
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            world.foreign.query_row(&sql, [], |row| row.get::<_, i64>(0)).expect("a count")
        };
        assert_eq!((count("t"), count("log")), (4, sound.start));
        world.foreign.execute_batch("DELETE FROM t").expect("another start");
    }
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (2, 12, 3));
}

#[tokio::test]
async fn after_a_failure_groups_are_careful_for_a_while() {
    let world = World::new(SqliteOptions::default());
    let mut id = 0;
    let mut reruns_of = async |fails: bool| {
        let before = world.database.write_stats().reruns;
        let mut batches: Vec<_> = (0..3).map(|n| vec![insert(id + n)]).collect();
        id += 3;
        if fails {
            batches.push(vec![insert(id), insert(id)]);
        }
        let answers = world.together(&batches, async {}).await;
        assert_eq!(answers.iter().filter(|it| it.is_err()).count(), usize::from(fails));
        world.database.write_stats().reruns - before
    };
    assert_eq!(reruns_of(true).await, 4, "nothing was known of it");
    assert_eq!(reruns_of(true).await, 0, "each batch has a savepoint");
    for _ in 0..7 {
        assert_eq!(reruns_of(false).await, 0);
    }
    assert_eq!(reruns_of(true).await, 0, "they go on having them");
    for _ in 0..8 {
        assert_eq!(reruns_of(false).await, 0);
    }
    assert_eq!(reruns_of(true).await, 4, "and are left out in the end");
    assert_eq!(world.ids().len() as i64, id);
}

#[tokio::test]
async fn a_runaway_look_is_not_run_again() {
    let options = SqliteOptions::default().write_timeout(Duration::from_millis(200));
    let world = World::new(options);
    let runaway = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) \
                   SELECT n FROM c WHERE n < 0";
    let error = world.around(vec![insert(500), Statement::bare(runaway)]).await;
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches, stats.reruns), (1, 10, 4));
}

#[tokio::test]
async fn several_bad_batches_each_get_their_own_error() {
    let world = World::new(SqliteOptions::default());
    let orphan = Statement::bare("INSERT INTO child VALUES (99)");
    let batches = [
        vec![insert(1)],
        vec![insert(2), orphan.clone()],
        vec![insert(1)],
        vec![insert(3), insert(666)],
        vec![insert(4), orphan],
        vec![insert(5)],
    ];
    let answers = world.together(&batches, async {}).await;
    assert!(answers[0].is_ok() && answers[5].is_ok());
    assert!(matches!(&answers[2], Err(Error::NotUnique { .. })));
    for (at, says) in [(1, "FOREIGN KEY"), (3, "wrecked"), (4, "FOREIGN KEY")] {
        assert!(
            matches!(&answers[at], Err(Error::Constraint { constraint }) if constraint.contains(says)),
            "{at}: {:?}",
            answers[at]
        );
    }
    assert_eq!(world.ids(), [1, 5]);
}

#[tokio::test]
async fn a_lock_that_is_not_released_makes_writes_unavailable() {
    let world = World::new(SqliteOptions::default().busy_timeout(Duration::from_millis(100)));
    let batches: Vec<_> = (0..5).map(good).collect();
    let wait = tokio::time::sleep(Duration::from_millis(600));
    let answers = world.together(&batches, wait).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    }
    assert_eq!(world.ids(), []);
    world.session().batch(&good(1)).await.expect("the lock is free again");
}

#[tokio::test]
async fn a_batch_whose_caller_went_away_is_not_run() {
    let world = World::new(SqliteOptions::default());
    world.foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let (gone, kept) = (world.session(), world.session());
    let (gone_batch, kept_batch) = (good(1), good(2));
    let abandoned = tokio::time::timeout(Duration::from_millis(50), gone.batch(&gone_batch)).await;
    assert!(abandoned.is_err(), "it should still wait for the lock");
    let release = async { world.foreign.execute_batch("COMMIT").expect("the release") };
    join(kept.batch(&kept_batch), release).await.0.expect("the other batch");
    assert_eq!(world.ids(), [20, 21]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_share_commits() {
    let world = World::new(SqliteOptions::default());
    let database = Arc::new(world.database.clone());
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let session = database.session(Consistency::Any);
                for n in 0..50 {
                    session.batch(&[insert(task * 1000 + n)]).await.expect("a write");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let stats = world.database.write_stats();
    assert_eq!(stats.batches, 64 * 50);
    assert!(stats.batches >= 24 * stats.commits, "{stats:?}");
    assert_eq!(world.ids().len(), 64 * 50, "nothing acknowledged is lost");
}

#[tokio::test]
async fn a_lone_writer_waits_for_nobody() {
    let world = World::new(SqliteOptions::default());
    let session = world.session();
    for n in 0..100 {
        session.batch(&[insert(n)]).await.expect("a write");
    }
    let stats = world.database.write_stats();
    assert_eq!((stats.commits, stats.batches), (100, 100));
    drop(world.folder);
}
