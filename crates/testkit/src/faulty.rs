//! A database that misbehaves by script.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use stratus_storage::{Consistency, Database, Error, Limits, Result, Rows, Session, Statement};

type Hook = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// What happens to one call of a session.
pub enum Fault {
    /// It goes through unharmed.
    Pass,
    /// It never reaches the database and fails with this error.
    Fail(Error),
    /// It reaches the database once this is ready.
    Delay(Hook),
    /// It is run and its answer arrives once this is ready.
    DelayAnswer(Hook),
    /// It is run, and committed if it can be, and its answer is lost:
    /// [`Error::OutcomeUnknown`] for a batch, [`Error::Unavailable`] for a query.
    LoseAnswer,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Fail(_) => "Fail",
            Self::Delay(_) => "Delay",
            Self::DelayAnswer(_) => "DelayAnswer",
            Self::LoseAnswer => "LoseAnswer",
        })
    }
}

/// The faults to come, one for each call of any session; then calls go through unharmed.
type Script = Arc<Mutex<VecDeque<Fault>>>;

fn lock(script: &Script) -> MutexGuard<'_, VecDeque<Fault>> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A database whose next calls go wrong as a script says.
pub struct FaultyDatabase {
    inner: Arc<dyn Database>,
    script: Script,
}

impl FaultyDatabase {
    /// Wraps a database; nothing goes wrong yet.
    pub fn new(inner: Arc<dyn Database>) -> Self {
        Self { inner, script: Script::default() }
    }

    /// Appends a fault to the script: each call of any session takes one from its front.
    pub fn then(&self, fault: Fault) -> &Self {
        lock(&self.script).push_back(fault);
        self
    }

    /// How many faults of the script are still to come.
    pub fn remaining(&self) -> usize {
        lock(&self.script).len()
    }
}

impl fmt::Debug for FaultyDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyDatabase").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

impl Database for FaultyDatabase {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(FaultySession { inner: self.inner.session(consistency), script: Arc::clone(&self.script) })
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

struct FaultySession {
    inner: Box<dyn Session>,
    script: Script,
}

impl FaultySession {
    /// Runs a call under the next fault of the script.
    async fn under_fault<T>(&self, call: impl Future<Output = Result<T>> + Send, lost: Error) -> Result<T> {
        let fault = lock(&self.script).pop_front();
        match fault.unwrap_or(Fault::Pass) {
            Fault::Pass => call.await,
            Fault::Fail(error) => Err(error),
            Fault::Delay(hook) => {
                hook.await;
                call.await
            }
            Fault::DelayAnswer(hook) => {
                let answer = call.await;
                hook.await;
                answer
            }
            Fault::LoseAnswer => {
                let _ = call.await;
                Err(lost)
            }
        }
    }
}

#[async_trait]
impl Session for FaultySession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        let lost = Error::Unavailable { reason: "the answer was lost".to_owned() };
        self.under_fault(self.inner.query(statement), lost).await
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let lost = Error::OutcomeUnknown { reason: "the answer was lost".to_owned() };
        self.under_fault(self.inner.batch(statements), lost).await
    }

    fn bookmark(&self) -> Option<String> {
        self.inner.bookmark()
    }
}
