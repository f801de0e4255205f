//! Erasing a document: nothing of it is left but its positions in the log.

use std::sync::Arc;

use stratus_events::EventKind;
use stratus_storage::{Bookmark, Value};

use super::{
    DocumentsService, Precondition,
    kept::FORGET_DOCUMENT,
    lifecycle::reach,
    operation::{Change, Operation, Outcome, Step},
    state::Current,
    write::{Prepared, Subject, Told, Write},
};
use crate::{collection::Collection, document::Scope, error::Result};

/// The head from the revision that was looked at. Facets and references go with their rows.
const HEAD: &str = "DELETE FROM documents WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1";
const HISTORY: &str = "DELETE FROM documents WHERE root_id = ?1 AND tenant_id = ?2";
const PERMISSIONS: &str = "DELETE FROM document_permissions WHERE tenant_id = ?1 AND root_id = ?2";
/// `?1` is the id as a JSON string.
const POINTERS: &str = "DELETE FROM settings WHERE value = ?1";
/// What would not be JSON any more stays: there the id is the name of a member. A sweep of windows
/// that is under way notes where it is, for as long as that takes.
const MENTIONS: &str = "UPDATE settings SET value = replace(value, ?1, 'null'), updated_at = ?2 \
     WHERE instr(value, ?1) > 0 AND category <> 'windows' AND json_valid(replace(value, ?1, 'null'))";
/// Events keep their places.
const EVENTS: &str = "UPDATE events INDEXED BY events_document SET data = NULL \
     WHERE document = ?1 AND data IS NOT NULL AND tenant_id = ?2";

impl DocumentsService {
    /// Erases a document, live or in the trash, with its history and its own permissions. Settings
    /// no longer point at it; the log keeps that there were writes, and forgets what of.
    ///
    /// What others say of it stays theirs: weak references. A group of translations that began with
    /// it goes on: its name is not the document's.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Referenced`](crate::DocumentError::Referenced) while live documents refer to
    /// it strongly or are its children; `NotFound`, `Denied`, `StaleRevision`.
    pub async fn erase(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Bookmark> {
        let change = Change::Step { id, precondition, step: Step::Erase };
        let (_, bookmark) = self.one(scope, Operation::new(collection, change)).await?;
        // What is not there is not found: an erasure always writes.
        Ok(bookmark.unwrap_or_else(|| Bookmark::new(0, None)))
    }

    pub(super) fn erase_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
    ) -> Prepared<'a> {
        let head = &current.head.document;
        let (id, tenant) = (head.id.as_str(), scope.tenant.as_str());
        let mut write = Write::begin(self, scope, collection);
        write.push(HEAD, vec![head.row_id.as_str().into(), Value::Integer(head.revision)]);
        write.guard_revision();
        write.guard_unreferenced(id);
        write.push(HISTORY, vec![id.into(), tenant.into()]);
        write.push(PERMISSIONS, vec![tenant.into(), id.into()]);
        let quoted = format!("\"{id}\"");
        write.push(POINTERS, vec![quoted.as_str().into()]);
        write.push(MENTIONS, vec![quoted.into(), Value::Integer(write.now)]);
        write.push(EVENTS, vec![id.into(), tenant.into()]);
        write.push(FORGET_DOCUMENT, vec![id.into(), tenant.into()]);
        let subject = Subject { id: id.to_owned(), revision: head.revision, slug: None, content: None };
        let told =
            Told { kind: EventKind::Erased, reach: reach(current), version: head.version, changed: None };
        write.seal(told, subject, Outcome::Erased)
    }
}
