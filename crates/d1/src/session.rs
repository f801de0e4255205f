//! A D1 session: the sequence of calls that never sees time run backwards.

use std::{
    slice,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use stratus_storage::{Error, Result, Rows, Session, Statement};
use worker::send::SendFuture;

use crate::{
    anchor::Anchor,
    call::{self, Seat},
    error::lost,
    js::{Binding, within},
    sql::{Effect, effect},
};

/// A session over a D1 binding.
///
/// A read that a replica fails, or hangs on for half of the deadline, is asked once more, of the
/// primary; when that answers, the session goes on from there. Nothing else is ever repeated.
#[derive(Debug)]
pub(crate) struct D1Session {
    binding: Binding,
    deadline: Duration,
    /// Never held while anything is waited for.
    seat: Mutex<Seat>,
}

impl D1Session {
    /// Opens a session of D1, which is no I/O.
    pub(crate) fn new(binding: Binding, anchor: Anchor, deadline: Duration) -> Self {
        let seat = Mutex::new(Seat::open(&binding, anchor));
        Self { binding, deadline, seat }
    }

    fn seat(&self) -> Seat {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, statements: &[Statement], effect: Effect) -> Result<Vec<Rows>> {
        let answer = match effect {
            Effect::Reads => within(self.deadline, self.read(statements)).await,
            Effect::Writes => within(self.deadline, self.seat().run(statements, effect)).await,
        };
        answer.unwrap_or_else(|| Err(lost(&format!("no answer from D1 within {:?}", self.deadline), effect)))
    }

    /// Asks whoever the session asks, and then, where that may help, the primary.
    async fn read(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let seat = self.seat();
        if seat.is_primary() {
            return seat.run(statements, Effect::Reads).await;
        }
        match within(self.deadline / 2, seat.run(statements, Effect::Reads)).await {
            Some(Err(error)) if may_be_the_replica(&error) => {}
            Some(answer) => return answer,
            None => {}
        }
        let primary = Seat::open(&self.binding, Anchor::Primary);
        let rows = primary.run(statements, Effect::Reads).await?;
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = primary;
        Ok(rows)
    }
}

#[async_trait]
impl Session for D1Session {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        call::check(statement)?;
        if effect(&statement.sql) == Effect::Writes {
            return Err(Error::Refused { what: "a writing statement where one may only read".to_owned() });
        }
        let mut rows = SendFuture::new(self.ask(slice::from_ref(statement), Effect::Reads)).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        statements.iter().try_for_each(call::check)?;
        let writes = statements.iter().any(|it| effect(&it.sql) == Effect::Writes);
        let effect = if writes { Effect::Writes } else { Effect::Reads };
        SendFuture::new(self.ask(statements, effect)).await
    }

    fn bookmark(&self) -> Option<String> {
        self.seat().bookmark()
    }
}

/// Whether the primary may answer what a replica did not: one that is cut off, or that has yet to
/// see a migration.
fn may_be_the_replica(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable { .. } | Error::MissingSchema { .. } | Error::Corrupt { .. } | Error::Backend(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_is_asked_only_where_it_may_know_better() {
        for (error, asked) in [
            (Error::Unavailable { reason: String::new() }, true),
            (Error::MissingSchema { what: String::new() }, true),
            (Error::backend("whatever"), true),
            (Error::Refused { what: String::new() }, false),
            (Error::TooLarge { what: String::new() }, false),
            (Error::Constraint { constraint: String::new() }, false),
        ] {
            assert_eq!(may_be_the_replica(&error), asked, "{error:?}");
        }
    }
}
