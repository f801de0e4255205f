//! The ports that the operating system answers: time and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use stratus_storage::{Clock, Entropy, Timestamp};

/// The time of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine; never on wasm")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // Ids and tokens that can be guessed are worse than an answer that fails.
        getrandom::fill(buffer)
            .unwrap_or_else(|error| panic!("the operating system gives no randomness: {error}"));
    }
}
