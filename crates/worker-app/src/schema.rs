//! Whether the database has what the collections need, and making it so.
//!
//! What is needed is the *physical set*: generated columns, indexes, and a row for each collection.
//! An isolate finds out with its first query; what is missing is added once, however many isolates
//! find that out at the same time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value as Json;
use stratus_access::Principal;
use stratus_api::Readiness;
use stratus_document::{CursorKey, InstallError, Registry, Settings, SettingsError, install};
use stratus_migrations::MigrationError;
use stratus_storage::{
    Clock, Consistency, Database, Entropy, Error, Result, Row, Rows, Statement, Timestamp,
};

/// Where the key of cursors is among the settings; the binary keeps it there, too.
const CATEGORY: &str = "auth";
const KEY: &str = "cursor_key";

/// An index over more rows than this is not built while a request waits.
const MANY_ROWS: i64 = 10_000;

/// How long it is believed that somebody has to migrate, in milliseconds.
const PATIENCE: i64 = 10_000;

/// How many names of `?1` are missing in `schema_state`, and how many of `?2` in `document_types`.
const MISSING: &str = "(SELECT count(*) FROM json_each(?1) AS n \
     WHERE NOT EXISTS (SELECT 1 FROM schema_state AS s WHERE s.name = n.value)) \
     + (SELECT count(*) FROM json_each(?2) AS n \
     WHERE NOT EXISTS (SELECT 1 FROM document_types AS t WHERE t.id = n.value))";

/// What an isolate knows of its database's schema.
pub(crate) struct Schema {
    database: Arc<dyn Database>,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    key: CursorKey,
    looks: Looks,
    is_fit: AtomicBool,
    /// Until when what is missing is somebody else's to add.
    left_until: AtomicI64,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("is_fit", &self.is_fit()).finish_non_exhaustive()
    }
}

/// The statements that ride along with a first query.
pub(crate) struct Looks {
    /// Tells how much is missing, and the key of cursors.
    pub(crate) look: Statement,
    /// Refuses the batch of a write if anything is missing: an index that holds values unique might
    /// be.
    pub(crate) guard: Statement,
}

/// What became of what was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// Nothing is missing.
    Fit,
    /// It takes longer than a request may wait: `cargo xtask worker migrate` does it.
    LeftToMigrate,
}

impl Readiness for Schema {
    fn is_ready(&self) -> bool {
        self.is_fit()
    }
}

impl Schema {
    pub(crate) fn new(
        database: Arc<dyn Database>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        key: CursorKey,
    ) -> Self {
        let looks = Looks::of(&registry);
        let (is_fit, left_until) = (AtomicBool::new(false), AtomicI64::new(Timestamp::MIN));
        Self { database, registry, clock, entropy, key, looks, is_fit, left_until }
    }

    /// Whether it is known that nothing is missing.
    pub(crate) fn is_fit(&self) -> bool {
        self.is_fit.load(Ordering::Acquire)
    }

    pub(crate) fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Looks in a round trip of its own, for requests that must know before they ask.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub(crate) async fn look(&self) -> Result<Fitness> {
        match self.database.session(Consistency::Any).query(&self.looks.look).await {
            Ok(rows) => self.learn(&rows).await,
            Err(Error::MissingSchema { .. }) => self.make_fit().await,
            Err(error) => Err(error),
        }
    }

