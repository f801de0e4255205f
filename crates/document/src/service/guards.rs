//! The conditions of a batch: what must be so when it is written, whatever was seen before.

use serde_json::{Value as Json, json};
use stratus_events::{GuardKind, guard_changed, guard_when};

use super::{content::Content, write::Write};

/// How many documents a document is put below at most.
///
/// Counted for the document that is written, upwards. What stands below it moves along uncounted, so
/// that a tree may get deeper than this by moving its parts; no document can be put below what
/// stands too deep.
pub(super) const MAX_DEPTH: u32 = 100;

/// The strong targets in `?2`, `[collection, id]` each, of which one is not live in tenant `?3`.
const MISSING_TARGET: &str = "EXISTS (SELECT 1 FROM json_each(?2) AS t WHERE NOT EXISTS (\
     SELECT 1 FROM documents AS d INDEXED BY documents_head \
     WHERE d.root_id = json_extract(t.value, '$[1]') AND d.is_current_draft = 1 AND d.tenant_id = ?3 \
     AND d.type_id = json_extract(t.value, '$[0]') AND d.deleted_at IS NULL))";

/// Live rows of other roots that refer to root `?2` in tenant `?3` by one of the strong fields `?4`.
const IS_REFERENCED: &str = "EXISTS (SELECT 1 FROM document_references AS r INDEXED BY document_references_to \
     CROSS JOIN documents AS d ON d.pk = r.from_document_id \
     WHERE r.tenant_id = ?3 AND r.to_root_id = ?2 AND d.root_id <> ?2 AND d.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM json_each(?4) AS s WHERE json_extract(s.value, '$[0]') = d.type_id \
     AND json_extract(s.value, '$[1]') = r.field_name))";

/// Targets of the row `?2` by the strong fields `?4`, other than its own root, that are not live in
/// tenant `?3`.
const LOST_TARGET: &str = "EXISTS (SELECT 1 FROM documents AS o \
     CROSS JOIN document_references AS r ON r.from_document_id = o.pk \
     WHERE o.id = ?2 AND r.to_root_id <> o.root_id \
     AND EXISTS (SELECT 1 FROM json_each(?4) AS s WHERE json_extract(s.value, '$[0]') = o.type_id \
     AND json_extract(s.value, '$[1]') = r.field_name) \
     AND NOT EXISTS (SELECT 1 FROM documents AS d INDEXED BY documents_head WHERE d.root_id = r.to_root_id \
     AND d.is_current_draft = 1 AND d.tenant_id = ?3 AND d.deleted_at IS NULL))";

/// Live heads in tenant `?3` whose parent is `?2`, or public rows beside a head that stands elsewhere.
const HAS_CHILDREN: &str = "EXISTS (SELECT 1 FROM documents AS d INDEXED BY documents_children \
     WHERE d.tenant_id = ?3 AND d.parent_root_id = ?2 AND d.parent_root_id <> '' AND d.is_current_draft = 1 \
     AND d.deleted_at IS NULL) \
     OR EXISTS (SELECT 1 FROM documents AS d INDEXED BY documents_public_children \
     WHERE d.tenant_id = ?3 AND d.parent_root_id = ?2 AND d.parent_root_id <> '' AND d.is_published = 1 \
     AND d.is_current_draft = 0 AND d.deleted_at IS NULL)";

/// The heads from `?2` upwards as `up (id, level)`, as far as `?3`, or one level too many.
///
/// In the trash, too: what is there keeps its place. A circle that closes further up than is looked
/// is refused with the depth.
pub(super) const ANCESTORS: &str = "WITH RECURSIVE up (id, level) AS (SELECT ?2, 1 UNION ALL \
     SELECT d.parent_root_id, up.level + 1 FROM up \
     CROSS JOIN documents AS d INDEXED BY documents_head ON d.root_id = up.id AND d.is_current_draft = 1 \
     WHERE up.id <> ?3 AND up.level <= ?4 AND d.parent_root_id <> '')";

impl Write<'_> {
    /// The statement before this one must have changed the head that was looked at.
    pub(super) fn guard_revision(&mut self) {
        self.statements.push(guard_changed(GuardKind::StaleRevision));
    }

    /// Every strong target must be live.
    pub(super) fn guard_targets(&mut self, content: &Content) {
        let targets = content.derived.strong_targets();
        if !targets.is_empty() {
            let params = [Json::Array(targets).to_string().into(), self.scope.tenant.as_str().into()];
            self.statements.push(guard_when(GuardKind::MissingReference, MISSING_TARGET, params));
        }
    }

    /// The strong targets of a row that comes back from the trash must be live.
    pub(super) fn guard_recovered(&mut self, row_id: &str) {
        let strong = self.service.repository.registry.strong_fields();
        let params = [row_id.into(), self.scope.tenant.as_str().into(), strong.into()];
        self.statements.push(guard_when(GuardKind::MissingReference, LOST_TARGET, params));
    }

    /// No live document may refer strongly to this one, nor be its child.
    pub(super) fn guard_unreferenced(&mut self, id: &str) {
        let strong = self.service.repository.registry.strong_fields();
        let params = [id.into(), self.scope.tenant.as_str().into(), strong.into()];
        self.statements.push(guard_when(GuardKind::Referenced, IS_REFERENCED, params));
        let params = [id.into(), self.scope.tenant.as_str().into()];
        self.statements.push(guard_when(GuardKind::Referenced, HAS_CHILDREN, params));
    }

    /// The parent must be a live document of the collection, and `id` none of its ancestors.
    pub(super) fn guard_parent(&mut self, parent: &str, id: &str) {
        let params = [self.target(parent).into(), self.scope.tenant.as_str().into()];
        self.statements.push(guard_when(GuardKind::MissingParent, MISSING_TARGET, params));
        // In the batch: two documents may be moved below each other at once.
        let loops = format!("EXISTS ({ANCESTORS} SELECT 1 FROM up WHERE up.id = ?3 OR up.level > ?4)");
        let params = [parent.into(), id.into(), MAX_DEPTH.into()];
        self.statements.push(guard_when(GuardKind::MissingParent, &loops, params));
        self.parent = Some(parent.to_owned());
    }

    /// The parent of a document that comes back from the trash must be live.
    pub(super) fn guard_recovered_parent(&mut self, parent: &str) {
        let params = [self.target(parent).into(), self.scope.tenant.as_str().into()];
        self.statements.push(guard_when(GuardKind::MissingReference, MISSING_TARGET, params));
    }

    /// A document of the collection as a list of one target.
    pub(super) fn target(&self, id: &str) -> String {
        json!([[self.collection.name(), id]]).to_string()
    }
}
