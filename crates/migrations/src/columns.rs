//! Generated columns: a new queryable field needs no migration.

use stratus_storage::{Clock, Consistency, Database, Statement};

use crate::{
    MigrationError,
    schema::{Kind, Wanted, ensure, is_name},
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
        .map(|it| Ok(Wanted { name: it.name.clone(), definition: it.definition()? }))
        .collect::<Result<Vec<_>, MigrationError>>()?;
    ensure(database, clock, Kind::Column, &wanted).await
}

/// The names of the generated columns `q_…` that are there and that are not among those needed.
///
/// As with indexes, another version of the program may need them: only a person decides to
/// [`drop_generated_columns`].
///
/// # Errors
///
/// [`MigrationError::Storage`] when the database cannot be looked at.
pub async fn obsolete_generated_columns(
    database: &dyn Database,
    needed: &[GeneratedColumn],
) -> Result<Vec<String>, MigrationError> {
    let look = Statement::bare("SELECT name FROM pragma_table_xinfo('documents') ORDER BY cid");
    let rows = database.session(Consistency::Primary).query(&look).await?;
    let names = rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let needed = |name: &String| needed.iter().any(|it| it.name == *name);
    Ok(names.into_iter().filter(|name| is_name(name, "q_") && !needed(name)).collect())
}

/// Drops generated columns `q_…` and their records, all or none. Nothing is lost: their values are
/// in `data`. An index over one of them has to be dropped before.
///
/// # Errors
///
/// [`MigrationError::InvalidDefinition`] for any other name; [`MigrationError::Storage`] when the
/// database refuses.
pub async fn drop_generated_columns(database: &dyn Database, names: &[String]) -> Result<(), MigrationError> {
    let mut statements = Vec::new();
    for name in names {
        if !is_name(name, "q_") {
            let reason = "only columns named q_[a-z0-9_]+ are dropped";
            return Err(MigrationError::InvalidDefinition { name: name.clone(), reason });
        }
        statements.push(Statement::bare(format!("ALTER TABLE documents DROP COLUMN {name}")));
        statements
            .push(Statement::new("DELETE FROM schema_state WHERE name = ?1", vec![name.as_str().into()]));
    }
    database.session(Consistency::Primary).batch(&statements).await?;
    Ok(())
}

/// Whether a text is `$` and then member names: `.name`, or `."any name"` without what would need
/// an escape.
fn is_path(path: &str) -> bool {
    let Some(mut rest) = path.strip_prefix('$').filter(|rest| !rest.is_empty()) else { return false };
    while !rest.is_empty() {
        let Some(member) = rest.strip_prefix('.') else { return false };
        let after = match member.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').filter(|(name, _)| is_quotable(name)).map(|it| it.1),
            None => {
                let end = member.find(|it: char| !is_plain(it)).unwrap_or(member.len());
                (end > 0).then(|| &member[end..])
            }
        };
        let Some(after) = after else { return false };
        rest = after;
    }
    true
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_quotable(name: &str) -> bool {
    !name.is_empty() && !name.contains(|it: char| it == '\\' || it.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, sql_type: &'static str, path: &str) -> GeneratedColumn {
        GeneratedColumn { name: name.to_owned(), sql_type, path: path.to_owned() }
    }

    #[test]
    fn a_definition_quotes_its_path() {
        let definition = |path| column("q_a_t", "TEXT", path).definition().unwrap();
        assert_eq!(
            definition("$.a.b"),
            "q_a_t TEXT GENERATED ALWAYS AS (json_extract(data, '$.a.b')) VIRTUAL"
        );
        assert_eq!(
            definition("$.\"it's; --\".b"),
            "q_a_t TEXT GENERATED ALWAYS AS (json_extract(data, '$.\"it''s; --\".b')) VIRTUAL"
        );
    }

    #[test]
    fn unsound_definitions_are_refused() {
        for name in ["", "q_", "title", "Q_a", "q_A", "q_a b", "q_a)", "q_ą"] {
            assert!(column(name, "TEXT", "$.a").definition().is_err(), "{name}");
        }
        for sql_type in ["", "text", "BLOB", "TEXT NOT NULL"] {
            assert!(column("q_a", sql_type, "$.a").definition().is_err(), "{sql_type}");
        }
        for path in [
            "",
            "a",
            "$",
            "$a",
            "$.",
            "$..a",
            "$.a.",
            "$.a b",
            "$.a'",
            "$[0]",
            "$.\"a",
            "$.\"\"",
            "$.\"a\\\"",
        ] {
            assert!(column("q_a", "TEXT", path).definition().is_err(), "{path}");
        }
    }
}
