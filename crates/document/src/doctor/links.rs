//! Links: what points at something that is not there, from outside a document's content and from
//! within.

use stratus_migrations::SchemaFault;
use stratus_storage::{Session, Statement};

use super::{FindingKind, finding::Findings, findings_of};
use crate::registry::Registry;

/// Each looks at no more than can be named.
const ORPHANED: [&str; 3] = [
    "SELECT 'facets of ' || f.document_id AS subject, count(*) || ' rows of no document' AS message \
     FROM document_facets AS f WHERE NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.pk = f.document_id) \
     GROUP BY f.document_id LIMIT 1001",
    "SELECT 'references of ' || r.from_document_id AS subject, count(*) || ' rows of no document' AS message \
     FROM document_references AS r WHERE NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.pk = r.from_document_id) \
     GROUP BY r.from_document_id LIMIT 1001",
    "SELECT 'documents of idempotency key ' || i.key_id AS subject, count(*) || ' rows of no key' AS message \
     FROM idempotency_documents AS i WHERE NOT EXISTS (SELECT 1 FROM idempotency_keys AS k WHERE k.id = i.key_id) \
     GROUP BY i.key_id LIMIT 1001",
];

const PERMISSIONS: &str = "SELECT p.tenant_id || '/' || p.root_id AS subject, \
     CASE WHEN EXISTS (SELECT 1 FROM documents AS d WHERE d.root_id = p.root_id) \
      THEN 'permissions in another tenant than the document: ' ELSE 'permissions of no document: ' END \
     || group_concat(p.effect || ' ' || p.permission || ' to ' || p.principal_type || ':' || p.principal_id, ', ') \
     AS message FROM document_permissions AS p WHERE NOT EXISTS \
     (SELECT 1 FROM documents AS d WHERE d.root_id = p.root_id AND d.tenant_id = p.tenant_id) \
     GROUP BY p.tenant_id, p.root_id LIMIT 1001";

/// What a permission repeats of its document.
const MISPLACED: &str = "SELECT d.type_id || '/' || p.root_id AS subject, \
     'its permissions name the collection ' || p.type_id AS message FROM document_permissions AS p \
     CROSS JOIN documents AS d INDEXED BY documents_head ON d.root_id = p.root_id AND d.is_current_draft = 1 \
     WHERE d.tenant_id = p.tenant_id AND d.type_id <> p.type_id GROUP BY p.root_id, p.type_id LIMIT 1001";

const MISSING_TARGET: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'refers strongly to ' || r.to_root_id || ', which is not live' AS message \
     FROM document_references AS r JOIN documents AS d ON d.pk = r.from_document_id \
     WHERE d.deleted_at IS NULL AND EXISTS (SELECT 1 FROM json_each(?1) AS s \
     WHERE json_extract(s.value, '$[0]') = d.type_id AND json_extract(s.value, '$[1]') = r.field_name) AND NOT EXISTS \
     (SELECT 1 FROM documents AS t WHERE t.root_id = r.to_root_id AND t.is_current_draft = 1 \
     AND t.tenant_id = r.tenant_id AND t.deleted_at IS NULL) LIMIT 1001";

const MISSING_PARENT: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'its parent ' || d.parent_root_id || ' is no document of the collection' AS message \
     FROM documents AS d WHERE d.parent_root_id <> '' AND (d.is_current_draft = 1 OR d.is_published = 1) \
     AND NOT EXISTS (SELECT 1 FROM documents AS p WHERE p.root_id = d.parent_root_id \
     AND p.tenant_id = d.tenant_id AND p.type_id = d.type_id) LIMIT 1001";

/// Whoever has a parent, and is not reached from above, is in a circle or below one. The walk begins
/// where a parent has no parent, or one that is not there.
const CIRCLES: &str = "WITH RECURSIVE reached (tenant_id, root_id) AS (\
     SELECT DISTINCT c.tenant_id, c.parent_root_id FROM documents AS c INDEXED BY documents_children \
      WHERE c.is_current_draft = 1 AND c.parent_root_id <> '' AND NOT EXISTS \
      (SELECT 1 FROM documents AS p WHERE p.root_id = c.parent_root_id AND p.tenant_id = c.tenant_id \
       AND p.is_current_draft = 1 AND p.parent_root_id <> '') \
     UNION SELECT c.tenant_id, c.root_id FROM reached AS r CROSS JOIN documents AS c INDEXED BY documents_children \
      ON c.tenant_id = r.tenant_id AND c.parent_root_id = r.root_id AND c.is_current_draft = 1 \
      AND c.parent_root_id <> '') \
     SELECT type_id || '/' || root_id AS subject, 'is below itself, or below a document that is' AS message \
     FROM documents WHERE is_current_draft = 1 AND parent_root_id <> '' \
     AND (tenant_id, root_id) NOT IN (SELECT tenant_id, root_id FROM reached) LIMIT 1001";

pub(super) async fn examine(
    session: &dyn Session,
    registry: &Registry,
    faults: &[SchemaFault],
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    for orphaned in ORPHANED {
        findings_of(session, FindingKind::Orphan, &Statement::bare(orphaned), findings).await?;
    }
    findings_of(session, FindingKind::Orphan, &Statement::bare(PERMISSIONS), findings).await?;
    // Without its index it can't be asked; that is a finding already.
    if faults.iter().all(|it| it.name != "documents_head") {
        findings_of(session, FindingKind::Orphan, &Statement::bare(MISPLACED), findings).await?;
    }
    let missing = Statement::new(MISSING_TARGET, vec![registry.strong_fields().into()]);
    findings_of(session, FindingKind::MissingReference, &missing, findings).await?;
    findings_of(session, FindingKind::Parent, &Statement::bare(MISSING_PARENT), findings).await?;
    // Without its index the walk would look at everything again for each document.
    if faults.iter().all(|it| it.name != "documents_children") {
        findings_of(session, FindingKind::Parent, &Statement::bare(CIRCLES), findings).await?;
    }
    Ok(())
}
