//! Background work that a test runs when it likes.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use stratus_storage::Background;

type Work = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Background work that waits until [`run`](Self::run): what is never run was lost with its
/// program, which is a thing that may happen.
#[derive(Default)]
pub struct InlineBackground(Mutex<Vec<Work>>);

impl InlineBackground {
    /// A place with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many pieces of work wait.
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// Runs what waits, in order, and what that spawns, until nothing is left.
    pub async fn run(&self) {
        loop {
            let batch = mem::take(&mut *self.lock());
            if batch.is_empty() {
                return;
            }
            for work in batch {
                work.await;
            }
        }
    }

    /// Forgets what waits, as a machine does that stops.
    pub fn lose(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Background for InlineBackground {
    fn spawn(&self, work: Work) {
        self.lock().push(work);
    }
}

impl fmt::Debug for InlineBackground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineBackground").field("waiting", &self.waiting()).finish()
    }
}
