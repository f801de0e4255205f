//! The tables: one a comparison, the same text on the terminal and in the documentation.

use std::fmt;

use crate::measure::{Spread, human};

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// It is only told.
    None,
}

impl Target {
    fn holds(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(figure >= least),
            Self::AtMost(most) => Some(figure <= most),
            Self::None => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::None => Ok(()),
        }
    }
}

/// A line of a table.
#[derive(Debug)]
struct Line {
    cells: [String; 7],
    missed: bool,
}

const HEADS: [&str; 7] = ["what", "Stratus", "floor", "ratio", "rounds", "target", ""];

/// The table of one comparison.
#[derive(Debug)]
pub(crate) struct Section {
    title: &'static str,
    about: String,
    lines: Vec<Line>,
}

impl Section {
    /// An empty table; `about` says what the floor is.
    pub(crate) fn new(title: &'static str, about: impl Into<String>) -> Self {
        Self { title, about: about.into(), lines: Vec::new() }
    }

    /// Seconds an operation on both sides, round by round.
    pub(crate) fn speed(&mut self, what: impl Into<String>, subject: &[f64], floor: &[f64], target: Target) {
        let ratio = Spread::speed(subject, floor);
        let (subject, floor) = (human(Spread::of(subject).median), human(Spread::of(floor).median));
        self.line(what, subject, floor, ratio.median, ratio.to_string(), target);
    }

    /// Operations a second on both sides, as seconds an operation, round by round.
    pub(crate) fn rate(&mut self, what: impl Into<String>, subject: &[f64], floor: &[f64], target: Target) {
        let ratio = Spread::speed(subject, floor);
        let per_second = |times: &[f64]| format!("{:.0}/s", 1.0 / Spread::of(times).median);
        self.line(what, per_second(subject), per_second(floor), ratio.median, ratio.to_string(), target);
    }

    /// A figure that is no time, over another one.
    pub(crate) fn figure(
        &mut self,
        what: impl Into<String>,
        subject: String,
        floor: String,
        ratio: f64,
        target: Target,
    ) {
        self.line(what, subject, floor, ratio, String::new(), target);
    }

    /// How many times as long the subject takes, round by round; both are shown as they are.
    pub(crate) fn longer(
        &mut self,
        what: impl Into<String>,
        [subject, floor]: [String; 2],
        subject_times: &[f64],
        floor_times: &[f64],
        target: Target,
    ) {
        let ratio = Spread::speed(floor_times, subject_times);
        self.line(what, subject, floor, ratio.median, ratio.to_string(), target);
    }

    /// What is only told, without a ratio.
    pub(crate) fn note(
        &mut self,
        what: impl Into<String>,
        subject: impl Into<String>,
        floor: impl Into<String>,
    ) {
        let empty = String::new;
        let cells = [what.into(), subject.into(), floor.into(), empty(), empty(), empty(), empty()];
        self.lines.push(Line { cells, missed: false });
    }

    fn line(
        &mut self,
        what: impl Into<String>,
        subject: String,
        floor: String,
        ratio: f64,
        rounds: String,
        target: Target,
    ) {
        let holds = target.holds(ratio);
        let verdict = match holds {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let ratio = format!("{ratio:.2}");
        let cells = [what.into(), subject, floor, ratio, rounds, target.to_string(), verdict.to_owned()];
        self.lines.push(Line { cells, missed: holds == Some(false) });
    }

    fn widths(&self) -> [usize; 7] {
        let mut widths = HEADS.map(|it| it.chars().count());
        for line in &self.lines {
            for (width, cell) in widths.iter_mut().zip(&line.cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

/// As Markdown, in columns.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let row = |f: &mut fmt::Formatter<'_>, cells: [&str; 7]| {
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")
        };
        writeln!(f, "### {}\n\n{}\n", self.title, self.about)?;
        row(f, HEADS)?;
        let rules = widths.map(|width| "-".repeat(width));
        row(f, rules.each_ref().map(String::as_str))?;
        self.lines.iter().try_for_each(|line| row(f, line.cells.each_ref().map(String::as_str)))
    }
}

/// All tables of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn push(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Its tables, each with its title.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.sections.iter().map(|it| (it.title, it.to_string()))
    }

    /// Names what missed its target. That fails nothing: two cores in company are no judge.
    pub(crate) fn conclude(&self) {
        let lines = self.sections.iter().flat_map(|it| &it.lines);
        let missed: Vec<_> = lines.filter(|it| it.missed).map(|it| it.cells[0].as_str()).collect();
        match missed.as_slice() {
            [] => println!("every target is met"),
            missed => println!("missed: {}", missed.join("; ")),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sections.iter().try_for_each(|section| writeln!(f, "{section}"))
    }
}
