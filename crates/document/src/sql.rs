//! Fragments of SQL that every statement about documents is made of.
//!
//! Names come from the registry, where they were checked; everything else is bound.

use std::{borrow::Cow, fmt::Write as _, sync::OnceLock};

use serde_json::Value as Json;
use stratus_access::{Action, Caller, Effect, Principal, TenantId};
use stratus_storage::{Sql, Statement, Value};

use crate::{collection::Collection, physical::State};

/// A statement in the making: text with its parameters.
#[derive(Debug)]
pub(crate) struct Builder {
    text: String,
    params: Vec<Value>,
    /// The whole text, where it was put together before: then only parameters are collected.
    known: Option<Sql>,
    /// The numbers of the parameters that are of the request as a whole.
    context: [Option<usize>; CONTEXTS],
}

/// What a statement may need more than once and binds once: backends take 100 parameters. Values
/// that a client sent are none of it: the text would depend on which of them are equal.
#[derive(Clone, Copy, Debug)]
enum Context {
    Tenant,
    Locale,
    Now,
    Principals,
    Deniable,
    Readable,
    Updatable,
}

const CONTEXTS: usize = Context::Updatable as usize + 1;

impl Default for Builder {
    /// With room for the text of a read: it would grow step by step.
    fn default() -> Self {
        let text = String::with_capacity(2_048);
        Self { text, params: Vec::with_capacity(16), known: None, context: [None; CONTEXTS] }
    }
}

impl Builder {
    /// A statement whose text was made before, if `place` has it. Whoever goes on has to push and
    /// bind the same as then.
    pub(crate) fn again(place: &OnceLock<Sql>) -> Self {
        match place.get() {
            Some(known) => Self { text: String::new(), known: Some(known.clone()), ..Self::default() },
            None => Self::default(),
        }
    }

