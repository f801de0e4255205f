//! Threads for reads that take long, so that nobody waits behind them who asks for little.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use futures_channel::oneshot;
use stratus_storage::{Error, Result};

/// How many reads wait for each thread at most: behind as many that run into their time limit, nobody
/// waits to the end.
const WAITING: usize = 8;

/// Runs reads on threads of their own, on all cores but one; what is more waits its turn. A thread
/// ends when nothing waits.
pub(crate) struct SlowReads {
    line: Arc<Mutex<Line>>,
    most: usize,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    running: usize,
}

type Job = Box<dyn FnOnce() + Send>;

impl SlowReads {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { line: Arc::default(), most: cores.saturating_sub(1).max(1) }
    }

    /// What `read` answers. It is not begun if nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.start(Box::new(move || {
            if !sender.is_canceled() {
                // Whoever asked may be gone by now.
                let _ = sender.send(read());
            }
        }))?;
        let lost = |_| Error::Unavailable { reason: "a thread that reads has ended".to_owned() };
        receiver.await.map_err(lost)?
    }

    fn start(&self, job: Job) -> Result<()> {
        let mut line = lock(&self.line);
        if line.running == self.most {
            if line.waiting.len() == self.most * WAITING {
                return Err(Error::Unavailable { reason: "too many long reads wait already".to_owned() });
            }
            line.waiting.push_back(job);
            return Ok(());
        }
        line.running += 1;
        drop(line);
        let shared = Arc::clone(&self.line);
        let started =
            thread::Builder::new().name("stratus-read".to_owned()).spawn(move || work(&shared, job));
        started.map(drop).map_err(|error| {
            let mut line = lock(&self.line);
            line.running -= 1;
            if line.running == 0 {
                // Nobody is left to take what came in between. It ends with its channel.
                line.waiting.clear();
            }
            Error::Unavailable { reason: format!("a thread that reads can't be started: {error}") }
        })
    }
}

impl fmt::Debug for SlowReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowReads").field("most", &self.most).finish_non_exhaustive()
    }
}

fn work(line: &Mutex<Line>, first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        // Whoever waits for a read that panics is told by the end of its channel.
        let _ = catch_unwind(AssertUnwindSafe(job));
        let mut line = lock(line);
        next = line.waiting.pop_front();
        if next.is_none() {
            line.running -= 1;
        }
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
