//! What only a test asks for: requests that go wrong at a place of its choosing, and which instance
//! it is that answers.

use std::{cell::Cell, time::Duration};

use axum::{body::Body, response::Response};
use stratus_d1::WorkerEntropy;
use stratus_storage::Entropy as _;
use worker::Delay;

/// What the trials are made with, whichever collections are deployed: those of the demo.
pub(crate) const DEFINITIONS: &[(&str, &str)] = &[
    ("authors.json", include_str!("../../../fixtures/demo/collections/authors.json")),
    ("categories.json", include_str!("../../../fixtures/demo/collections/categories.json")),
    ("comments.json", include_str!("../../../fixtures/demo/collections/comments.json")),
    ("posts.json", include_str!("../../../fixtures/demo/collections/posts.json")),
];

thread_local! {
    static INSTANCE: Cell<u32> = const { Cell::new(0) };
}

/// Goes wrong, or not, below `/trials/`; `None` is for the API to answer.
pub(crate) async fn run(uri: &http::Uri) -> Option<Response> {
    match uri.path() {
        "/trials/panic" => panic!("a trial"),
        "/trials/panic/later" => {
            Delay::from(Duration::from_millis(5)).await;
            panic!("a trial, later");
        }
        "/trials/overflow" => return Some(Response::new(Body::from(deep(1).to_string()))),
        "/trials/overflow/later" => {
            Delay::from(Duration::from_millis(5)).await;
            return Some(Response::new(Body::from(deep(1).to_string())));
        }
        "/trials/instance" => return Some(Response::new(Body::from(instance().to_string()))),
        "/trials/wait" => Delay::from(Duration::from_millis(200)).await,
        _ => return None,
    }
    Some(Response::new(Body::from("waited")))
}

/// A number of this instance's own.
fn instance() -> u32 {
    if INSTANCE.get() == 0 {
        let mut bytes = [0; 4];
        WorkerEntropy.fill(&mut bytes);
        INSTANCE.set(u32::from_le_bytes(bytes).max(1));
    }
    INSTANCE.get()
}

/// Deeper than any stack: no panic, but the runtime's own error.
fn deep(level: u64) -> u64 {
    let next = std::hint::black_box(level) + 1;
    if next == 0 { 0 } else { deep(next) + std::hint::black_box(1) }
}
