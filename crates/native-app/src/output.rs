//! The one place that writes to standard output and standard error, and what a run ends with.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::logging;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing to complain of.
    Done,
    /// A check found something wrong.
    Findings,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            // 1 is a failure, 2 a mistake on the command line.
            Outcome::Findings => Self::from(3),
        }
    }
}

/// Writes a line that is part of the answer.
///
/// A reader that has gone away is no reason to stop: a server outlives the pipe it was started in,
/// where `println!` would panic.
pub(crate) fn line(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes a line for whoever started the program, behind what the log said before.
pub(crate) fn notice(text: impl Display) {
    logging::flush();
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// `1 index`, `2 indexes`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
