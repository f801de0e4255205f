//! The schema, the definitions and the settings: what the rest is read by.

use stratus_migrations::{Fault, MigrationError, SchemaFault, audit_schema};
use stratus_storage::{Consistency, Database, Error, Statement};

use super::{FindingKind, finding::Findings, findings_of};
use crate::{
    install::{SETS, needed_columns, needed_indexes},
    registry::Registry,
};

/// Whether a definition can't be read. A CASE, because `json_type` fails on what is no JSON.
pub(crate) const IS_BROKEN: &str =
    "CASE WHEN json_valid(schema) THEN json_type(schema) <> 'object' ELSE 1 END";

const SETTINGS: &str = "SELECT category || '/' || key AS subject, 'its value is no JSON' AS message FROM settings \
     WHERE NOT json_valid(value) LIMIT 1001";

/// Examines them, and hands back what is wrong with the schema: other questions depend on it.
pub(super) async fn examine(
    database: &dyn Database,
    registry: &Registry,
    findings: &mut Findings,
) -> stratus_storage::Result<Vec<SchemaFault>> {
    let faults = audit_schema(database, &SETS, &needed_columns(registry), &needed_indexes(registry)).await;
    let faults = faults.map_err(storage_error)?;
    for SchemaFault { name, fault } in &faults {
        let message = match fault {
            Fault::Missing => "is missing",
            Fault::Different => "is there with another definition",
            Fault::Unrecorded => "is there, and `schema_state` doesn't say so",
            Fault::Ghost => "is not there, and `schema_state` says that it is",
        };
        findings.push(FindingKind::Schema, name, message);
    }
    let session = database.session(Consistency::Primary);
    let definitions = Statement::bare(format!(
        "SELECT id AS subject, 'its definition is no JSON object' AS message FROM document_types \
         WHERE {IS_BROKEN} LIMIT 1001"
    ));
    findings_of(&*session, FindingKind::Definition, &definitions, findings).await?;
    findings_of(&*session, FindingKind::Setting, &Statement::bare(SETTINGS), findings).await?;
    Ok(faults)
}

/// What is needed was checked when the registry was made, so that anything else is the storage's.
pub(crate) fn storage_error(error: MigrationError) -> Error {
    match error {
        MigrationError::Storage(error) => error,
        other => Error::Unexpected { what: other.to_string() },
    }
}
