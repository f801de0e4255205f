//! A key-value store in a SQLite file of its own.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use stratus_storage::{
    Clock, Consistency, Database, Error, KeyValue, MAX_KEY_BYTES, MAX_SAFE_INTEGER, MIN_TTL_SECONDS, Result,
    Session, Statement, Value,
};

use crate::{OpenError, SqliteDatabase, SqliteOptions, Synchronous};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS key_value (
      key        TEXT NOT NULL PRIMARY KEY,
      value      BLOB NOT NULL,
      expires_at INTEGER
    ) STRICT;
    CREATE INDEX IF NOT EXISTS key_value_expires_at ON key_value (expires_at) WHERE expires_at IS NOT NULL;
";

const GET: &str = "SELECT value FROM key_value WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)";

const PUT: &str = "INSERT INTO key_value (key, value, expires_at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";

const DELETE: &str = "DELETE FROM key_value WHERE key = ?1";

const SWEEP: &str = "DELETE FROM key_value WHERE key IN \
     (SELECT key FROM key_value WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT 1000)";

/// Each so many puts sweep out what has expired.
const PUTS_PER_SWEEP: u32 = 256;

/// A [`KeyValue`] store in a SQLite file of its own, in the table `key_value`.
///
/// It is a cache: a loss of power may lose the last puts.
pub struct SqliteKeyValue {
    database: SqliteDatabase,
    clock: Arc<dyn Clock>,
    puts: AtomicU32,
}

impl SqliteKeyValue {
    /// Opens the store in a file, which is created if there is none. `clock` says what has expired.
    ///
    /// # Errors
    ///
    /// [`OpenError`], naming the path and the cure.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let options = SqliteOptions::default().synchronous(Synchronous::Normal);
        let database = SqliteDatabase::open_with_schema(path.as_ref(), options, Some(SCHEMA))?;
        Ok(Self { database, clock, puts: AtomicU32::new(0) })
    }

    fn session(&self) -> Box<dyn Session> {
        self.database.session(Consistency::Primary)
    }

    /// Whether this put sweeps.
    fn sweeps(&self) -> bool {
        self.puts.fetch_add(1, Ordering::Relaxed) % PUTS_PER_SWEEP == PUTS_PER_SWEEP - 1
    }
}

#[async_trait]
impl KeyValue for SqliteKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        check(key)?;
        let get = Statement::new(GET, vec![key.into(), Value::Integer(self.clock.now())]);
        let found = self.session().query(&get).await?;
        match found.first().map(|row| row.value(0)).transpose()? {
            None => Ok(None),
            Some(Value::Blob(bytes)) => Ok(Some(bytes.clone())),
            Some(_) => Err(Error::Corrupt { reason: "a value of `key_value` that is no blob".to_owned() }),
        }
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: Option<u64>) -> Result<()> {
        check(key)?;
        let now = self.clock.now();
        let expires_at = ttl_seconds.map(|it| expiry(now, it));
        let params = vec![key.into(), Value::Blob(value.to_vec()), expires_at.unwrap_or(Value::Null)];
        let mut batch = vec![Statement::new(PUT, params)];
        if self.sweeps() {
            batch.push(Statement::new(SWEEP, vec![Value::Integer(now)]));
        }
        self.session().batch(&batch).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check(key)?;
        self.session().batch(&[Statement::new(DELETE, vec![key.into()])]).await.map(drop)
    }
}

impl fmt::Debug for SqliteKeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteKeyValue").field("database", &self.database).finish_non_exhaustive()
    }
}

fn check(key: &str) -> Result<()> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    Err(Error::TooLarge { what: format!("a key of {} bytes (limit {MAX_KEY_BYTES})", key.len()) })
}

/// The first millisecond in which the value is forgotten.
fn expiry(now: i64, ttl_seconds: u64) -> Value {
    let millis = i64::try_from(ttl_seconds.max(MIN_TTL_SECONDS)).unwrap_or(i64::MAX).saturating_mul(1000);
    Value::Integer(now.saturating_add(millis).min(MAX_SAFE_INTEGER))
}
