//! The one place that documents are read from.

mod family;
mod population;
mod reading;
mod referrers;

use std::{collections::BTreeSet, sync::Arc};

pub use population::{MAX_POPULATED, MAX_POPULATED_BYTES, Piece, Place, Populated};
pub use reading::Reading;
pub(crate) use referrers::referrer;
use stratus_access::Action;
use stratus_storage::{
    Clock, Database, Error as StorageError, Row, Rows, Session, Statement, Value, parse_uuid,
};

use crate::{
    collection::Collection,
    document::{COLUMN_COUNT, COLUMNS, Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    query::{self, Count, Cursor, CursorKey, ListParams, ListQuery, MAX_LIMIT, Plan, Reach, Viewer},
    registry::Registry,
    sql::{Across, Base, Builder, Rights, right_to_read},
};

/// How a single document is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Which of its rows.
    pub state: State,
    /// Only if it is of this locale.
    pub locale: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents, in order.
    pub documents: Vec<Document>,
    /// The cursor that goes on after it, unless it is the last.
    pub next: Option<String>,
    /// The cursor that goes back before it, unless it is the first.
    pub prev: Option<String>,
    /// How many documents match, on all pages; if it was asked.
    pub count: Option<i64>,
}

/// The one place that documents are read from.
///
/// Every statement carries the tenant, the collection, the visibility and the caller's rights.
#[derive(Clone)]
pub struct DocumentRepository {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    key: CursorKey,
}

impl std::fmt::Debug for DocumentRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentRepository").finish_non_exhaustive()
    }
}

impl DocumentRepository {
    /// A repository over a database whose schema [`install`](crate::install) has prepared.
    pub fn new(
        database: Arc<dyn Database>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        key: CursorKey,
    ) -> Self {
        Self { database, registry, clock, key }
    }

    /// What its cursors are made with.
    pub fn cursor_key(&self) -> &CursorKey {
        &self.key
    }

    /// The collections that it serves.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// One document by its id.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`]; [`DocumentError::Trashed`] for callers who may recover it;
    /// [`DocumentError::Denied`] for a state that the caller has no right to.
    pub async fn get(&self, scope: &Scope, collection: &str, id: &str, view: &View) -> Result<Document> {
        self.get_in(&*self.session(scope), scope, collection, id, view).await
    }

    async fn get_in(
        &self,
        session: &dyn Session,
        scope: &Scope,
        collection: &str,
        id: &str,
        view: &View,
    ) -> Result<Document> {
        let collection = self.known(collection)?;
        if let Some(locale) = &view.locale {
            query::locale(collection, Some(locale))?;
        }
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let text = collection.texts().by_id(view.state, view.locale.is_some());
        let mut sql = Builder::again(text);
        sql.push("SELECT ").push(COLUMNS).push(" FROM documents AS d INDEXED BY ");
        sql.push(root_index(view.state)).push(" WHERE d.root_id = ").bind(id).push(" AND ");
        self.in_view(&mut sql, scope, collection, view);
        match one(session, collection, sql.finish_in(text)).await? {
            Some(document) => Ok(document),
            None => Err(self.refusal(scope, collection, id, right_to_read(view.state)).await?),
        }
    }

