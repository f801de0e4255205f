//! Examines whether what is stored agrees with itself: flags, content, derived rows, links, the log,
//! idempotency keys, the schema. [`repair`](crate::repair) puts right what has one answer only.
//!
//! Nothing is changed here. Rows are read in steps, by number and by bytes, so that a large database
//! costs time and not memory.

pub(crate) mod finding;
pub(crate) mod keys;
mod links;
pub(crate) mod log;
pub(crate) mod roots;
pub(crate) mod rows;
pub(crate) mod schema;
mod unique;

use stratus_storage::{Consistency, Database, Session, Statement};

use crate::registry::Registry;

use finding::Findings;
pub use finding::{Finding, FindingKind};

/// Examines a database whose schema [`install`](crate::install) has prepared.
///
/// Of each kind the first thousand findings are named. Writers are not held up; what they change
/// meanwhile is seen before or after.
///
/// # Errors
///
/// Those of the storage. What is wrong with documents is a finding, not an error.
pub async fn examine(database: &dyn Database, registry: &Registry) -> stratus_storage::Result<Vec<Finding>> {
    let session = database.session(Consistency::Primary);
    let mut findings = Findings::default();
    let faults = schema::examine(database, registry, &mut findings).await?;
    roots::examine_types(&*session, &mut findings).await?;
    if findings.has(FindingKind::Type) {
        return Ok(findings.into_list());
    }
    roots::examine(&*session, &mut findings).await?;
    unique::examine(&*session, registry, &faults, &mut findings).await?;
    rows::examine(&*session, registry, &mut findings).await?;
    links::examine(&*session, registry, &faults, &mut findings).await?;
    log::examine(&*session, &mut findings).await?;
    keys::examine(&*session, &mut findings).await?;
    Ok(findings.into_list())
}

/// Runs a query that names two texts a row, a subject and a message, and takes each for a finding.
async fn findings_of(
    session: &dyn Session,
    kind: FindingKind,
    statement: &Statement,
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    for row in session.query(statement).await?.iter() {
        findings.push(kind, row.text(0)?, row.text(1)?);
    }
    Ok(())
}
