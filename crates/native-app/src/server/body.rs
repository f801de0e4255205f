//! A request's body that does not wait for ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// A request's body that breaks off when the client falls silent in the middle of it.
pub(super) struct Patient {
    body: Incoming,
    silence: Duration,
    /// Runs while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// Makes a body of a client patient for some time.
    pub(super) fn body(body: Incoming, silence: Duration) -> Body {
        if body.is_end_stream() { Body::empty() } else { Body::new(Self { body, silence, timer: None }) }
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|it| it.map_err(Into::into)));
        }
        let silence = self.silence;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(silence)));
        timer.as_mut().poll(cx).map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
