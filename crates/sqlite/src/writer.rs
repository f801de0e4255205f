//! The one thread that writes.

mod group;
mod pace;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use futures_channel::oneshot;
use stratus_storage::{Error, Result, Rows, Statement};

use self::{group::Committer, pace::Pace};
use crate::{connection::Connection, error::storage_error};

/// The most batches that share a transaction: what a crash in the middle makes wait once more.
const MAX_GROUP: usize = 256;

/// What the writer did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Transactions that were committed: one fsync each.
    pub commits: u64,
    /// Batches that were answered, failed ones included.
    pub batches: u64,
    /// Batches that were run again because a neighbour failed, or took their transaction with it.
    pub reruns: u64,
}

/// [`WriteStats`] as the writer counts them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    batches: AtomicU64,
    reruns: AtomicU64,
}

/// A batch that waits, and where its answer goes.
struct Job {
    statements: Vec<Statement>,
    answer: oneshot::Sender<Result<Vec<Rows>>>,
}

enum Mail {
    Batch(Job),
    Close,
    /// Lets a test see what becomes of callers when the writer dies.
    #[cfg(test)]
    Panic,
}

/// The way to the writing thread.
pub(crate) struct Writer {
    mail: Sender<Mail>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread, which owns the connection.
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (mail, received) = mpsc::channel();
        let counters = Arc::new(Counters::default());
        let committer = Committer::new(connection, Arc::clone(&counters));
        let thread = thread::Builder::new()
            .name("stratus-writer".to_owned())
            .spawn(move || Loop { mail: received, committer, pace: Pace::default() }.run())?;
        Ok(Self { mail, thread: Mutex::new(Some(thread)), counters })
    }

    /// Runs a batch, all or nothing. When the caller goes away before its group begins, it is not run
    /// at all: a caller that gave up and looked in vain for its write must not be proved wrong later.
    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Rows>> {
        let (answer, answered) = oneshot::channel();
        let job = Job { statements, answer };
        self.mail.send(Mail::Batch(job)).map_err(|_| stopped())?;
        // The answer is dropped only when the writer dies with the batch in its hands.
        answered.await.unwrap_or_else(|_| {
            Err(Error::OutcomeUnknown { reason: "the writer stopped before it answered".to_owned() })
        })
    }

    pub(crate) fn stats(&self) -> WriteStats {
        WriteStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            batches: self.counters.batches.load(Ordering::Relaxed),
            reruns: self.counters.reruns.load(Ordering::Relaxed),
        }
    }

    /// Lets the writer finish what waits, and waits for it.
    pub(crate) fn close(&self) -> Result<()> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        // It fails when the writer died, which joining says better.
        let _ = self.mail.send(Mail::Close);
        if thread.thread().id() == thread::current().id() {
            // The last handle went down with an answer that nobody took: it can't wait for itself.
            return Ok(());
        }
        thread.join().unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the write-ahead log could not be folded in; the next start does it");
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable { reason: "the writer has stopped".to_owned() }
}

/// What the thread does.
struct Loop {
    mail: Receiver<Mail>,
    committer: Committer,
    pace: Pace,
}

impl Loop {
    fn run(mut self) -> Result<()> {
        let mut open = true;
        while open {
            match self.mail.recv() {
                Ok(Mail::Batch(first)) => open = self.group(first),
                #[cfg(test)]
                Ok(Mail::Panic) => panic!("as the test asked for"),
                Ok(Mail::Close) | Err(_) => open = false,
            }
        }
        // What was sent before anybody could see that this is the end.
        while let Ok(mail) = self.mail.try_recv() {
            if let Mail::Batch(job) = mail {
                self.group(job);
            }
        }
        self.committer.checkpoint().map_err(storage_error)
    }

    /// Gathers a group around its first batch and commits it. Says whether to go on.
    fn group(&mut self, first: Job) -> bool {
        let mut group = vec![first];
        let mut open = self.pace.gather(&self.mail, &mut group);
        let started = crate::connection::now();
        let begun = self.committer.begin();
        // While the lock of another process was waited for, more may have come.
        open &= pace::drain(&self.mail, &mut group);
        let size = group.len();
        match begun {
            Ok(()) => self.committer.commit(group),
            Err(error) => self.committer.refuse(group, &storage_error(error)),
        }
        self.pace.learn(size, started.elapsed());
        open
    }
}

#[cfg(test)]
mod tests;
