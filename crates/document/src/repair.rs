//! Puts right what the [doctor](crate::examine) finds, where the version rows leave one answer only.
//!
//! Each repair is a batch that holds only if what it repairs is still as it was seen, so that a
//! server may be running meanwhile; and each can be stopped and begun again. What has no one answer
//! is left as it is.

mod keys;
mod log;
mod roots;
mod rows;

use serde_json::json;
use stratus_access::{Principal, TenantId};
use stratus_events::{EventKind, NewEvent, Reach, Stamp, advance, append, receipt};
use stratus_migrations::repair_schema;
use stratus_storage::{
    Clock, Consistency, Database, Entropy, Error, OpId, Result, Session, Sql, Statement, Value, commit,
};

use crate::{
    doctor::{
        roots::is_mistyped,
        schema::{IS_BROKEN, storage_error},
    },
    install::{SETS, needed_columns, needed_indexes},
    registry::Registry,
};

/// The collection of the document of permission `p`; NULL where it is not one, so that nothing is
/// changed then, and nothing twice.
const HOME: &str = "SELECT CASE WHEN min(d.type_id) = max(d.type_id) THEN min(d.type_id) END FROM documents AS d \
     WHERE d.root_id = p.root_id AND d.tenant_id = p.tenant_id AND d.is_current_draft = 1";

/// What belongs to nothing, a thousand at a time. None finds again what it changed, so that each
/// comes to an end.
const ORPHANS: [&str; 4] = [
    "DELETE FROM document_facets WHERE document_id IN (SELECT document_id FROM document_facets AS f \
     WHERE NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.pk = f.document_id) LIMIT 1000) RETURNING 1 AS one",
    "DELETE FROM document_references WHERE from_document_id IN (SELECT from_document_id \
     FROM document_references AS r WHERE NOT EXISTS \
     (SELECT 1 FROM documents AS d WHERE d.pk = r.from_document_id) LIMIT 1000) RETURNING 1 AS one",
    "DELETE FROM document_permissions WHERE (tenant_id, root_id) IN (SELECT tenant_id, root_id \
     FROM document_permissions AS p WHERE NOT EXISTS (SELECT 1 FROM documents AS d \
     WHERE d.root_id = p.root_id AND d.tenant_id = p.tenant_id) LIMIT 1000) RETURNING 1 AS one",
    "DELETE FROM idempotency_documents WHERE key_id IN (SELECT key_id FROM idempotency_documents AS i \
     WHERE NOT EXISTS (SELECT 1 FROM idempotency_keys AS k WHERE k.id = i.key_id) LIMIT 1000) RETURNING 1 AS one",
];

/// What was repaired, or is so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Names of columns and indexes that were added, replaced, or recorded rightly.
    pub schema: Vec<String>,
    /// Stored definitions that could not be read.
    pub definitions: u64,
    /// Documents whose flags, times or revisions were not those of one document.
    pub documents: u64,
    /// Version rows that had values where they don't belong.
    pub contents: u64,
    /// Version rows whose facets or references were not those of their content.
    pub derived: u64,
    /// Facets, references and permissions of what is not there, and documents of keys that are not.
    pub orphans: u64,
    /// Generations that were not where the log is.
    pub generations: u64,
    /// Documents that the log knew nothing of, or nothing of their end.
    pub logged: u64,
    /// Idempotency keys that no write had left, or whose answer told of what is not there.
    pub keys: u64,
}

/// Repairs a migrated database; `progress` is told what is done after each step that did
/// something.
///
/// Flags follow from the version numbers, derived rows from the content, generations from the log. A
/// sound database is not written to. What is left is what [`examine`](crate::examine) says then.
///
/// # Errors
///
/// Those of the storage. What the database refuses of one document, because another one has its slug
/// for example, is left and is no error.
pub async fn repair(
    database: &dyn Database,
    registry: &Registry,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    progress: &mut (dyn FnMut(&Repaired) + Send),
) -> Result<Repaired> {
    let session = database.session(Consistency::Primary);
    let mut repair = Repair {
        database,
        registry,
        clock,
        entropy,
        session,
        progress,
        done: Repaired::default(),
        told: Repaired::default(),
    };
    // What can't be read can't be repaired, and is in the way of the rest.
    if is_mistyped(&*repair.session).await? {
        return Ok(repair.done);
    }
    // Indexes are ways to find what else is wrong, and some can't be made before it is repaired.
    let refused = repair.schema().await?;
    repair.definitions().await?;
    repair.roots().await?;
    if refused {
        repair.schema().await?;
    }
    repair.rows().await?;
    repair.orphans().await?;
    repair.generations().await?;
    repair.log().await?;
    repair.keys().await?;
    Ok(repair.done)
}

