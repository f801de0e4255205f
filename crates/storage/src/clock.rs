//! Time, and work that may outlive a request.

use std::{future::Future, pin::Pin};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Timestamp = i64;

/// The time of day. The only one: `SystemTime::now` panics on wasm.
pub trait Clock: Send + Sync {
    /// The time now, in milliseconds UTC. It may stand still between two calls, and it may jump.
    fn now(&self) -> Timestamp;
}

/// A place for work that the answer to a request does not wait for.
pub trait Background: Send + Sync {
    /// Runs a future to its end, if the program lives that long. It may never be awaited on, and
    /// nothing may depend on it having run.
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send + 'static>>);
}
