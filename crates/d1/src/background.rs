//! Work that outlives its request, as far as a Worker allows that.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};

use stratus_storage::Background;
use worker::{Context, js_sys::futures::future_to_promise, wasm_bindgen::JsValue};

/// The [`Background`] of one request: `waitUntil`, which keeps the request's work alive for some
/// 30 seconds after its answer. It belongs to its request and is worth nothing beyond.
#[derive(Debug)]
pub struct WaitUntil {
    context: Context,
}

impl WaitUntil {
    /// Wraps the context that a fetch handler is given.
    pub fn new(context: Context) -> Self {
        Self { context }
    }
}

impl Background for WaitUntil {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) {
        let work = future_to_promise(AssertUnwindSafe(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        }));
        // Refused once the request is over. The work has begun all the same and may still end.
        let _ = self.context.as_ref().wait_until(&work);
    }
}
