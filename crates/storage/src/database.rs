//! The SQL port.

use async_trait::async_trait;

use crate::{Bookmark, Error, Limits, Result, Rows, Statement};

/// How fresh the answers of a session must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Any replica: the nearest answer, which may be a little old.
    Any,
    /// The primary: everything committed before the session was opened is seen.
    Primary,
    /// Any replica that has seen at least this.
    AtLeast(Bookmark),
}

/// A SQL database that speaks SQLite's SQL.
pub trait Database: Send + Sync {
    /// Opens a session. No I/O happens yet.
    fn session(&self, consistency: Consistency) -> Box<dyn Session>;

    /// What the backend takes at most.
    fn limits(&self) -> Limits;
}

/// A sequence of calls that never sees time run backwards: each reads at least what the one
/// before it read or wrote.
///
/// A batch of writes goes to the primary, whatever the session's [`Consistency`].
#[async_trait]
pub trait Session: Send + Sync {
    /// Answers one reading statement, in one round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the statement writes, or is transaction control.
    async fn query(&self, statement: &Statement) -> Result<Rows>;

    /// Runs statements in order, all or nothing, in one round trip; one result for each.
    ///
    /// Nothing is answered before it is durable. When a statement fails, nothing of the batch
    /// stays, and neighbours that share its transaction are unharmed. A batch in which every
    /// statement starts with `SELECT` reads one snapshot. `changes()` in a statement speaks of
    /// the one directly before it, which is what guards rely on. An empty batch does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Guard`] when a CHECK named `stratus_<guard>` fails, [`Error::NotUnique`] when a
    /// UNIQUE constraint does; [`Error::OutcomeUnknown`] when it may have been committed all the
    /// same, see [`commit`].
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>>;

    /// The backend's own bookmark for what this session has seen, where it has such a thing.
    fn bookmark(&self) -> Option<String>;
}

/// What is known of a write that was committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// It was answered: one result a statement.
    Answered(Vec<Rows>),
    /// Its answer was lost and its receipt was found.
    Found(Rows),
}

/// Commits a batch that carries an `op_id`; if its answer is lost, looks the outcome up.
///
/// `receipt` is a SELECT that returns a row if, and only if, the batch was committed.
///
/// # Errors
///
/// Those of [`Session::batch`]. A batch whose answer was lost and whose receipt is missing is
/// [`Error::Unavailable`]: it was not written. If the receipt cannot be looked up either, it stays
/// [`Error::OutcomeUnknown`].
pub async fn commit(
    database: &dyn Database,
    session: &dyn Session,
    statements: &[Statement],
    receipt: &Statement,
) -> Result<Committed> {
    let reason = match session.batch(statements).await {
        Ok(rows) => return Ok(Committed::Answered(rows)),
        Err(Error::OutcomeUnknown { reason }) => reason,
        Err(error) => return Err(error),
    };
    match database.session(Consistency::Primary).query(receipt).await {
        Ok(rows) if rows.is_empty() => Err(Error::Unavailable { reason }),
        Ok(rows) => Ok(Committed::Found(rows)),
        Err(_) => Err(Error::OutcomeUnknown { reason }),
    }
}
