//! Indexes that collections need: added when missing, dropped only when asked.

use std::collections::BTreeSet;

use stratus_storage::{Clock, Consistency, Database, Session, Statement};

use crate::{
    MigrationError,
    schema::{Kind, Wanted, ensure, index_names, is_name, missing},
};

/// An index that some collection needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexDefinition {
    /// Its name, `^ix_[a-z0-9_]+$`, ending in a hash of its definition.
    pub name: String,
    /// Its whole statement, `CREATE [UNIQUE] INDEX <name> ON …`, in this spelling, which is the one
    /// that SQLite keeps.
    pub sql: String,
}

/// How far the building of indexes has come: told once when one is begun, and once when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexProgress<'a> {
    /// The index.
    pub name: &'a str,
    /// Which one it is, counted from 1.
    pub number: usize,
    /// How many there are to build.
    pub of: usize,
    /// How many rows `documents` has: each of them is looked at.
    pub documents: i64,
    /// How many milliseconds it took; `None` when it is begun.
    pub took: Option<i64>,
}

impl IndexDefinition {
    pub(crate) fn check(&self) -> Result<(), MigrationError> {
        let Self { name, sql } = self;
        let invalid = |reason| Err(MigrationError::InvalidDefinition { name: name.clone(), reason });
        if !is_name(name, "ix_") {
            return invalid("an index is named ix_[a-z0-9_]+");
        }
        let rest = sql.strip_prefix("CREATE UNIQUE INDEX ").or_else(|| sql.strip_prefix("CREATE INDEX "));
        match rest.and_then(|rest| rest.strip_prefix(name.as_str())) {
            Some(rest) if rest.starts_with(" ON ") && !rest.contains(';') => Ok(()),
            _ => invalid("its statement is not CREATE [UNIQUE] INDEX <name> ON …"),
        }
    }
}

/// Creates those indexes that are missing, and records them in `schema_state`; returns the names
/// of what this call created.
///
/// One batch to look, and one to create if anything is missing. Of two programs that create the
/// same index, one does and the other sees that it did. The columns must be there, see
/// [`ensure_generated_columns`](crate::ensure_generated_columns).
///
/// # Errors
///
/// [`MigrationError::InvalidDefinition`] and [`MigrationError::Conflicting`] before anything is
/// touched; [`MigrationError::Storage`] when the database refuses: a unique index on rows that are
/// not is [`Error::NotUnique`](stratus_storage::Error::NotUnique) there.
pub async fn ensure_indexes(
    database: &dyn Database,
    clock: &dyn Clock,
    indexes: &[IndexDefinition],
) -> Result<Vec<String>, MigrationError> {
    ensure(database, clock, Kind::Index, &all_wanted(indexes)?).await
}

/// Does the same, and tells how far it is. Each index over documents that are there is a batch of
/// its own: none of them holds up writers for as long as all of them would, and what was built
/// before a failure or a kill stays.
///
/// # Errors
///
/// Those of [`ensure_indexes`]; those before the one that failed are there.
pub async fn build_indexes(
    database: &dyn Database,
    clock: &dyn Clock,
    indexes: &[IndexDefinition],
    progress: &mut (dyn FnMut(IndexProgress<'_>) + Send),
) -> Result<Vec<String>, MigrationError> {
    let wanted = all_wanted(indexes)?;
    let session = database.session(Consistency::Primary);
    let missing = missing(&*session, Kind::Index, &wanted).await?;
    // An index over nothing is made at once, and a new database needs dozens.
    let documents = if missing.is_empty() { 0 } else { count_documents(&*session).await? };
    let mut built = Vec::new();
    let of = if documents > 0 { missing.len() } else { 0 };
    for (number, index) in (1..=of).zip(&missing) {
        let told = IndexProgress { name: &index.name, number, of, documents, took: None };
        let since = clock.now();
        progress(told);
        built.extend(ensure(database, clock, Kind::Index, std::slice::from_ref(index)).await?);
        progress(IndexProgress { took: Some(clock.now() - since), ..told });
    }
    built.extend(ensure(database, clock, Kind::Index, &wanted).await?);
    Ok(built)
}

fn all_wanted(indexes: &[IndexDefinition]) -> Result<Vec<Wanted>, MigrationError> {
    let wanted = |it: &IndexDefinition| Wanted { name: it.name.clone(), definition: it.sql.clone() };
    indexes.iter().map(|it| it.check().map(|()| wanted(it))).collect()
}

async fn count_documents(session: &dyn Session) -> Result<i64, MigrationError> {
    let rows = session.query(&Statement::bare("SELECT count(*) AS documents FROM documents")).await?;
    Ok(rows.first().map(|row| row.integer(0)).transpose()?.unwrap_or_default())
}

/// The names of the indexes `ix_…` that are there and that are not among those needed.
///
/// Another version of the program, still running, may need them: only a person decides to
/// [`drop_indexes`].
///
/// # Errors
///
/// [`MigrationError::Storage`] when the database cannot be looked at.
pub async fn obsolete_indexes(
    database: &dyn Database,
    needed: &[IndexDefinition],
) -> Result<Vec<String>, MigrationError> {
    let needed: BTreeSet<_> = needed.iter().map(|it| it.name.as_str()).collect();
    let mut names = index_names(&*database.session(Consistency::Primary)).await?;
    names.retain(|name| is_name(name, "ix_") && !needed.contains(name.as_str()));
    Ok(names)
}

/// Drops indexes `ix_…` and their records, all or none. One that is not there is no error.
///
/// # Errors
///
/// [`MigrationError::InvalidDefinition`] for any other name; [`MigrationError::Storage`] when the
/// database refuses.
pub async fn drop_indexes(database: &dyn Database, names: &[String]) -> Result<(), MigrationError> {
    let mut statements = Vec::new();
    for name in names {
        if !is_name(name, "ix_") {
            let reason = "only indexes named ix_[a-z0-9_]+ are dropped";
            return Err(MigrationError::InvalidDefinition { name: name.clone(), reason });
        }
        statements.push(Statement::bare(format!("DROP INDEX IF EXISTS {name}")));
        statements
            .push(Statement::new("DELETE FROM schema_state WHERE name = ?1", vec![name.as_str().into()]));
    }
    database.session(Consistency::Primary).batch(&statements).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_must_create_the_index_that_it_names() {
        let check = |name: &str, sql: &str| {
            IndexDefinition { name: name.to_owned(), sql: sql.to_owned() }.check().is_ok()
        };
        assert!(check("ix_a_1", "CREATE INDEX ix_a_1 ON documents (slug)"));
        assert!(check("ix_a_1", "CREATE UNIQUE INDEX ix_a_1 ON documents (slug) WHERE slug IS NOT NULL"));
        assert!(!check("documents_head", "CREATE INDEX documents_head ON documents (slug)"));
        assert!(!check("ix_a", "CREATE INDEX ix_a_1 ON documents (slug)"));
        assert!(!check("ix_a", "CREATE INDEX IF NOT EXISTS ix_a ON documents (slug)"));
        assert!(!check("ix_a", "CREATE INDEX ix_a ON documents (slug); DROP TABLE documents"));
        assert!(!check("ix_a", "DROP TABLE documents"));
    }
}
