//! Opening, closing, and what may be in the way.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use stratus_sqlite::{OpenError, SqliteDatabase, SqliteOptions};
use stratus_storage::{Consistency, Database, Error, Statement};
use tempfile::{TempDir, tempdir};

fn folder() -> TempDir {
    tempdir().expect("a folder")
}

fn open(path: &Path) -> Result<SqliteDatabase, OpenError> {
    let options = SqliteOptions::default().busy_timeout(Duration::from_millis(100));
    SqliteDatabase::open(path, options)
}

#[track_caller]
fn refused(path: &Path) -> OpenError {
    let error = open(path).map(drop).expect_err("this should not open");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text} does not name the path");
    error
}

async fn write(database: &SqliteDatabase, sql: &'static str) {
    database.session(Consistency::Any).batch(&[Statement::bare(sql)]).await.expect(sql);
}

async fn count(database: &SqliteDatabase) -> i64 {
    let select = Statement::bare("SELECT count(*) AS n FROM t");
    let rows = database.session(Consistency::Any).query(&select).await.expect("a count");
    rows.first().expect("a row").integer(0).expect("an integer")
}

#[test]
fn a_missing_folder_is_named() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let error = open(&missing.join("test.db")).map(drop).expect_err("there is no folder");
    assert!(matches!(&error, OpenError::MissingFolder { path } if *path == missing), "{error}");
}

#[test]
fn a_folder_is_no_file() {
    let folder = folder();
    assert!(matches!(refused(folder.path()), OpenError::NotAFile { .. }));
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("letter.txt");
    let letter = "Dear Sir or Madam, ".repeat(1000);
    fs::write(&path, &letter).expect("a file");
    assert!(matches!(refused(&path), OpenError::NotADatabase { .. }));
    assert_eq!(fs::read_to_string(&path).expect("the file"), letter);
}

#[test]
fn an_empty_file_becomes_a_database() {
    let folder = folder();
    let path = folder.path().join("test.db");
    fs::write(&path, "").expect("a file");
    open(&path).expect("an empty file is an empty database");
}

#[test]
fn strange_names_are_only_names() {
    let folder = folder();
    for name in [":memory:", "file:x?mode=memory", "a b%20.db", "ü.db"] {
        let path = folder.path().join(name);
        open(&path).expect(name);
        assert!(path.exists(), "{name}");
    }
}

#[test]
#[cfg(unix)]
fn what_may_not_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    let folder = folder();
    let path = folder.path().join("test.db");
    open(&path).expect("a database");
    mode(&path, 0o444);
    assert!(matches!(refused(&path), OpenError::ReadOnly { .. }));
    mode(&path, 0o644);
    mode(folder.path(), 0o555);
    let error = open(&path).map(drop).expect_err("the folder is read-only");
    mode(folder.path(), 0o755);
    assert!(matches!(error, OpenError::ReadOnly { path } if path == folder.path()));
}

#[test]
fn a_file_that_another_keeps_to_itself_is_locked() {
    let folder = folder();
    let path = folder.path().join("test.db");
    let other = rusqlite::Connection::open(&path).expect("a connection");
    other.execute_batch("CREATE TABLE t (n); BEGIN EXCLUSIVE").expect("a lock");
    assert!(matches!(refused(&path), OpenError::Locked { .. }));
    other.execute_batch("COMMIT").expect("the release");
    open(&path).expect("the lock is gone");
}

#[tokio::test]
async fn a_writer_elsewhere_does_not_hinder_opening_and_reading() {
    let folder = folder();
    let path = folder.path().join("test.db");
    let database = open(&path).expect("a database");
    write(&database, "CREATE TABLE t (n INTEGER)").await;
    let other = rusqlite::Connection::open(&path).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").expect("a lock");
    let second = open(&path).expect("a second handle");
    assert_eq!(count(&second).await, 0);
    let insert = Statement::bare("INSERT INTO t VALUES (2)");
    let refused = second.session(Consistency::Any).batch(&[insert]).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    other.execute_batch("COMMIT").expect("the release");
    assert_eq!((count(&database).await, count(&second).await), (1, 1));
}

