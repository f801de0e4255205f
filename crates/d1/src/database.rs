//! A D1 binding as a [`Database`].

use std::time::Duration;

use stratus_storage::{Consistency, Database, Limits, Session};

use crate::{anchor::Anchor, js::Binding, session::D1Session};

/// A SQL database in Cloudflare D1.
#[derive(Debug)]
pub struct D1Database {
    binding: Binding,
    deadline: Duration,
}

impl D1Database {
    /// How long a call may take, unless [`deadline`](Self::deadline) says otherwise. A write whose
    /// answer is lost takes two of them.
    pub const DEADLINE: Duration = Duration::from_secs(5);

    /// Wraps the binding that `env.d1(…)` returned.
    pub fn new(binding: worker::D1Database) -> Self {
        Self { binding: Binding::new(binding.as_ref()), deadline: Self::DEADLINE }
    }

    /// Sets how long a call may take. A read that hangs on a replica for half of it is asked of the
    /// primary; a write whose answer is not there by then is
    /// [`OutcomeUnknown`](stratus_storage::Error::OutcomeUnknown).
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl Database for D1Database {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(D1Session::new(self.binding.clone(), Anchor::of(&consistency), self.deadline))
    }

    fn limits(&self) -> Limits {
        Limits::D1
    }
}
