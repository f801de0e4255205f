//! How a file becomes a database, and what may be in the way.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rusqlite::{OpenFlags, config::DbConfig, ffi};
use stratus_storage::Limits;

use crate::{
    connection::{Connection, now},
    options::{PAGE_BYTES, SqliteOptions, Synchronous},
    policy,
};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 128;

/// KiB of pages that all the readers keep together, and the writer. Beyond that the system's cache
/// is asked, some 2 µs a page. Mapping the file would save those, but a failing disk would then kill
/// the program instead of failing a call, and mapped pages count as its memory.
const READERS_CACHE_KIB: usize = 32 * 1024;
const WRITER_CACHE_KIB: usize = 4096;

/// Bytes that the write-ahead log shrinks to when it starts again.
const WAL_BYTES: u32 = 16 << 20;

/// Why a database could not be opened. Each names the path, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file is missing.
    #[error("the folder `{}` does not exist: create it first", .path.display())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },

    /// The path is a folder.
    #[error("`{}` is a folder: name a file in it", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },

    /// It is a database, and a part of it can't be read.
    #[error(
        "`{}` is damaged: restore it from a backup, or keep a copy and try the `.recover` of SQLite's own shell",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },

    /// The file is something else, or damaged at its very start.
    #[error("`{}` is not a SQLite database: move it away or name another file", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },

    /// Another process keeps the file to itself.
    #[error("`{}` is locked by another process: stop that one first", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },

    /// The file or its folder may not be written to; SQLite writes to both.
    #[error("`{}` is read-only: make it and its folder writable for this user", .path.display())]
    ReadOnly {
        /// The file or the folder.
        path: PathBuf,
    },

    /// There is no room on the disk, or in what the file may grow to.
    #[error("no room for `{}`: free some space", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },

    /// The file system cannot hold a write-ahead log.
    #[error("`{}` is on a file system without shared memory: use a local disk", .path.display())]
    NoWal {
        /// The file.
        path: PathBuf,
    },

    /// Anything else.
    #[error("`{}` cannot be opened", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        source: stratus_storage::BoxError,
    },
}

/// Opens connections to one file.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    path: PathBuf,
    options: SqliteOptions,
    readers: usize,
}

impl Opener {
    /// Looks at what is on the disk, so that the most common mistakes are named plainly.
    pub(crate) fn new(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        // An absolute path can't be taken for a URI or for `:memory:`.
        let path = std::path::absolute(path).map_err(|source| other(path, source))?;
        let folder = path.parent().unwrap_or(&path);
        if !folder.is_dir() {
            return Err(OpenError::MissingFolder { path: folder.to_owned() });
        }
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(OpenError::NotAFile { path }),
            Ok(found) if found.permissions().readonly() => return Err(OpenError::ReadOnly { path }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(other(&path, error)),
        }
        if fs::metadata(folder).is_ok_and(|found| found.permissions().readonly()) {
            return Err(OpenError::ReadOnly { path: folder.to_owned() });
        }
        // Reads run on the threads that ask, of which there are as many as the machine can run.
        let readers = thread::available_parallelism().map_or(2, usize::from).clamp(2, 32);
        Ok(Self { path, options, readers })
    }

    /// What the connections take at most.
    pub(crate) fn limits(&self) -> Limits {
        if self.options.d1_strict { Limits::D1 } else { Limits::SQLITE }
    }

    /// How long a read may take.
    pub(crate) fn read_timeout(&self) -> Duration {
        self.options.read_timeout
    }

    /// How many connections that read are worth keeping.
    pub(crate) fn readers(&self) -> usize {
        self.readers
    }

