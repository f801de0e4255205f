//! Applies what is pending.

use stratus_storage::{Clock, Consistency, Database, Session, Statement, commit};

use crate::{
    Migration, MigrationError, MigrationSet, MigrationState, Status, records, records::Records, split,
    status::look,
};

/// Applies what is pending of some sets, in the order of the numbers over all of them, and returns
/// the names of what this call applied.
///
/// Each migration is one batch with its record. Of two programs that start at once, one applies
/// a migration and the other sees that it did. What `wrangler d1 migrations apply` recorded is
/// taken over as applied.
///
/// # Errors
///
/// [`MigrationError::NewerSchema`], [`MigrationError::Drifted`],
/// [`MigrationError::MissingRequirement`] and [`MigrationError::Malformed`] before anything is
/// written; [`MigrationError::Failed`] when a migration does not run: those before it stay applied,
/// and nothing of it does.
pub async fn apply(
    database: &dyn Database,
    clock: &dyn Clock,
    sets: &[&MigrationSet],
) -> Result<Vec<&'static str>, MigrationError> {
    let session = database.session(Consistency::Primary);
    let (records, status) = look(&*session, sets).await?;
    status.require_known()?;
    require_requirements(&records, sets)?;
    let pending = status.pending().map(plan).collect::<Result<Vec<_>, _>>()?;
    keep_records(&*session, &records, &status, clock).await?;

    let mut applied = Vec::new();
    for (migration, statements) in pending {
        if apply_one(database, &*session, clock, sets, migration, statements).await? {
            applied.push(migration.name);
        }
    }
    Ok(applied)
}

/// Takes a migration's text apart.
fn plan(migration: &Migration) -> Result<(&Migration, Vec<Statement>), MigrationError> {
    let statements =
        split(migration.sql).map_err(|source| MigrationError::Malformed { name: migration.name, source })?;
    Ok((migration, statements.into_iter().map(|sql| Statement::bare(sql.to_owned())).collect()))
}

fn require_requirements(records: &Records, sets: &[&MigrationSet]) -> Result<(), MigrationError> {
    for set in sets {
        for required in set.requires {
            let is_given = sets.iter().any(|it| it.name == required.name);
            let is_applied = required.migrations.iter().all(|it| records.get(it.name).is_some());
            if !is_given && !is_applied {
                return Err(MigrationError::MissingRequirement { set: set.name, requires: required.name });
            }
        }
    }
    Ok(())
}

/// Creates the table of records, and records what wrangler applied.
async fn keep_records(
    session: &dyn Session,
    records: &Records,
    status: &Status,
    clock: &dyn Clock,
) -> Result<(), MigrationError> {
    let mut statements = Vec::new();
    if !records.has_table {
        statements.push(records::create_table());
    }
    for it in &status.migrations {
        if let MigrationState::Applied { at, .. } = it.state
            && records.get(it.migration.name).is_some_and(|record| record.checksum.is_none())
        {
            // Wrangler writes its time as text, which may be unreadable.
            statements.push(records::adopt(&it.migration, if at > 0 { at } else { clock.now() }));
        }
    }
    if !statements.is_empty() {
        session.batch(&statements).await?;
    }
    Ok(())
}

/// Applies one migration; `false` when another program did.
async fn apply_one(
    database: &dyn Database,
    session: &dyn Session,
    clock: &dyn Clock,
    sets: &[&MigrationSet],
    migration: &Migration,
    statements: Vec<Statement>,
) -> Result<bool, MigrationError> {
    // The record stands first: whoever comes second fails on it, before a statement that would fail
    // for another reason.
    let mut batch = vec![records::record(migration, clock.now())];
    batch.extend(statements);
    let Err(source) = commit(database, session, &batch, &records::receipt(migration)).await else {
        return Ok(true);
    };
    // Whatever it failed of, the other program may be the cause.
    let (records, status) = look(session, sets).await?;
    status.require_known()?;
    match records.get(migration.name) {
        Some(_) => Ok(false),
        None => Err(MigrationError::Failed { name: migration.name, source }),
    }
}
