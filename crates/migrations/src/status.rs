//! What is applied, what is pending, and what does not fit.

use stratus_storage::{Consistency, Database, Session, Timestamp};

use crate::{
    Migration, MigrationError, MigrationSet, bundle,
    records::{Record, Records},
};

/// Where a migration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// It was not applied.
    Pending,
    /// It was applied as it is.
    Applied {
        /// When.
        at: Timestamp,
        /// Its checksum.
        checksum: String,
    },
    /// It was applied and then edited.
    Drifted {
        /// When it was applied.
        at: Timestamp,
        /// The checksum under which it was applied.
        applied: String,
        /// The checksum that it has in this program.
        bundled: &'static str,
    },
}

/// A migration, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The set that it belongs to.
    pub set: &'static str,
    /// The migration.
    pub migration: Migration,
    /// Where it stands.
    pub state: MigrationState,
}

/// Where the migrations of some sets stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Each of them, by ascending number.
    pub migrations: Vec<MigrationStatus>,
    /// Applied ones that this program does not know: a newer version wrote the schema.
    pub unknown: Vec<String>,
}

impl Status {
    /// Those that are not applied, by ascending number.
    pub fn pending(&self) -> impl Iterator<Item = &Migration> {
        self.migrations.iter().filter(|it| it.state == MigrationState::Pending).map(|it| &it.migration)
    }

    /// Whether the schema is one that this program can bring up to date.
    ///
    /// # Errors
    ///
    /// [`MigrationError::NewerSchema`] or [`MigrationError::Drifted`].
    pub fn require_known(&self) -> Result<(), MigrationError> {
        if let Some(name) = self.unknown.first() {
            return Err(MigrationError::NewerSchema { name: name.clone() });
        }
        for MigrationStatus { migration, state, .. } in &self.migrations {
            if let MigrationState::Drifted { applied, bundled, .. } = state {
                let (applied, bundled) = (applied.clone(), *bundled);
                return Err(MigrationError::Drifted { name: migration.name, applied, bundled });
            }
        }
        Ok(())
    }

    /// Whether the schema is up to date.
    ///
    /// # Errors
    ///
    /// Those of [`Status::require_known`], or [`MigrationError::Pending`].
    pub fn require_applied(&self) -> Result<(), MigrationError> {
        self.require_known()?;
        self.pending().next().map_or(Ok(()), |it| Err(MigrationError::Pending { name: it.name }))
    }

    fn of(records: &Records, sets: &[&MigrationSet]) -> Self {
        let stand = |(set, migration): (_, Migration)| {
            let state = state_of(&migration, records.get(migration.name));
            MigrationStatus { set, migration, state }
        };
        let migrations = ordered(sets).into_iter().map(stand).collect();
        let unknown = records.names().filter(|name| !is_known(name, sets)).map(str::to_owned).collect();
        Self { migrations, unknown }
    }
}

/// Looks at where the migrations of some sets stand. It writes nothing.
///
/// What `wrangler d1 migrations apply` recorded in `d1_migrations` counts as applied, with the
/// checksum that it has now. Migrations of sets that were not asked for are of no interest, as long
/// as this program knows them.
///
/// # Errors
///
/// [`MigrationError::Storage`] when the database cannot be looked at. Drift and a newer schema are
/// no errors here; see [`Status::require_known`].
pub async fn status(database: &dyn Database, sets: &[&MigrationSet]) -> Result<Status, MigrationError> {
    let session = database.session(Consistency::Primary);
    Ok(look(&*session, sets).await?.1)
}

/// Reads the records and tells from them where the migrations of some sets stand.
pub(crate) async fn look(
    session: &dyn Session,
    sets: &[&MigrationSet],
) -> Result<(Records, Status), MigrationError> {
    let records = Records::read(session, |name| is_known(name, sets)).await?;
    let status = Status::of(&records, sets);
    Ok((records, status))
}

fn is_known(name: &str, sets: &[&MigrationSet]) -> bool {
    let mut known = sets.iter().chain(bundle::ALL);
    known.any(|set| set.migrations.iter().any(|it| it.name == name))
}

/// The migrations of some sets by ascending number, each once, with the name of its set.
fn ordered(sets: &[&MigrationSet]) -> Vec<(&'static str, Migration)> {
    let mut migrations: Vec<_> =
        sets.iter().flat_map(|set| set.migrations.iter().map(|it| (set.name, *it))).collect();
    migrations.sort_by_key(|(_, it)| (it.id, it.name));
    migrations.dedup_by_key(|(_, it)| it.name);
    migrations
}

fn state_of(migration: &Migration, record: Option<&Record>) -> MigrationState {
    let bundled = migration.checksum;
    match record {
        None => MigrationState::Pending,
        Some(Record { at, checksum: Some(applied) }) if applied != bundled => {
            MigrationState::Drifted { at: *at, applied: applied.clone(), bundled }
        }
        Some(Record { at, .. }) => MigrationState::Applied { at: *at, checksum: bundled.to_owned() },
    }
}
