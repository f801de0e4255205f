//! Counts what a piece of code asks of its database, so that budgets can be asserted.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use stratus_storage::{Consistency, Database, Limits, Result, Rows, Session, Statement};

/// What was asked of a database since it was wrapped or [`reset`](CountingDatabase::reset).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that went to the database. An empty batch does nothing and counts nothing.
    pub round_trips: u64,
    /// Statements in them.
    pub statements: u64,
    /// What the backend spent on those that were answered, in its own unit: see [`Rows::work`].
    pub work: u64,
}

#[derive(Debug, Default)]
struct Counters {
    round_trips: AtomicU64,
    statements: AtomicU64,
    work: AtomicU64,
}

impl Counters {
    fn asked(&self, statements: usize) {
        if statements > 0 {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            self.statements.fetch_add(statements as u64, Ordering::Relaxed);
        }
    }

    fn answered<'rows>(&self, rows: impl IntoIterator<Item = &'rows Rows>) {
        self.work.fetch_add(rows.into_iter().map(Rows::work).sum(), Ordering::Relaxed);
    }
}

/// A database that counts round trips, statements and work.
pub struct CountingDatabase {
    inner: Arc<dyn Database>,
    counters: Arc<Counters>,
}

impl CountingDatabase {
    /// Wraps a database; all counts are 0.
    pub fn new(inner: Arc<dyn Database>) -> Self {
        Self { inner, counters: Arc::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            round_trips: self.counters.round_trips.load(Ordering::Relaxed),
            statements: self.counters.statements.load(Ordering::Relaxed),
            work: self.counters.work.load(Ordering::Relaxed),
        }
    }

    /// What was counted so far, and starts again from 0.
    pub fn reset(&self) -> Counts {
        Counts {
            round_trips: self.counters.round_trips.swap(0, Ordering::Relaxed),
            statements: self.counters.statements.swap(0, Ordering::Relaxed),
            work: self.counters.work.swap(0, Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for CountingDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingDatabase").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Database for CountingDatabase {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(CountingSession {
            inner: self.inner.session(consistency),
            counters: Arc::clone(&self.counters),
        })
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

struct CountingSession {
    inner: Box<dyn Session>,
    counters: Arc<Counters>,
}

#[async_trait]
impl Session for CountingSession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        self.counters.asked(1);
        let rows = self.inner.query(statement).await?;
        self.counters.answered([&rows]);
        Ok(rows)
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        self.counters.asked(statements.len());
        let results = self.inner.batch(statements).await?;
        self.counters.answered(&results);
        Ok(results)
    }

    fn bookmark(&self) -> Option<String> {
        self.inner.bookmark()
    }
}
