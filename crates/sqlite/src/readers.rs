//! The pool of read-only connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stratus_storage::{Error, Result, Rows, Statement};

use crate::{
    connection::Connection,
    error::storage_error,
    open::{OpenError, Opener},
};

/// Read-only connections that wait to be used. Reads run on the calling thread, so that there are
/// at most as many in use as threads that read.
pub(crate) struct Readers {
    opener: Opener,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// A pool that opens connections when they are needed.
    pub(crate) fn new(opener: Opener) -> Self {
        Self { opener, idle: Mutex::default() }
    }

    /// Answers one reading statement.
    pub(crate) fn query(&self, statement: &Statement) -> Result<Rows> {
        self.with(|connection| connection.read(statement))
    }

    /// Answers reading statements from one snapshot.
    pub(crate) fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        if let [only] = statements {
            return Ok(vec![self.query(only)?]);
        }
        self.with(|connection| {
            connection.control("BEGIN DEFERRED").map_err(storage_error)?;
            let answers = statements.iter().map(|statement| connection.read(statement)).collect();
            // A read that was interrupted or failed may have ended it already.
            if !connection.is_autocommit() {
                connection.control("COMMIT").map_err(storage_error)?;
            }
            answers
        })
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn with<T>(&self, call: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        // Bound first: the lock must not be held while a connection is opened.
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.opener.reader().map_err(reopening)?,
        };
        connection.start_watch();
        let answer = call(&connection);
        // One with an open transaction would go on reading its old snapshot.
        if connection.is_autocommit() {
            let mut idle = self.lock();
            if idle.len() < self.opener.readers() {
                idle.push(connection);
            }
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What it means that a file which was opened before cannot be opened once more.
pub(crate) fn reopening(error: OpenError) -> Error {
    let reason = error.to_string();
    match error {
        OpenError::Full { .. } => Error::Full { reason },
        OpenError::NotADatabase { .. } | OpenError::Damaged { .. } => Error::Corrupt { reason },
        // Too many open files, most often.
        _ => Error::Unavailable { reason },
    }
}
