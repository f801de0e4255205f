//! The README's test command: named steps, cheap ones first.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::{
    codegen, openapi, probe, tidy, transcripts, wasm, worker,
    workspace::{Workspace, run as run_command},
};

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", what: "every file is formatted", run: fmt },
    Step { name: "tidy", what: "layers, headers, the map", run: tidy::run },
    Step { name: "codegen", what: "generated files are current", run: codegen::check },
    Step { name: "clippy", what: "no warning in any target", run: clippy },
    Step { name: "native", what: "the tests of every crate on this machine", run: native },
    Step { name: "openapi", what: "the binary answers as its description says", run: openapi::run },
    Step { name: "wasm-check", what: "what runs in a Worker compiles for wasm", run: wasm::check },
    Step { name: "worker", what: "the Worker in workerd", run: worker::test },
    Step { name: "probe", what: "the conformance cases on D1, KV and R2, inside workerd", run: probe::run },
    Step { name: "transcripts", what: "the API on SQLite and on D1, equal to the byte", run: play },
];

/// What became of a step.
#[derive(Clone, Copy)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Prints the steps.
pub(crate) fn list() {
    for Step { name, what, .. } in STEPS {
        println!("{name:<12} {what}");
    }
}

/// Runs all steps, or those named, and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace, only: &[&str]) -> Result<()> {
    for name in only {
        let known = STEPS.iter().any(|it| it.name == *name);
        ensure!(known, "no step is called `{name}`; `cargo xtask test --list` names them");
    }
    let mut outcomes = Vec::new();
    let mut failure = None;
    for step in STEPS.iter().filter(|it| only.is_empty() || only.contains(&it.name)) {
        let outcome =
            if failure.is_some() { Outcome::NotRun } else { attempt(workspace, step, &mut failure) };
        outcomes.push((step.name, outcome));
    }
    summarize(&outcomes);
    match failure {
        Some(step) => bail!("the step `{step}` failed; `cargo xtask test --only {step}` runs it alone"),
        None => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "steps are timed on the machine that runs them")]
fn attempt(workspace: &Workspace, step: &Step, failure: &mut Option<&'static str>) -> Outcome {
    println!("=== {}: {}", step.name, step.what);
    let start = Instant::now();
    match (step.run)(workspace) {
        Ok(()) => Outcome::Passed(start.elapsed()),
        Err(error) => {
            println!("{}: {error:#}", step.name);
            *failure = Some(step.name);
            Outcome::Failed(start.elapsed())
        }
    }
}

fn summarize(outcomes: &[(&str, Outcome)]) {
    println!("\n{:<12} {:>8}  result", "step", "seconds");
    let (mut passed, mut failed, mut total) = (0, 0, Duration::ZERO);
    for (name, outcome) in outcomes {
        let (time, word) = match *outcome {
            Outcome::Passed(time) => {
                passed += 1;
                (time, "passed")
            }
            Outcome::Failed(time) => {
                failed += 1;
                (time, "FAILED")
            }
            Outcome::NotRun => (Duration::ZERO, "not run"),
        };
        total += time;
        println!("{name:<12} {:>8.1}  {word}", time.as_secs_f64());
    }
    println!("{:<12} {:>8.1}", "all", total.as_secs_f64());
    println!("{passed} passed, {failed} failed");
}

fn fmt(workspace: &Workspace) -> Result<()> {
    run_command(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    run_command(workspace.cargo().args(args))
}

/// Workers are left out: they have no tests of their own and run in workerd only.
fn native(workspace: &Workspace) -> Result<()> {
    let args =
        ["test", "--workspace", "--quiet", "--exclude", probe::PACKAGE, "--exclude", transcripts::PACKAGE];
    run_command(workspace.cargo().args(args))
}

fn play(workspace: &Workspace) -> Result<()> {
    transcripts::run(workspace, &[])
}
