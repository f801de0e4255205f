//! The floor below SQL: rusqlite alone, on a connection with the settings of Stratus' own.

use std::{hint::black_box, path::Path};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags, config::DbConfig, params_from_iter, types::Value};
use stratus_storage::{Statement, Value as PortValue};

/// A connection that reads.
pub(crate) fn reader(file: &Path) -> Result<Connection> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096")?;
    Ok(connection)
}

/// A connection that writes, and has each commit on disk before it goes on.
pub(crate) fn writer(file: &Path) -> Result<Connection> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 16777216; PRAGMA wal_autocheckpoint = 1000",
    )?;
    Ok(connection)
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY")?;
    Ok(connection)
}

/// A statement of Stratus, for rusqlite.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    sql: String,
    params: Vec<Value>,
}

impl From<&Statement> for Query {
    fn from(statement: &Statement) -> Self {
        let value = |value: &PortValue| match value {
            PortValue::Null => Value::Null,
            PortValue::Integer(n) => Value::Integer(*n),
            PortValue::Real(n) => Value::Real(*n),
            PortValue::Text(text) => Value::Text(text.clone()),
            PortValue::Blob(bytes) => Value::Blob(bytes.clone()),
        };
        Self { sql: statement.sql.to_string(), params: statement.params.iter().map(value).collect() }
    }
}

impl Query {
    /// Steps through the rows and looks at none.
    pub(crate) fn step(&self, connection: &Connection) -> Result<usize> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let mut rows = statement.query(params_from_iter(&self.params))?;
        let mut count = 0;
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Copies every row into a struct of owned strings, as a program does that uses them.
    pub(crate) fn copy(&self, connection: &Connection) -> Result<usize> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let rows = statement.query_map(params_from_iter(&self.params), Document::of)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(black_box(rows).len())
    }
}

/// The columns of a document, owned.
#[expect(dead_code, reason = "copied out and let go")]
struct Document {
    row_id: String,
    id: String,
    slug: Option<String>,
    locale: String,
    is_published: bool,
    version: i64,
    revision: i64,
    created_at: i64,
    updated_at: i64,
    published_at: Option<i64>,
    type_version: i64,
    data: String,
    deleted_at: Option<i64>,
    rare: Option<String>,
}

impl Document {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            row_id: row.get(0)?,
            id: row.get(1)?,
            slug: row.get(2)?,
            locale: row.get(3)?,
            is_published: row.get(4)?,
            version: row.get(5)?,
            revision: row.get(6)?,
            created_at: row.get(7)?,
            updated_at: row.get(8)?,
            published_at: row.get(9)?,
            type_version: row.get(10)?,
            data: row.get(11)?,
            deleted_at: row.get(12)?,
            rare: row.get(13)?,
        })
    }
}
