//! Lines on their way out: each at once, or several in one write.
//!
//! A write is a system call, and one for each line costs a busy server more than making the line
//! does. Lines stay whole and in their order, as long as no other process writes to the same pipe.
//! What can't be written is lost: a server outlives whoever read its log.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How much may wait.
const BATCH_BYTES: usize = 16 * 1024;

/// How long a line may wait.
const BATCH_TIME: Duration = Duration::from_millis(100);

/// Takes lines, and writes them.
pub(super) struct Lines<W> {
    waiting: Mutex<Waiting>,
    /// Told when the first line waits.
    begun: Condvar,
    /// Whoever has this takes what waits and writes it, so that nobody overtakes.
    out: Mutex<Out<W>>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    is_batched: bool,
}

struct Out<W> {
    writer: W,
    /// What is being written; empty otherwise.
    lines: Vec<u8>,
}

/// Whether a line may wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// For a while.
    MayWait,
    /// Someone should see it now.
    Urgent,
}

impl Haste {
    /// What went wrong is urgent: it may be the last thing that is said.
    pub(super) fn of(metadata: &Metadata<'_>) -> Self {
        if *metadata.level() <= Level::WARN { Self::Urgent } else { Self::MayWait }
    }
}

impl<W: Write> Lines<W> {
    /// Each line is written at once, until [`batch`](Self::batch).
    pub(super) fn new(writer: W) -> Self {
        Self {
            waiting: Mutex::default(),
            begun: Condvar::new(),
            out: Mutex::new(Out { writer, lines: Vec::new() }),
        }
    }

    /// Takes a line with its end.
    pub(super) fn push(&self, line: &[u8], haste: Haste) {
        let mut waiting = lock(&self.waiting);
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        let is_due = haste == Haste::Urgent || !waiting.is_batched || waiting.lines.len() >= BATCH_BYTES;
        drop(waiting);
        if is_due {
            self.flush();
        } else if is_first {
            self.begun.notify_one();
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&self) {
        let mut out = lock(&self.out);
        let Out { writer, lines } = &mut *out;
        mem::swap(lines, &mut lock(&self.waiting).lines);
        let _ = writer.write_all(lines).and_then(|()| writer.flush());
        lines.clear();
    }
}

impl<W: Write + Send> Lines<W> {
    /// From now on lines wait for each other.
    ///
    /// # Errors
    ///
    /// When there can be no thread that writes the last ones. Then everything stays as it was.
    pub(super) fn batch(&'static self) -> io::Result<()> {
        thread::Builder::new().name("log".to_owned()).spawn(|| self.write_on())?;
        lock(&self.waiting).is_batched = true;
        Ok(())
    }

    fn write_on(&self) {
        loop {
            let waiting = lock(&self.waiting);
            let begun = self.begun.wait_while(waiting, |it| it.lines.is_empty());
            drop(begun.unwrap_or_else(PoisonError::into_inner));
            thread::sleep(BATCH_TIME);
            self.flush();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what is written to it as one line.
pub(super) struct Line<'l, W> {
    lines: &'l Lines<W>,
    haste: Haste,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.push(line, self.haste);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For formats that are not ours; they write each line in one piece.
impl<'l, W: Write> MakeWriter<'_> for &'l Lines<W> {
    type Writer = Line<'l, W>;

    fn make_writer(&self) -> Line<'l, W> {
        Line { lines: self, haste: Haste::Urgent }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> Line<'l, W> {
        Line { lines: self, haste: Haste::of(metadata) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Everything that was written, a write each.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Writes {
        fn lines(&self) -> (&'static Lines<Self>, Self) {
            (Box::leak(Box::new(Lines::new(self.clone()))), self.clone())
        }

        fn seen(&self) -> Vec<String> {
            lock(&self.0).clone()
        }
    }

    #[test]
    fn each_line_is_written_at_once_until_lines_are_batched() {
        let (lines, writes) = Writes::default().lines();
        lines.push(b"a\n", Haste::MayWait);
        lines.push(b"b\n", Haste::MayWait);
        assert_eq!(writes.seen(), ["a\n", "b\n"]);
    }

    #[test]
    fn lines_wait_for_each_other_and_not_for_long() {
        let (lines, writes) = Writes::default().lines();
        lines.batch().unwrap();
        lines.push(b"a\n", Haste::MayWait);
        lines.push(b"b\n", Haste::MayWait);
        while writes.seen().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        lines.push(b"c\n", Haste::MayWait);
        lines.flush();
        assert_eq!(writes.seen().concat(), "a\nb\nc\n");
        assert!(writes.seen().len() < 4, "{:?}", writes.seen());
    }

    #[test]
    fn what_is_urgent_takes_along_what_waits() {
        let (lines, writes) = Writes::default().lines();
        lock(&lines.waiting).is_batched = true;
        lines.push(b"a\n", Haste::MayWait);
        assert!(writes.seen().is_empty());
        lines.push(b"b\n", Haste::Urgent);
        assert_eq!(writes.seen(), ["a\nb\n"]);
        let long = "x".repeat(BATCH_BYTES);
        lines.push(long.as_bytes(), Haste::MayWait);
        assert_eq!(writes.seen().len(), 2);
    }

    #[test]
    fn lines_stay_whole_and_in_their_order() {
        let (lines, writes) = Writes::default().lines();
        lines.batch().unwrap();
        let talk = |name: usize| {
            for number in 0..2_000 {
                let haste = if number % 100 == 0 { Haste::Urgent } else { Haste::MayWait };
                lines.push(format!("{name} {number}\n").as_bytes(), haste);
            }
        };
        thread::scope(|scope| {
            for name in 0..3 {
                scope.spawn(move || talk(name));
            }
        });
        lines.flush();
        let seen = writes.seen().concat();
        for name in 0..3 {
            let of_one = seen.lines().filter_map(|it| it.strip_prefix(&format!("{name} ")));
            assert!(of_one.eq((0..2_000).map(|it| it.to_string())), "{seen}");
        }
    }
}
