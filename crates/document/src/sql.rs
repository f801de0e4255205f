//! Fragments of SQL that every statement about documents is made of.
//!
//! Names come from the registry, where they were checked; everything else is bound.

use std::fmt::Write as _;

use serde_json::Value as Json;
use stratus_access::{Action, Caller, Principal};
use stratus_storage::{Sql, Statement, Value};

use crate::{collection::Collection, physical::State};

/// A statement in the making: text with its parameters.
#[derive(Debug)]
pub(crate) struct Builder {
    text: String,
    params: Vec<Value>,
}

impl Default for Builder {
    /// With room for the text of a read: it is put together for each, and would grow step by step.
    fn default() -> Self {
        Self { text: String::with_capacity(2_048), params: Vec::with_capacity(16) }
    }
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

    /// Text that is needed more than once: what `write` writes is handed back and not yet pushed.
    /// What it binds is bound once.
    pub(crate) fn aside(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.text);
        write(self);
        std::mem::replace(&mut self.text, before)
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

    /// Whether the caller may do something to the document of row `d`: no entry of the document's
    /// own permissions denies it, and one allows it, or the collection grants it.
    ///
    /// What [`stratus_access::resolve`] says, in SQL.
    pub(crate) fn permitted(&mut self, base: Base<'_>, action: Action, rights: &Rights) -> &mut Self {
        self.push("(NOT ").entry(action, "deny", &rights.deniable).push(" AND (");
        match base {
            Base::Of(collection) => {
                self.push("EXISTS (SELECT 1 FROM json_each(").bind(rights.principals.as_str());
                self.push(") WHERE value IN (").push(collection.holders(action)).push("))");
            }
            Base::Among(collections) => {
                self.push("d.type_id IN (SELECT value FROM json_each(").bind(collections).push("))");
            }
        }
        self.push(" OR ").entry(action, "allow", &rights.principals).push("))")
    }

    /// Whether the document of row `d` has an entry with that effect on one of the principals.
    fn entry(&mut self, action: Action, effect: &str, principals: &str) -> &mut Self {
        self.push(
            "EXISTS (SELECT 1 FROM document_permissions AS p \
             WHERE p.tenant_id = d.tenant_id AND p.root_id = d.root_id AND p.permission = '",
        );
        self.push(action.name()).push("' AND p.effect = '").push(effect);
        self.push("' AND p.principal_type || ':' || p.principal_id IN (SELECT value FROM json_each(");
        self.bind(principals).push(")))")
    }

    /// Rows whose document the caller may read, and do all of these to.
    pub(crate) fn granted(&mut self, base: Base<'_>, actions: &[Action], rights: &Rights) -> &mut Self {
        let beyond = actions.iter().copied().filter(|it| *it != Action::Read);
        for action in [Action::Read].into_iter().chain(beyond) {
            self.push(" AND ").permitted(base, action, rights);
        }
        self
    }
}

/// Where the grants come from that hold where a document says nothing of its own.
#[derive(Clone, Copy)]
pub(crate) enum Base<'a> {
    /// All rows are of one collection.
    Of(&'a Collection),
    /// Rows are of any collection; of these, as a JSON list, the caller has the right.
    Among(&'a str),
}

/// A caller as statements see them: principals as JSON lists for `json_each`.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    /// Everyone that they are. The public is in it as grants and as permissions spell it.
    pub(crate) principals: String,
    /// Everyone that a deny on binds them: a deny on the public binds anonymous callers only.
    pub(crate) deniable: String,
}

impl Rights {
    pub(crate) fn of(caller: &Caller) -> Self {
        // Grants name the public, permissions have its kind and id.
        let spelt = |it: &Principal| match it {
            Principal::Public => vec![it.to_string(), format!("{}:{}", it.kind(), it.id())],
            named => vec![named.to_string()],
        };
        let principals: Vec<_> = caller.principals().iter().flat_map(spelt).collect();
        let binds = |it: &&Principal| caller.is_anonymous() || **it != Principal::Public;
        let deniable: Vec<_> = caller.principals().iter().filter(binds).flat_map(spelt).collect();
        Self { principals: Json::from(principals).to_string(), deniable: Json::from(deniable).to_string() }
    }

    /// The same caller where no document can deny them anything.
    pub(crate) fn undeniable(self) -> Self {
        Self { deniable: "[]".to_owned(), ..self }
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