#[tokio::test]
async fn two_databases_on_one_file_see_each_other() {
    let folder = folder();
    let path = folder.path().join("test.db");
    let options = SqliteOptions::default;
    let first = SqliteDatabase::open(&path, options()).expect("first");
    let second = SqliteDatabase::open(&path, options()).expect("second");
    write(&first, "CREATE TABLE t (n INTEGER)").await;
    let writes =
        (0..40).map(|n| write(if n % 2 == 0 { &first } else { &second }, "INSERT INTO t VALUES (1)"));
    join_all(writes).await;
    assert_eq!((count(&first).await, count(&second).await), (40, 40));
    // A column that one of them adds is there for the prepared statements of the other.
    write(&second, "ALTER TABLE t ADD COLUMN m INTEGER DEFAULT 7").await;
    let all = Statement::bare("SELECT * FROM t LIMIT 1");
    let rows = first.session(Consistency::Any).query(&all).await.expect("a query");
    assert_eq!(rows.first().expect("a row").integer(1).expect("the new column"), 7);
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let folder = folder();
    let path = folder.path().join("test.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| SqliteDatabase::open(&path, SqliteOptions::default()).expect("a database"));
        }
    });
}

#[tokio::test]
async fn dropping_the_last_handle_finishes_what_waits() {
    let folder = folder();
    let path = folder.path().join("test.db");
    let database = open(&path).expect("a database");
    write(&database, "CREATE TABLE t (n INTEGER)").await;
    let session = database.session(Consistency::Any);
    drop(database);
    let insert = [Statement::bare("INSERT INTO t VALUES (1)")];
    join_all((0..100).map(|_| session.batch(&insert)))
        .await
        .into_iter()
        .for_each(|it| drop(it.expect("a write")));
    drop(session);
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 1, "the log was folded in and removed: {left:?}");
    assert_eq!(count(&open(&path).expect("a database")).await, 100);
}

#[tokio::test]
async fn a_closed_database_still_reads() {
    let folder = folder();
    let database = open(&folder.path().join("test.db")).expect("a database");
    write(&database, "CREATE TABLE t (n INTEGER)").await;
    database.close().expect("closed");
    database.close().expect("closed twice");
    assert_eq!(count(&database).await, 0);
    let late = database.session(Consistency::Any).batch(&[Statement::bare("INSERT INTO t VALUES (1)")]).await;
    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
}

#[tokio::test]
async fn the_file_is_set_up_as_decided() {
    let folder = folder();
    let database = open(&folder.path().join("test.db")).expect("a database");
    write(&database, "CREATE TABLE t (n INTEGER)").await;
    let pages = Statement::bare("SELECT page_size FROM pragma_page_size()");
    let rows = database.session(Consistency::Any).query(&pages).await.expect("the page size");
    assert_eq!(rows.first().expect("a row").integer(0).expect("bytes"), 4096);
    let foreign = rusqlite::Connection::open(folder.path().join("test.db")).expect("a connection");
    let mode: String = foreign.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("the mode");
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn damage_is_found() {
    let folder = folder();
    let path = folder.path().join("test.db");
    let database = open(&path).expect("a database");
    write(&database, "CREATE TABLE parent (id INTEGER PRIMARY KEY)").await;
    write(&database, "CREATE TABLE t (parent INTEGER REFERENCES parent (id))").await;
    write(&database, "CREATE INDEX ix ON t (parent)").await;
    assert_eq!(database.integrity_check().expect("a check"), Vec::<String>::new());
    let foreign = rusqlite::Connection::open(&path).expect("a connection");
    foreign.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO t VALUES (7)").expect("an orphan");
    assert_eq!(database.integrity_check().expect("a check"), Vec::<String>::new());
    assert_eq!(
        database.foreign_key_check().expect("a check"),
        ["row 1 of t refers to a missing row of parent"]
    );
    drop((foreign, database));

    let mut bytes = fs::read(&path).expect("the file");
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xff);
    fs::write(&path, bytes).expect("a damaged file");
    let damaged = open(&path).expect("its start is sound");
    let found = damaged.integrity_check();
    assert!(
        matches!(&found, Ok(sentences) if !sentences.is_empty())
            || matches!(&found, Err(Error::Corrupt { .. })),
        "{found:?}"
    );
}
