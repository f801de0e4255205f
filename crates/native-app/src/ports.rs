//! The ports that the operating system answers: time and randomness.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use stratus_storage::{Clock, Entropy, Timestamp};

/// The time of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl SystemClock {
    /// Microseconds since 1970, as the log has them.
    pub(crate) fn micros(self) -> i64 {
        i64::try_from(self.since_1970().as_micros()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine; never on wasm")]
    fn since_1970(self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.since_1970().as_millis()).unwrap_or(Timestamp::MAX)
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsEntropy;

/// How much is fetched at once: each request needs a few bytes, and each fetch is a system call.
const STOCK_BYTES: usize = 1024;

thread_local! {
    /// What is left of the last fetch. Each byte is handed out once, and not kept.
    static STOCK: RefCell<(usize, [u8; STOCK_BYTES])> = const { RefCell::new((STOCK_BYTES, [0; STOCK_BYTES])) };
}

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > STOCK_BYTES / 4 {
            return fetch(buffer);
        }
        STOCK.with_borrow_mut(|(used, stock)| {
            if *used + buffer.len() > STOCK_BYTES {
                fetch(stock);
                *used = 0;
            }
            let taken = &mut stock[*used..*used + buffer.len()];
            buffer.copy_from_slice(taken);
            taken.fill(0);
            *used += buffer.len();
        });
    }
}

fn fetch(buffer: &mut [u8]) {
    // Ids and tokens that can be guessed are worse than an answer that fails.
    getrandom::fill(buffer)
        .unwrap_or_else(|error| panic!("the operating system gives no randomness: {error}"));
}
