//! The time of day, as a Worker is told it.

use stratus_storage::{Clock, Timestamp};
use worker::js_sys::Date;

/// The [`Clock`] of a Worker: `Date.now()`.
///
/// On Cloudflare it stands still between two I/Os of a request, so that nothing can be timed by
/// it without one, and it is the beginning of 1970 before the first request.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerClock;

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        // Whole milliseconds, far within what an `f64` holds exactly.
        Date::now() as Timestamp
    }
}
