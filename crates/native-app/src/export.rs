//! `stratus export`: documents into a file, one a line.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal as _, Write},
    path::Path,
};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use stratus_document::{
    Registry,
    transfer::{ExportError, ExportOptions, ExportState, History, export},
};
use stratus_sqlite::SqliteDatabase;
use tempfile::NamedTempFile;

use crate::{
    cli::{Export, Exported, Global},
    collections, database,
    output::{self, Outcome, count},
    prepare,
    serve::small_runtime,
};

const BUFFER_BYTES: usize = 256 << 10;

/// Writes what is asked for, and says how much it was.
pub(crate) fn run(global: &Global, options: &Export) -> anyhow::Result<Outcome> {
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    let database = database::existing(&global.data)?;
    if options.path == Path::new("-") {
        let stdout = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
        let (documents, _) = write(&database, given, options, stdout)?;
        // Standard output is the export itself.
        output::notice(format_args!("exported {}", count(documents, "document", "documents")));
        return Ok(Outcome::Done);
    }
    let path = &options.path;
    let cannot = || format!("`{}` cannot be written", path.display());
    if let Some(target) = written_through(path)? {
        let target = BufWriter::with_capacity(BUFFER_BYTES, target);
        let (documents, written) = write(&database, given, options, target)?;
        written.into_inner().map_err(io::IntoInnerError::into_error).with_context(cannot)?;
        tell(documents, path);
        return Ok(Outcome::Done);
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).with_context(cannot)?;
    let (documents, written) =
        write(&database, given, options, BufWriter::with_capacity(BUFFER_BYTES, file))?;
    let file = written.into_inner().map_err(io::IntoInnerError::into_error).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).map_err(|error| error.error).with_context(cannot)?;
    tell(documents, path);
    Ok(Outcome::Done)
}

fn tell(documents: usize, path: &Path) {
    let documents = count(documents, "document", "documents");
    output::line(format_args!("exported {documents} to {}", path.display()));
}

/// What is there and is no file of its own: a device, a pipe, or a link to whatever it is. It is
/// written through; only a file is replaced by another one.
fn written_through(path: &Path) -> anyhow::Result<Option<File>> {
    let cannot = || format!("`{}` cannot be written", path.display());
    match fs::symlink_metadata(path) {
        Ok(it) if it.is_dir() => bail!("`{}` is a folder: export takes a file", path.display()),
        Ok(it) if it.is_file() => Ok(None),
        Ok(_) => {
            let target = File::options().write(true).create(true).truncate(true).open(path);
            target.map(Some).with_context(cannot)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(cannot),
    }
}

fn write<W: Write + Send>(
    database: &SqliteDatabase,
    given: Option<Registry>,
    options: &Export,
    mut to: W,
) -> anyhow::Result<(usize, W)> {
    let wanted = ExportOptions {
        tenant: options.tenant.clone(),
        collections: options.only.clone(),
        state: match options.state {
            Exported::All => ExportState::All,
            Exported::Published => ExportState::Published,
            Exported::Draft => ExportState::Draft,
        },
        history: if options.versions { History::Exported } else { History::Left },
    };
    let progress = progress();
    let documents = small_runtime()?.block_on(async {
        prepare::require_migrated(database).await?;
        let registry = match given {
            Some(registry) => Some(registry),
            None => prepare::stored(database).await?,
        };
        let registry = registry.context("the database has no definitions yet: give --collections")?;
        let mut line = |line: &str| {
            progress.inc(1);
            to.write_all(line.as_bytes())?;
            to.write_all(b"\n")
        };
        let exported = export(database, &registry, &wanted, &mut line).await;
        exported.map_err(|error| match error {
            ExportError::Write(error) => {
                anyhow::Error::new(error).context(format!("`{}` cannot be written", options.path.display()))
            }
            other => other.into(),
        })
    })?;
    progress.finish_and_clear();
    to.flush().with_context(|| format!("`{}` cannot be written", options.path.display()))?;
    Ok((usize::try_from(documents).unwrap_or(usize::MAX), to))
}

fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} documents, {per_sec}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
