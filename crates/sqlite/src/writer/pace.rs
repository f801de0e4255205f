//! How long to wait for company.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{Job, MAX_GROUP, Mail};
use crate::connection::now;

/// The longest wait for company. Whoever was answered together needs a while to come again: a look,
/// a few milliseconds of work where cores are few. A group that is committed half full costs its
/// other half a commit of their own.
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// Learns how many write at the same time. Each of them sends its next batch only when the last one
/// was answered, so those that were answered together are about to come again together.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many batches the last two groups had, and how long each took.
    recent: [(usize, Duration); 2],
}

impl Default for Pace {
    fn default() -> Self {
        Self { recent: [(1, LONGEST_WAIT); 2] }
    }
}

impl Pace {
    /// Takes what waits, and waits a moment for as many as came lately. A lone writer never waits.
    /// Says whether to go on after this group.
    pub(super) fn gather(&self, mail: &Receiver<Mail>, group: &mut Vec<Job>) -> bool {
        if !drain(mail, group) {
            return false;
        }
        // Of the larger: a straggler that was committed alone says nothing of the others.
        let (size, took) = self.recent.into_iter().max_by_key(|(size, _)| *size).unwrap_or_default();
        let expected = size.min(MAX_GROUP);
        if group.len() >= expected {
            return true;
        }
        let deadline = now() + took.min(LONGEST_WAIT);
        while group.len() < expected {
            match mail.recv_timeout(deadline.saturating_duration_since(now())) {
                Ok(Mail::Batch(job)) => group.push(job),
                Err(RecvTimeoutError::Timeout) => break,
                _ => return false,
            }
        }
        true
    }

    /// Remembers how many came, and how long they took.
    pub(super) fn learn(&mut self, size: usize, took: Duration) {
        self.recent = [(size, took), self.recent[0]];
    }
}

/// Takes what waits already. Says whether to go on after this group.
pub(super) fn drain(mail: &Receiver<Mail>, group: &mut Vec<Job>) -> bool {
    while group.len() < MAX_GROUP {
        match mail.try_recv() {
            Ok(Mail::Batch(job)) => group.push(job),
            Err(_) => break,
            _ => return false,
        }
    }
    true
}
