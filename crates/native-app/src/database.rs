//! The database file in the data folder.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};

const FILE_NAME: &str = "stratus.db";
const LOCK_NAME: &str = "stratus.lock";

/// Opens the database of a data folder; makes both where they are missing.
pub(crate) fn create(data: &Path, options: SqliteOptions) -> anyhow::Result<SqliteDatabase> {
    fs::create_dir_all(data).map_err(|error| explain_folder(data, error))?;
    Ok(SqliteDatabase::open(data.join(FILE_NAME), options)?)
}

/// Opens the database of a data folder, which must be there.
pub(crate) fn existing(data: &Path) -> anyhow::Result<SqliteDatabase> {
    let path = path_of_existing(data)?;
    Ok(SqliteDatabase::open(path, SqliteOptions::default())?)
}

/// Waits for its turn to fill a database. Others wait until the file is dropped, or its process ends.
pub(crate) fn turn_to_fill(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOCK_NAME);
    let cannot = || format!("`{}` can't be locked", path.display());
    let file = File::options().create(true).append(true).open(&path).with_context(cannot)?;
    file.lock().with_context(cannot)?;
    Ok(file)
}

/// Opens the database of a data folder, if there is one.
pub(crate) fn find(data: &Path) -> anyhow::Result<Option<SqliteDatabase>> {
    let path = data.join(FILE_NAME);
    let is_there = path.try_exists().with_context(|| format!("cannot look at `{}`", path.display()))?;
    is_there.then(|| existing(data)).transpose()
}

fn path_of_existing(data: &Path) -> anyhow::Result<PathBuf> {
    let path = data.join(FILE_NAME);
    let cure = "name its folder with --data, or make one with `stratus migrate up`";
    match fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no database at `{}`: {cure}", path.display())
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(explain_folder(data, error)),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", path.display())),
    }
}

fn explain_folder(data: &Path, error: io::Error) -> anyhow::Error {
    let shown = data.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            anyhow!("`{shown}` is a file, or below one: --data takes a folder")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => anyhow!(
            "the folder `{shown}` cannot be made ({error}): make its parent writable for this user, or name \
             another with --data"
        ),
        _ => anyhow::Error::new(error).context(format!("the folder `{shown}` cannot be made")),
    }
}
