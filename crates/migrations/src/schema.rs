//! What is there of generated columns and indexes, in the schema and in `schema_state`.

use std::collections::{BTreeMap, BTreeSet};

use stratus_storage::{Clock, Result, Session, Statement, Value};

/// What is there of generated columns and indexes: one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    /// The columns of `documents`, hidden ones included.
    pub(crate) columns: BTreeSet<String>,
    /// The text of the CREATE TABLE of `documents`, with every column that was added.
    pub(crate) table: String,
    /// The indexes named `ix_…` with the text of their CREATE INDEX.
    pub(crate) indexes: BTreeMap<String, String>,
    /// What `schema_state` records: names with definitions.
    pub(crate) recorded: BTreeMap<String, String>,
}

/// What `schema_state` may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A generated column.
    Column,
    /// An index.
    Index,
}

impl Schema {
    /// Looks at the schema, in one batch.
    pub(crate) async fn read(session: &dyn Session) -> Result<Self> {
        let results = session
            .batch(&[
                Statement::bare("SELECT name FROM pragma_table_xinfo('documents')"),
                Statement::bare(
                    "SELECT type, name, sql FROM sqlite_master WHERE (type = 'table' AND name = 'documents') \
                     OR (type = 'index' AND name GLOB 'ix_*')",
                ),
                Statement::bare("SELECT name, definition FROM schema_state"),
            ])
            .await?;
        let [columns, objects, recorded] = &results[..] else {
            return Err(stratus_storage::Error::Unexpected { what: "three results of a batch".to_owned() });
        };
        let mut schema = Self::default();
        for row in columns.iter() {
            schema.columns.insert(row.text(0)?.to_owned());
        }
        for row in objects.iter() {
            let sql = row.text(2)?.to_owned();
            match row.text(0)? {
                "table" => schema.table = sql,
                _ => drop(schema.indexes.insert(row.text(1)?.to_owned(), sql)),
            }
        }
        for row in recorded.iter() {
            schema.recorded.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
        }
        Ok(schema)
    }
}

/// Records in `schema_state` that something is there.
pub(crate) fn record(kind: Kind, name: &str, definition: &str, clock: &dyn Clock) -> Statement {
    let kind = match kind {
        Kind::Column => "column",
        Kind::Index => "index",
    };
    Statement::new(
        "INSERT INTO schema_state (name, kind, definition, created_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, definition = excluded.definition",
        vec![name.into(), kind.into(), definition.into(), Value::Integer(clock.now())],
    )
}

/// Whether a name is a prefix followed by one or more of `[a-z0-9_]`.
pub(crate) fn is_name(name: &str, prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}
