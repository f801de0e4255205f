//! `stratus serve`: how a server starts, and how it stops.

use std::{
    fs,
    path::Path,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, anyhow};
use stratus_api::{AdminToken, Api, ApiParts, Readiness, Tenants};
use stratus_document::{DocumentsService, Registry, Settings};
use stratus_migrations::IndexProgress;
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_storage::{Clock, Database, Entropy};
use tokio::{
    runtime::{self, Runtime},
    task,
};

use crate::{
    address,
    cli::{Global, Serve},
    collections, cursors, database, demo, logging,
    output::{self, Outcome},
    ports::{OsEntropy, SystemClock},
    prepare::{self, Obsolete},
    resources,
    server::{self, Handler},
    signals::Signals,
    sweep::Sweeper,
    token,
};

/// Only the database's `close` blocks, and the resolver of names.
const BLOCKING_THREADS: usize = 4;

/// Serves until a signal comes.
pub(crate) fn run(global: &Global, options: &Serve) -> anyhow::Result<Outcome> {
    let runtime = runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .context("the runtime can't start")?;
    runtime.block_on(serve(global, options))
}

/// A runtime for commands that ask one thing after the other.
pub(crate) fn small_runtime() -> anyhow::Result<Runtime> {
    runtime::Builder::new_current_thread().build().context("the runtime can't start")
}

async fn serve(global: &Global, options: &Serve) -> anyhow::Result<Outcome> {
    Signals::outlive_file_limits().context("signals can't be listened to")?;
    let given = Given::check(global, options)?;
    let socket = address::bind(options.listen)?;
    let sqlite = open(&global.data, options)?;
    let ready = Arc::new(AtomicBool::new(false));
    let (api, sweeper) = build(global, options, given, Arc::new(sqlite.clone()), ready.clone()).await?;
    ready.store(true, Ordering::Release);

    let mut signals = Signals::listen().context("signals can't be listened to")?;
    logging::batch().context("the log can't be written in batches")?;
    let listener = address::listen(socket, options.listen)?;
    let address = listener.local_addr().context("the listener has no address")?;
    output::line(format_args!("listening on http://{address}"));
    let sweeps = sweeper.start(options.sweep_interval);
    let asked_to_stop = async move {
        let signal = signals.next().await;
        tracing::info!(signal, "stopping; requests in flight may finish");
        // Whoever distributes requests sends the next ones elsewhere.
        ready.store(false, Ordering::Release);
        task::spawn(exit_at(signals));
    };
    let handler = Handler { api, deadline: options.request_timeout };
    server::serve(listener, handler, resources::connections(), asked_to_stop).await;
    sweeps.stop().await;
    close(sqlite).await
}

/// Whatever can be said to be wrong without a database, so that none is made for nothing.
struct Given {
    definitions: Option<Registry>,
    admin: Option<AdminToken>,
    tenants: Tenants,
}

impl Given {
    fn check(global: &Global, options: &Serve) -> anyhow::Result<Self> {
        let definitions = match &global.collections {
            _ if options.demo => Some(demo::registry()?),
            Some(folder) => Some(collections::load(folder)?),
            None => None,
        };
        let tenants = options.tenants.as_deref().map_or(Ok(Tenants::single()), read_tenants)?;
        Ok(Self { definitions, admin: token::given()?, tenants })
    }
}

