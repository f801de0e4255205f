//! The log and the generations: no write without an event, no event without its generation.

use stratus_storage::Session;

use super::{Finding, FindingKind, findings_of};

const BEHIND: &str = "SELECT e.tenant_id || '/' || e.collection AS subject, \
     'the generation is at ' || coalesce(g.seq, 'nothing') || ', the log at ' || e.seq AS message \
     FROM (SELECT tenant_id, collection, max(seq) AS seq FROM events GROUP BY tenant_id, collection) AS e \
     LEFT JOIN generations AS g ON g.tenant_id = e.tenant_id AND g.collection = e.collection \
     WHERE g.seq IS NULL OR g.seq <> e.seq OR g.public_seq > g.seq OR length(g.stamp) <> 16";

/// The log may have been pruned; then a document has no event at all, or only young ones.
const UNLOGGED: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'version ' || d.version_number || ' is not in the log' AS message \
     FROM documents AS d WHERE d.is_current_draft = 1 \
     AND d.updated_at >= (SELECT min(at) FROM events) \
     AND NOT EXISTS (SELECT 1 FROM generations AS g WHERE g.tenant_id = d.tenant_id AND g.collection = d.type_id) \
     LIMIT 1000";

const ORPHANED: &str = "SELECT e.collection || '/' || e.document AS subject, \
     'the log tells of a write at ' || e.seq || ' that left no document' AS message \
     FROM events AS e WHERE e.kind = 'created' AND e.data IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.root_id = e.document) LIMIT 1000";

pub(super) async fn examine(
    session: &dyn Session,
    findings: &mut Vec<Finding>,
) -> stratus_storage::Result<()> {
    findings_of(session, FindingKind::Generation, BEHIND, findings).await?;
    findings_of(session, FindingKind::Log, UNLOGGED, findings).await?;
    findings_of(session, FindingKind::Log, ORPHANED, findings).await
}
