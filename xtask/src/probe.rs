//! The conformance cases on D1, Workers KV and R2, inside workerd, where they are; and what
//! `docs/d1.md` says of them.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::{
    tools::{self, NpmTools},
    wasm,
    workspace::{Workspace, run as run_command},
};

/// The Worker that runs the cases.
pub(crate) const PACKAGE: &str = "stratus-d1-probe";

/// A Worker in plain JavaScript: what it checks is said in terms of their own APIs.
const FACTS: &str = "xtask/d1-facts";

/// Checks the facts that the adapter is built on, then every promise that it makes.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = tools::npm(workspace)?;
    let facts = ask(workspace, &tools, &workspace.root.join(FACTS), "facts of docs/d1.md hold");
    facts.context("Workers are not what docs/d1.md says, see above")?;
    let worker = wasm::build_worker(workspace, PACKAGE)?;
    let cases = ask(workspace, &tools, &worker, "promises kept on Workers");
    cases.context("a promise is broken on Workers, see above")
}

fn ask(workspace: &Workspace, tools: &NpmTools, worker: &Path, what: &str) -> Result<()> {
    let mut driver = workspace.program(&tools.node);
    driver.arg(workspace.root.join("xtask/probe.mjs")).arg(&tools.folder).arg(worker).arg(what);
    run_command(&mut driver)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_fact_is_told_and_every_told_fact_is_checked() -> Result<()> {
        let workspace = Workspace::open()?;
        let code = fs::read_to_string(workspace.root.join(FACTS).join("index.js"))?;
        let text = fs::read_to_string(workspace.root.join("docs/d1.md"))?;
        let checked = code.lines().filter_map(|it| it.strip_prefix("  ")?.split_once(": async ("));
        let checked: Vec<_> = checked.map(|(name, _)| name).collect();
        let told: Vec<_> = text.lines().filter_map(|it| it.strip_prefix("- `")?.split_once('`')).collect();
        for fact in &checked {
            assert!(told.iter().any(|(it, _)| it == fact), "docs/d1.md does not tell `{fact}`");
        }
        for (fact, _) in &told {
            assert!(checked.contains(fact), "nothing checks `{fact}` of docs/d1.md");
        }
        Ok(())
    }
}
