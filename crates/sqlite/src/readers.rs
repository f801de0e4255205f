//! The pool of read-only connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stratus_storage::{Error, Result, Rows, Statement};

use crate::{
    connection::Connection,
    error::storage_error,
    open::{OpenError, Opener},
};

/// Read-only connections that wait to be used. Reads run on the thread that calls, so that there are
/// at most as many in use as threads that read.
pub(crate) struct Readers {
    opener: Opener,
    idle: Mutex<Vec<Connection>>,
}

/// How long a read may keep the thread that calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Some milliseconds.
    Brief,
    /// As long as any read.
    Full,
}

/// What a read answers, if it does.
pub(crate) type Answer<T> = Result<T, Unanswered>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It was to be brief and isn't. Nothing is wrong with it.
    TakesLong,
    Failed(Error),
}

impl Readers {
    /// A pool that opens connections when they are needed.
    pub(crate) fn new(opener: Opener) -> Self {
        Self { opener, idle: Mutex::default() }
    }

    /// Answers one reading statement.
    pub(crate) fn query(&self, statement: &Statement, patience: Patience) -> Answer<Rows> {
        self.with(patience, |connection| connection.read(statement))
    }

    /// Answers reading statements from one snapshot.
    pub(crate) fn batch(&self, statements: &[Statement], patience: Patience) -> Answer<Vec<Rows>> {
        if let [only] = statements {
            return self.query(only, patience).map(|rows| vec![rows]);
        }
        self.with(patience, |connection| {
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

    fn with<T>(&self, patience: Patience, call: impl FnOnce(&Connection) -> Result<T>) -> Answer<T> {
        // Bound first: the lock must not be held while a connection is opened.
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.opener.reader().map_err(|error| Unanswered::Failed(reopening(error)))?,
        };
        match patience {
            Patience::Brief => connection.start_brief_watch(),
            Patience::Full => connection.start_watch(),
        }
        let answer = call(&connection).map_err(|error| match error {
            _ if connection.was_cut() => Unanswered::TakesLong,
            _ if connection.timed_out() => {
                let reason = format!("it may take {:?}", self.opener.read_timeout());
                Unanswered::Failed(Error::TooSlow { reason })
            }
            error => Unanswered::Failed(error),
        });
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