    /// One document by its slug, below a parent or at the top.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub async fn get_by_slug(
        &self,
        scope: &Scope,
        collection: &str,
        slug: &str,
        parent: Option<&str>,
        view: &View,
    ) -> Result<Document> {
        self.get_by_slug_in(&*self.session(scope), scope, collection, (slug, parent), view).await
    }

    async fn get_by_slug_in(
        &self,
        session: &dyn Session,
        scope: &Scope,
        collection: &str,
        (slug, parent): (&str, Option<&str>),
        view: &View,
    ) -> Result<Document> {
        let collection = self.known(collection)?;
        if view.state == State::Trashed {
            return Err(DocumentError::parameter(
                "state",
                "a document in the trash has no slug; read it by id",
            ));
        }
        let locale = query::locale(collection, view.locale.as_deref())?;
        let index = collection.slug_index(view.state).ok_or(DocumentError::NotFound)?;
        let text = collection.texts().by_slug(view.state);
        let mut sql = Builder::again(text);
        sql.push("SELECT ").push(COLUMNS).push(" FROM documents AS d INDEXED BY ").push(&index.name);
        sql.push(" WHERE d.slug IS NOT NULL AND d.slug = ").bind(slug);
        sql.push(" AND d.parent_root_id = ").bind(parent.unwrap_or_default()).push(" AND ");
        self.in_view(&mut sql, scope, collection, &View { locale: Some(locale), ..view.clone() });
        match one(session, collection, sql.finish_in(text)).await? {
            Some(document) => Ok(document),
            // Whoever may not see drafts learns nothing of which slugs they have.
            None => {
                self.reach(scope, collection.name(), right_to_read(view.state)).await?;
                Err(DocumentError::NotFound)
            }
        }
    }

    /// Types the parameters of a list by its collection. What they name of collections that the
    /// caller may not read is answered like what is not there.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`] for an unknown collection, [`DocumentError::BadParameter`],
    /// [`DocumentError::BadCursor`], or [`DocumentError::Unindexed`] when no declared index serves
    /// it.
    pub async fn query(&self, scope: &Scope, collection: &str, params: &ListParams) -> Result<ListQuery> {
        let collection = self.known(collection)?;
        let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
        for crossing in ListQuery::crossings(&self.registry, collection, &params.filters) {
            for name in crossing {
                // Nothing behind a closed collection is looked for.
                if closed.contains(name) {
                    break;
                }
                if open.contains(name) {
                    continue;
                }
                match self.reach(scope, name, Action::Read).await {
                    Ok(_) => {
                        open.insert(name);
                    }
                    Err(DocumentError::NotFound) => {
                        closed.insert(name.to_owned());
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let reach = Reach { registry: &self.registry, tenant: &scope.tenant, closed: &closed };
        ListQuery::parse_within(reach, collection, params, &self.key)
    }

    /// A page of documents.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`] and [`DocumentError::Denied`] as for [`get`](Self::get);
    /// [`DocumentError::TooCostly`].
    pub async fn list(&self, scope: &Scope, collection: &str, query: &ListQuery) -> Result<Page> {
        self.list_in(&*self.session(scope), scope, collection, query).await
    }

    async fn list_in(
        &self,
        session: &dyn Session,
        scope: &Scope,
        collection: &str,
        query: &ListQuery,
    ) -> Result<Page> {
        let (collection, action) = (self.known(collection)?, right_to_read(query.state));
        if query.is_empty() {
            self.reach(scope, collection.name(), action).await?;
            let count = (query.count == Count::Exact).then_some(0);
            return Ok(Page { documents: Vec::new(), next: None, prev: None, count });
        }
        let rights = scope.rights();
        let (readable, updatable) = if query.goes_through() {
            (self.collections_for(scope, Action::Read), self.collections_for(scope, Action::Update))
        } else {
            Default::default()
        };
        let (readable, updatable) = (readable.as_str(), updatable.as_str());
        let across = Across { rights: &rights, readable, updatable, now: self.clock.now() };
        let plan = Plan::of(collection, query, &Viewer { tenant: scope.tenant.as_str(), across });
        let results = match plan.statements.as_slice() {
            [one] => session.query(one).await.map(|it| vec![it]),
            several => session.batch(several).await,
        };
        let mut results = results.map_err(|error| match error {
            StorageError::TooSlow { .. } if query.is_costly() => DocumentError::TooCostly,
            error => DocumentError::Storage(error),
        })?;
        let counted = if plan.counts { results.pop() } else { None };
        let count = counted.as_ref().and_then(Rows::first).map(|row| row.integer(0)).transpose()?;
        let page = Page { count, ..Walk::over(collection, query, &plan, results)?.page(&self.key)? };
        // Whoever sees nothing may be one who may know of nothing.
        if page.documents.is_empty() {
            self.reach(scope, collection.name(), action).await?;
        }
        Ok(page)
    }

    /// The versions of a document, newest first; `before` goes on below a version number.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Denied`] without the right to update, else those of [`get`](Self::get).
    pub async fn versions(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        before: Option<i64>,
    ) -> Result<(Vec<Document>, Option<i64>)> {
        let collection = self.known(collection)?;
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let mut sql = Builder::default();
        self.history(&mut sql, scope, collection, id);
        sql.push(" AND d.version_number < ").bind(Value::Integer(before.unwrap_or(i64::from(u32::MAX))));
        sql.push(" ORDER BY d.version_number DESC LIMIT ").bind(MAX_LIMIT + 1);
        let rows = self.database.session(scope.consistency.clone()).query(&sql.finish()).await?;
        let mut versions = decode(collection, rows)?;
        if versions.is_empty() {
            // Below the oldest there is nothing; of what is not there, or in the trash, neither.
            self.get(scope, collection.name(), id, &View { state: State::Draft, locale: None }).await?;
        }
        let more = versions.len() > MAX_LIMIT as usize;
        versions.truncate(MAX_LIMIT as usize);
        let next = versions.last().filter(|_| more).map(|it| it.version);
        Ok((versions, next))
    }

    /// One version of a document.
    ///
    /// # Errors
    ///
    /// Those of [`versions`](Self::versions).
    pub async fn version(&self, scope: &Scope, collection: &str, id: &str, version: i64) -> Result<Document> {
        let collection = self.known(collection)?;
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let mut sql = Builder::default();
        self.history(&mut sql, scope, collection, id);
        sql.push(" AND d.version_number = ")
            .bind(Value::integer(version).map_err(|_| DocumentError::NotFound)?);
        match one(&*self.session(scope), collection, sql.finish()).await? {
            Some(document) => Ok(document),
            None => Err(self.refusal(scope, collection, id, Action::Update).await?),
        }
    }

    /// Fails unless the caller may see the document in any state.
    async fn visible(&self, scope: &Scope, collection: &str, id: &str) -> Result<()> {
        let known = self.known(collection)?;
        let published = View::default();
        let draft = View { state: State::Draft, locale: None };
        let (first, second) =
            if known.allows(&scope.caller, Action::Update) { (draft, published) } else { (published, draft) };
        match self.get(scope, collection, id, &first).await {
            Err(DocumentError::NotFound | DocumentError::Denied { .. }) => {}
            other => return other.map(drop),
        }
        match self.get(scope, collection, id, &second).await {
            // That there is a draft is nothing for those who may not see it.
            Err(DocumentError::Denied { .. }) => Err(DocumentError::NotFound),
            other => other.map(drop),
        }
    }

    /// The collections whose grants give the caller a right, as a JSON list.
    fn collections_for(&self, scope: &Scope, action: Action) -> String {
        let named = self.registry.collections().filter(|it| it.allows(&scope.caller, action));
        serde_json::Value::from(named.map(|it| it.name()).collect::<Vec<_>>()).to_string()
    }

    /// Live rows `d` of any collection that the caller sees: drafts of what they may update, and
    /// what is public of the rest.
    fn seen(&self, sql: &mut Builder, reading: &str, updating: &str, rights: &Rights) {
        sql.granted(Base::Among(reading), &[], rights).push(" AND ((d.is_published = 1");
        sql.window(State::Published, self.clock.now()).push(") OR ");
        sql.permitted(Base::Among(updating), Action::Update, rights).push(")");
    }

    fn in_view(&self, sql: &mut Builder, scope: &Scope, collection: &Collection, view: &View) {
        sql.rows(collection, view.state, scope.tenant.as_str());
        if let Some(locale) = &view.locale {
            sql.push(" AND d.locale = ").bind(locale.as_str());
        }
        sql.window(view.state, self.clock.now());
        sql.granted(Base::Of(collection), &[right_to_read(view.state)], &scope.rights());
    }

    /// Every live version, for those who may update.
    fn history(&self, sql: &mut Builder, scope: &Scope, collection: &Collection, id: &str) {
        sql.push("SELECT ").push(COLUMNS).push(" FROM documents AS d INDEXED BY documents_version");
        sql.push(" WHERE d.root_id = ").bind(id).push(" AND d.type_id = '").push(collection.name());
        sql.push("' AND d.tenant_id = ").bind(scope.tenant.as_str());
        // Trash marks the head and the public row; history below a trashed head is hidden with it.
        sql.push(
            " AND NOT EXISTS (SELECT 1 FROM documents AS h INDEXED BY documents_head WHERE h.root_id = ",
        );
        sql.bind(id).push(" AND h.is_current_draft = 1 AND h.deleted_at IS NOT NULL)");
        sql.granted(Base::Of(collection), &[Action::Update], &scope.rights());
    }

    /// A session as fresh as the scope demands.
    fn session(&self, scope: &Scope) -> Box<dyn Session> {
        self.database.session(scope.consistency.clone())
    }
}

async fn one(
    session: &dyn Session,
    collection: &Arc<Collection>,
    sql: Statement,
) -> Result<Option<Document>> {
    let mut rows = session.query(&sql).await?;
    Ok(rows.iter_mut().next().map(|row| Document::take(collection, row)).transpose()?)
}

pub(crate) fn root_index(state: State) -> &'static str {
    match state {
        State::Published => "documents_published",
        State::Draft | State::Trashed => "documents_head",
    }
}

fn decode(collection: &Arc<Collection>, mut rows: Rows) -> stratus_storage::Result<Vec<Document>> {
    rows.iter_mut().map(|row| Document::take(collection, row)).collect()
}

/// The rows of a plan's statements, put together into one page.
struct Walk<'a> {
    query: &'a ListQuery,
    reversed: bool,
    documents: Vec<Document>,
    /// Where the first document is, and the last one that the page has room for.
    first: Option<Cursor>,
    last: Option<Cursor>,
    more: bool,
    /// Where a bounded walk stopped before the page was full.
    stopped_at: Option<Cursor>,
}

impl<'a> Walk<'a> {
    fn over(
        collection: &Arc<Collection>,
        query: &'a ListQuery,
        plan: &Plan,
        mut results: Vec<Rows>,
    ) -> stratus_storage::Result<Self> {
        let (limit, reversed) = (query.limit as usize, plan.reversed);
        let documents = Vec::with_capacity(limit);
        let mut walk =
            Self { query, reversed, documents, first: None, last: None, more: false, stopped_at: None };
        let keys = COLUMN_COUNT..COLUMN_COUNT + plan.key_count;
        let cursor = |row: Row<'_>| {
            let values = keys.clone().map(|column| row.value(column).cloned()).collect::<Result<_, _>>()?;
            stratus_storage::Result::Ok(Cursor { values, id: row.text(1)?.to_owned() })
        };
        for row in results.iter_mut().flat_map(Rows::iter_mut) {
            if walk.stopped_at.is_some() || walk.more {
                break;
            }
            let cells = row.as_row();
            if Plan::is_stop(cells)? {
                walk.stopped_at = Some(cursor(cells)?);
                continue;
            }
            if walk.documents.len() == limit {
                // It only tells that there is another page.
                walk.more = true;
                continue;
            }
            if walk.documents.is_empty() {
                walk.first = Some(cursor(cells)?);
            }
            if walk.documents.len() + 1 == limit {
                walk.last = Some(cursor(cells)?);
            }
            walk.documents.push(Document::take(collection, row)?);
        }
        Ok(walk)
    }

    fn page(self, key: &CursorKey) -> Result<Page> {
        // Beyond: in the direction of the walk. Behind: where it came from.
        let behind = match &self.query.position {
            query::Position::Start => None,
            // Nothing was found up to where the walk stopped: the way back leads from there.
            query::Position::After(from) | query::Position::Before(from) => {
                self.first.or_else(|| self.stopped_at.clone()).or_else(|| Some(from.clone()))
            }
        };
        let beyond = if self.more { self.last } else { self.stopped_at };
        let encode =
            |cursor: Option<Cursor>| cursor.map(|it| it.encode(key, &self.query.fingerprint)).transpose();
        let (mut next, mut prev) = (encode(beyond)?, encode(behind)?);
        let mut documents = self.documents;
        if self.reversed {
            documents.reverse();
            std::mem::swap(&mut next, &mut prev);
        }
        Ok(Page { documents, next, prev, count: None })
    }
}
