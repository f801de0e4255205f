//! The port over rusqlite, as small as it can be, and a database in which another program acts in
//! between. The adapters proper are layers above this crate.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, types::Value as Cell};
use stratus_storage::{
    Clock, Consistency, Database, Error, Limits, Result, Rows, Session, Statement, Timestamp, Value,
    refuse_transaction_control,
};
use tempfile::TempDir;

/// Always the same moment.
pub(crate) struct Noon;

impl Noon {
    pub(crate) const AT: Timestamp = 1_800_000_000_000;
}

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Self::AT
    }
}

/// The result of a future that never waits, as those of [`FileDatabase`] are. `Send`, because the
/// callers of this crate need that.
pub(crate) fn ready<T>(future: impl Future<Output = T> + Send) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a session of a test waits"),
    }
}

/// A database file with D1's limits; each session is a connection.
pub(crate) struct FileDatabase {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl FileDatabase {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("test.db"), _folder: Some(folder) }
    }

    /// The same file, as another program would open it.
    pub(crate) fn again(&self) -> Self {
        Self { path: self.path.clone(), _folder: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn run(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }

    /// The first column of the answer, joined by commas.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let rows = run(&self.connect(), &Statement::bare(sql.to_owned())).unwrap();
        let cells = rows.iter().map(|row| match row.value(0).unwrap() {
            Value::Text(text) => text.clone(),
            other => other.as_integer().unwrap().to_string(),
        });
        cells.collect::<Vec<_>>().join(",")
    }

    fn connect(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF").unwrap();
        connection
    }
}

impl Database for FileDatabase {
    fn session(&self, _: Consistency) -> Box<dyn Session> {
        Box::new(FileSession(Mutex::new(self.connect())))
    }

    fn limits(&self) -> Limits {
        Limits::D1
    }
}

struct FileSession(Mutex<Connection>);

impl FileSession {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap()
    }
}

#[async_trait::async_trait]
impl Session for FileSession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        run(&self.connection(), statement)
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let connection = self.connection();
        connection.execute_batch("BEGIN IMMEDIATE").map_err(to_error)?;
        let results = statements.iter().map(|it| run(&connection, it)).collect();
        connection.execute_batch(if Result::is_ok(&results) { "COMMIT" } else { "ROLLBACK" }).unwrap();
        results
    }

    fn bookmark(&self) -> Option<String> {
        None
    }
}

fn run(connection: &Connection, statement: &Statement) -> Result<Rows> {
    refuse_transaction_control(&statement.sql)?;
    let answer = || -> rusqlite::Result<Rows> {
        let mut prepared = connection.prepare(&statement.sql)?;
        let width = prepared.column_count();
        let params = statement.params.iter().map(|it| match it {
            Value::Null => Cell::Null,
            Value::Integer(it) => Cell::Integer(*it),
            Value::Real(it) => Cell::Real(*it),
            Value::Text(it) => Cell::Text(it.clone()),
            Value::Blob(it) => Cell::Blob(it.clone()),
        });
        let mut rows = prepared.query(rusqlite::params_from_iter(params))?;
        let mut cells = Vec::new();
        while let Some(row) = rows.next()? {
            for column in 0..width {
                cells.push(match row.get(column)? {
                    Cell::Null => Value::Null,
                    Cell::Integer(it) => Value::Integer(it),
                    Cell::Real(it) => Value::Real(it),
                    Cell::Text(it) => Value::Text(it),
                    Cell::Blob(it) => Value::Blob(it),
                });
            }
        }
        Ok(Rows::new(width, cells, 0))
    };
    answer().map_err(to_error)
}

fn to_error(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Error::NotUnique { columns: error.to_string() },
        Some(ErrorCode::DatabaseBusy) => Error::Unavailable { reason: error.to_string() },
        _ => Error::backend(error),
    }
}

/// A database in which another program acts directly before the batch of some number.
pub(crate) struct Interrupted<F> {
    pub(crate) inner: FileDatabase,
    pub(crate) before_batch: usize,
    pub(crate) act: F,
}

struct InterruptedSession<F> {
    inner: Box<dyn Session>,
    batches: Mutex<usize>,
    before_batch: usize,
    act: F,
}

impl<F: Fn() + Clone + Send + Sync + 'static> Database for Interrupted<F> {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(InterruptedSession {
            inner: self.inner.session(consistency),
            batches: Mutex::new(0),
            before_batch: self.before_batch,
            act: self.act.clone(),
        })
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

#[async_trait::async_trait]
impl<F: Fn() + Send + Sync> Session for InterruptedSession<F> {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        self.inner.query(statement).await
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let number = {
            let mut batches = self.batches.lock().unwrap();
            *batches += 1;
            *batches
        };
        if number == self.before_batch {
            (self.act)();
        }
        self.inner.batch(statements).await
    }

    fn bookmark(&self) -> Option<String> {
        self.inner.bookmark()
    }
}
