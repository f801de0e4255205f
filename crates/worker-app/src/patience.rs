//! The time that an answer may take, and a body to arrive.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes},
};
use http_body::{Body as _, Frame, SizeHint};
use worker::{Delay, send::SendFuture};

/// How long an answer may take; the binary takes the same.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a client may be silent in the middle of a body; the binary bears the same.
const SILENCE: Duration = Duration::from_secs(10);

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What comes of an answer in its time, or nothing: then it is given up.
pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> Option<T> {
    within(|| delay(ANSWER), answer).await
}

/// A body that breaks off when the client falls silent in the middle of it.
pub(crate) fn patient(body: Body) -> Body {
    if body.is_end_stream() {
        body
    } else {
        Body::new(Patient { body, timer: None, start: || delay(SILENCE) })
    }
}

fn delay(time: Duration) -> Timer {
    Box::pin(SendFuture::new(Delay::from(time)))
}

/// The timer is made for work that waits.
async fn within<T>(start: fn() -> Timer, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut timer) = (pin!(work), None);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => timer.get_or_insert_with(start).as_mut().poll(cx).map(|()| None),
    })
    .await
}

struct Patient {
    body: Body,
    /// Runs while something is waited for.
    timer: Option<Timer>,
    start: fn() -> Timer,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").finish_non_exhaustive()
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|it| it.map_err(Into::into)));
        }
        let start = self.start;
        let timer = self.timer.get_or_insert_with(start);
        timer.as_mut().poll(cx).map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use axum::body::to_bytes;

    use super::*;

    /// A body of which nothing ever comes.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Pending
        }
    }

    fn over() -> Timer {
        Box::pin(ready(()))
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        assert_eq!(within(over, pending::<()>()).await, None);
        assert_eq!(within(over, ready(1)).await, Some(1), "what is there is not late");
        assert_eq!(within(|| Box::pin(pending()), async { 2 }).await, Some(2));
    }

    #[tokio::test]
    async fn a_silent_body_breaks_off() {
        let stalled = Patient { body: Body::new(Silent), timer: None, start: over };
        assert!(to_bytes(Body::new(stalled), 10).await.is_err());
        let whole = Patient { body: Body::from("abc"), timer: None, start: over };
        assert_eq!(to_bytes(Body::new(whole), 10).await.unwrap(), "abc");
    }
}
