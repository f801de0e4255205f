//! Two processes on one file, one of which is killed in the middle of its work.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use futures_util::future::join_all;
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_storage::{Consistency, Database, Statement, Value};

/// How the parent tells its child where the file is.
const PATH: &str = "STRATUS_SQLITE_TEST_PATH";

fn insert(n: i64) -> [Statement; 2] {
    // Two rows, so that a torn batch shows.
    [n, -n].map(|n| Statement::new("INSERT INTO t VALUES (?1)", vec![Value::Integer(n)]))
}

/// Writes for ever, and says of each batch that it was acknowledged. It never closes the database:
/// the loop ends only when the process does.
async fn write_for_ever(path: &str) {
    let database = SqliteDatabase::open(path, SqliteOptions::default()).expect("a database");
    let mut acknowledged = std::io::stdout();
    for round in 0.. {
        let batches: Vec<_> = (1..=8).map(|n| insert(round * 8 + n)).collect();
        let sessions: Vec<_> = batches.iter().map(|_| database.session(Consistency::Any)).collect();
        let answers =
            join_all(sessions.iter().zip(&batches).map(|(session, batch)| session.batch(batch))).await;
        for (n, answer) in (1..=8).zip(answers) {
            answer.expect("a write");
            writeln!(acknowledged, "acknowledged {}", round * 8 + n).expect("a listener");
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_death_of_its_process() {
    // The child is this very test, told where the file is.
    if let Ok(path) = std::env::var(PATH) {
        return write_for_ever(&path).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let database = SqliteDatabase::open(&path, SqliteOptions::default()).expect("a database");
    let session = database.session(Consistency::Any);
    session.batch(&[Statement::bare("CREATE TABLE t (n INTEGER PRIMARY KEY)")]).await.expect("a table");

    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["what_was_acknowledged_survives_the_death_of_its_process", "--exact", "--nocapture"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut acknowledged = Vec::new();
    // The parent writes to the same file all the while, far from the numbers of the child.
    for (own, line) in (1_000_000_000..).zip(output.lines().map_while(Result::ok)) {
        session.batch(&insert(own)).await.expect("a write of the parent");
        acknowledged.push(own);
        acknowledged.extend(line.rsplit_once("acknowledged ").and_then(|(_, n)| n.parse::<i64>().ok()));
        if acknowledged.len() >= 200 {
            break;
        }
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    assert!(acknowledged.len() >= 200, "the child should have written");

    let rows = session.query(&Statement::bare("SELECT n FROM t")).await.expect("the rows");
    let found: std::collections::HashSet<_> = rows.iter().map(|row| row.integer(0).expect("n")).collect();
    for n in acknowledged {
        assert!(found.contains(&n) && found.contains(&-n), "{n} was acknowledged and is lost");
    }
    assert!(found.iter().all(|n| found.contains(&-n)), "a batch was torn");
    assert_eq!(database.integrity_check().expect("a check"), Vec::<String>::new());
}