    /// The connection that writes. Creates the file if there is none, and brings it to WAL mode.
    pub(crate) fn writer(&self) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let inner = self.plain(flags)?;
        self.enter_wal(&inner)?;
        let synchronous = match self.options.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        let set = format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; \
             PRAGMA cache_size = -{WRITER_CACHE_KIB}; PRAGMA journal_size_limit = {WAL_BYTES}; \
             PRAGMA wal_autocheckpoint = 1000",
        );
        inner.execute_batch(&set).map_err(|error| self.explain(error))?;
        self.limit_growth(&inner)?;
        self.finish(inner, self.options.write_timeout)
    }

    /// A connection that only reads a file which the writer has made.
    pub(crate) fn reader(&self) -> Result<Connection, OpenError> {
        self.read_only(self.options.read_timeout)
    }

    /// A connection that only reads, for as long as it takes.
    pub(crate) fn patient_reader(&self) -> Result<Connection, OpenError> {
        self.read_only(Duration::MAX)
    }

    fn read_only(&self, timeout: Duration) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let inner = self.plain(flags)?;
        let cache = READERS_CACHE_KIB / self.readers;
        let set = format!("PRAGMA query_only = ON; PRAGMA cache_size = -{cache}");
        inner.execute_batch(&set).map_err(|error| self.explain(error))?;
        self.finish(inner, timeout)
    }

    /// A connection with what all of them have in common.
    fn plain(&self, flags: OpenFlags) -> Result<rusqlite::Connection, OpenError> {
        let open = || {
            let connection = rusqlite::Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(self.options.busy_timeout)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            for (setting, value) in [
                // Text in double quotes is a mistyped name, as on D1.
                (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
                (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
                (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
                (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
                // Plans don't depend on bound values. Without it SQLite compiles a cached statement
                // anew whenever it has looked at one of its parameters, in LIMIT for instance.
                (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
            ] {
                connection.set_db_config(setting, value)?;
            }
            connection.execute_batch("PRAGMA temp_store = MEMORY")?;
            Ok(connection)
        };
        open().map_err(|error| self.explain(error))
    }

    /// Two processes that make one new file at the same moment get in each other's way here, and
    /// SQLite's busy handler is not asked; so this waits itself.
    fn enter_wal(&self, connection: &rusqlite::Connection) -> Result<(), OpenError> {
        let since = now();
        // The size counts for a file without a page yet, and only before it has a log.
        let enter = || {
            connection.pragma_update(None, "page_size", PAGE_BYTES)?;
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
        };
        loop {
            match enter() {
                Ok(mode) if mode == "wal" => break,
                // SQLite opens what it may not write to as if that had been asked for.
                Ok(_) if connection.is_readonly("main").unwrap_or(false) => {
                    return Err(OpenError::ReadOnly { path: self.path.clone() });
                }
                Ok(_) => return Err(OpenError::NoWal { path: self.path.clone() }),
                Err(error) if is_busy(&error) && since.elapsed() < self.options.busy_timeout => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
        if connection.is_readonly("main").unwrap_or(false) {
            return Err(OpenError::ReadOnly { path: self.path.clone() });
        }
        // The first read makes the log's index beside the file, for which there may be no room.
        connection.execute_batch("SELECT 1 FROM sqlite_schema").map_err(|error| self.explain(error))
    }

    fn limit_growth(&self, connection: &rusqlite::Connection) -> Result<(), OpenError> {
        let Some(bytes) = self.options.max_bytes else { return Ok(()) };
        let limit = || {
            let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            // This pragma answers a row, so it is asked and not told.
            let pages = (bytes / u64::from(page)).clamp(1, u64::from(u32::MAX - 1));
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        };
        limit().map_err(|error| self.explain(error))
    }

    fn finish(&self, mut inner: rusqlite::Connection, timeout: Duration) -> Result<Connection, OpenError> {
        let ours =
            policy::install(&mut inner, self.options.d1_strict).map_err(|error| self.explain(error))?;
        Connection::new(inner, ours, self.limits(), timeout).map_err(|error| self.explain(error))
    }

    /// That the thread of the writer could not be started.
    pub(crate) fn cannot_start(&self, error: io::Error) -> OpenError {
        other(&self.path, error)
    }

    /// What stood in the way.
    pub(crate) fn explain(&self, error: rusqlite::Error) -> OpenError {
        let path = self.path.clone();
        let code = error.sqlite_error().map_or(0, |it| it.extended_code);
        match code & 0xff {
            ffi::SQLITE_NOTADB => OpenError::NotADatabase { path },
            ffi::SQLITE_CORRUPT => OpenError::Damaged { path },
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => OpenError::Locked { path },
            ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_CANTOPEN => OpenError::ReadOnly { path },
            ffi::SQLITE_FULL => OpenError::Full { path },
            _ if code == ffi::SQLITE_IOERR_SHMSIZE => OpenError::Full { path },
            _ => other(&path, error),
        }
    }
}

fn other(path: &Path, source: impl Into<stratus_storage::BoxError>) -> OpenError {
    OpenError::Other { path: path.to_owned(), source: source.into() }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map_or(0, |it| it.extended_code & 0xff);
    matches!(code, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL)
}
