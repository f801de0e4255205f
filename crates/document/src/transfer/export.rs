//! Documents as lines of JSON.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::json;
use stratus_access::{Entry, TenantId};
use stratus_storage::{Consistency, Database, Rows, Session, Statement};

use super::stored::{
    StoredRow, heads_of, history_of, id_list, permissions_by_root, permissions_of, publics_of, rows_of,
};
use crate::{
    collection::Collection,
    document::format_time,
    physical::{Index, State},
    registry::Registry,
};

/// How many ids a collection may have to be found by its own index.
const FEW: u32 = 5_000;
/// How many entries of the index of heads are walked in one query.
const WALKED: u32 = 5_000;
/// How many documents are read at once at most, and how many bytes they shall have.
const MAX_PAGE: usize = 500;
const PAGE_BYTES: usize = 8 << 20;

/// Which rows are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportState {
    /// Of every live document its head and its public row.
    #[default]
    All,
    /// Of every public document its public row, as if it were the head.
    Published,
    /// Of every live document its head, as if nothing were published.
    Draft,
}

/// Whether history is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// It is not.
    #[default]
    Left,
    /// It is.
    Exported,
}

/// What is exported.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Whose documents.
    pub tenant: TenantId,
    /// Of which collections; all, if it names none.
    pub collections: Vec<String>,
    /// Which rows.
    pub state: ExportState,
    /// Whether older versions are.
    pub history: History,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A collection that is not defined.
    #[error("there is no collection `{0}`")]
    UnknownCollection(String),
    /// A line could not be handed on.
    #[error("a line can't be written")]
    Write(#[source] std::io::Error),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] stratus_storage::Error),
}

/// Hands each document to `write` as a line without its end, and says how many there were:
/// collections by name, and the documents of each by id.
///
/// Each line is of one moment, and so are some hundred after each other; what is written to the
/// database meanwhile is in later lines or in none. Memory is bounded by a few hundred documents.
///
/// # Errors
///
/// [`ExportError::UnknownCollection`] before anything is written; those of `write`.
pub async fn export(
    database: &dyn Database,
    registry: &Registry,
    options: &ExportOptions,
    write: &mut (dyn FnMut(&str) -> std::io::Result<()> + Send),
) -> Result<u64, ExportError> {
    let unknown = options.collections.iter().find(|it| registry.collection(it).is_none());
    if let Some(name) = unknown {
        return Err(ExportError::UnknownCollection(name.clone()));
    }
    let wanted = |it: &&Arc<Collection>| {
        options.collections.is_empty() || options.collections.iter().any(|name| name == it.name())
    };
    let mut count = 0;
    for collection in registry.collections().filter(wanted) {
        let session = database.session(Consistency::Primary);
        count += Exporter { session, collection, options, page: 20 }.run(write).await?;
    }
    Ok(count)
}

struct Exporter<'a> {
    session: Box<dyn Session>,
    collection: &'a Collection,
    options: &'a ExportOptions,
    /// How many documents to read next: so many that their bytes stay within bounds.
    page: usize,
}

