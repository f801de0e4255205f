//! Remembers every statement, so that its plan can be looked at afterwards.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use stratus_storage::{Consistency, Database, Limits, Result, Rows, Session, Statement};

type Statements = Arc<Mutex<Vec<Statement>>>;

/// A database that remembers the statements that it was asked, in order.
pub struct RecordingDatabase {
    inner: Arc<dyn Database>,
    statements: Statements,
}

impl RecordingDatabase {
    /// Wraps a database; nothing is remembered yet.
    pub fn new(inner: Arc<dyn Database>) -> Self {
        Self { inner, statements: Arc::default() }
    }

    /// Hands over what was remembered, and forgets it.
    pub fn take(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for RecordingDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingDatabase").finish_non_exhaustive()
    }
}

impl Database for RecordingDatabase {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        let inner = self.inner.session(consistency);
        Box::new(RecordingSession { inner, statements: Arc::clone(&self.statements) })
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

struct RecordingSession {
    inner: Box<dyn Session>,
    statements: Statements,
}

impl RecordingSession {
    fn remember(&self, statements: &[Statement]) {
        let mut list = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        list.extend_from_slice(statements);
    }
}

#[async_trait]
impl Session for RecordingSession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        self.remember(std::slice::from_ref(statement));
        self.inner.query(statement).await
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        self.remember(statements);
        self.inner.batch(statements).await
    }

    fn bookmark(&self) -> Option<String> {
        self.inner.bookmark()
    }
}
