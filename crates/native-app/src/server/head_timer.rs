//! The timer that hyper waits for heads with.
//!
//! hyper makes a timer for each head and drops it when the head is there. In the runtime's queue,
//! which all threads share, that is two visits under a lock for each request. Here a connection has
//! one entry that stays where it is: when it goes off early, it is moved to where it should be.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// The timer of one connection.
#[derive(Default)]
pub(super) struct HeadTimer {
    alarm: Alarm,
}

/// What the runtime has, once something was waited for.
type Alarm = Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>;

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, end: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { end: end.into(), alarm: Arc::clone(&self.alarm) })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

/// Waits for a moment.
struct Wait {
    end: time::Instant,
    alarm: Alarm,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(time::sleep_until(self.end)));
        if alarm.deadline() > self.end {
            alarm.as_mut().reset(self.end);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= self.end {
                return Poll::Ready(());
            }
            // It was set for an earlier head.
            alarm.as_mut().reset(self.end);
        }
    }
}

impl Sleep for Wait {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for some time as hyper does, and says whether it was over within another.
    async fn is_over(timer: &HeadTimer, millis: u64, within: u64) -> bool {
        let wait = timer.sleep(Duration::from_millis(millis));
        time::timeout(Duration::from_millis(within), wait).await.is_ok()
    }

    #[tokio::test]
    async fn each_head_has_its_own_time() {
        let timer = HeadTimer::default();
        assert!(!is_over(&timer, 60_000, 1).await);
        assert!(is_over(&timer, 1, 60_000).await, "an earlier end than the one before");
        assert!(!is_over(&timer, 60_000, 20).await, "a later end");
        assert!(!is_over(&timer, 30, 1).await);
        assert!(is_over(&timer, 60, 60_000).await, "the alarm goes off early once");
    }
}