    /// The statement. Its text is kept in `place` for those that come [`again`](Self::again).
    pub(crate) fn finish_in(self, place: &OnceLock<Sql>) -> Statement {
        let Self { text, params, known, .. } = self;
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

    /// Writes the placeholder of a value that is bound already: `number` counts from one.
    pub(crate) fn again_bound(&mut self, number: usize) -> &mut Self {
        if self.known.is_none() {
            let _ = write!(self.text, "?{number}");
        }
        self
    }

    /// Binds values that placeholders are written for later.
    pub(crate) fn bind_ahead(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self {
        self.params.extend(values);
        self
    }

    /// How many values are bound so far: the number of the last one.
    pub(crate) fn bound(&self) -> usize {
        self.params.len()
    }

    /// Writes the placeholder of what the whole statement shares; binds it the first time.
    fn bind_once<V: Into<Value>>(&mut self, what: Context, value: impl FnOnce() -> V) -> &mut Self {
        match self.context[what as usize] {
            Some(number) => self.again_bound(number),
            None => {
                self.bind(value());
                self.context[what as usize] = Some(self.params.len());
                self
            }
        }
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
        self.push(qualified(state)).push(" AND d.tenant_id = ").tenant(tenant)
    }

    fn tenant(&mut self, tenant: &str) -> &mut Self {
        self.bind_once(Context::Tenant, || tenant)
    }

    /// Writes the placeholder of the locale of a list, of which it has one.
    pub(crate) fn locale(&mut self, locale: &str) -> &mut Self {
        self.bind_once(Context::Locale, || locale)
    }

    /// Published rows are visible within their window only.
    pub(crate) fn window(&mut self, state: State, now: i64) -> &mut Self {
        if state == State::Published { self.push(" AND ").in_window("d", now) } else { self }
    }

    fn in_window(&mut self, alias: &str, now: i64) -> &mut Self {
        let now = || Value::Integer(now);
        self.push("(").push(alias).push(".scheduled_at IS NULL OR ").push(alias);
        self.push(".scheduled_at <= ").bind_once(Context::Now, now);
        self.push(") AND (").push(alias).push(".expires_at IS NULL OR ").push(alias);
        self.push(".expires_at > ").bind_once(Context::Now, now).push(")")
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
        self.unless_denied("d", &granted, action, rights)
    }

    /// [`permitted`](Self::permitted) of a row of any collection that a list goes through: what the
    /// grants say of all collections is bound once.
    fn permitted_across(&mut self, alias: &str, action: Action, across: Across<'_>) -> &mut Self {
        let (what, collections) = match action {
            Action::Update => (Context::Updatable, across.updatable),
            _ => (Context::Readable, across.readable),
        };
        let granted = self.aside(|sql| {
            sql.push(alias).push(".type_id IN (SELECT value FROM json_each(");
            sql.bind_once(what, || collections).push("))");
        });
        self.unless_denied(alias, &granted, action, across.rights)
    }

    fn unless_denied(&mut self, alias: &str, granted: &str, action: Action, rights: &Rights) -> &mut Self {
        self.push("CASE WHEN ").has_entries(rights);
        self.push(" THEN (NOT ").entry(alias, action, Effect::Deny, rights).push(" AND (").push(granted);
        self.push(" OR ").entry(alias, action, Effect::Allow, rights).push("))");
        self.push(" ELSE ").push(granted).push(" END")
    }

    /// Whether any document of the tenant has permissions of its own: asked once for all rows.
    fn has_entries(&mut self, rights: &Rights) -> &mut Self {
        self.push("EXISTS (SELECT 1 FROM document_permissions AS a WHERE a.tenant_id = ");
        self.tenant(rights.tenant.as_str()).push(")")
    }

    fn permitted_among(&mut self, collections: &str, action: Action, rights: &Rights) -> &mut Self {
        self.push("(NOT (").has_entries(rights).push(" AND ").entry("d", action, Effect::Deny, rights);
        self.push(") AND (d.type_id IN (SELECT value FROM json_each(").bind(collections).push(")) OR ");
        self.entry("d", action, Effect::Allow, rights).push("))")
    }

    /// Whether the document of a row has an entry with that effect on one of the principals.
    fn entry(&mut self, alias: &str, action: Action, effect: Effect, rights: &Rights) -> &mut Self {
        let (what, principals) = match effect {
            Effect::Allow => (Context::Principals, &rights.principals),
            Effect::Deny => (Context::Deniable, &rights.deniable),
        };
        self.push("EXISTS (SELECT 1 FROM document_permissions AS p WHERE p.tenant_id = ").push(alias);
        self.push(".tenant_id AND p.root_id = ").push(alias).push(".root_id AND p.permission = '");
        self.push(action.name()).push("' AND p.effect = '").push(effect.name());
        self.push("' AND p.principal_type || ':' || p.principal_id IN (SELECT value FROM json_each(");
        self.bind_once(what, || &**principals).push(")))")
    }

    /// Whether references lead from row `d` over documents that the caller may see to one of which
    /// `condition` holds; it is told the alias of that document.
    ///
    /// A list of what is published leads over what is published. Any other leads over the heads
    /// that the caller may update, and over the public rows of the rest.
    ///
    /// One subquery, however many references: SQLite adds the depths of those that are nested in
    /// expressions. From the second reference on, where one before had many values, the ids that it
    /// leads to are a level of their own, each of them once: paths that meet are one from there on.
    pub(crate) fn follows(
        &mut self,
        hops: &[Hop<'_>],
        state: State,
        across: Across<'_>,
        condition: impl FnOnce(&mut Self, &str),
    ) -> &mut Self {
        let (mut walk, mut from, mut is_many) = (Join::default(), "d".to_owned(), false);
        for (number, hop) in (1..).zip(hops) {
            let (reference, to) = (format!("r{number}"), format!("d{number}"));
            walk.tables.push(format!("document_references AS {reference}"));
            walk.terms.push(format!("{reference}.from_document_id = {from}.pk"));
            walk.terms.push(format!("{reference}.field_name = '{}'", hop.field));
            let mut root = format!("{reference}.to_root_id");
            if is_many {
                let level = self.aside(|sql| {
                    sql.push("(SELECT DISTINCT ").push(&root).push(" AS root FROM ").join(&walk).push(")");
                });
                walk = Join { tables: vec![format!("{level} AS l{number}")], terms: Vec::new() };
                root = format!("l{number}.root");
            }
            is_many |= hop.is_many;
            self.lead(&mut walk, number, &root, state, across);
            walk.terms.push(format!("{to}.type_id = '{}'", hop.collection.name()));
            from = to;
        }
        walk.terms.push(self.aside(|sql| condition(sql, &from)));
        self.push("EXISTS (SELECT 1 FROM ").join(&walk).push(")")
    }

    /// Goes on from an id to the row of that document which the caller may see, the alias of which
    /// has this number.
    fn lead(&mut self, walk: &mut Join, number: i64, root: &str, state: State, across: Across<'_>) {
        let to = format!("d{number}");
        let Join { tables, terms } = walk;
        if state == State::Published {
            tables.push(format!("documents AS {to} INDEXED BY documents_published"));
            terms.push(format!("{to}.root_id = {root}"));
            terms.push(format!("{to}.is_published = 1"));
            terms.push(self.aside(|sql| {
                sql.in_window(&to, across.now);
            }));
        } else {
            let head = format!("h{number}");
            tables.push(format!("documents AS {head} INDEXED BY documents_head"));
            tables.push(format!("documents AS {to}"));
            terms.push(format!("{head}.root_id = {root}"));
            terms.push(format!("{head}.is_current_draft = 1"));
            terms.push(self.aside(|sql| sql.head_or_public(&head, &to, across)));
        }
        terms.push(format!("{to}.deleted_at IS NULL"));
        terms.push(self.aside(|sql| {
            sql.push(&to).push(".tenant_id = ").tenant(across.rights.tenant.as_str());
        }));
        terms.push(self.aside(|sql| {
            sql.permitted_across(&to, Action::Read, across);
        }));
    }

    /// The tables in their order, and what holds of their rows.
    fn join(&mut self, walk: &Join) -> &mut Self {
        self.push(&walk.tables.join(" CROSS JOIN ")).push(" WHERE ");
        self.halves(&walk.terms, " AND ", &mut |sql, term| {
            sql.push(term);
        });
        self
    }

    /// Row `to` is the head if the caller may update it, else the public row.
    fn head_or_public(&mut self, head: &str, to: &str, across: Across<'_>) {
        self.push(to).push(".pk = CASE WHEN (").permitted_across(head, Action::Update, across);
        self.push(") THEN ").push(head).push(".pk ELSE (SELECT v.pk FROM documents AS v");
        self.push(" INDEXED BY documents_published WHERE v.root_id = ").push(head);
        self.push(".root_id AND v.is_published = 1 AND ").in_window("v", across.now).push(") END");
    }

    /// Writes items with a word between them, nested in halves: backends bound how deep an
    /// expression is.
    pub(crate) fn halves<T>(&mut self, items: &[T], joint: &str, write: &mut dyn FnMut(&mut Self, &T)) {
        match items {
            [] => {}
            [one] => write(self, one),
            several => {
                let (first, second) = several.split_at(several.len() / 2);
                self.push("(").halves(first, joint, write);
                self.push(joint).halves(second, joint, write);
                self.push(")");
            }
        }
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

/// A reference that is followed.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'a> {
    /// The dotted path of its field.
    pub(crate) field: &'a str,
    /// Where it leads.
    pub(crate) collection: &'a Collection,
    /// Whether it may lead to more than one document.
    pub(crate) is_many: bool,
}

/// Tables that are joined, and the terms that must hold.
#[derive(Default)]
struct Join {
    tables: Vec<String>,
    terms: Vec<String>,
}

/// Who looks along references, at what time.
#[derive(Clone, Copy)]
pub(crate) struct Across<'a> {
    pub(crate) rights: &'a Rights,
    /// The collections whose grants let them read, as a JSON list.
    pub(crate) readable: &'a str,
    /// Those whose grants let them update.
    pub(crate) updatable: &'a str,
    pub(crate) now: i64,
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
