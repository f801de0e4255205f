//! Taking turns, and what is made of the times.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// One side of a comparison: has its turn, and says how many seconds one operation took.
pub(crate) type Side<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// The machine's monotonic time.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine that it runs on")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The processor time of this thread, in seconds: what neighbours on the machine can't add to.
pub(crate) fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Repeats an operation for about `turn`, and says how many seconds of the processor it took.
pub(crate) fn repeat(turn: Duration, mut operation: impl FnMut() -> Result<()>) -> Result<f64> {
    let (since, started) = (now(), thread_seconds());
    let mut count = 0_u32;
    while count == 0 || since.elapsed() < turn {
        // Looking at the time should not be a part of what is measured.
        for _ in 0..16 {
            operation()?;
        }
        count += 16;
    }
    Ok((thread_seconds() - started) / f64::from(count))
}

/// Lets all sides have their turns: after one round that doesn't count, every other round goes
/// backwards, so that nobody always comes after the same one. Times are by side, then by round.
pub(crate) fn take_turns(rounds: usize, sides: &mut [Side<'_>]) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::with_capacity(rounds); sides.len()];
    for round in 0..=rounds {
        let forwards = 0..sides.len();
        let order: Vec<_> = if round % 2 == 0 { forwards.collect() } else { forwards.rev().collect() };
        for at in order {
            let seconds = sides[at]()?;
            if round > 0 {
                times[at].push(seconds);
            }
        }
    }
    Ok(times)
}

/// The middle of several figures, and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |position: usize| sorted.get(position).copied().unwrap_or(f64::NAN);
        let (middle, last) = (sorted.len() / 2, sorted.len().saturating_sub(1));
        let median = if sorted.len().is_multiple_of(2) && middle > 0 {
            (at(middle - 1) + at(middle)) / 2.0
        } else {
            at(middle)
        };
        Self { median, least: at(0), most: at(last) }
    }

    /// How fast the subject is beside the floor, round by round: 1 is as fast.
    pub(crate) fn speed(subject: &[f64], floor: &[f64]) -> Self {
        let ratios: Vec<_> = subject.iter().zip(floor).map(|(subject, floor)| floor / subject).collect();
        Self::of(&ratios)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}–{:.2}", self.least, self.most)
    }
}

/// A time as people read it.
pub(crate) fn human(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// The figure below which `share` of a sorted list lies.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_ratios() {
        let spread = Spread::speed(&[2.0, 4.0, 2.0], &[1.0, 1.0, 2.0]);
        assert_eq!((spread.median, spread.least, spread.most), (0.5, 0.25, 1.0));
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0, 4.0]).median, 2.5);
    }

    #[test]
    fn turns_are_taken_forwards_and_backwards() -> Result<()> {
        let order = std::cell::RefCell::new(String::new());
        let mut sides: Vec<Side<'_>> = ["a", "b"]
            .into_iter()
            .map(|name| -> Side<'_> {
                Box::new(|| {
                    order.borrow_mut().push_str(name);
                    Ok(1.0)
                })
            })
            .collect();
        let times = take_turns(2, &mut sides)?;
        drop(sides);
        assert_eq!(order.into_inner(), "abbaab");
        assert_eq!(times, [[1.0, 1.0], [1.0, 1.0]]);
        Ok(())
    }
}
