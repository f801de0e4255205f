//! What must be unique, where the index that keeps it so is not there.

use stratus_migrations::SchemaFault;
use stratus_storage::{Session, Statement};

use super::{FindingKind, finding::Findings, findings_of};
use crate::{physical::Index, registry::Registry};

pub(super) async fn examine(
    session: &dyn Session,
    registry: &Registry,
    faults: &[SchemaFault],
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    let is_faulty = |name: &str| faults.iter().any(|it| it.name == name);
    for collection in registry.collections() {
        for index in collection.indexes().iter().filter(|it| it.unique && is_faulty(&it.name)) {
            // A column that is missing is a finding of its own; with it come the index and this.
            if index.keys.iter().all(|(key, _)| !is_faulty(&key.column)) {
                let statement = twins(collection.name(), index);
                findings_of(session, FindingKind::Duplicate, &statement, findings).await?;
            }
        }
    }
    Ok(())
}

/// The rows that the index would refuse, by what they have in common.
fn twins(collection: &str, index: &Index) -> Statement {
    let columns: Vec<_> = index.keys.iter().map(|(key, _)| key.column.as_str()).collect();
    let keys = columns.join(", ");
    let values: String = columns.iter().map(|it| format!(" AND {it} IS NOT NULL")).collect();
    let names: Vec<_> = index.keys.iter().map(|(key, _)| key.name.as_str()).collect();
    let (rows, names) = (index.state.rows(), names.join(" and "));
    Statement::bare(format!(
        "SELECT '{collection}/' || min(root_id) AS subject, \
         'has the same {names} as ' || max(root_id) || ' among what is {state}' AS message FROM documents \
         WHERE type_id = '{collection}' AND {rows}{values} GROUP BY tenant_id, locale, {keys} HAVING count(*) > 1 \
         LIMIT 1001",
        state = index.state.name()
    ))
}
