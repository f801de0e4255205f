//! What a database needs before it is used: migrations, definitions, columns and indexes.

use anyhow::{Context as _, anyhow, bail};
use stratus_document::{Installed, Registry, drop_obsolete, install_observed, stored_definitions};
use stratus_migrations::{
    CORE, DOCUMENTS, EVENTS, IndexProgress, MigrationError, MigrationSet, Status, apply, status as status_of,
};
use stratus_storage::{Clock, Database};

/// All that this program works with.
const SETS: [&MigrationSet; 3] = [&CORE, &EVENTS, &DOCUMENTS];

/// Whether columns and indexes that no collection needs are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obsolete {
    /// They stay: another version may be running beside this one.
    Keep,
    /// Somebody said which definitions hold.
    Drop,
}

/// Applies what is pending and names it.
pub(crate) async fn migrate(database: &dyn Database, clock: &dyn Clock) -> anyhow::Result<Vec<&'static str>> {
    apply(database, clock, &SETS).await.map_err(explain)
}

/// Where the migrations stand.
pub(crate) async fn status(database: &dyn Database) -> anyhow::Result<Status> {
    status_of(database, &SETS).await.map_err(explain)
}

/// Fails unless the schema is the one that this program works with.
pub(crate) async fn require_migrated(database: &dyn Database) -> anyhow::Result<()> {
    match status(database).await?.require_applied() {
        Err(error @ MigrationError::Pending { .. }) => {
            bail!("{error}: bring the database up to date with `stratus migrate up`")
        }
        other => other.map_err(explain),
    }
}

/// The definitions that the database was last served with; `None` if there are none.
pub(crate) async fn stored(database: &dyn Database) -> anyhow::Result<Option<Registry>> {
    let definitions = stored_definitions(database)
        .await
        .context("the stored definitions can't be used; give --collections")?;
    if definitions.is_empty() {
        return Ok(None);
    }
    let registry = Registry::new(definitions).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow!("the stored definitions can't be used; give --collections. {}", errors.join("; "))
    })?;
    Ok(Some(registry))
}

/// What was changed so that a registry can be served.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) installed: Installed,
    pub(crate) dropped: Vec<String>,
}

/// Adds the columns and indexes that a registry needs, and stores its definitions. Tells of each
/// index over documents that are there: on many it takes a while.
pub(crate) async fn prepare(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
    obsolete: Obsolete,
    progress: &mut (dyn FnMut(IndexProgress<'_>) + Send),
) -> anyhow::Result<Prepared> {
    let installed = install_observed(database, clock, registry, progress).await;
    let installed = installed.context("the collections can't be installed")?;
    let dropped = match obsolete {
        Obsolete::Keep => Vec::new(),
        Obsolete::Drop => drop_obsolete(database, registry).await.context("old indexes can't be dropped")?,
    };
    Ok(Prepared { installed, dropped })
}

fn explain(error: MigrationError) -> anyhow::Error {
    match error {
        MigrationError::NewerSchema { .. } => {
            anyhow!("{error}: run that version, or name another folder with --data")
        }
        other => other.into(),
    }
}
