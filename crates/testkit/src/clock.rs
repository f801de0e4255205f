//! A clock that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use stratus_storage::{Clock, Timestamp};

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct SettableClock(AtomicI64);

impl SettableClock {
    /// A clock that shows `now`, in milliseconds UTC.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Sets it to `now`, in milliseconds UTC; it may jump backwards, as clocks do.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Moves it by `millis` and answers the new time.
    pub fn advance(&self, millis: i64) -> Timestamp {
        self.0.fetch_add(millis, Ordering::SeqCst) + millis
    }
}

impl Default for SettableClock {
    /// 2026-01-01T00:00:00Z: late enough to look like a real time in every format.
    fn default() -> Self {
        Self::new(1_767_225_600_000)
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        self.0.load(Ordering::SeqCst)
    }
}
