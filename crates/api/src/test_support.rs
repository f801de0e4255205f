//! What the tests of this crate share: ports that can be set, and answers as text.

use std::{
    future::Future,
    sync::atomic::{AtomicI64, AtomicU8, Ordering},
};

use axum::{body::Body, response::Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use stratus_storage::{Clock, Entropy, Timestamp};

/// A clock that moves by a fixed step each time it is read.
pub(crate) struct SteppingClock {
    now: AtomicI64,
    step: i64,
}

impl SteppingClock {
    pub(crate) fn new(step: i64) -> Self {
        Self { now: AtomicI64::new(1_700_000_000_000), step }
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        self.now.fetch_add(self.step, Ordering::Relaxed)
    }
}

/// Bytes that count up.
#[derive(Default)]
pub(crate) struct CountingEntropy(AtomicU8);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// The outcome of a future that waits for nothing.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("nothing here waits")
}

/// The body of an answer as text.
pub(crate) fn text_of(response: Response<Body>) -> String {
    let bytes = now(response.into_body().collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
