//! Generated columns: a new queryable field needs no migration.

use stratus_storage::{Clock, Consistency, Database, Session, Statement};

use crate::{
    MigrationError,
    schema::{Kind, Schema, is_name, record},
};

/// A VIRTUAL column of `documents` that extracts one member of `data`.
///
/// It takes no room in the table; an index on it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GeneratedColumn {
    /// Its name, `^q_[a-z0-9_]+$`: a function of path and type alone.
    pub name: String,
    /// Its affinity: `TEXT`, `INTEGER` or `REAL`.
    pub sql_type: &'static str,
    /// The JSON path of the member, as in `$.a.b` or `$."a b"`.
    pub path: String,
}

impl GeneratedColumn {
    /// The column as ALTER TABLE … ADD COLUMN takes it, and as `schema_state` records it.
    ///
    /// # Errors
    ///
    /// [`MigrationError::InvalidDefinition`]. A path that SQLite cannot read is refused here: it
    /// would make every read and write of the table fail.
    pub fn definition(&self) -> Result<String, MigrationError> {
        let Self { name, sql_type, path } = self;
        let invalid = |reason| Err(MigrationError::InvalidDefinition { name: name.clone(), reason });
        if !is_name(name, "q_") {
            return invalid("a generated column is named q_[a-z0-9_]+");
        }
        if !["TEXT", "INTEGER", "REAL"].contains(sql_type) {
            return invalid("a generated column is TEXT, INTEGER or REAL");
        }
        if !is_path(path) {
            return invalid("its path is not a JSON path of member names");
        }
        let path = path.replace('\'', "''");
        Ok(format!("{name} {sql_type} GENERATED ALWAYS AS (json_extract(data, '{path}')) VIRTUAL"))
    }
}

/// Adds those columns to `documents` that are missing, and records them in `schema_state`; returns
/// the names of what this call added.
///
/// One batch to look, and one to add if anything is missing. Of two programs that add the same
/// column, one does and the other sees that it did.
///
/// # Errors
///
/// [`MigrationError::InvalidDefinition`], [`MigrationError::Conflicting`] and
/// [`MigrationError::TooManyColumns`] before anything is touched; [`MigrationError::Storage`] when
/// the database refuses, `documents` being missing among the reasons.
pub async fn ensure_generated_columns(
    database: &dyn Database,
    clock: &dyn Clock,
    columns: &[GeneratedColumn],
) -> Result<Vec<String>, MigrationError> {
    let wanted = columns
        .iter()
        .map(|it| Ok((it.name.as_str(), it.definition()?)))
        .collect::<Result<Vec<_>, MigrationError>>()?;
    let session = database.session(Consistency::Primary);
    let limit = database.limits().columns;
    match add_missing(&*session, clock, &wanted, limit).await {
        // Another program may have added one in between; a second look tells.
        Err(MigrationError::Storage(_)) => add_missing(&*session, clock, &wanted, limit).await,
        result => result,
    }
}

async fn add_missing(
    session: &dyn Session,
    clock: &dyn Clock,
    wanted: &[(&str, String)],
    limit: usize,
) -> Result<Vec<String>, MigrationError> {
    let plan = Plan::of(&Schema::read(session).await?, wanted, limit)?;
    let mut statements: Vec<_> = plan
        .missing
        .iter()
        .map(|(_, definition)| Statement::bare(format!("ALTER TABLE documents ADD COLUMN {definition}")))
        .collect();
    let unrecorded = plan.missing.iter().chain(&plan.unrecorded);
    statements.extend(unrecorded.map(|(name, definition)| record(Kind::Column, name, definition, clock)));
    session.batch(&statements).await?;
    Ok(plan.missing.into_iter().map(|(name, _)| name).collect())
}

/// What there is to do: names with definitions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    missing: Vec<(String, String)>,
    unrecorded: Vec<(String, String)>,
}