impl Exporter<'_> {
    async fn run(
        mut self,
        write: &mut (dyn FnMut(&str) -> std::io::Result<()> + Send),
    ) -> Result<u64, ExportError> {
        if let Some(ids) = self.few().await? {
            let ids = ids.iter().map(String::as_str).collect::<Vec<_>>();
            return self.lines(&ids, write).await;
        }
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let walked = self.session.query(&self.walk(&after)).await?;
            let Some(last) = walked.iter().next_back() else { return Ok(count) };
            after = last.text(0)?.to_owned();
            let mut ids = Vec::new();
            for row in walked.iter() {
                if row.flag(1)? {
                    ids.push(row.text(0)?);
                }
            }
            count += self.lines(&ids, write).await?;
        }
    }

    /// Writes the lines of some documents, a page at a time, and says how many there were.
    async fn lines(
        &mut self,
        mut ids: &[&str],
        write: &mut (dyn FnMut(&str) -> std::io::Result<()> + Send),
    ) -> Result<u64, ExportError> {
        let mut count = 0;
        while !ids.is_empty() {
            let (page, rest) = ids.split_at(self.page.min(ids.len()));
            for line in self.page(page).await? {
                write(&line).map_err(ExportError::Write)?;
                count += 1;
            }
            ids = rest;
        }
        Ok(count)
    }

    /// The ids of the collection's documents in order, if they are few.
    ///
    /// No index has a collection's ids in their order: a large collection is found by walking the
    /// heads of all. One that is not is read whole from the index of its drafts, and sorted here, so
    /// that many small ones beside a large one are no walk each.
    async fn few(&mut self) -> Result<Option<Vec<String>>, ExportError> {
        let is_plain = |it: &&Index| !it.unique && it.state == State::Draft;
        let Some(index) = self.collection.indexes().iter().find(is_plain) else { return Ok(None) };
        let sql = format!(
            "SELECT d.root_id AS root_id FROM documents AS d INDEXED BY {} \
             WHERE d.type_id = '{}' AND d.{} AND d.tenant_id = ?1 LIMIT ?2",
            index.name,
            self.collection.name(),
            State::Draft.rows().replace("AND ", "AND d.")
        );
        let params = vec![self.options.tenant.as_str().into(), (FEW + 1).into()];
        let rows = match self.session.query(&Statement::new(sql, params)).await {
            // The definitions may be newer than the database: it has no such index yet.
            Err(stratus_storage::Error::MissingSchema { .. }) => return Ok(None),
            rows => rows?,
        };
        if rows.len() > FEW as usize {
            return Ok(None);
        }
        let ids = rows.iter().map(|row| row.text(0).map(str::to_owned));
        let mut ids = ids.collect::<stratus_storage::Result<Vec<_>>>()?;
        ids.sort_unstable();
        Ok(Some(ids))
    }

    /// The next roots after an id, of all collections, each with whether it is one to export.
    fn walk(&self, after: &str) -> Statement {
        let sql = format!(
            "SELECT d.root_id AS root_id, d.type_id = '{}' AND d.tenant_id = ?2 AND d.deleted_at IS NULL AS wanted \
             FROM documents AS d INDEXED BY documents_head WHERE d.is_current_draft = 1 AND d.root_id > ?1 \
             ORDER BY d.root_id LIMIT ?3",
            self.collection.name()
        );
        Statement::new(sql, vec![after.into(), self.options.tenant.as_str().into(), WALKED.into()])
    }

    /// The lines of some documents, read in one snapshot.
    async fn page(&mut self, ids: &[&str]) -> Result<Vec<String>, ExportError> {
        let list = id_list(ids);
        let (heads, publics) = match self.options.state {
            ExportState::All => (heads_of(&list), Some(publics_of(&list))),
            ExportState::Published => (rows_of("documents_published", "d.is_published = 1", &list), None),
            ExportState::Draft => (heads_of(&list), None),
        };
        let mut looks = vec![heads, permissions_of(self.options.tenant.as_str(), &list)];
        looks.extend(publics);
        if self.options.history == History::Exported {
            looks.push(history_of(&list));
        }
        let mut answers = self.session.batch(&looks).await?.into_iter();
        let heads = StoredRow::all(&answers.next().unwrap_or_default())?;
        let permissions = permissions_by_root(&answers.next().unwrap_or_default())?;
        let publics = match self.options.state {
            ExportState::All => by_root(&answers.next().unwrap_or_default())?,
            _ => BTreeMap::new(),
        };
        let history = match self.options.history {
            History::Exported => by_root(&answers.next().unwrap_or_default())?,
            History::Left => BTreeMap::new(),
        };
        let mut bytes = 0;
        let mut lines = Vec::new();
        for head in heads.iter().filter(|it| !it.is_trashed) {
            let root = |rows: &BTreeMap<String, Vec<StoredRow>>| {
                rows.get(&head.root_id).cloned().unwrap_or_default()
            };
            let (public, history) = (root(&publics), root(&history));
            bytes += public.iter().chain(&history).chain([head]).map(StoredRow::size).sum::<usize>();
            let permissions = permissions.get(&head.root_id).map(Vec::as_slice).unwrap_or_default();
            lines.push(self.line(head, public.first(), permissions, &history)?);
        }
        let each = bytes / ids.len().max(1) + 1;
        self.page = (PAGE_BYTES / each).clamp(1, MAX_PAGE);
        Ok(lines)
    }

    fn line(
        &self,
        head: &StoredRow,
        public: Option<&StoredRow>,
        permissions: &[Entry],
        history: &[StoredRow],
    ) -> Result<String, ExportError> {
        let is_draft = self.options.state == ExportState::Draft;
        let mut line = String::with_capacity(head.size() + 400);
        let mut text = Members::new(&mut line);
        text.member("id", &json!(head.root_id));
        text.member("type", &json!(self.collection.name()));
        text.member("slug", &json!(head.slug));
        text.member("locale", &json!(head.locale));
        text.member("parent", &json!(head.parent));
        text.member("createdAt", &json!(format_time(head.created_at)));
        let published_at = head.published_at.filter(|_| !is_draft);
        text.member("publishedAt", &json!(published_at.map(format_time)));
        if head.order != 0 {
            text.member("order", &json!(head.order));
        }
        if !head.group.is_empty() {
            text.member("translationGroup", &json!(head.group));
        }
        match public.or(Some(head).filter(|it| it.is_published && !is_draft)) {
            Some(public) => {
                text.raw("published", &self.row(public, head, Shown::Always)?);
                match public.row_id == head.row_id {
                    true => text.raw("head", "\"same\""),
                    false => text.raw("head", &self.row(head, head, Shown::Always)?),
                }
            }
            None => text.raw("head", &self.row(head, head, Shown::Always)?),
        }
        if !permissions.is_empty() {
            let entry = |it: &Entry| {
                json!({
                    "principal": it.principal.to_string(),
                    "action": it.action.name(),
                    "effect": it.effect.name(),
                })
            };
            text.member("permissions", &permissions.iter().map(entry).collect());
        }
        if self.options.history == History::Exported && !history.is_empty() {
            // An older public row, shown as the head, has versions after it.
            let rows = history.iter().filter(|it| it.version < head.version);
            let rows = rows.map(|it| self.row(it, head, Shown::WhereSet));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            text.raw("versions", &format!("[{}]", rows.join(",")));
        }
        text.end();
        Ok(line)
    }

    fn row(&self, row: &StoredRow, head: &StoredRow, shown: Shown) -> Result<String, ExportError> {
        let fields = row.fields_text(self.collection)?;
        let mut line = String::with_capacity(fields.len() + 200);
        let mut text = Members::new(&mut line);
        text.member("version", &json!(row.version));
        text.member("updatedAt", &json!(format_time(row.updated_at)));
        for (name, time) in [("publishAt", row.publish_at), ("expireAt", row.expire_at)] {
            if shown == Shown::Always || time.is_some() {
                text.member(name, &json!(time.map(format_time)));
            }
        }
        text.raw("fields", &fields);
        if row.slug != head.slug {
            text.member("slug", &json!(row.slug));
        }
        if row.locale != head.locale {
            text.member("locale", &json!(row.locale));
        }
        if row.parent != head.parent {
            text.member("parent", &json!(row.parent));
        }
        text.end();
        Ok(line)
    }
}

/// When the window of a row is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    /// Of history, where it has one.
    WhereSet,
}

fn by_root(rows: &Rows) -> stratus_storage::Result<BTreeMap<String, Vec<StoredRow>>> {
    let mut by_root = BTreeMap::<_, Vec<_>>::new();
    for row in StoredRow::all(rows)? {
        by_root.entry(row.root_id.clone()).or_default().push(row);
    }
    Ok(by_root)
}

/// An object that is written member by member, so that what is stored as JSON is copied.
struct Members<'a> {
    text: &'a mut String,
    separator: char,
}

impl<'a> Members<'a> {
    fn new(text: &'a mut String) -> Self {
        Self { text, separator: '{' }
    }

    fn member(&mut self, name: &str, value: &serde_json::Value) {
        self.raw(name, &value.to_string());
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.text.push(self.separator);
        self.separator = ',';
        let _ = fmt::Write::write_fmt(self.text, format_args!("\"{name}\":{value}"));
    }

    fn end(self) {
        self.text.push('}');
    }
}
