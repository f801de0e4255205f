//! A document's own permissions: who may do what to this one, whatever the collection grants.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use stratus_access::Entry;
use stratus_events::{EventKind, Reach};
use stratus_storage::{Bookmark, Row, Rows, Statement, Value};

use super::{
    DocumentsService, MAX_ATTEMPTS, Precondition,
    state::Current,
    write::{Subject, Write},
};
use crate::{
    collection::Collection,
    document::Scope,
    error::{DocumentError, Result},
    validate::FieldError,
};

/// How many entries a document has at most.
const MAX_ENTRIES: usize = 200;

/// Every entry of a root `?2` of tenant `?1`, in the one order in which they are shown.
const ENTRIES: &str = "SELECT p.principal_type, p.principal_id, p.permission, p.effect \
     FROM document_permissions AS p WHERE p.tenant_id = ?1 AND p.root_id = ?2 \
     ORDER BY p.principal_type, p.principal_id, p.permission";

/// The permissions of one document.
#[derive(Clone, Debug)]
pub struct Permissions {
    /// The entries, in the order of principal and action.
    pub entries: Vec<Entry>,
    /// The revision of the head that they belong to.
    pub revision: i64,
    /// Read at least this to see what was written; nothing when nothing was written.
    pub bookmark: Option<Bookmark>,
}

impl DocumentsService {
    /// The permissions of a live document.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Denied`] without the right to manage; [`DocumentError::NotFound`].
    pub async fn permissions(&self, scope: &Scope, collection: &str, id: &str) -> Result<Permissions> {
        let collection = self.repository.known(collection)?;
        let (current, entries) = self.manageable(scope, collection, id, entries_of(scope, id)).await?;
        let entries = decode(&entries)?;
        Ok(Permissions { entries, revision: current.head.document.revision, bookmark: None })
    }

    /// Replaces the permissions of a live document. The same ones change nothing.
    ///
    /// A deny binds admins as well, except here: they can always take it back.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Invalid`] for too many entries, or two of one principal and action; else
    /// those of [`permissions`](Self::permissions), and [`DocumentError::StaleRevision`].
    pub async fn replace_permissions(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        entries: &[Entry],
    ) -> Result<Permissions> {
        let collection = self.repository.known(collection)?;
        let entries = sorted(entries)?;
        for _ in 0..MAX_ATTEMPTS {
            let (current, present) = self.manageable(scope, collection, id, entries_of(scope, id)).await?;
            let revision = current.head.document.revision;
            precondition.check(revision)?;
            if decode(&present)? == entries {
                return Ok(Permissions { entries, revision, bookmark: None });
            }
            match self.write_permissions(scope, collection, &current, &entries).await {
                Err(DocumentError::StaleRevision { .. }) if *precondition == Precondition::Any => {}
                other => return other,
            }
        }
        Err(DocumentError::Contended)
    }

    async fn write_permissions(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        current: &Current,
        entries: &[Entry],
    ) -> Result<Permissions> {
        let (head, revision) = (&current.head.document, current.head.document.revision);
        let mut write = Write::begin(self, scope, collection);
        write.push(
            "UPDATE documents SET revision = ?2 + 1, updated_at = ?3 \
             WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL",
            vec![head.row_id.as_str().into(), Value::Integer(revision), Value::Integer(write.now)],
        );
        write.guard_revision();
        write.push(
            "DELETE FROM document_permissions WHERE tenant_id = ?1 AND root_id = ?2",
            vec![scope.tenant.as_str().into(), head.id.as_str().into()],
        );
        write.push(INSERT, insert_params(scope, collection, &head.id, entries, write.now));
        let subject = Subject { id: &head.id, revision, slug: None, content: None };
        let reach = if current.is_public() { Reach::Public } else { Reach::Private };
        let bookmark = write.commit(EventKind::Permissions, reach, head.version, None, &subject).await?;
        let entries = entries.to_vec();
        Ok(Permissions { entries, revision: revision + 1, bookmark: Some(bookmark) })
    }
}

fn entries_of(scope: &Scope, id: &str) -> Statement {
    Statement::new(ENTRIES, vec![scope.tenant.as_str().into(), id.into()])
}

fn decode(rows: &Rows) -> stratus_storage::Result<Vec<Entry>> {
    rows.iter().map(entry).collect()
}

const INSERT: &str = "INSERT INTO document_permissions \
     (tenant_id, root_id, type_id, principal_type, principal_id, permission, effect, created_at, created_by) \
     SELECT ?1, ?2, ?3, json_extract(e.value, '$[0]'), json_extract(e.value, '$[1]'), \
     json_extract(e.value, '$[2]'), json_extract(e.value, '$[3]'), ?5, ?6 FROM json_each(?4) AS e";

fn insert_params(
    scope: &Scope,
    collection: &Collection,
    id: &str,
    entries: &[Entry],
    now: i64,
) -> Vec<Value> {
    let row =
        |it: &Entry| json!([it.principal.kind(), it.principal.id(), it.action.name(), it.effect.name()]);
    vec![
        scope.tenant.as_str().into(),
        id.into(),
        collection.name().into(),
        Json::Array(entries.iter().map(row).collect()).to_string().into(),
        Value::Integer(now),
        scope.caller.actor().to_string().into(),
    ]
}

fn entry(row: Row<'_>) -> stratus_storage::Result<Entry> {
    let corrupt = || stratus_storage::Error::Corrupt { reason: "a permission that says nothing".to_owned() };
    let principal = match row.text(0)? {
        "public" => "public".to_owned(),
        kind => format!("{kind}:{}", row.text(1)?),
    };
    Ok(Entry {
        principal: principal.parse().map_err(|_| corrupt())?,
        action: row.text(2)?.parse().map_err(|_| corrupt())?,
        effect: row.text(3)?.parse().map_err(|_| corrupt())?,
    })
}

/// The entries in their order, if they can stand side by side.
fn sorted(entries: &[Entry]) -> Result<Vec<Entry>> {
    let order = |it: &Entry| (it.principal.kind(), it.principal.id().to_owned(), it.action.name());
    let mut faults = Vec::new();
    if entries.len() > MAX_ENTRIES {
        let message = format!("a document has at most {MAX_ENTRIES} entries");
        faults.push(FieldError::new("/permissions", "too_many", message));
    }
    for (n, it) in entries.iter().enumerate().take(MAX_ENTRIES) {
        if entries[..n].iter().any(|earlier| order(earlier) == order(it)) {
            let message = format!("there is an entry of `{}` and `{}` already", it.principal, it.action);
            faults.push(FieldError::new(format!("/permissions/{n}"), "repeated", message));
        }
    }
    if !faults.is_empty() {
        return Err(DocumentError::Invalid(faults));
    }
    let mut entries = entries.to_vec();
    entries.sort_by_key(order);
    Ok(entries)
}
