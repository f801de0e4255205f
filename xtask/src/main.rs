//! The workspace's chores, in Rust. See <https://github.com/matklad/cargo-xtask>.
//!
//! # Invariants
//!
//! - A chore that lacks something says in one sentence what, and how to get it.
//! - What is fetched or built goes into the `target` folder, once, under a name with its version.
//! - Nothing here reads standard input.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod bench;
mod codegen;
mod corpus;
mod deploy;
mod openapi;
mod probe;
mod steps;
mod tidy;
mod tools;
mod transcripts;
mod wasm;
mod worker;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

const USAGE: &str = "\
cargo xtask test [--only STEP]... [--list]   everything that must be green, cheap steps first
cargo xtask tidy                             the rules no compiler checks: layers, headers, the map
cargo xtask codegen [--check]                rewrite generated files; with --check, only compare
cargo xtask wasm-check                       what runs in a Worker compiles for wasm
cargo xtask worker [build|dev|test|migrate|deploy|size]
                                             the Worker: `cargo xtask worker help` says more
cargo xtask probe                            run the conformance cases on D1, inside workerd
cargo xtask transcripts [--write]            the API's behaviour as data, on SQLite and on D1
cargo xtask transcripts --seed N --steps N   the differential fuzz alone
cargo xtask transcripts --oracle [--seed N] [--worlds N]
                                             random queries against a naive filter alone
cargo xtask openapi                          ask the binary whatever its description says can be asked
cargo xtask corpus [NAME]...                 public data sets as collections and lines to import
cargo xtask corpus --extract                 rewrite the extract of them in `fixtures/compat`
cargo xtask bench [OPTIONS] [--help]         speed, size and memory against floors of the same run
cargo xtask bench worker [--rounds N] [--write]
                                             the same for reads of the Worker, in workerd";

/// Without the backtrace that `Result` would print: what failed says what to do.
fn main() -> ExitCode {
    match chore() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore() -> Result<()> {
    let workspace = Workspace::open()?;
    let args = std::env::args().skip(1).collect::<Vec<_>>();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test", "--list"] => {
            steps::list();
            Ok(())
        }
        ["test", options @ ..] => steps::run(&workspace, &only(options)?),
        ["tidy"] => tidy::run(&workspace),
        ["codegen"] => codegen::write(&workspace),
        ["codegen", "--check"] => codegen::check(&workspace),
        ["wasm-check"] => wasm::check(&workspace),
        ["worker", words @ ..] => worker::run(&workspace, words),
        ["probe"] => probe::run(&workspace),
        ["transcripts", options @ ..] => transcripts::run(&workspace, options),
        ["openapi"] => openapi::run(&workspace),
        ["corpus", "--extract"] => corpus::extract(&workspace),
        ["corpus", names @ ..] => corpus::run(&workspace, names),
        ["bench", "worker", options @ ..] => bench::run_worker(&workspace, options),
        ["bench", options @ ..] => bench::run(&workspace, options),
        _ => bail!("no such chore; there are\n{USAGE}"),
    }
}

/// The steps named by `--only`.
fn only<'args>(options: &[&'args str]) -> Result<Vec<&'args str>> {
    options
        .chunks(2)
        .map(|pair| match pair {
            ["--only", step] => Ok(*step),
            _ => bail!("`test` takes `--only STEP` and `--list`, not `{}`", pair.join(" ")),
        })
        .collect()
}
