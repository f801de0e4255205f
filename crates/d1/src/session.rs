//! A D1 session: the sequence of calls that never sees time run backwards.

use async_trait::async_trait;
use stratus_storage::{Error, Limits, Result, Rows, Session, Statement, Value, refuse_transaction_control};
use worker::{
    D1DatabaseSession,
    js_sys::{self, Array, futures::JsFuture},
    send::SendFuture,
    wasm_bindgen::{JsCast as _, JsValue},
    worker_sys::types::{self, D1Result},
};

use crate::{
    convert,
    error::classify,
    sql::{Effect, effect, refuse_several},
};

/// A session over a D1 binding.
#[derive(Debug)]
pub(crate) struct D1Session {
    /// Or why D1 did not open it.
    session: Result<D1DatabaseSession, String>,
}

impl D1Session {
    /// Takes what D1 answered when it was asked for a session.
    pub(crate) fn new(session: worker::Result<D1DatabaseSession>) -> Self {
        Self { session: session.map_err(|error| error.to_string()) }
    }

    /// The session as JavaScript has it. `worker`'s own `prepare` panics when D1 throws.
    fn binding(&self) -> Result<&types::D1DatabaseSession> {
        let session = self.session.as_ref().map_err(|reason| Error::backend(reason.as_str()))?;
        Ok(AsRef::<JsValue>::as_ref(session).unchecked_ref())
    }

    async fn run(&self, statements: &[Statement], effect: Effect) -> Result<Vec<Rows>> {
        let failed = |error: JsValue| classify(&message(&error), effect);
        let binding = self.binding()?;
        let prepared = Array::new();
        for statement in statements {
            let bare = binding.session_prepare(&statement.sql).map_err(failed)?;
            let bound: JsValue = bare.bind(convert::params(statement)).map_err(failed)?.into();
            prepared.push(&bound);
        }
        let answer =
            JsFuture::from(binding.session_batch(prepared).map_err(failed)?).await.map_err(failed)?;
        let rows: Result<Vec<_>> =
            Array::from(&answer).iter().map(|it| convert::rows(it.unchecked_ref::<D1Result>())).collect();
        rows.and_then(|rows| expect_one_each(rows, statements.len()))
    }
}

#[async_trait]
impl Session for D1Session {
    async fn query(&self, statement: &Statement) -> Result<Rows> {
        check(statement)?;
        if effect(&statement.sql) == Effect::Writes {
            return Err(Error::Refused { what: "a writing statement where one may only read".to_owned() });
        }
        let mut rows = SendFuture::new(self.run(std::slice::from_ref(statement), Effect::Reads)).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        statements.iter().try_for_each(check)?;
        let writes = statements.iter().any(|it| effect(&it.sql) == Effect::Writes);
        let effect = if writes { Effect::Writes } else { Effect::Reads };
        SendFuture::new(self.run(statements, effect)).await
    }

    fn bookmark(&self) -> Option<String> {
        self.binding().ok()?.get_bookmark().ok().flatten()
    }
}

/// Refuses what D1 may not be asked, before it is.
fn check(statement: &Statement) -> Result<()> {
    refuse_transaction_control(&statement.sql)?;
    refuse_several(&statement.sql)?;
    let limits = Limits::D1;
    within(statement.params.len(), limits.params, "parameters")?;
    within(statement.sql.len(), limits.sql_bytes, "bytes of SQL")?;
    for value in &statement.params {
        convert::check_value(value)?;
        within(bytes(value), limits.row_bytes, "bytes in a value")?;
    }
    Ok(())
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    }
}

fn within(found: usize, limit: usize, what: &str) -> Result<()> {
    if found <= limit {
        Ok(())
    } else {
        Err(Error::TooLarge { what: format!("{found} {what} (limit {limit})") })
    }
}

fn expect_one_each(rows: Vec<Rows>, statements: usize) -> Result<Vec<Rows>> {
    if rows.len() == statements {
        Ok(rows)
    } else {
        Err(Error::Unexpected { what: format!("{} results for {statements} statements", rows.len()) })
    }
}

/// The message of whatever JavaScript threw.
fn message(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_not_sent() {
        let params = |count: usize| Statement::new("SELECT 1", vec![Value::Null; count]);
        assert!(check(&params(100)).is_ok());
        assert!(matches!(check(&params(101)), Err(Error::TooLarge { .. })));
        let text = Statement::new("SELECT ?1", vec!["x".repeat(2_000_001).into()]);
        assert!(matches!(check(&text), Err(Error::TooLarge { .. })));
        let sql = Statement::bare(format!("SELECT 1 -- {}", "x".repeat(100_000)));
        assert!(matches!(check(&sql), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn transaction_control_and_a_second_statement_are_not_sent() {
        for sql in ["BEGIN", "SELECT 1; DELETE FROM t"] {
            assert!(matches!(check(&Statement::bare(sql)), Err(Error::Refused { .. })), "{sql}");
        }
    }
}
