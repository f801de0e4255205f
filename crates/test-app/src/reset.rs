//! A call of the test app's own: a database as if nobody had ever used it.

use stratus_document::{Registry, install};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply};
use stratus_storage::{Clock, Consistency, Database, Statement};

/// The address of the call: a `POST`.
pub const RESET: &str = "/test/reset";

/// What documents leave behind, in an order that foreign keys allow. The positions of the log begin
/// anew, because bookmarks tell of them.
const EMPTYING: [&str; 11] = [
    "DELETE FROM idempotency_documents",
    "DELETE FROM idempotency_keys",
    "DELETE FROM document_facets",
    "DELETE FROM document_references",
    "DELETE FROM document_permissions",
    "DELETE FROM documents",
    "DELETE FROM events",
    "DELETE FROM generations",
    "DELETE FROM settings",
    "DELETE FROM imports",
    "DELETE FROM sqlite_sequence",
];

/// Gives a database the schema of the collections, and takes every document out of it.
pub(crate) async fn reset(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    apply(database, clock, &[&CORE, &EVENTS, &DOCUMENTS]).await?;
    install(database, clock, registry).await?;
    let emptying = EMPTYING.map(Statement::bare);
    database.session(Consistency::Primary).batch(&emptying).await?;
    Ok(())
}