struct Repair<'a> {
    database: &'a dyn Database,
    registry: &'a Registry,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    session: Box<dyn Session>,
    progress: &'a mut (dyn FnMut(&Repaired) + Send),
    done: Repaired,
    told: Repaired,
}

/// Whom and what an event of a repair is about.
struct About<'a> {
    tenant: &'a str,
    collection: &'a str,
    root: &'a str,
    version: i64,
}

impl Repair<'_> {
    fn tell(&mut self) {
        if self.done != self.told {
            self.told = self.done.clone();
            (self.progress)(&self.done);
        }
    }

    /// Adds and replaces columns and indexes, and says whether the database refused any.
    async fn schema(&mut self) -> Result<bool> {
        let (columns, indexes) = (needed_columns(self.registry), needed_indexes(self.registry));
        let repair = repair_schema(self.database, self.clock, &SETS, &columns, &indexes).await;
        let repair = repair.map_err(storage_error)?;
        self.done.schema.extend(repair.repaired);
        self.tell();
        Ok(!repair.refused.is_empty())
    }

    /// Writes what the registry says over stored definitions that nobody can read.
    async fn definitions(&mut self) -> Result<()> {
        let sql = format!(
            "UPDATE document_types SET schema = ?2, schema_version = ?3, updated_at = ?4 \
             WHERE id = ?1 AND {IS_BROKEN} RETURNING id"
        );
        let rewrite = |collection: &std::sync::Arc<crate::Collection>| {
            let schema = serde_json::to_string(collection.definition()).unwrap_or_default();
            let (version, now) = (collection.type_version(), self.clock.now());
            let params =
                vec![collection.name().into(), schema.into(), Value::Integer(version), Value::Integer(now)];
            Statement::new(sql.clone(), params)
        };
        let statements: Vec<_> = self.registry.collections().map(rewrite).collect();
        let written = self.session.batch(&statements).await?;
        self.done.definitions += written.iter().map(|rows| rows.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Deletes what belongs to nothing, and has permissions name the collection that they are in. None
    /// of it changes what a document shows, so that nobody needs to be told.
    async fn orphans(&mut self) -> Result<()> {
        let misplaced = format!(
            "UPDATE document_permissions AS p SET type_id = ({HOME}) WHERE p.type_id <> ({HOME}) RETURNING 1 AS one"
        );
        for sql in ORPHANS.into_iter().map(Sql::from).chain([Sql::from(misplaced)]) {
            loop {
                let changed = self.session.batch(&[Statement::new(sql.clone(), Vec::new())]).await?;
                let count = changed.iter().map(|rows| rows.len() as u64).sum::<u64>();
                if count == 0 {
                    break;
                }
                self.done.orphans += count;
                self.tell();
            }
        }
        Ok(())
    }

    /// The event and the generation of a repair, with the id of the operation.
    fn event(
        &self,
        about: &About<'_>,
        kind: EventKind,
        reach: Reach,
        repaired: &[&str],
    ) -> Option<(OpId, [Statement; 2])> {
        let tenant: TenantId = about.tenant.parse().ok()?;
        let op_id = OpId::mint(self.clock, self.entropy);
        let event = NewEvent {
            op_id: &op_id,
            at: self.clock.now(),
            tenant: &tenant,
            collection: about.collection,
            document: Some(about.root),
            version: Some(about.version),
            kind,
            actor: &Principal::admin(),
            data: json!({ "repaired": repaired }),
        };
        let statements = [append(&event), advance(&op_id, reach, &Stamp::draw(self.entropy))];
        Some((op_id, statements))
    }

    /// Runs the batch of one document with its event, and says whether it holds. What speaks against
    /// it in the document, or in what others wrote meanwhile, is no error.
    async fn run(
        &self,
        mut statements: Vec<Statement>,
        about: &About<'_>,
        reach: Reach,
        repaired: &[&str],
    ) -> Result<bool> {
        let Some((op_id, event)) = self.event(about, EventKind::Updated, reach, repaired) else {
            return Ok(false);
        };
        statements.extend(event);
        match commit(self.database, &*self.session, &statements, &receipt(&op_id)).await {
            Ok(_) => Ok(true),
            Err(error) if is_of_the_row(&error) => {
                tracing::debug!(%error, root = about.root, "not repaired");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an error is one of what was to be written, and would not befall another document.
fn is_of_the_row(error: &Error) -> bool {
    matches!(
        error,
        Error::Guard { .. }
            | Error::NotUnique { .. }
            | Error::Constraint { .. }
            | Error::TooLarge { .. }
            // SQLite says so of a generated column over content that is no JSON.
            | Error::Backend(_)
            | Error::Unexpected { .. }
    )
}
