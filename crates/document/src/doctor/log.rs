//! The log and the generations: no write without an event, no event without its generation.

use stratus_storage::{Session, Statement};

use super::{FindingKind, finding::Findings, findings_of};

/// Where a generation is not what the log says: `tenant_id`, `collection`, the log's last `seq` of
/// them or NULL, and the generation's.
///
/// The log is pruned from its beginning: what it holds tells of everything after its first event. So
/// a generation that is ahead of it is wrong only from there on.
pub(crate) const WRONG: &str = "SELECT a.tenant_id AS tenant_id, a.collection AS collection, \
     l.seq AS seq, g.seq AS stands FROM \
     (SELECT tenant_id, collection FROM generations UNION SELECT tenant_id, collection FROM events) AS a \
     LEFT JOIN (SELECT tenant_id, collection, max(seq) AS seq FROM events GROUP BY tenant_id, collection) AS l \
      ON l.tenant_id = a.tenant_id AND l.collection = a.collection \
     LEFT JOIN generations AS g ON g.tenant_id = a.tenant_id AND g.collection = a.collection \
     WHERE g.seq IS NULL OR g.seq < l.seq OR g.public_seq > g.seq OR g.public_seq < 0 \
     OR length(g.stamp) <> 16 OR g.stamp GLOB '*[^0-9a-f]*' \
     OR (g.seq > coalesce(l.seq, 0) AND g.seq >= (SELECT min(seq) FROM events))";

/// Documents that the log knows nothing of, though it reaches back to their last write: it is whole,
/// or that write is younger than its first event. Import keeps times, so that these are no younger
/// than the event of the import.
pub(crate) const UNLOGGED: &str = "SELECT d.root_id AS root_id, d.type_id AS type_id, d.tenant_id AS tenant_id, \
     d.version_number AS version FROM documents AS d WHERE d.is_current_draft = 1 AND d.root_id > ?1 \
     AND ((SELECT min(seq) FROM events) = 1 OR d.updated_at > (SELECT min(at) FROM events)) \
     AND d.root_id NOT IN (SELECT document FROM events WHERE document IS NOT NULL) ORDER BY d.root_id LIMIT ?2";

/// Documents that were made, of whose end the log knows nothing, and that are not there.
pub(crate) const LOST: &str = "SELECT DISTINCT e.document AS root_id, e.collection AS type_id, e.tenant_id AS tenant_id, \
     1 AS version FROM events AS e WHERE e.kind = 'created' AND e.data IS NOT NULL AND e.document > ?1 \
     AND e.document NOT IN (SELECT document FROM events WHERE kind = 'erased' AND document IS NOT NULL) \
     AND NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.root_id = e.document) ORDER BY e.document LIMIT ?2";

pub(super) async fn examine(session: &dyn Session, findings: &mut Findings) -> stratus_storage::Result<()> {
    let behind = format!(
        "SELECT tenant_id || '/' || collection AS subject, 'the generation is at ' || coalesce(stands, 'nothing') \
         || ', the log at ' || coalesce(seq, 'nothing') AS message FROM ({WRONG}) LIMIT 1001"
    );
    findings_of(session, FindingKind::Generation, &Statement::bare(behind), findings).await?;
    for (documents, message) in [
        (UNLOGGED, "the log knows nothing of it"),
        (LOST, "the log tells of its beginning, not of its end, and it is not there"),
    ] {
        let sql =
            format!("SELECT type_id || '/' || root_id AS subject, '{message}' AS message FROM ({documents})");
        let statement = Statement::new(sql, vec!["".into(), 1001_u32.into()]);
        findings_of(session, FindingKind::Log, &statement, findings).await?;
    }
    Ok(())
}
