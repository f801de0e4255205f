//! What is there of generated columns and indexes, and how what is missing is added.

use std::collections::{BTreeMap, BTreeSet};

use stratus_storage::{Clock, Consistency, Database, Error, Session, Statement, Value};

use crate::MigrationError;

/// What is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) name: String,
    /// Of a column what follows ADD COLUMN, of an index its whole statement.
    pub(crate) definition: String,
}

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A generated column.
    Column,
    /// An index.
    Index,
}

impl Kind {
    /// Its name in `schema_state`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Column => "column",
            Self::Index => "index",
        }
    }
}

/// Adds what is missing, and records it; returns the names of what this call added.
pub(crate) async fn ensure(
    database: &dyn Database,
    clock: &dyn Clock,
    kind: Kind,
    wanted: &[Wanted],
) -> Result<Vec<String>, MigrationError> {
    let session = database.session(Consistency::Primary);
    let limit = database.limits().columns;
    match add_missing(&*session, clock, kind, wanted, limit).await {
        // Another program may have added some in between; a second look tells.
        Err(MigrationError::Storage(_)) => add_missing(&*session, clock, kind, wanted, limit).await,
        result => result,
    }
}

/// The indexes named `ix_…` that are there.
pub(crate) async fn index_names(session: &dyn Session) -> Result<Vec<String>, MigrationError> {
    Ok(Schema::read(session).await?.indexes.into_keys().collect())
}

/// Whether a name is a prefix followed by one or more of `[a-z0-9_]`.
pub(crate) fn is_name(name: &str, prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

/// What is missing of what is wanted, which must not be in conflict with what is there.
pub(crate) async fn missing(
    session: &dyn Session,
    kind: Kind,
    wanted: &[Wanted],
) -> Result<Vec<Wanted>, MigrationError> {
    let schema = Schema::read(session).await?;
    Ok(schema.plan(kind, wanted)?.missing.into_iter().cloned().collect())
}

async fn add_missing(
    session: &dyn Session,
    clock: &dyn Clock,
    kind: Kind,
    wanted: &[Wanted],
    limit: usize,
) -> Result<Vec<String>, MigrationError> {
    let schema = Schema::read(session).await?;
    let plan = schema.plan(kind, wanted)?;
    if kind == Kind::Column {
        schema.require_room(&plan.missing, limit)?;
    }
    let mut statements: Vec<_> = plan.missing.iter().map(|it| creation(kind, it)).collect();
    statements.extend(plan.missing.iter().chain(&plan.unrecorded).map(|it| record(kind, it, clock)));
    if !statements.is_empty() {
        session.batch(&statements).await?;
    }
    Ok(plan.missing.iter().map(|it| it.name.clone()).collect())
}

pub(crate) fn creation(kind: Kind, wanted: &Wanted) -> Statement {
    Statement::bare(match kind {
        Kind::Column => format!("ALTER TABLE documents ADD COLUMN {}", wanted.definition),
        Kind::Index => wanted.definition.clone(),
    })
}

pub(crate) fn record(kind: Kind, Wanted { name, definition }: &Wanted, clock: &dyn Clock) -> Statement {
    Statement::new(
        "INSERT INTO schema_state (name, kind, definition, created_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, definition = excluded.definition",
        vec![
            name.as_str().into(),
            kind.name().into(),
            definition.as_str().into(),
            Value::Integer(clock.now()),
        ],
    )
}

/// What there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan<'wanted> {
    missing: Vec<&'wanted Wanted>,
    /// Those that are there and that `schema_state` does not know.
    unrecorded: Vec<&'wanted Wanted>,
}

/// What is there: one snapshot.
#[derive(Debug, Default)]
struct Schema {
    /// The columns of `documents`, hidden ones included.
    columns: BTreeSet<String>,
    /// The text of the CREATE TABLE of `documents`, to which SQLite appends each added column.
    table: String,
    /// The indexes named `ix_…` with the text of their CREATE INDEX.
    indexes: BTreeMap<String, String>,
    /// What `schema_state` records: names with definitions.
    recorded: BTreeMap<String, String>,
}

impl Schema {
    async fn read(session: &dyn Session) -> Result<Self, Error> {
        let looks = [
            "SELECT name FROM pragma_table_xinfo('documents')",
            "SELECT type, name, sql FROM sqlite_master WHERE (type = 'table' AND name = 'documents') OR (type = \
             'index' AND name GLOB 'ix_*')",
            "SELECT name, definition FROM schema_state",
        ];
        let results = session.batch(&looks.map(Statement::bare)).await?;
        let [columns, objects, recorded] = &results[..] else {
            return Err(Error::Unexpected {
                what: "a batch of three statements has three results".to_owned(),
            });
        };
        let mut schema = Self::default();
        for row in columns.iter() {
            schema.columns.insert(row.text(0)?.to_owned());
        }
        for row in objects.iter() {
            let sql = row.text(2)?.to_owned();
            if row.text(0)? == "table" {
                schema.table = sql;
            } else {
                schema.indexes.insert(row.text(1)?.to_owned(), sql);
            }
        }
        for row in recorded.iter() {
            schema.recorded.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
        }
        Ok(schema)
    }

