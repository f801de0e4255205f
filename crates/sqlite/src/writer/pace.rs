//! How long to wait for company.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{Job, MAX_GROUP, Mail};
use crate::connection::now;

/// The longest wait for company.
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// Learns how many write at the same time. Each of them sends its next batch only when the last one
/// was answered, so those that were answered together are about to come again together.
#[derive(Debug)]
pub(super) struct Pace {
    recent: [usize; 2],
    last: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { recent: [1; 2], last: LONGEST_WAIT }
    }
}

impl Pace {
    /// Takes what waits, and waits a moment for as many as came lately. A lone writer never waits.
    /// Says whether to go on after this group.
    pub(super) fn gather(&self, mail: &Receiver<Mail>, group: &mut Vec<Job>) -> bool {
        if !drain(mail, group) {
            return false;
        }
        let expected = self.recent.into_iter().max().unwrap_or(1).min(MAX_GROUP);
        if group.len() >= expected {
            return true;
        }
        let deadline = now() + self.last.min(LONGEST_WAIT);
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
        self.recent = [size, self.recent[0]];
        self.last = took;
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
