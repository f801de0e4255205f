//! What only a test asks for: requests that go wrong at a place of its choosing.

use stratus_d1::WorkerClock;
use stratus_storage::Clock as _;

/// Panics at `/trials/panic`, and at `/trials/panic/later` after the first wait.
pub(crate) async fn run(uri: &http::Uri) {
    match uri.path() {
        "/trials/panic" => panic!("a trial"),
        "/trials/panic/later" => {
            worker::Delay::from(std::time::Duration::from_millis(5)).await;
            panic!("a trial, later, at {}", WorkerClock.now());
        }
        _ => {}
    }
}
