//! How a database is opened.

use std::time::Duration;

/// Bytes of a page of a new file. Files that exist keep the size that they were made with.
pub(crate) const PAGE_BYTES: u32 = 4096;

/// When a commit is safe from a loss of power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Each commit is on disk before it is answered: nothing acknowledged is ever lost.
    #[default]
    Full,
    /// Commits reach the disk at checkpoints. A crash of the program loses nothing; a loss of
    /// power may lose the last commits, and never damages the file.
    Normal,
}

/// How a [`SqliteDatabase`](crate::SqliteDatabase) is opened. The default is right for production.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Refuses what Cloudflare D1 refuses, with the same kinds of errors. For tests.
    pub d1_strict: bool,
    /// When a commit is safe from a loss of power.
    pub synchronous: Synchronous,
    /// How long to wait for the lock of another process; then the call is unavailable.
    pub busy_timeout: Duration,
    /// How long one read may run; then it is interrupted and unavailable.
    pub read_timeout: Duration,
    /// How long one batch of writes may run; then it is interrupted and unavailable. All other
    /// writers wait for it, so this is what a runaway statement can cost them.
    pub write_timeout: Duration,
    /// How large the file may grow, in bytes; then writes are refused as
    /// [`Error::Full`](stratus_storage::Error::Full).
    pub max_bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            d1_strict: false,
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            // What D1 gives a batch.
            write_timeout: Duration::from_secs(30),
            max_bytes: None,
        }
    }
}

impl SqliteOptions {
    /// Refuses what Cloudflare D1 refuses. For tests.
    #[must_use]
    pub fn d1_strict(mut self) -> Self {
        self.d1_strict = true;
        self
    }

    /// Sets [`synchronous`](Self::synchronous).
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets [`busy_timeout`](Self::busy_timeout).
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets [`read_timeout`](Self::read_timeout).
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets [`write_timeout`](Self::write_timeout).
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets [`max_bytes`](Self::max_bytes).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}
