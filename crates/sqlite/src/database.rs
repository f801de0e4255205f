//! The SQL port over one SQLite file.

use std::{borrow::Borrow as _, fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use stratus_storage::{Consistency, Database, Error, Limits, Result, Rows, Session, Statement};

use crate::{
    error::storage_error,
    open::{OpenError, Opener},
    options::SqliteOptions,
    readers::{Answer, Patience, Readers, Unanswered, reopening},
    slow::SlowReads,
    writer::{WriteStats, Writer},
};

/// A database in one SQLite file. Cloning makes another handle to the same one.
///
/// Dropping the last handle (sessions count as handles) runs what still waits to be written, folds
/// the write-ahead log into the file, and waits for both.
#[derive(Clone)]
pub struct SqliteDatabase {
    inner: Arc<Inner>,
}

/// In the order in which it is dropped: the writer's connection is the last to close, which is what
/// removes the log.
struct Inner {
    readers: Readers,
    slow_reads: SlowReads,
    writer: Writer,
    opener: Opener,
}

impl SqliteDatabase {
    /// Opens the database in a file, which is created if there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`], naming the path and the cure.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_with_schema(path.as_ref(), options, None)
    }

    /// Opens a file and runs `schema` in it, which may be several statements.
    pub(crate) fn open_with_schema(
        path: &Path,
        options: SqliteOptions,
        schema: Option<&str>,
    ) -> Result<Self, OpenError> {
        let opener = Opener::new(path, options)?;
        let connection = opener.writer()?;
        if let Some(schema) = schema {
            connection.control(schema).map_err(|error| opener.explain(error))?;
        }
        let writer = Writer::start(connection).map_err(|error| opener.cannot_start(error))?;
        let readers = Readers::new(opener.clone());
        Ok(Self { inner: Arc::new(Inner { readers, slow_reads: SlowReads::new(), writer, opener }) })
    }

    /// What the writer did since it was opened.
    pub fn write_stats(&self) -> WriteStats {
        self.inner.writer.stats()
    }

    /// Runs what still waits to be written, folds the write-ahead log into the file, and stops the
    /// writer. Reads go on; later writes are [`Error::Unavailable`](stratus_storage::Error::Unavailable).
    /// Blocks until it is done.
    ///
    /// # Errors
    ///
    /// What went wrong with folding the log in; everything that was answered is durable all the same.
    pub fn close(&self) -> Result<()> {
        self.inner.readers.clear();
        self.inner.writer.close()
    }

    /// Reads the whole file and says what is damaged in it, one sentence each; none if it is sound.
    /// Blocks until it is done, which takes seconds a gigabyte.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](stratus_storage::Error::Corrupt) and the like when it can't even be asked.
    pub fn integrity_check(&self) -> Result<Vec<String>> {
        let connection = self.inner.opener.patient_reader().map_err(reopening)?;
        let answer = connection.ask("PRAGMA integrity_check").map_err(storage_error)?;
        Ok(answer.into_iter().flatten().filter(|it| it != "ok").collect())
    }

    /// Names the rows that refer to a missing row, one sentence each; a thousand at most.
    ///
    /// # Errors
    ///
    /// Those of [`integrity_check`](Self::integrity_check).
    pub fn foreign_key_check(&self) -> Result<Vec<String>> {
        const CHECK: &str =
            "SELECT \"table\", coalesce(rowid, ''), parent FROM pragma_foreign_key_check LIMIT 1000";
        let connection = self.inner.opener.patient_reader().map_err(reopening)?;
        let orphans = connection.ask(CHECK).map_err(storage_error)?;
        let sentence = |row: Vec<String>| match row.as_slice() {
            // A table WITHOUT ROWID has no number to name a row by.
            [table, row, parent] if row.is_empty() => {
                format!("a row of {table} refers to a missing row of {parent}")
            }
            [table, row, parent] => format!("row {row} of {table} refers to a missing row of {parent}"),
            _ => row.join(" "),
        };
        Ok(orphans.into_iter().map(sentence).collect())
    }
}

impl Database for SqliteDatabase {
    fn session(&self, _: Consistency) -> Box<dyn Session> {
        // There is one file, and every read sees all that was committed before it.
        Box::new(SqliteSession { inner: Arc::clone(&self.inner) })
    }

    fn limits(&self) -> Limits {
        self.inner.opener.limits()
    }
}

impl fmt::Debug for SqliteDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteDatabase").field("opener", &self.inner.opener).finish_non_exhaustive()
    }
}

struct SqliteSession {
    inner: Arc<Inner>,
}

impl SqliteSession {
    /// Reads on this thread; what turns out to be long is begun again where nobody waits behind it.
    async fn read<S, T>(&self, asked: &S, read: fn(&Readers, &S, Patience) -> Answer<T>) -> Result<T>
    where
        S: ?Sized + ToOwned + Sync + 'static,
        S::Owned: Send + 'static,
        T: Send + 'static,
    {
        let long = match read(&self.inner.readers, asked, Patience::Brief) {
            Ok(answer) => return Ok(answer),
            Err(Unanswered::Failed(error)) => return Err(error),
            Err(Unanswered::TakesLong) => asked.to_owned(),
        };
        let inner = Arc::clone(&self.inner);
        let again = move || {
            read(&inner.readers, long.borrow(), Patience::Full).map_err(|why| match why {
                Unanswered::Failed(error) => error,
                Unanswered::TakesLong => Error::Unavailable { reason: "a read was interrupted".to_owned() },
            })
        };
        self.inner.slow_reads.run(again).await
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        self.read(statement, Readers::query).await
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        if statements.is_empty() {
            Ok(Vec::new())
        } else if statements.iter().all(is_select) {
            self.read(statements, Readers::batch).await
        } else {
            self.inner.writer.write(statements.to_vec()).await
        }
    }

    fn bookmark(&self) -> Option<String> {
        None
    }
}

/// What starts with SELECT can't write.
fn is_select(statement: &Statement) -> bool {
    let text = statement.sql.trim_start().as_bytes();
    text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"SELECT"))
}
