//! What a database records of applied migrations: our table, and wrangler's.

use std::collections::BTreeMap;

use stratus_storage::{Result, Session, Statement, Timestamp, Value};

use crate::Migration;

/// What is recorded of applied migrations, by name.
#[derive(Debug, Default)]
pub(crate) struct Records {
    by_name: BTreeMap<String, Record>,
    /// Whether our own table is there.
    pub(crate) has_table: bool,
}

/// What is recorded of one applied migration.
#[derive(Debug)]
pub(crate) struct Record {
    /// When it was applied.
    pub(crate) at: Timestamp,
    /// The checksum that it had, or `None` where only wrangler knows of it, which keeps none.
    pub(crate) checksum: Option<String>,
}

impl Records {
    /// Reads the records. Tables that are not there are empty ones.
    ///
    /// Wrangler's table also counts the migrations of a host program into which Stratus was built.
    /// It is only asked about a newer schema when it names a migration that `is_known`.
    pub(crate) async fn read(session: &dyn Session, is_known: impl Fn(&str) -> bool) -> Result<Self> {
        let tables = session.query(&Statement::bare(TABLES)).await?;
        let mut has_wranglers = false;
        let mut records = Self::default();
        for row in tables.iter() {
            match row.text(0)? {
                "migrations" => records.has_table = true,
                _ => has_wranglers = true,
            }
        }
        if has_wranglers {
            records.add(session, WRANGLERS).await?;
            if !records.names().any(is_known) {
                records.by_name.clear();
            }
        }
        // Ours last: where both know a migration, the checksum counts.
        if records.has_table {
            records.add(session, OURS).await?;
        }
        Ok(records)
    }

    /// What is recorded of a migration.
    pub(crate) fn get(&self, name: &str) -> Option<&Record> {
        self.by_name.get(name)
    }

    /// The names of all recorded migrations, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    async fn add(&mut self, session: &dyn Session, sql: &'static str) -> Result<()> {
        for row in session.query(&Statement::bare(sql)).await?.iter() {
            let name = row.text(0)?;
            let name = name.strip_suffix(".sql").unwrap_or(name).to_owned();
            let at = row.optional_integer(1)?.unwrap_or(0);
            let checksum = row.optional_text(2)?.map(str::to_owned);
            self.by_name.insert(name, Record { at, checksum });
        }
        Ok(())
    }
}

/// Creates our table.
pub(crate) fn create_table() -> Statement {
    Statement::bare(
        "CREATE TABLE IF NOT EXISTS migrations (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  checksum   TEXT    NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT",
    )
}

/// Records a migration as applied; not unique when it is recorded already.
pub(crate) fn record(migration: &Migration, at: Timestamp) -> Statement {
    Statement::new(format!("INSERT INTO migrations {COLUMNS}"), cells(migration, at))
}

/// Records a migration as applied, unless it is recorded already.
pub(crate) fn adopt(migration: &Migration, at: Timestamp) -> Statement {
    Statement::new(format!("INSERT OR IGNORE INTO migrations {COLUMNS}"), cells(migration, at))
}

/// Yields a row if a migration is recorded as applied.
pub(crate) fn receipt(migration: &Migration) -> Statement {
    Statement::new("SELECT id FROM migrations WHERE name = ?1", vec![migration.name.into()])
}

const TABLES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('migrations', 'd1_migrations')";
const OURS: &str = "SELECT name, applied_at, checksum FROM migrations";
const WRANGLERS: &str = "SELECT name, CAST(strftime('%s', applied_at) AS INTEGER) * 1000 AS applied_at, \
                         NULL AS checksum FROM d1_migrations";
const COLUMNS: &str = "(id, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)";

fn cells(migration: &Migration, at: Timestamp) -> Vec<Value> {
    vec![migration.id.into(), migration.name.into(), migration.checksum.into(), Value::Integer(at)]
}
