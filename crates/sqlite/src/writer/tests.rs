//! What becomes of callers when the writer dies.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Waker},
    thread,
};

use stratus_storage::{Error, Statement};
use tempfile::TempDir;

use super::{Committer, Counters, Loop, Mail, Pace, Writer};
use crate::{SqliteOptions, open::Opener};

fn opener() -> (TempDir, Opener) {
    let folder = tempfile::tempdir().expect("a folder");
    let opener = Opener::new(&folder.path().join("test.db"), SqliteOptions::default()).expect("an opener");
    (folder, opener)
}

fn writer() -> (TempDir, Writer) {
    let (folder, opener) = opener();
    let writer = Writer::start(opener.writer().expect("a connection")).expect("a thread");
    (folder, writer)
}

fn create() -> Vec<Statement> {
    vec![Statement::bare("CREATE TABLE t (n INTEGER)")]
}

#[tokio::test]
async fn callers_of_a_dead_writer_do_not_hang() {
    let (_folder, writer) = writer();
    writer.mail.send(Mail::Panic).expect("sent");
    // Either it was queued when the writer died, or the writer was dead already.
    let answer = writer.write(create()).await;
    assert!(matches!(answer, Err(Error::OutcomeUnknown { .. } | Error::Unavailable { .. })), "{answer:?}");
    assert!(matches!(writer.close(), Err(Error::Unavailable { .. })));
    let answer = writer.write(create()).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    assert!(writer.close().is_ok(), "closing twice is no error");
}

#[tokio::test]
async fn a_batch_in_the_hands_of_a_dying_writer_has_an_unknown_outcome() {
    let (_folder, opener) = opener();
    let (mail, received) = mpsc::channel();
    let counters = Arc::new(Counters::default());
    let committer = Committer::new(opener.writer().expect("a connection"), Arc::clone(&counters));
    let dying = Loop { mail: received, committer, pace: Pace::default() };
    let writer = Writer { mail, thread: Mutex::new(None), counters };
    writer.mail.send(Mail::Panic).expect("sent");
    let mut write = pin!(writer.write(create()));
    assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(thread::spawn(|| dying.run()).join().is_err(), "it should panic");
    let answer = write.await;
    assert!(matches!(answer, Err(Error::OutcomeUnknown { .. })), "{answer:?}");
}
