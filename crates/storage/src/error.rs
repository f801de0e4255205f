//! The one error of every port, named by what the caller can do next.

/// A boxed error of a driver.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of a call to a port.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to a port failed, in the terms a caller can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A guard of the batch fired; nothing of it was written. Reload and decide again.
    #[error("the guard `{guard}` refused the batch")]
    Guard {
        /// The name of the guard: the named CHECK without its prefix `stratus_`.
        guard: String,
    },

    /// A UNIQUE or PRIMARY KEY constraint refused the batch; nothing of it was written.
    #[error("not unique: {columns}")]
    NotUnique {
        /// The columns as SQLite names them: `table.column, table.column`.
        columns: String,
    },

    /// Another constraint refused the batch; nothing of it was written.
    #[error("a constraint refused the batch: {constraint}")]
    Constraint {
        /// What SQLite says of it.
        constraint: String,
    },

    /// Busy or unreachable, and nothing was written. The same call may succeed later.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },

    /// A read ran longer than it may and was stopped. Asked again it takes as long: ask for less.
    #[error("the read took too long: {reason}")]
    TooSlow {
        /// How long it may run.
        reason: String,
    },

    /// The answer to a write was lost: it may have been committed, or not. Look it up by the
    /// `op_id` that it carried; never repeat it blindly. See [`commit`](crate::commit).
    #[error("the outcome of a write is unknown: {reason}")]
    OutcomeUnknown {
        /// Why.
        reason: String,
    },

    /// More than the backend takes: a row, a parameter list, a statement, an integer.
    #[error("too large: {what}")]
    TooLarge {
        /// What is too large, and the limit.
        what: String,
    },

    /// The storage is full. Nothing was written; free some space.
    #[error("the storage is full: {reason}")]
    Full {
        /// What the backend says.
        reason: String,
    },

    /// The storage may only be read. Nothing was written.
    #[error("the storage is read-only: {reason}")]
    ReadOnly {
        /// What the backend says.
        reason: String,
    },

    /// A table, column or index is missing: migrate first.
    #[error("the schema lacks something: {what}")]
    MissingSchema {
        /// What is missing, as SQLite says it.
        what: String,
    },

    /// The port or the backend does not allow this SQL. A fault of the program.
    #[error("refused: {what}")]
    Refused {
        /// What is refused.
        what: String,
    },

    /// What is stored is not what this version writes, or is damaged. Needs a human.
    #[error("the storage is damaged: {reason}")]
    Corrupt {
        /// What is wrong with it.
        reason: String,
    },

    /// A result has another shape than the statement promises. A fault of the program.
    #[error("unexpected: {what}")]
    Unexpected {
        /// What was expected.
        what: String,
    },

    /// Anything else that a driver says.
    #[error("the backend failed")]
    Backend(#[source] BoxError),
}

impl Error {
    /// Wraps whatever a driver says.
    pub fn backend(source: impl Into<BoxError>) -> Self {
        Self::Backend(source.into())
    }

    /// Whether the identical call can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
