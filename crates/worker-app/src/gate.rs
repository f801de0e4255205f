//! The database as the API has it: its first query also asks whether the schema is fit.
//!
//! Once it is known to be, calls pass unchanged. A read that failed of something missing is repeated
//! when that is there; a write only when nothing of it was run.

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use stratus_d1::{Effect, effect};
use stratus_storage::{Consistency, Database, Error, Limits, Result, Rows, Session, Statement};

use crate::schema::{Fitness, Looks, Schema};

/// A database behind a look at its schema.
pub(crate) struct GatedDatabase {
    inner: Arc<dyn Database>,
    schema: Arc<Schema>,
}

impl GatedDatabase {
    pub(crate) fn new(inner: Arc<dyn Database>, schema: Arc<Schema>) -> Self {
        Self { inner, schema }
    }
}

impl Database for GatedDatabase {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(GatedSession {
            first: self.inner.session(consistency),
            renewed: OnceLock::new(),
            inner: Arc::clone(&self.inner),
            schema: Arc::clone(&self.schema),
        })
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

struct GatedSession {
    first: Box<dyn Session>,
    /// What goes on after the schema was changed: a replica may not have seen it yet.
    renewed: OnceLock<Box<dyn Session>>,
    inner: Arc<dyn Database>,
    schema: Arc<Schema>,
}

#[async_trait]
impl Session for GatedSession {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        if self.schema.is_fit() {
            match self.session().query(statement).await {
                Err(error @ Error::MissingSchema { .. }) => self.make_fit(error).await?,
                other => return other,
            }
            return self.session().query(statement).await;
        }
        let mut rows = self.read(std::slice::from_ref(statement)).await?;
        rows.pop().ok_or_else(|| Error::Unexpected { what: "a statement has a result".to_owned() })
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        if self.schema.is_fit() {
            match self.session().batch(statements).await {
                Err(error @ Error::MissingSchema { .. }) => self.make_fit(error).await?,
                other => return other,
            }
            return self.session().batch(statements).await;
        }
        if statements.iter().all(|it| effect(&it.sql) == Effect::Reads) {
            self.read(statements).await
        } else {
            self.write(statements).await
        }
    }

    fn bookmark(&self) -> Option<String> {
        self.session().bookmark()
    }
}

impl GatedSession {
    fn session(&self) -> &dyn Session {
        &**self.renewed.get().unwrap_or(&self.first)
    }

    /// Adds what is missing, of which `error` spoke.
    async fn make_fit(&self, error: Error) -> Result<()> {
        match self.schema.make_fit().await {
            Fitness::LeftToMigrate => Err(error),
            Fitness::Fit => {
                self.renew();
                Ok(())
            }
        }
    }

    fn renew(&self) {
        // One that is there already is as good.
        let _ = self.renewed.set(self.inner.session(Consistency::Primary));
    }

    /// Reads and looks, in one round trip.
    async fn read(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let all = [std::slice::from_ref(&self.schema.looks().look), statements].concat();
        match self.session().batch(&all).await {
            Ok(mut results) => {
                self.schema.learn(&results.remove(0)).await;
                // What could be read without what is missing is right.
                return Ok(results);
            }
            Err(error @ Error::MissingSchema { .. }) => self.make_fit(error).await?,
            Err(error) => return Err(error),
        }
        self.session().batch(statements).await
    }

    /// Writes and looks, in one round trip; if anything is missing, only looks.
    async fn write(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        let Looks { look, guard } = self.schema.looks();
        let all = [&[guard.clone(), look.clone()][..], statements].concat();
        match self.session().batch(&all).await {
            Ok(mut results) => {
                let look = results.drain(..2).next_back().unwrap_or_default();
                // The write is there, whatever becomes of what was learnt.
                self.schema.learn(&look).await;
                return Ok(results);
            }
            Err(error @ Error::MissingSchema { .. }) => self.make_fit(error).await?,
            Err(error) if Looks::has_refused(&error) => {
                let what = "columns or indexes of a collection".to_owned();
                self.make_fit(Error::MissingSchema { what }).await?;
            }
            Err(error) => return Err(error),
        }
        self.session().batch(statements).await
    }
}
