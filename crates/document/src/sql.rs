//! Fragments of SQL that every statement about documents is made of.
//!
//! Names come from the registry, where they were checked; everything else is bound.

use std::{borrow::Cow, fmt::Write as _, sync::OnceLock};

use serde_json::Value as Json;
use stratus_access::{Action, Caller, Principal, TenantId};
use stratus_storage::{Sql, Statement, Value};

use crate::{collection::Collection, physical::State};

/// A statement in the making: text with its parameters.
#[derive(Debug)]
pub(crate) struct Builder {
    text: String,
    params: Vec<Value>,
    /// The whole text, where it was put together before: then only parameters are collected.
    known: Option<Sql>,
}

impl Default for Builder {
    /// With room for the text of a read: it would grow step by step.
    fn default() -> Self {
        Self { text: String::with_capacity(2_048), params: Vec::with_capacity(16), known: None }
    }
}

impl Builder {
    /// A statement whose text was made before, if `place` has it. Whoever goes on has to push and
    /// bind the same as then.
    pub(crate) fn again(place: &OnceLock<Sql>) -> Self {
        match place.get() {
            Some(known) => {
                Self { text: String::new(), params: Vec::with_capacity(16), known: Some(known.clone()) }
            }
            None => Self::default(),
        }
    }

    /// The statement. Its text is kept in `place` for those that come [`again`](Self::again).
    pub(crate) fn finish_in(self, place: &OnceLock<Sql>) -> Statement {
        let Self { text, params, known } = self;
        let sql = known.unwrap_or_else(|| place.get_or_init(|| Sql::from(text)).clone());
        Statement::new(sql, params)
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        if self.known.is_none() {
            self.text.push_str(text);
        }
        self
    }

    /// Pushes a number that belongs to the text.
    pub(crate) fn push_number(&mut self, number: i64) -> &mut Self {
        if self.known.is_none() {
            let _ = write!(self.text, "{number}");
        }
        self
    }

    /// Binds a value and writes its placeholder.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.params.push(value.into());
        if self.known.is_none() {
            let _ = write!(self.text, "?{}", self.params.len());
        }
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
        Statement::new(self.known.unwrap_or_else(|| Sql::from(self.text)), self.params)
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
    /// What [`stratus_access::resolve`] says, in SQL. What the collection grants is known before
    /// and bound. Where no document of the tenant has permissions of its own, that is all there is
    /// to it, and is found out once for all rows.
    pub(crate) fn permitted(&mut self, base: Base<'_>, action: Action, rights: &Rights) -> &mut Self {
        let collection = match base {
            Base::Of(collection) => collection,
            Base::Among(collections) => return self.permitted_among(collections, action, rights),
        };
        let granted = self.aside(|sql| {
            sql.bind(rights.granted_by(collection, action));
        });
        self.push("CASE WHEN EXISTS (SELECT 1 FROM document_permissions AS a WHERE a.tenant_id = ");
        self.bind(rights.tenant.as_str()).push(")");
        self.push(" THEN (NOT ").entry(action, "deny", &rights.deniable).push(" AND (").push(&granted);
        self.push(" OR ").entry(action, "allow", &rights.principals).push("))");
        self.push(" ELSE ").push(&granted).push(" END")
    }

    fn permitted_among(&mut self, collections: &str, action: Action, rights: &Rights) -> &mut Self {
        self.push("(NOT ").entry(action, "deny", &rights.deniable);
        self.push(" AND (d.type_id IN (SELECT value FROM json_each(").bind(collections).push(")) OR ");
        self.entry(action, "allow", &rights.principals).push("))")
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
    tenant: TenantId,
    caller: Caller,
    /// Everyone that they are. The public is in it as grants and as permissions spell it.
    principals: Cow<'static, str>,
    /// Everyone that a deny on binds them: a deny on the public binds anonymous callers only.
    deniable: Cow<'static, str>,
}

/// The principals of an anonymous caller, as [`principals`] lists them.
const PUBLIC: &str = r#"["public","public:*"]"#;

impl Rights {
    pub(crate) fn of(tenant: &TenantId, caller: &Caller) -> Self {
        let (principals, deniable) = if caller.is_anonymous() {
            (PUBLIC.into(), PUBLIC.into())
        } else {
            let named = caller.principals().iter().filter(|it| **it != Principal::Public);
            (principals(caller.principals()).into(), principals(named).into())
        };
        Self { tenant: tenant.clone(), caller: caller.clone(), principals, deniable }
    }

    /// What holds where a document says nothing of its own.
    fn granted_by(&self, collection: &Collection, action: Action) -> bool {
        collection.allows(&self.caller, action)
    }

    /// The same caller where no document can deny them anything.
    pub(crate) fn undeniable(self) -> Self {
        Self { deniable: "[]".into(), ..self }
    }
}

/// Principals as a JSON list of their texts.
fn principals<'a>(principals: impl IntoIterator<Item = &'a Principal>) -> String {
    // Grants name the public, permissions have its kind and id.
    let spelt = |it: &Principal| match it {
        Principal::Public => vec![it.to_string(), format!("{}:{}", it.kind(), it.id())],
        named => vec![named.to_string()],
    };
    Json::from(principals.into_iter().flat_map(spelt).collect::<Vec<_>>()).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_is_spelt_once() {
        assert_eq!(principals(Caller::anonymous().principals()), PUBLIC);
    }

    #[test]
    fn a_statement_that_comes_again_has_the_same_text() {
        let place = OnceLock::new();
        let make = |n: u32| {
            let mut sql = Builder::again(&place);
            sql.push("SELECT ").bind(n).push(", ").bind(2);
            sql.finish_in(&place)
        };
        assert_eq!(make(1), Statement::new("SELECT ?1, ?2".to_owned(), vec![1.into(), 2.into()]));
        assert_eq!(make(7), Statement::new("SELECT ?1, ?2".to_owned(), vec![7.into(), 2.into()]));
    }
}
