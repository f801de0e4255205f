//! The stories of `fixtures/transcripts`, the differential fuzz and the oracle of queries, on SQLite
//! and inside workerd.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    tools, wasm,
    workspace::{Workspace, run as run_command},
};

/// The test app as a Worker: like the probe, it has no tests of its own.
pub(crate) const PACKAGE: &str = "stratus-test-worker";

/// The tests of this package play the stories.
const PLAYERS: &str = "stratus-test-app";

/// Plays everything against a Worker, too. `--write` records what SQLite answers, and plays nothing else.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let mut tests = workspace.cargo();
    tests.args(["test", "--quiet", "--package", PLAYERS, "--features", "workerd", "--test", "app", "--"]);
    match options {
        [] => tests.args(["--nocapture", "--test-threads", "1"]),
        ["--write"] => {
            tests
                .args(["--exact", "app::transcripts::on_sqlite", "app::cookbook::every_recipe_is_true"])
                .env("UPDATE_TRANSCRIPTS", "1");
            return run_command(&mut tests);
        }
        ["--oracle", options @ ..] => oracle(&mut tests, options)?,
        options => fuzz(&mut tests, options)?,
    };
    let worker = Worker::start(workspace)?;
    run_command(tests.env("STRATUS_TEST_WORKER", &worker.address))
}

/// The fuzz alone, with another seed or more steps.
fn fuzz<'c>(tests: &'c mut Command, options: &[&str]) -> Result<&'c mut Command> {
    for pair in options.chunks(2) {
        match pair {
            ["--seed", seed] => tests.env("STRATUS_FUZZ_SEED", seed),
            ["--steps", steps] => tests.env("STRATUS_FUZZ_STEPS", steps),
            _ => bail!(
                "`transcripts` takes `--write`, `--seed N` and `--steps N`, or `--oracle`, not `{}`",
                pair.join(" ")
            ),
        };
    }
    Ok(tests.args(["--nocapture", "--exact", "app::fuzz::sqlite_and_d1_answer_alike"]))
}

/// The oracle of queries alone, with another seed or more worlds.
fn oracle<'c>(tests: &'c mut Command, options: &[&str]) -> Result<&'c mut Command> {
    for pair in options.chunks(2) {
        match pair {
            ["--seed", seed] => tests.env("STRATUS_ORACLE_SEED", seed),
            ["--worlds", worlds] => tests.env("STRATUS_ORACLE_WORLDS", worlds),
            _ => bail!("`transcripts --oracle` takes `--seed N` and `--worlds N`, not `{}`", pair.join(" ")),
        };
    }
    Ok(tests.args(["--nocapture", "app::oracle::"]))
}

/// workerd with the test app, until it is dropped.
struct Worker {
    process: Child,
    address: String,
}

impl Worker {
    fn start(workspace: &Workspace) -> Result<Self> {
        let tools = tools::npm(workspace)?;
        let worker = wasm::build_worker(workspace, wasm::Build::dev(PACKAGE))?;
        let mut command = workspace.program(&tools.node);
        command.arg(workspace.root.join("xtask/transcripts.mjs")).arg(&tools.folder).arg(&worker);
        // It ends when its standard input does, even if this program is killed.
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("workerd has no output")?;
        let mut started = Self { process, address: String::new() };
        BufReader::new(output).read_line(&mut started.address)?;
        started.address = started.address.trim().to_owned();
        ensure!(!started.address.is_empty(), "workerd did not start, see above");
        Ok(started)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
