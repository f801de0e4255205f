//! Speed, size and memory, each against a floor of the same run. All of it is in `crates/bench`, so
//! that xtask stays quick to build.

use anyhow::Result;

use crate::workspace::{Workspace, run as run_command};

const PACKAGE: &str = "stratus-bench";

/// Builds the binary as it ships, then compares.
///
/// In two steps, because cargo gives crates that are built together the features of both.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    run_command(workspace.cargo().args(["build", "--release", "--package", "native-app"]))?;
    let mut bench = workspace.cargo();
    bench.args(["run", "--release", "--package", PACKAGE, "--"]).args(options);
    run_command(&mut bench)
}
