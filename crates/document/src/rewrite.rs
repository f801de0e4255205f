//! Rewrites rows that were written under another definition, in steps, so that they are served by
//! copying again and their derived rows are those of today's definition.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_events::{Stamp, restamp};
use stratus_storage::{Consistency, Database, Entropy, Row, Rows, Statement, Value};

use crate::{
    collection::Collection, derived::Derived, document::parse_object, registry::Registry, service::texts,
};

/// How many rows go in one batch.
const STEP: u32 = 100;

const OUTDATED: &str = "SELECT pk, id, tenant_id, type_version, data, data_private FROM documents \
     WHERE pk > ?1 AND type_id = ?2 AND type_version <> ?3 ORDER BY pk LIMIT ?4";

/// Rewrites every row, history included, whose definition is not today's; `progress` is told how
/// many are done after each step. Values are kept as they are: what is no field any more goes, what
/// is private now is no longer public, and facets and references are derived anew.
///
/// May be stopped and begun again at any time, and run while others read and write.
///
/// # Errors
///
/// Those of the storage; a row whose content is no JSON object is
/// [`Error::Corrupt`](stratus_storage::Error::Corrupt).
pub async fn rewrite_outdated(
    database: &dyn Database,
    registry: &Registry,
    entropy: &dyn Entropy,
    progress: &mut (dyn FnMut(u64) + Send),
) -> stratus_storage::Result<u64> {
    let session = database.session(Consistency::Primary);
    let mut done = 0;
    for collection in registry.collections() {
        let mut after = 0;
        loop {
            let rows = session.query(&outdated(collection, after)).await?;
            let Some(last) = rows.iter().next_back() else { break };
            after = last.integer(0)?;
            let mut statements = rewritten(collection, &rows)?;
            statements.push(restamp(collection.name(), &Stamp::draw(entropy)));
            session.batch(&statements).await?;
            done += rows.len() as u64;
            progress(done);
        }
    }
    Ok(done)
}

fn outdated(collection: &Collection, after: i64) -> Statement {
    let params = vec![
        Value::Integer(after),
        collection.name().into(),
        Value::Integer(collection.type_version()),
        STEP.into(),
    ];
    Statement::new(OUTDATED, params)
}

fn rewritten(collection: &Arc<Collection>, rows: &Rows) -> stratus_storage::Result<Vec<Statement>> {
    let mut statements = Vec::new();
    for row in rows.iter() {
        rewrite(collection, row, &mut statements)?;
    }
    Ok(statements)
}

/// The content of a version never changes, so there is nothing to lose to a write in between.
fn rewrite(
    collection: &Collection,
    row: Row<'_>,
    statements: &mut Vec<Statement>,
) -> stratus_storage::Result<()> {
    let row_id = row.text(1)?;
    let mut fields: Map<String, Json> = parse_object(row.text(4)?)?;
    fields.extend(parse_object(row.text(5)?)?);
    let (data, data_private) = texts(collection, &fields);
    statements.push(Statement::new(
        "UPDATE documents SET data = ?2, data_private = ?3, type_version = ?4 WHERE id = ?1",
        vec![row_id.into(), data.into(), data_private.into(), Value::Integer(collection.type_version())],
    ));
    statements.extend(Derived::clear(row_id));
    statements.extend(Derived::of(collection, &fields).insert(row_id, row.text(2)?, collection.name()));
    Ok(())
}
