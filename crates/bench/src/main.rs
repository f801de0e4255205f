//! `cargo xtask bench`: how fast, how large and how hungry Stratus is, next to a floor.
//!
//! A figure alone says more about the machine than about the program. So each is a ratio: what
//! Stratus does, and the least that any program would have to do for the same, taken in turns in
//! one run. [`reads`], [`http`], [`writes`], [`import`] and [`size`] are the comparisons,
//! [`measure`] takes turns, [`report`] is the table.
//!
//! # Invariants
//!
//! - Nothing is compared with a figure of another run.
//! - Floors know nothing of Stratus: plain rusqlite, plain axum.
//! - Everything that is written goes into the `target` folder, and with `--write` one table into
//!   `docs/performance.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod bare;
mod content;
mod http;
mod import;
mod machine;
mod measure;
mod options;
mod process;
mod reads;
mod report;
mod rows;
mod size;
mod store;
mod writes;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::{
    options::{Bench, Cli, Context, Hidden},
    report::{Report, Section},
};

/// Without the backtrace that `Result` would print: what failed says what to do.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.hidden {
        Some(Hidden::Floor { folder }) => http::floor::serve(&folder),
        None => compare(&Context::new(cli.options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

type Run = fn(&Context) -> Result<Section>;

const BENCHES: [(Bench, Run); 6] = [
    (Bench::Reads, reads::compare),
    (Bench::Work, reads::work),
    (Bench::Http, http::compare),
    (Bench::Writes, writes::compare),
    (Bench::Import, import::compare),
    (Bench::Size, size::compare),
];

fn compare(context: &Context) -> Result<()> {
    let mut report = Report::default();
    for (bench, run) in BENCHES {
        if context.options.wants(bench) {
            let section = run(context)?;
            println!("{section}");
            report.push(section);
        }
    }
    report.conclude();
    if context.options.write { machine::write(context, &report) } else { Ok(()) }
}