    fn plan<'wanted>(&self, kind: Kind, wanted: &'wanted [Wanted]) -> Result<Plan<'wanted>, MigrationError> {
        let mut plan = Plan::default();
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for it in wanted {
            let twin = seen.insert(&it.name, &it.definition);
            if !self.allows(kind, it) || twin.is_some_and(|twin| twin != it.definition) {
                let (name, wanted) = (it.name.clone(), it.definition.clone());
                return Err(MigrationError::Conflicting { name, wanted });
            }
            // Collections that declare the same path and type share a column.
            if twin.is_some() {
                continue;
            }
            if !self.has(kind, &it.name) {
                plan.missing.push(it);
            } else if self.recorded.get(&it.name) != Some(&it.definition) {
                plan.unrecorded.push(it);
            }
        }
        Ok(plan)
    }

    fn has(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Column => self.columns.contains(name),
            Kind::Index => self.indexes.contains_key(name),
        }
    }

    /// Whether what has that name, if anything, is what is wanted. `pragma_table_xinfo` shows no
    /// expressions, the text of the schema does.
    fn allows(&self, kind: Kind, wanted: &Wanted) -> bool {
        match kind {
            Kind::Column => !self.columns.contains(&wanted.name) || self.table.contains(&wanted.definition),
            Kind::Index => self.indexes.get(&wanted.name).is_none_or(|it| *it == wanted.definition),
        }
    }

    fn require_room(&self, missing: &[&Wanted], limit: usize) -> Result<(), MigrationError> {
        let present = self.columns.len();
        if missing.is_empty() || present + missing.len() <= limit {
            return Ok(());
        }
        let columns = missing.iter().map(|it| it.name.clone()).collect();
        Err(MigrationError::TooManyColumns { columns, present, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, definition: &str) -> Wanted {
        Wanted { name: name.to_owned(), definition: definition.to_owned() }
    }

    fn schema() -> Schema {
        let names = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect();
        Schema {
            columns: names(&["id", "q_a", "q_b"]),
            table: "CREATE TABLE documents (id, q_a TEXT AS (1), q_b TEXT AS (2))".to_owned(),
            indexes: BTreeMap::from([("ix_a".to_owned(), "CREATE INDEX ix_a ON documents (q_a)".to_owned())]),
            recorded: BTreeMap::from([("q_a".to_owned(), "q_a TEXT AS (1)".to_owned())]),
        }
    }

    #[test]
    fn a_plan_adds_what_is_missing_once_and_records_what_is_not_recorded() {
        let all = [
            wanted("q_a", "q_a TEXT AS (1)"),
            wanted("q_b", "q_b TEXT AS (2)"),
            wanted("q_c", "q_c TEXT AS (3)"),
            wanted("q_c", "q_c TEXT AS (3)"),
        ];
        let plan = schema().plan(Kind::Column, &all).unwrap();
        assert_eq!(plan, Plan { missing: vec![&all[2]], unrecorded: vec![&all[1]] });
    }

    #[test]
    fn one_name_with_two_definitions_is_a_conflict() {
        let check = |kind, all: &[Wanted]| {
            let result = schema().plan(kind, all).map(|_| ());
            assert!(matches!(result, Err(MigrationError::Conflicting { .. })), "{all:?}");
        };
        check(Kind::Column, &[wanted("q_a", "q_a REAL AS (1)")]);
        check(Kind::Column, &[wanted("q_c", "q_c TEXT AS (1)"), wanted("q_c", "q_c TEXT AS (2)")]);
        check(Kind::Index, &[wanted("ix_a", "CREATE INDEX ix_a ON documents (q_b)")]);
    }

    #[test]
    fn room_counts_only_what_is_missing() {
        let (c, d) = (wanted("q_c", ""), wanted("q_d", ""));
        assert!(schema().require_room(&[&c], 4).is_ok());
        assert!(schema().require_room(&[], 2).is_ok());
        let error = schema().require_room(&[&c, &d], 4).unwrap_err();
        insta::assert_snapshot!(error, @"3 columns and 2 more are over the limit of 4: declare some of these fields as facets: q_c, q_d");
    }
}
