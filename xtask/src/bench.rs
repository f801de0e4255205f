//! Speed, size and memory, each against a floor of the same run. That of the binary is in
//! `crates/bench`, so that xtask stays quick to build; that of the Worker is `worker/bench.mjs`.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::{
    tools, worker,
    workspace::{Workspace, run as run_command},
};

const PACKAGE: &str = "stratus-bench";

/// Where figures are told.
const PAGE: &str = "docs/performance.md";

/// Rounds of the Worker's bench, unless told otherwise, after one that doesn't count.
const ROUNDS: usize = 7;

/// Builds the binary as it ships, then compares.
///
/// In two steps, because cargo gives crates that are built together the features of both.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    run_command(workspace.cargo().args(["build", "--release", "--package", "native-app"]))?;
    let mut bench = workspace.cargo();
    bench.args(["run", "--release", "--package", PACKAGE, "--"]).args(options);
    run_command(&mut bench)
}

/// Builds the Worker as it is deployed, then compares it with a bare one.
pub(crate) fn run_worker(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let (rounds, is_kept) = parse(options)?;
    let page = is_kept.then(|| workspace.root.join(PAGE));
    let tools = tools::npm(workspace)?;
    let folder = worker::release(workspace, worker::PACKAGE)?;
    let mut script = worker::script(workspace, &tools, "bench.mjs", &folder);
    run_command(script.arg(json!({"rounds": rounds, "page": page}).to_string()))
}

/// How many rounds, and whether the page is to tell them.
fn parse(options: &[&str]) -> Result<(usize, bool)> {
    let (mut rounds, mut is_kept) = (ROUNDS, false);
    let mut rest = options;
    loop {
        rest = match rest {
            [] => break,
            ["--write", rest @ ..] => {
                is_kept = true;
                rest
            }
            ["--rounds", number, rest @ ..] => {
                rounds = number.parse().with_context(|| format!("`{number}` is no number of rounds"))?;
                rest
            }
            [other, ..] => bail!("`bench worker` takes `--rounds N` and `--write`, not `{other}`"),
        };
    }
    ensure!(rounds > 0, "a median needs a round that counts");
    Ok((rounds, is_kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_workers_bench() -> Result<()> {
        assert_eq!(parse(&[])?, (ROUNDS, false));
        assert_eq!(parse(&["--write", "--rounds", "3"])?, (3, true));
        assert!(parse(&["--rounds"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
        assert!(parse(&["--only", "reads"]).is_err());
        Ok(())
    }
}
