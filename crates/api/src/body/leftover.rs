//! What a handler leaves of a body.
//!
//! A server that answers and closes while the client is still sending makes the client's next
//! packet reset the connection, and the answer is lost with it. So what nobody read is read and
//! thrown away before the answer is given, within bounds: an over-long body, one with the wrong
//! token, one for a route that is not there.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use stratus_storage::Clock;

/// How many bytes of one body are read altogether.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How long is read on, in milliseconds. It is looked at whenever something arrives: a body that
/// falls silent is for the program's own time-out.
const MAX_MILLIS: i64 = 2_000;

/// The place to which a body comes back when its reader drops it.
pub(crate) struct Leftover {
    slot: Arc<Mutex<Unread>>,
    waits_for_continue: bool,
}

#[derive(Default)]
struct Unread {
    body: Option<Body>,
    read: u64,
}

impl Leftover {
    /// Hands out a request whose body comes back. There is none for a request without a body.
    pub(crate) fn of(request: Request) -> (Request, Option<Self>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let slot = Arc::default();
        let waits_for_continue = super::waits_for_continue(request.headers());
        let leftover = Self { slot: Arc::clone(&slot), waits_for_continue };
        let request = request.map(|body| Body::new(Returning { body: Some(body), read: 0, slot }));
        (request, Some(leftover))
    }

    /// Reads what is left and throws it away, up to 16 MiB in all and for 2 seconds.
    ///
    /// Whether the end was reached. If not, the connection is of no further use.
    pub(crate) async fn discard(self, clock: &dyn Clock) -> bool {
        let Unread { body, mut read } =
            std::mem::take(&mut *self.slot.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(mut body) = body else { return true };
        let is_hopeless = read + body.size_hint().lower() > MAX_BYTES;
        // Such a client sends nothing until it is asked to, and is not asked.
        if is_hopeless || (self.waits_for_continue && read == 0) {
            return false;
        }
        let end = clock.now() + MAX_MILLIS;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, |it| it.len() as u64);
            if read > MAX_BYTES || clock.now() > end {
                return false;
            }
        }
        true
    }
}

/// A body that goes back to its slot when it is dropped before its end.
struct Returning {
    body: Option<Body>,
    read: u64,
    slot: Arc<Mutex<Unread>>,
}

impl http_body::Body for Returning {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.read += frame.data_ref().map_or(0, |it| it.len() as u64),
            // Nothing comes after the end; what is broken stays so, and is not worth returning.
            Poll::Ready(Some(Err(_)) | None) => self.body = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|it| !it.is_end_stream()) else { return };
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Unread { body: Some(body), read: self.read };
    }
}
