//! `stratus sweep`, and the sweeps of a server: recording which publish windows opened and closed,
//! and forgetting idempotency keys that have expired.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use stratus_document::{Registry, Swept, sweep};
use stratus_storage::{Clock, Database, Entropy};
use tokio::{
    task::{self, JoinHandle},
    time::{MissedTickBehavior, interval},
};

use crate::{
    cli::Global,
    collections, database,
    output::{self, Outcome},
    ports::{OsEntropy, SystemClock},
    prepare,
    serve::small_runtime,
};

/// Records what is due and says how much that was.
pub(crate) fn run(global: &Global) -> anyhow::Result<Outcome> {
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    let database = database::existing(&global.data)?;
    small_runtime()?.block_on(async {
        prepare::require_migrated(&database).await?;
        let registry = match given {
            Some(registry) => Some(registry),
            None => prepare::stored(&database).await?,
        };
        let registry = registry.context("the database has no definitions yet: give --collections")?;
        let swept = sweep(&database, &registry, &SystemClock, &OsEntropy).await?;
        let Swept { opened, closed, forgotten } = swept;
        let count =
            |count: u64, one, many| output::count(usize::try_from(count).unwrap_or(usize::MAX), one, many);
        output::line(format_args!(
            "{} opened, {closed} closed; {} forgotten",
            count(opened, "window", "windows"),
            count(forgotten, "idempotency key", "idempotency keys"),
        ));
        database.close()?;
        Ok(Outcome::Done)
    })
}

/// What the sweeps of a server work with.
pub(crate) struct Sweeper {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The sweeps of a server, until it stops.
pub(crate) struct Sweeps(Option<JoinHandle<()>>);

impl Sweeper {
    /// Sweeps now and then every so often; never, if that is no time at all.
    pub(crate) fn start(self, every: Duration) -> Sweeps {
        Sweeps((!every.is_zero()).then(|| task::spawn(self.sweep_on(every))))
    }

    async fn sweep_on(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match sweep(&*self.database, &self.registry, &*self.clock, &*self.entropy).await {
                Ok(Swept { opened: 0, closed: 0, forgotten: 0 }) => {
                    tracing::debug!("no window has opened or closed, and no key has expired");
                }
                Ok(Swept { opened, closed, forgotten }) => {
                    tracing::info!(
                        opened,
                        closed,
                        forgotten,
                        "publish windows recorded, expired keys forgotten"
                    );
                }
                // Reads don't depend on it, and the next one begins where this one stopped.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "publish windows could not be recorded");
                }
            }
        }
    }
}

impl Sweeps {
    /// Ends them. A batch that is under way is written whole or not at all.
    pub(crate) async fn stop(self) {
        if let Some(task) = self.0 {
            task.abort();
            // Cancelled is how it ends.
            let _ = task.await;
        }
    }
}