/// Brings the database up to date, fills it with the demo if asked to, and builds the API over it.
async fn build(
    global: &Global,
    options: &Serve,
    given: Given,
    database: Arc<dyn Database>,
    readiness: Arc<dyn Readiness>,
) -> anyhow::Result<(Api, Sweeper)> {
    let Given { definitions, admin, tenants } = given;
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let registry = Arc::new(bring_up(&*database, &*clock, definitions, global).await?);
    if options.demo {
        // Of many that start at once, one loads and the others find it loaded.
        let _turn = database::turn_to_fill(&global.data)?;
        let documents = demo::load(&database, &registry, &*clock, &entropy).await?;
        tracing::info!(documents, "the demo is there");
    }
    let sweeper = Sweeper {
        database: Arc::clone(&database),
        registry: Arc::clone(&registry),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    };
    let settings = Settings::new(Arc::clone(&database), Arc::clone(&clock), Arc::clone(&entropy));
    let authenticator = token::authenticator(admin.as_ref(), &settings, &*entropy).await?;
    let key = cursors::key(&settings, &*entropy).await?;
    let service =
        DocumentsService::new(Arc::clone(&database), registry, Arc::clone(&clock), Arc::clone(&entropy), key);
    let body_limit = options.body_limit;
    let api = Api::new(ApiParts {
        service,
        database,
        clock,
        entropy,
        authenticator,
        tenants,
        body_limit,
        readiness,
    });
    Ok((api, sweeper))
}

fn read_tenants(path: &Path) -> anyhow::Result<Tenants> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("the tenants `{}` can't be read", path.display()))?;
    Tenants::by_host(&text).with_context(|| format!("the tenants `{}` can't be used", path.display()))
}

fn open(data: &Path, options: &Serve) -> anyhow::Result<SqliteDatabase> {
    let mut sqlite = SqliteOptions::default().synchronous(options.synchronous.into());
    if options.d1_strict {
        sqlite = sqlite.d1_strict();
    }
    let synchronous = sqlite.synchronous;
    let opened = database::create(data, sqlite)?;
    tracing::info!(data = %data.display(), ?synchronous, d1_strict = options.d1_strict, "database opened");
    Ok(opened)
}

/// Migrates, decides which definitions hold, and prepares the database for them.
async fn bring_up(
    database: &dyn Database,
    clock: &dyn Clock,
    given: Option<Registry>,
    global: &Global,
) -> anyhow::Result<Registry> {
    for name in prepare::migrate(database, clock).await? {
        tracing::info!(name, "migration applied");
    }
    let registry = match given {
        Some(registry) => registry,
        None => prepare::stored(database).await?.ok_or_else(no_definitions)?,
    };
    let obsolete = if global.collections.is_some() { Obsolete::Drop } else { Obsolete::Keep };
    let prepared = prepare::prepare(database, clock, &registry, obsolete, &mut log_index).await?;
    let installed = &prepared.installed;
    if !(installed.columns.is_empty() && installed.indexes.is_empty()) {
        let (columns, indexes) = (installed.columns.len(), installed.indexes.len());
        tracing::info!(columns, indexes, "added what the collections need");
    }
    if !installed.changed.is_empty() {
        let collections = installed.changed.join(", ");
        let cure = "`stratus migrate up` rewrites what was written before; until then new facets miss it";
        tracing::warn!(collections, cure, "definitions have changed");
    }
    for name in &prepared.dropped {
        tracing::info!(name, "dropped a column or an index that no collection needs");
    }
    Ok(registry)
}

/// Why a start takes long, while it does.
pub(crate) fn log_index(it: IndexProgress<'_>) {
    let IndexProgress { name, number, of, documents, took } = it;
    match took {
        None => tracing::info!(name, number, of, documents, "building an index"),
        Some(milliseconds) => tracing::info!(name, number, of, documents, milliseconds, "index built"),
    }
}

fn no_definitions() -> anyhow::Error {
    anyhow!(
        "the database has no collections yet: give --collections DIR with a *.json file for each, or --demo to \
         look around"
    )
}

/// Whoever asks twice does not want to wait.
async fn exit_at(mut signals: Signals) {
    let signal = signals.next().await;
    tracing::warn!(signal, "stopping at once");
    logging::flush();
    process::exit(1);
}

async fn close(database: SqliteDatabase) -> anyhow::Result<Outcome> {
    let closed = task::spawn_blocking(move || database.close()).await.context("closing panicked")?;
    // Everything that was answered is durable all the same, and the next start folds it in.
    closed.unwrap_or_else(|error| tracing::warn!(%error, "the write-ahead log could not be folded in"));
    tracing::info!("stopped");
    Ok(Outcome::Done)
}
