//! A document's own permissions: who may do what to this one, whatever the collection grants.

use std::sync::Arc;

use stratus_access::Entry;
use stratus_events::{EventKind, Reach};
use stratus_storage::{Bookmark, Rows, Statement, Value};

use super::{
    DocumentsService, MAX_ATTEMPTS, Precondition,
    commit::Failure,
    operation::Outcome,
    state::Current,
    write::{Subject, Told, Write},
};
use crate::{
    collection::Collection,
    document::Scope,
    entries,
    error::{DocumentError, Result},
    validate::FieldError,
};

/// How many entries a document has at most.
const MAX_ENTRIES: usize = 200;

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
        let actor = scope.caller.actor().to_string();
        let owner = entries::Subject {
            tenant: scope.tenant.as_str(),
            collection: collection.name(),
            root_id: &head.id,
            now: write.now,
            actor: &actor,
        };
        write.statements.extend([owner.clear(), owner.insert(entries)]);
        let subject = Subject { id: head.id.clone(), revision, slug: None, content: None };
        let reach = if current.is_public() { Reach::Public } else { Reach::Private };
        let told = Told { kind: EventKind::Permissions, reach, version: head.version, changed: None };
        let prepared = write.seal(told, subject, Outcome::Head(Box::new(head.clone())));
        let committed = self.commit(scope, vec![prepared], None).await;
        let (_, bookmark) = committed.map_err(Failure::into_error)?;
        Ok(Permissions { entries: entries.to_vec(), revision: revision + 1, bookmark })
    }
}

fn entries_of(scope: &Scope, id: &str) -> Statement {
    let sql = format!(
        "SELECT {} FROM document_permissions AS p WHERE p.tenant_id = ?1 AND p.root_id = ?2 \
         ORDER BY p.principal_type, p.principal_id, p.permission",
        entries::COLUMNS
    );
    Statement::new(sql, vec![scope.tenant.as_str().into(), id.into()])
}

fn decode(rows: &Rows) -> stratus_storage::Result<Vec<Entry>> {
    rows.iter().map(|row| entries::decode(row, 0)).collect()
}

/// The entries in their order, if they can stand side by side.
fn sorted(given: &[Entry]) -> Result<Vec<Entry>> {
    let mut faults = Vec::new();
    if given.len() > MAX_ENTRIES {
        let message = format!("a document has at most {MAX_ENTRIES} entries");
        faults.push(FieldError::new("/permissions", "too_many", message));
    }
    for (n, it) in given.iter().enumerate().take(MAX_ENTRIES) {
        if given[..n].iter().any(|earlier| entries::order(earlier) == entries::order(it)) {
            let message = format!("there is an entry of `{}` and `{}` already", it.principal, it.action);
            faults.push(FieldError::new(format!("/permissions/{n}"), "repeated", message));
        }
    }
    if !faults.is_empty() {
        return Err(DocumentError::Invalid(faults));
    }
    let mut sorted = given.to_vec();
    entries::sort(&mut sorted);
    Ok(sorted)
}
