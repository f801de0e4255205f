//! Which request is being worked on, so that a panic finds the one that it has to answer.
//!
//! On wasm a panic does not unwind: the instance stops where it is, and the promise of the request
//! is never settled. So each request is polled under its number, and the panic hook tells that
//! number to the program around the instance, which answers in its place.

use std::{
    cell::{Cell, RefCell},
    panic,
    pin::Pin,
    task::{Context, Poll},
};

use worker::{js_sys::Function, wasm_bindgen::JsValue};

thread_local! {
    static POLLED: Cell<u32> = const { Cell::new(0) };
    static ON_PANIC: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Has `on_panic` called with the number of a request, 0 for none, and what the panic says.
pub(crate) fn report_panics(on_panic: Function) {
    ON_PANIC.set(Some(on_panic));
    panic::set_hook(Box::new(|panic| {
        let message = JsValue::from(panic.to_string());
        ON_PANIC.with(|it| {
            if let Some(report) = it.try_borrow().ok().and_then(|it| it.clone()) {
                // Nothing can be done about a report that fails while everything does.
                let _ = report.call2(&JsValue::UNDEFINED, &POLLED.get().into(), &message);
            }
        });
    }));
}

/// The number of the request that is being worked on, 0 for none.
pub(crate) fn polled() -> u32 {
    POLLED.get()
}

/// The work on a request, under its number.
pub(crate) struct Watched<F> {
    number: u32,
    work: Pin<Box<F>>,
}

impl<F: Future> Watched<F> {
    pub(crate) fn new(number: u32, work: F) -> Self {
        Self { number, work: Box::pin(work) }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        POLLED.set(self.number);
        let polled = self.work.as_mut().poll(cx);
        POLLED.set(0);
        polled
    }
}
