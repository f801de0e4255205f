//! `stratus import`: documents out of a file, one a line.

use std::{
    fs::{File, TryLockError},
    io::{self, IsTerminal as _, Seek as _},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use stratus_access::{Caller, Principal};
use stratus_document::{
    Registry,
    transfer::{ImportError, ImportOptions, Importer, LineFault, OnError, Report, Summary},
};
use stratus_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use stratus_storage::{Database, Error as StorageError};
use tempfile::TempDir;

use crate::{
    cli::{Global, Import, WhenFaulty},
    collections, database,
    output::{self, Outcome, count},
    ports::{OsEntropy, SystemClock},
    prepare::{self, Obsolete},
    serve::{log_index, small_runtime},
};

/// Reads what is in a file into the database, and says what became of it.
pub(crate) fn run(global: &Global, options: &Import) -> anyhow::Result<Outcome> {
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    let source = open(&options.path)?;
    small_runtime()?.block_on(async {
        let place = match options.dry_run {
            true => Place::trial(global, given).await?,
            false => Place::real(global, given).await?,
        };
        let summary = import(&place, options, source).await?;
        place.close()?;
        tell(options, &summary)
    })
}

/// Locked while an import writes to the data folder. The system lets go of it when the process ends,
/// however it does, so that an import that was killed can be run again at once.
const LOCK_NAME: &str = "stratus-import.lock";

/// The databases of an import.
struct Place {
    registry: Arc<Registry>,
    target: SqliteDatabase,
    /// Where a trial remembers what it has to, and the folder that goes with it.
    scratch: Option<(SqliteDatabase, TempDir)>,
    /// Held while documents are written: two imports of one file would take lines from each other.
    _turn: Option<File>,
}

impl Place {
    /// The database itself, which is made where it is missing.
    async fn real(global: &Global, given: Option<Registry>) -> anyhow::Result<Self> {
        let target = database::create(&global.data, SqliteOptions::default())?;
        let turn = Some(take_turn(&global.data)?);
        prepare::migrate(&target, &SystemClock).await?;
        let registry = registry(&target, given).await?;
        prepare::prepare(&target, &SystemClock, &registry, Obsolete::Keep, &mut log_index).await?;
        Ok(Self { registry: Arc::new(registry), target, scratch: None, _turn: turn })
    }

    /// The database if there is one, and an empty one beside it; nothing is made in the data folder.
    async fn trial(global: &Global, given: Option<Registry>) -> anyhow::Result<Self> {
        let target = match database::find(&global.data)? {
            Some(target) => {
                prepare::require_migrated(&target).await?;
                Some(target)
            }
            None => None,
        };
        let registry = match (&target, given) {
            (Some(target), given) => registry(target, given).await?,
            (None, given) => given.context(NO_DEFINITIONS)?,
        };
        let folder = TempDir::new().context("a temporary folder cannot be made")?;
        let quick = SqliteOptions::default().synchronous(Synchronous::Normal);
        let scratch = database::create(folder.path(), quick)?;
        prepare::migrate(&scratch, &SystemClock).await?;
        prepare::prepare(&scratch, &SystemClock, &registry, Obsolete::Keep, &mut log_index).await?;
        let target = target.unwrap_or_else(|| scratch.clone());
        Ok(Self { registry: Arc::new(registry), target, scratch: Some((scratch, folder)), _turn: None })
    }

    fn importer(&self, options: &Import) -> Importer {
        let importer = Importer::new(
            Arc::new(self.target.clone()) as Arc<dyn Database>,
            Arc::clone(&self.registry),
            Arc::new(SystemClock),
            Arc::new(OsEntropy),
            options.tenant.clone(),
            Caller::signed_in([Principal::admin()]),
        );
        match &self.scratch {
            Some((scratch, _)) => importer.trial(Arc::new(scratch.clone())),
            None => importer,
        }
    }

    fn close(self) -> anyhow::Result<()> {
        Ok(self.target.close()?)
    }
}

/// Takes the only turn that there is to import into a data folder.
fn take_turn(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOCK_NAME);
    let cannot = || format!("`{}` can't be locked", path.display());
    let file = File::options().create(true).append(true).open(&path).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(anyhow!(
            "another import into `{}` is running: run this one when it has ended",
            data.display()
        )),
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

const NO_DEFINITIONS: &str = "the database has no definitions yet: give --collections";

async fn registry(database: &SqliteDatabase, given: Option<Registry>) -> anyhow::Result<Registry> {
    match given {
        Some(registry) => Ok(registry),
        None => prepare::stored(database).await?.context(NO_DEFINITIONS),
    }
}

/// The lines, which are read twice: what can't be is copied first.
fn open(path: &Path) -> anyhow::Result<File> {
    let cannot = || format!("`{}` cannot be read", path.display());
    if path == Path::new("-") {
        return spool(io::stdin().lock()).context("standard input cannot be read");
    }
    let file = File::open(path).with_context(cannot)?;
    let metadata = file.metadata().with_context(cannot)?;
    if metadata.is_dir() {
        return Err(anyhow!("`{}` is a folder: import takes a file of lines", path.display()));
    }
    if metadata.is_file() { Ok(file) } else { spool(file).with_context(cannot) }
}

fn spool(mut from: impl io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

async fn import(place: &Place, options: &Import, source: File) -> anyhow::Result<Summary> {
    let bytes = source.metadata().map(|it| it.len()).unwrap_or(0);
    let wanted = ImportOptions {
        collection: options.only.clone(),
        on_error: match options.on_error {
            WhenFaulty::Stop => OnError::Stop,
            WhenFaulty::Skip => OnError::Skip,
        },
    };
    let progress = progress(bytes);
    let mut report = |report: Report<'_>| match report {
        Report::Fault(fault) => progress.suspend(|| name(&options.path, fault)),
        Report::Read { bytes } => progress.set_position(bytes),
        Report::Done { lines, of } => {
            progress.set_length(of);
            progress.set_position(lines);
            progress.set_message("writing");
        }
    };
    let imported = place.importer(options).run(source, &wanted, &mut report).await;
    progress.finish_and_clear();
    imported.map_err(|error| match error {
        ImportError::Storage(StorageError::MissingSchema { what }) => anyhow!(
            "the database lacks what these definitions need ({what}): bring it up to date with `stratus migrate up`"
        ),
        other => other.into(),
    })
}

/// Names everything that is wrong with a line, as compilers do.
fn name(path: &Path, fault: &LineFault) {
    for error in &fault.errors {
        let (path, line, message) = (path.display(), fault.line, &error.message);
        match error.pointer.as_str() {
            "" => output::notice(format_args!("{path}:{line}: {message}")),
            pointer => output::notice(format_args!("{path}:{line}: {pointer}: {message}")),
        }
    }
}

fn tell(options: &Import, summary: &Summary) -> anyhow::Result<Outcome> {
    let done = if options.dry_run { "would import" } else { "imported" };
    let documents = count(usize::try_from(summary.imported()).unwrap_or(usize::MAX), "document", "documents");
    let Summary { created, updated, unchanged, failed, .. } = summary;
    output::line(format_args!(
        "{done} {documents}: {created} created, {updated} updated, {unchanged} unchanged, {failed} failed"
    ));
    match (summary.stopped, failed) {
        (true, _) if options.dry_run => {
            Err(anyhow!("the import would stop there: correct the line, or skip it"))
        }
        (true, _) => Err(anyhow!(
            "the import stopped there: correct the line and run it again, or skip it with `--on-error skip`"
        )),
        (false, 0) => Ok(Outcome::Done),
        (false, _) => Ok(Outcome::Findings),
    }
}

fn progress(bytes: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}%, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message("reading")
}
