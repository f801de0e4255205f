//! Flags: one head a root, one public row at most, every row of a known collection.

use stratus_storage::{Session, Statement, Value};

use super::{Finding, FindingKind, findings_of};
use crate::registry::Registry;

const HEADLESS: &str = "SELECT type_id || '/' || root_id AS subject, \
     'has ' || sum(is_current_draft) || ' heads' AS message \
     FROM documents GROUP BY root_id HAVING sum(is_current_draft) <> 1 LIMIT 1000";

const TWICE_PUBLIC: &str = "SELECT type_id || '/' || root_id AS subject, \
     'has ' || sum(is_published) || ' public rows' AS message \
     FROM documents GROUP BY root_id HAVING sum(is_published) > 1 LIMIT 1000";

const HALF_TRASHED: &str = "SELECT type_id || '/' || root_id AS subject, \
     'is in the trash by half' AS message \
     FROM documents WHERE is_current_draft = 1 OR is_published = 1 \
     GROUP BY root_id HAVING count(deleted_at) NOT IN (0, count(*)) LIMIT 1000";

const IMPOSSIBLE: &str = "SELECT type_id || '/' || root_id AS subject, \
     'version ' || version_number || ' is public and was never published, or counts from below 1' AS message \
     FROM documents WHERE (is_published = 1 AND published_at IS NULL) OR revision < 1 OR version_number < 1 \
     LIMIT 1000";

pub(super) async fn examine(
    session: &dyn Session,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> stratus_storage::Result<()> {
    findings_of(session, FindingKind::Head, HEADLESS, findings).await?;
    findings_of(session, FindingKind::Head, HALF_TRASHED, findings).await?;
    findings_of(session, FindingKind::Published, TWICE_PUBLIC, findings).await?;
    findings_of(session, FindingKind::Published, IMPOSSIBLE, findings).await?;
    let names: Vec<_> = registry.collections().map(|it| it.name()).collect();
    let unknown = Statement::new(
        "SELECT type_id, count(*) AS rows FROM documents \
         WHERE type_id NOT IN (SELECT value FROM json_each(?1)) GROUP BY type_id",
        vec![Value::Text(serde_json::Value::from(names).to_string())],
    );
    for row in session.query(&unknown).await?.iter() {
        let message = format!("{} rows of a collection that is not defined", row.integer(1)?);
        findings.push(Finding {
            kind: FindingKind::UnknownCollection,
            subject: row.text(0)?.to_owned(),
            message,
        });
    }
    Ok(())
}
