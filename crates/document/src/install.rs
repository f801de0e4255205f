//! Makes a migrated database fit for a registry: columns, indexes, and the rows that repeat the
//! definitions.

use serde_json::Value as Json;
use stratus_migrations::{
    CORE, DOCUMENTS, EVENTS, GeneratedColumn, IndexDefinition, IndexProgress, MigrationError, MigrationSet,
    build_indexes, drop_generated_columns, drop_indexes, ensure_generated_columns, ensure_indexes,
    obsolete_generated_columns, obsolete_indexes,
};
use stratus_storage::{Clock, Consistency, Database, Statement, Timestamp, Value};

use crate::{
    collection::Collection,
    definition::{CollectionDefinition, DefinitionError},
    registry::Registry,
};

/// The migrations whose indexes are looked after, where their tables are there.
pub(crate) const SETS: [&MigrationSet; 3] = [&CORE, &DOCUMENTS, &EVENTS];

/// Why a database can't be made fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// Columns or indexes can't be added.
    #[error(transparent)]
    Schema(#[from] MigrationError),
    /// A definition that is stored can't be read.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Documents that are there have one value in a field that became unique.
    #[error(
        "several documents have the same `{field}`, which is to be unique: make them differ, or drop `unique`"
    )]
    NotUnique {
        /// The field's dotted path.
        field: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] stratus_storage::Error),
}

/// What was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Names of generated columns.
    pub columns: Vec<String>,
    /// Names of indexes.
    pub indexes: Vec<String>,
    /// Collections that were defined otherwise before: until [`rewrite_outdated`] has run, filters
    /// by what became a facet or a reference miss documents from before.
    ///
    /// [`rewrite_outdated`]: crate::rewrite_outdated
    pub changed: Vec<String>,
}

/// Adds the columns and indexes that the registry needs, and writes its definitions to
/// `document_types`. Nothing is dropped: another version may be running beside this one.
///
/// # Errors
///
/// [`InstallError::Schema`], naming the fields, when a table would have too many columns.
pub async fn install(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
) -> Result<Installed, InstallError> {
    install_observed(database, clock, registry, &mut |_| {}).await
}

