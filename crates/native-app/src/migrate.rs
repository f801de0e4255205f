//! `stratus migrate`: what is applied, and applying it.

use stratus_document::{Registry, format_time, rewrite_outdated};
use stratus_migrations::{IndexProgress, MigrationState};
use stratus_sqlite::SqliteOptions;
use stratus_storage::Database;

use crate::{
    cli::Global,
    collections, database,
    output::{self, Outcome, count},
    ports::{OsEntropy, SystemClock},
    prepare::{self, Obsolete, Prepared},
    serve::small_runtime,
};

/// Shows where each migration stands.
pub(crate) fn status(global: &Global) -> anyhow::Result<Outcome> {
    let database = database::existing(&global.data)?;
    let status = small_runtime()?.block_on(prepare::status(&database))?;
    let width = status.migrations.iter().map(|it| it.migration.name.len()).max().unwrap_or(0).max(4);
    output::line(format_args!("{:<6}  {:<width$}  {:<7}  WHEN", "NUMBER", "NAME", "STATE"));
    for it in &status.migrations {
        let (state, at) = match &it.state {
            MigrationState::Pending => ("pending", None),
            MigrationState::Applied { at, .. } => ("applied", Some(*at)),
            MigrationState::Drifted { at, .. } => ("drifted", Some(*at)),
        };
        let when = at.map_or_else(|| "-".to_owned(), format_time);
        let migration = &it.migration;
        output::line(format_args!("{:<6}  {:<width$}  {state:<7}  {when}", migration.id, migration.name));
    }
    for name in &status.unknown {
        output::line(format_args!("{:<6}  {name:<width$}  {:<7}  -", "?", "newer"));
    }
    Ok(Outcome::Done)
}

/// Brings a database up to date and says what was done.
pub(crate) fn up(global: &Global) -> anyhow::Result<Outcome> {
    // Read first: nothing shall be half done because of a misspelt definition.
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    let database = database::create(&global.data, SqliteOptions::default())?;
    small_runtime()?.block_on(async {
        let applied = prepare::migrate(&database, &SystemClock).await?;
        applied.iter().for_each(|name| output::line(format_args!("applied {name}")));
        let registry = match given {
            Some(registry) => Some(registry),
            None => prepare::stored(&database).await?,
        };
        let prepared = match &registry {
            Some(registry) => {
                prepare::prepare(&database, &SystemClock, registry, Obsolete::Drop, &mut tell_index).await?
            }
            None => {
                output::line("no definitions are stored or given; columns and indexes come with them");
                Prepared::default()
            }
        };
        tell(applied.len(), &prepared);
        if let Some(registry) = &registry {
            rewrite(&database, registry).await?;
        }
        database.close()?;
        Ok(Outcome::Done)
    })
}

/// Said before it is begun: of a large table it is what there is to wait for.
fn tell_index(it: IndexProgress<'_>) {
    let IndexProgress { name, number, of, documents, took } = it;
    match took {
        None => {
            let documents = count(usize::try_from(documents).unwrap_or(usize::MAX), "row", "rows");
            output::line(format_args!("index {number} of {of}: {name} over {documents}"));
        }
        Some(milliseconds) => tracing::info!(name, number, of, documents, milliseconds, "index built"),
    }
}

fn tell(applied: usize, prepared: &Prepared) {
    let Prepared { installed, dropped } = prepared;
    installed.columns.iter().for_each(|name| output::line(format_args!("added column {name}")));
    installed.indexes.iter().for_each(|name| output::line(format_args!("added index {name}")));
    dropped.iter().for_each(|name| output::line(format_args!("dropped {name}")));
    let changes = applied + installed.columns.len() + installed.indexes.len() + dropped.len();
    match changes {
        0 => output::line("up to date; nothing to do"),
        _ => output::line(format_args!("up to date after {}", count(changes, "change", "changes"))),
    }
}

/// Rows of older definitions are served all the same, but the slow way.
async fn rewrite(database: &dyn Database, registry: &Registry) -> anyhow::Result<()> {
    let rows =
        rewrite_outdated(database, registry, &OsEntropy, &mut |rows| tracing::info!(rows, "rewriting"))
            .await?;
    if rows > 0 {
        let which = if rows == 1 { "row that was" } else { "rows that were" };
        output::line(format_args!("rewrote {rows} {which} written under another definition"));
    }
    Ok(())
}
