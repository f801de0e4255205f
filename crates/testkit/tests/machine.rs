//! The simulated machine keeps the promises of a real one.

use std::sync::Arc;

use stratus_testkit::{InlineBackground, SeededEntropy, SettableClock, machine::Subject};

async fn simulated() -> ((), Subject) {
    let background = Arc::new(InlineBackground::new());
    let runner = Arc::clone(&background);
    let settle = move || {
        let background = Arc::clone(&runner);
        Box::pin(async move { background.run().await }) as _
    };
    let subject = Subject {
        clock: Arc::new(SettableClock::default()),
        entropy: Arc::new(SeededEntropy::new(7)),
        background,
        settle: Arc::new(settle),
    };
    ((), subject)
}

stratus_testkit::machine_conformance!((tokio::test), simulated);
