//! Fragments of SQL that every statement about documents is made of.
//!
//! Names come from the registry, where they were checked; everything else is bound.

use std::fmt::Write as _;

use stratus_access::Action;
use stratus_storage::{Sql, Statement, Value};

use crate::{collection::Collection, physical::State};

/// A statement in the making: text with its parameters.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    text: String,
    params: Vec<Value>,
}

impl Builder {
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value and writes its placeholder.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.params.push(value.into());
        let _ = write!(self.text, "?{}", self.params.len());
        self
    }

    pub(crate) fn finish(self) -> Statement {
        Statement::new(Sql::from(self.text), self.params)
    }

    /// The rows of a collection in a state, of one tenant. `d` is the alias of `documents`.
    pub(crate) fn rows(&mut self, collection: &Collection, state: State, tenant: &str) -> &mut Self {
        self.push("d.type_id = '").push(collection.name()).push("' AND ");
        self.push(qualified(state)).push(" AND d.tenant_id = ").bind(tenant)
    }

    /// Published rows are visible within their window only.
    pub(crate) fn window(&mut self, state: State, now: i64) -> &mut Self {
        if state == State::Published {
            self.push(" AND (d.scheduled_at IS NULL OR d.scheduled_at <= ").bind(Value::Integer(now));
            self.push(") AND (d.expires_at IS NULL OR d.expires_at > ").bind(Value::Integer(now)).push(")");
        }
        self
    }

    /// Only callers to whom the collection grants the action: their principals as a JSON list.
    pub(crate) fn granted(&mut self, collection: &Collection, action: Action, principals: &str) -> &mut Self {
        let holders = collection.grants().holders(action).map(|it| format!("'{it}'"));
        let holders = holders.collect::<Vec<_>>().join(", ");
        self.push(" AND EXISTS (SELECT 1 FROM json_each(").bind(principals);
        self.push(") WHERE value IN (").push(&holders).push("))")
    }
}

fn qualified(state: State) -> &'static str {
    match state {
        State::Published => "d.is_published = 1 AND d.deleted_at IS NULL",
        State::Draft => "d.is_current_draft = 1 AND d.deleted_at IS NULL",
        State::Trashed => "d.is_current_draft = 1 AND d.deleted_at IS NOT NULL",
    }
}

/// The right that a state is read with.
pub(crate) fn right_to_read(state: State) -> Action {
    match state {
        State::Published => Action::Read,
        State::Draft | State::Trashed => Action::Update,
    }
}
