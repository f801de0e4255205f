//! The time that an answer may take.

use std::{
    future::{self, Future},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

/// What comes of a future within some time, or nothing.
///
/// Most answers never wait. So the timer, which has its place in a queue that all threads share,
/// is made for those that do.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let end = Instant::now() + time;
    let mut future = pin!(future);
    match future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => timeout_at(end, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        let moment = Duration::from_millis(1);
        assert_eq!(within(moment, async { 1 }).await, Some(1));
        assert_eq!(within(moment, future::pending::<()>()).await, None);
        let wakes = async {
            tokio::time::sleep(moment).await;
            2
        };
        assert_eq!(within(Duration::from_secs(60), wakes).await, Some(2));
    }
}
