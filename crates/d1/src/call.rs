//! One call to D1: what is checked before it is sent, and what is made of the answer.

use stratus_storage::{Error, Limits, Result, Rows, Statement, Value, refuse_transaction_control};
use worker::{
    js_sys::Array,
    send::SendWrapper,
    wasm_bindgen::{JsCast as _, JsValue},
    worker_sys::types,
};

use crate::{
    anchor::{Anchor, is_bookmark},
    convert,
    error::{classify, lost},
    js::{self, Binding},
    sql::{Effect, refuse_several},
};

/// A session as D1 has it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    anchor: Anchor,
    /// Or what D1 said instead of opening it.
    session: std::result::Result<SendWrapper<types::D1DatabaseSession>, String>,
}

impl Seat {
    pub(crate) fn open(binding: &Binding, anchor: Anchor) -> Self {
        let database = binding.object().unchecked_ref::<types::D1Database>();
        let session = database.with_session(Some(anchor.as_str()));
        Self { anchor, session: session.map(SendWrapper::new).map_err(|error| js::message(&error)) }
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.anchor == Anchor::Primary
    }

    pub(crate) fn bookmark(&self) -> Option<String> {
        let session = self.session.as_ref().ok()?;
        session.get_bookmark().ok().flatten().filter(|it| is_bookmark(it))
    }

    /// Sends statements as one batch.
    pub(crate) async fn run(&self, statements: &[Statement], effect: Effect) -> Result<Vec<Rows>> {
        // Whatever goes wrong before it is sent, nothing was written.
        let unsent = |error: JsValue| classify(&js::message(&error), Effect::Reads);
        let failed = |error: JsValue| classify(&js::message(&error), effect);
        let session = self.session.as_ref().map_err(|said| classify(said, Effect::Reads))?;
        let prepared = Array::new();
        for statement in statements {
            let bare = session.session_prepare(&statement.sql).map_err(unsent)?;
            let bound: JsValue = bare.bind(convert::params(statement)).map_err(unsent)?.into();
            prepared.push(&bound);
        }
        let promise: JsValue = session.session_batch(prepared).map_err(failed)?.into();
        let answer = js::settled(&promise).await.map_err(failed)?;
        // It was answered, so a write may well be there; nobody can tell by this answer.
        results(&answer, statements.len()).map_err(|error| lost(&error.to_string(), effect))
    }
}

fn results(answer: &JsValue, statements: usize) -> Result<Vec<Rows>> {
    if !Array::is_array(answer) {
        return Err(convert::unexpected("something other than a list of results"));
    }
    let results = answer.unchecked_ref::<Array>();
    let rows: Vec<_> = results.iter().map(|it| convert::rows(&it)).collect::<Result<_>>()?;
    if rows.len() == statements {
        Ok(rows)
    } else {
        Err(convert::unexpected(&format!("{} results for {statements} statements", rows.len())))
    }
}

/// Refuses what D1 may not be asked, before it is.
pub(crate) fn check(statement: &Statement) -> Result<()> {
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