/// Does the same, and tells `progress` of each index that is built over documents.
///
/// # Errors
///
/// Those of [`install`].
pub async fn install_observed(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
    progress: &mut (dyn FnMut(IndexProgress<'_>) + Send),
) -> Result<Installed, InstallError> {
    let columns = ensure_generated_columns(database, clock, &needed_columns(registry)).await?;
    let changed = write_definitions(database, clock, registry).await?;
    let indexes = build_indexes(database, clock, &needed_indexes(registry), progress).await;
    let indexes = indexes.map_err(|error| explain(error, registry))?;
    Ok(Installed { columns, indexes, changed })
}

/// Does the same in a handful of round trips however many indexes there are, for requests that wait
/// and may be many: all indexes go in one batch, and one by one only if that fails.
///
/// # Errors
///
/// Those of [`install`].
pub async fn install_at_once(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
) -> Result<Installed, InstallError> {
    let columns = ensure_generated_columns(database, clock, &needed_columns(registry)).await?;
    let changed = write_definitions(database, clock, registry).await?;
    let needed = needed_indexes(registry);
    let indexes = match ensure_indexes(database, clock, &needed).await {
        // One that can't be built must not keep the others from those who need them.
        Err(MigrationError::Storage(stratus_storage::Error::NotUnique { .. })) => {
            build_indexes(database, clock, &needed, &mut |_| {}).await
        }
        result => result,
    };
    let indexes = indexes.map_err(|error| explain(error, registry))?;
    Ok(Installed { columns, indexes, changed })
}

/// Names the field that documents have the same value in.
fn explain(error: MigrationError, registry: &Registry) -> InstallError {
    let MigrationError::Storage(stratus_storage::Error::NotUnique { columns }) = &error else {
        return error.into();
    };
    let named = |column: &str| columns.split(", ").any(|it| it.rsplit('.').next() == Some(column));
    match registry.columns().iter().find(|it| named(&it.name)) {
        Some(column) => {
            InstallError::NotUnique { field: column.json_path.trim_start_matches("$.").to_owned() }
        }
        None => error.into(),
    }
}

/// Drops the indexes and generated columns that no collection of the registry needs, and names them.
///
/// # Errors
///
/// [`InstallError::Schema`] when the database refuses.
pub async fn drop_obsolete(
    database: &dyn Database,
    registry: &Registry,
) -> Result<Vec<String>, InstallError> {
    let mut obsolete = obsolete_indexes(database, &needed_indexes(registry)).await?;
    drop_indexes(database, &obsolete).await?;
    let columns = obsolete_generated_columns(database, &needed_columns(registry)).await?;
    drop_generated_columns(database, &columns).await?;
    obsolete.extend(columns);
    Ok(obsolete)
}

/// The definitions that were installed last, for programs that are given none.
///
/// # Errors
///
/// [`InstallError::Definition`] for one that this version can't read.
pub async fn stored_definitions(database: &dyn Database) -> Result<Vec<CollectionDefinition>, InstallError> {
    let statement = Statement::bare("SELECT schema FROM document_types WHERE is_active = 1 ORDER BY id");
    let rows = database.session(Consistency::Primary).query(&statement).await?;
    rows.iter().map(|row| Ok(CollectionDefinition::parse(row.text(0)?)?)).collect()
}

/// Whether there is no document at all, of any tenant or collection.
///
/// # Errors
///
/// Those of the storage.
pub async fn is_empty(database: &dyn Database) -> stratus_storage::Result<bool> {
    let any = Statement::bare("SELECT 1 AS found FROM documents LIMIT 1");
    Ok(database.session(Consistency::Primary).query(&any).await?.is_empty())
}

pub(crate) fn needed_columns(registry: &Registry) -> Vec<GeneratedColumn> {
    let columns = registry.columns().into_iter();
    columns
        .map(|it| GeneratedColumn { name: it.name, sql_type: it.column_type.sql(), path: it.json_path })
        .collect()
}

pub(crate) fn needed_indexes(registry: &Registry) -> Vec<IndexDefinition> {
    registry.indexes().into_iter().map(|it| IndexDefinition { name: it.name, sql: it.sql }).collect()
}

/// Writes the definition of a collection to `document_types`, unless it is there.
pub fn write_definition(collection: &Collection, now: Timestamp) -> Statement {
    let definition = collection.definition();
    let schema = serde_json::to_value(definition).unwrap_or(Json::Null).to_string();
    Statement::new(
        "INSERT INTO document_types \
         (id, display_name, description, schema, schema_version, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (id) DO UPDATE SET \
         display_name = excluded.display_name, description = excluded.description, \
         schema = excluded.schema, schema_version = excluded.schema_version, \
         is_active = 1, updated_at = excluded.updated_at WHERE schema <> excluded.schema OR is_active = 0",
        vec![
            collection.name().into(),
            definition.label.as_deref().unwrap_or_else(|| collection.name()).into(),
            definition.help.as_deref().into(),
            schema.into(),
            Value::Integer(collection.type_version()),
            Value::Integer(now),
        ],
    )
}

pub(crate) async fn write_definitions(
    database: &dyn Database,
    clock: &dyn Clock,
    registry: &Registry,
) -> Result<Vec<String>, InstallError> {
    let stored = Statement::bare("SELECT id, schema_version FROM document_types");
    let stored = database.session(Consistency::Primary).query(&stored).await?;
    let mut changed = Vec::new();
    for row in stored.iter() {
        let version = registry.collection(row.text(0)?).map(|it| it.type_version());
        let before = row.integer(1)?;
        if version.is_some_and(|version| before != version) {
            changed.push(row.text(0)?.to_owned());
        }
    }
    let mut statements: Vec<_> = registry.collections().map(|it| write_definition(it, clock.now())).collect();
    // A collection that is no longer defined keeps its documents; only its definition rests.
    let names: Vec<_> = registry.collections().map(|it| it.name()).collect();
    statements.push(Statement::new(
        "UPDATE document_types SET is_active = 0, updated_at = ?2 \
         WHERE is_active = 1 AND id NOT IN (SELECT value FROM json_each(?1))",
        vec![Json::from(names).to_string().into(), Value::Integer(clock.now())],
    ));
    database.session(Consistency::Primary).batch(&statements).await?;
    Ok(changed)
}
