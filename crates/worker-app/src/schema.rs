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
use stratus_document::{CursorKey, InstallError, Registry, Settings, SettingsError, install_at_once};
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
    /// Until when no key of cursors is made: it could not be kept.
    keyless_until: AtomicI64,
    /// Until when a failure is known to whoever reads the log.
    told_until: AtomicI64,
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
    /// It takes longer than a request may wait, or it failed: `cargo xtask worker migrate` does it.
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
        let long_ago = || AtomicI64::new(Timestamp::MIN);
        let (left_until, keyless_until, told_until) = (long_ago(), long_ago(), long_ago());
        let is_fit = AtomicBool::new(false);
        Self { database, registry, clock, entropy, key, looks, is_fit, left_until, keyless_until, told_until }
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
    /// Those of the look itself.
    pub(crate) async fn look(&self) -> Result<Fitness> {
        match self.database.session(Consistency::Any).query(&self.looks.look).await {
            Ok(rows) => Ok(self.learn(&rows).await),
            Err(Error::MissingSchema { .. }) => Ok(self.make_fit().await),
            Err(error) => Err(error),
        }
    }

    /// Takes in what a look has shown; adds what is missing. A failure is for the log: whoever has
    /// read or written beside the look has its results.
    pub(crate) async fn learn(&self, look: &Rows) -> Fitness {
        match self.take_in(look).await {
            Ok(Fitness::Fit) => {
                self.is_fit.store(true, Ordering::Release);
                Fitness::Fit
            }
            Ok(Fitness::LeftToMigrate) => self.make_fit().await,
            Err(error) => {
                self.tell(&error);
                Fitness::LeftToMigrate
            }
        }
    }

    /// Looks at a database that was just migrated, at its primary.
    ///
    /// # Errors
    ///
    /// Those of the look, and what is wrong with the key of cursors.
    pub(crate) async fn confirm(&self, database: &dyn Database) -> Result<Fitness> {
        let look = database.session(Consistency::Primary).query(&self.looks.look).await?;
        let fitness = self.take_in(&look).await?;
        self.is_fit.store(fitness == Fitness::Fit, Ordering::Release);
        Ok(fitness)
    }

    /// Adds what is missing, wherever it was noticed. What fails is not tried again for a while:
    /// what it fails of, such as two documents with one unique value, is the same for each request.
    pub(crate) async fn make_fit(&self) -> Fitness {
        if self.is_left() {
            return Fitness::LeftToMigrate;
        }
        let added = self.add().await;
        if let Err(error) = &added {
            self.tell(error);
        }
        let fitness = added.unwrap_or(Fitness::LeftToMigrate);
        if fitness == Fitness::LeftToMigrate {
            self.leave();
        }
        self.is_fit.store(fitness == Fitness::Fit, Ordering::Release);
        fitness
    }

    /// Whether somebody else has to act, as far as is known.
    fn is_left(&self) -> bool {
        self.clock.now() < self.left_until.load(Ordering::Relaxed)
    }

    /// Adds nothing for a while. It counts from now: what failed may have taken longer than that.
    fn leave(&self) {
        self.left_until.store(self.clock.now() + PATIENCE, Ordering::Relaxed);
    }

    async fn take_in(&self, look: &Rows) -> Result<Fitness> {
        let row =
            look.first().ok_or_else(|| Error::Unexpected { what: "a look shows one row".to_owned() })?;
        // Lists are answered while something is missing, and their cursors need it.
        let key = self.learn_key(&row).await;
        if row.integer(0)? > 0 {
            if let Err(error) = key {
                self.tell(&error);
            }
            return Ok(Fitness::LeftToMigrate);
        }
        key.map(|()| Fitness::Fit)
    }

    async fn add(&self) -> Result<Fitness> {
        if self.is_much().await? {
            let cure = "`cargo xtask worker migrate --remote` builds them";
            tracing::error!(cure, "indexes are missing, and there are too many documents to build them now");
            return Ok(Fitness::LeftToMigrate);
        }
        let installed =
            install_at_once(&*self.database, &*self.clock, &self.registry).await.map_err(explain)?;
        let (columns, indexes) = (installed.columns.len(), installed.indexes.len());
        tracing::warn!(columns, indexes, "added what the collections need");
        let look = self.database.session(Consistency::Primary).query(&self.looks.look).await?;
        self.take_in(&look).await
    }

    /// Puts into the log, once in a while, why the schema isn't fit.
    fn tell(&self, error: &Error) {
        let now = self.clock.now();
        if now < self.told_until.load(Ordering::Relaxed) {
            return;
        }
        self.told_until.store(now + PATIENCE, Ordering::Relaxed);
        let cure = "correct what the error names, then `cargo xtask worker migrate --remote`";
        let error = error as &dyn std::error::Error;
        tracing::error!(error, cure, "the database can't be made fit for the collections");
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
            None if self.clock.now() < self.keyless_until.load(Ordering::Relaxed) => {
                return Err(Error::Unavailable { reason: "the key of cursors could not be made".to_owned() });
            }
            None => self.make_key().await.inspect_err(|_| {
                self.keyless_until.store(self.clock.now() + PATIENCE, Ordering::Relaxed);
            })?,
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