    /// Takes in what a look has shown; adds what is missing.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub(crate) async fn learn(&self, rows: &Rows) -> Result<Fitness> {
        let Some(row) = rows.first() else { return self.make_fit().await };
        // Also when much is missing: what can be read all the same has cursors.
        self.learn_key(&row).await?;
        if row.integer(0)? > 0 {
            return self.make_fit().await;
        }
        self.is_fit.store(true, Ordering::Release);
        Ok(Fitness::Fit)
    }

    /// Adds what is missing, wherever it was noticed.
    ///
    /// # Errors
    ///
    /// Those of the storage: [`Error::MissingSchema`] where the migrations themselves are missing.
    pub(crate) async fn make_fit(&self) -> Result<Fitness> {
        let now = self.clock.now();
        if now < self.left_until.load(Ordering::Relaxed) {
            return Ok(Fitness::LeftToMigrate);
        }
        if self.is_much().await? {
            self.left_until.store(now + PATIENCE, Ordering::Relaxed);
            self.is_fit.store(false, Ordering::Release);
            let cure = "`cargo xtask worker migrate --remote` builds them";
            tracing::error!(cure, "indexes are missing, and there are too many documents to build them now");
            return Ok(Fitness::LeftToMigrate);
        }
        let installed = install(&*self.database, &*self.clock, &self.registry).await.map_err(explain)?;
        let (columns, indexes) = (installed.columns.len(), installed.indexes.len());
        tracing::warn!(columns, indexes, "added what the collections need");
        let rows = self.database.session(Consistency::Primary).query(&self.looks.look).await?;
        match rows.first() {
            Some(row) => self.learn_key(&row).await?,
            None => return Err(Error::Unexpected { what: "a look shows one row".to_owned() }),
        }
        self.is_fit.store(true, Ordering::Release);
        Ok(Fitness::Fit)
    }

    /// Whether indexes are missing over more rows than a request can wait for.
    async fn is_much(&self) -> Result<bool> {
        let many = Statement::bare(format!("SELECT 1 AS found FROM documents LIMIT 1 OFFSET {MANY_ROWS}"));
        let there = Statement::bare("SELECT name FROM sqlite_master WHERE type = 'index'");
        let results = self.database.session(Consistency::Primary).batch(&[many, there]).await?;
        let [many, there] = &results[..] else {
            return Err(Error::Unexpected { what: "a batch of two statements has two results".to_owned() });
        };
        let there = there.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
        let is_missing = |name: &str| !there.contains(&name);
        Ok(!many.is_empty() && self.registry.indexes().iter().any(|it| is_missing(&it.name)))
    }

    /// Takes the key of cursors from a look; makes one where there is none yet.
    async fn learn_key(&self, look: &Row<'_>) -> Result<()> {
        if self.key.bytes().is_some() {
            return Ok(());
        }
        let stored = match look.optional_text(1)? {
            Some(stored) => stored.to_owned(),
            None => self.make_key().await?,
        };
        let reason =
            || format!("the setting `{CATEGORY}/{KEY}` is damaged; remove it, and a new one is made");
        let damaged = || Error::Corrupt { reason: reason() };
        let text: String = serde_json::from_str(&stored).map_err(|_| damaged())?;
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(&text, &mut bytes).map(<[u8]>::len);
        if decoded != Ok(32) {
            return Err(damaged());
        }
        self.key.give(bytes);
        Ok(())
    }

    /// Draws a key and keeps it, unless another isolate was first; hands back the one that is kept.
    async fn make_key(&self) -> Result<String> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        let text = Base64UrlUnpadded::encode_string(&bytes);
        let (database, clock) = (Arc::clone(&self.database), Arc::clone(&self.clock));
        let settings = Settings::new(database, clock, Arc::clone(&self.entropy));
        let failed = |error| match error {
            SettingsError::Storage(error) => error,
            other => Error::backend(other),
        };
        settings.set_if_absent(&Principal::admin(), CATEGORY, KEY, &text).await.map_err(failed)?;
        let kept: Option<Json> = settings.get(CATEGORY, KEY).await.map_err(failed)?;
        Ok(kept.unwrap_or(Json::Null).to_string())
    }
}

impl Looks {
    fn of(registry: &Registry) -> Self {
        let mut names: Vec<_> = registry.columns().into_iter().map(|it| it.name).collect();
        names.extend(registry.indexes().into_iter().map(|it| it.name));
        let names = Json::from(names).to_string();
        let types = Json::from(registry.collections().map(|it| it.name()).collect::<Vec<_>>()).to_string();
        let look = format!(
            "SELECT {MISSING} AS missing, (SELECT value FROM settings WHERE category = '{CATEGORY}' \
             AND key = '{KEY}') AS cursor_key"
        );
        let guard = format!("INSERT INTO guards (kind) SELECT NULL WHERE {MISSING} > 0");
        let statement = |sql: String| Statement::new(sql, vec![names.as_str().into(), types.as_str().into()]);
        Self { look: statement(look), guard: statement(guard) }
    }

    /// Whether a batch failed of the guard: nothing of it was run.
    pub(crate) fn has_refused(error: &Error) -> bool {
        matches!(error, Error::Constraint { constraint } if constraint.ends_with("guards.kind"))
    }
}

fn explain(error: InstallError) -> Error {
    match error {
        InstallError::Storage(error) | InstallError::Schema(MigrationError::Storage(error)) => error,
        other => Error::backend(other),
    }
}
