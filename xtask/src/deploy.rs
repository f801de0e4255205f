//! The Worker and its database on Cloudflare, through wrangler, which is pinned and fetched for this
//! alone. Each step is printed before it is taken.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    tools::{self, NpmTools},
    worker,
    workspace::{Workspace, read, run as run_command},
};

/// Where the pinned wrangler is named.
const WRANGLER: &str = "xtask/wrangler";
/// What a deployment is made of.
const CONFIG: &str = "crates/worker-app/wrangler.toml";
/// The database's name there.
const DATABASE: &str = "stratus";
/// What stands in the configuration until somebody puts an id there.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Whether anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is.
    Real,
    /// It is only said, and checked as far as this machine can.
    Dry,
}

/// Builds the Worker as it ships and has wrangler bring it there.
pub(crate) fn deploy(workspace: &Workspace, mode: Mode) -> Result<()> {
    let wrangler = Wrangler::open(workspace)?;
    let worker = worker::release(workspace, worker::PACKAGE)?;
    println!("this uploads {} to the account that wrangler is signed in to,", worker.display());
    println!("with the bindings, variables and the cron trigger of {CONFIG};");
    println!("secrets that are there stay, and so does the database: `worker migrate --remote` is for that");
    let index = worker.join("index.js");
    let mut command = wrangler.command(&["deploy"]);
    command.arg(index).arg("--no-bundle");
    if mode == Mode::Dry {
        return run_command(command.arg("--dry-run"));
    }
    require_ids(workspace)?;
    run_command(&mut command)
}

/// Brings the database on Cloudflare up to date: migrations by wrangler's own means, then the columns,
/// definitions and indexes that are missing.
pub(crate) fn migrate(workspace: &Workspace, mode: Mode) -> Result<()> {
    let wrangler = Wrangler::open(workspace)?;
    let wanted = physical_set(workspace)?;
    println!("this applies what is pending of migrations/ to the D1 database `{DATABASE}` on Cloudflare,");
    println!(
        "then adds what is missing of {} columns, definitions and indexes; nothing is dropped",
        wanted.len()
    );
    if mode == Mode::Dry {
        for Missing { name, .. } in &wanted {
            println!("  {name}");
        }
        println!("$ wrangler d1 migrations apply {DATABASE} --remote");
        println!("$ wrangler d1 execute {DATABASE} --remote --file <what is missing>");
        return Ok(());
    }
    require_ids(workspace)?;
    run_command(&mut wrangler.command(&["d1", "migrations", "apply", DATABASE, "--remote"]))?;
    let present = wrangler.names_present()?;
    for Missing { name, sql } in wanted.iter().filter(|it| !present.contains(&it.name)) {
        // Each by itself: what was built before a failure stays, and is not built again.
        println!("adding {name}");
        let file = workspace.target.join("worker-migrate.sql");
        fs::write(&file, sql).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = wrangler.command(&["d1", "execute", DATABASE, "--remote", "--yes", "--file"]);
        run_command(command.arg(file))?;
    }
    println!("up to date");
    Ok(())
}

/// A column, a definition or an index that collections need, with the statements that add it and record it.
#[derive(Debug, PartialEq, Eq)]
struct Missing {
    name: String,
    sql: String,
}

/// Everything that the collections of the Worker need, as the Worker itself says it.
fn physical_set(workspace: &Workspace) -> Result<Vec<Missing>> {
    let tools = tools::npm(workspace)?;
    let built = worker::release(workspace, worker::PACKAGE)?;
    let text = read(&mut worker::script(workspace, &tools, "plan.mjs", &built))?;
    let plan: Value = serde_json::from_str(&text).context("the Worker does not say what it needs")?;
    let parts = plan.as_array().context("the Worker says what it needs as a list")?;
    let part = |it: &Value| {
        let text = |key: &str| it[key].as_str().map(str::to_owned);
        Some(Missing { name: text("name")?, sql: text("sql")? })
    };
    parts.iter().map(|it| part(it).context("a part of what the Worker needs has no name")).collect()
}

struct Wrangler<'a> {
    workspace: &'a Workspace,
    node: PathBuf,
    script: PathBuf,
}

impl<'a> Wrangler<'a> {
    fn open(workspace: &'a Workspace) -> Result<Self> {
        let folder = tools::npm_packages(workspace, &workspace.root.join(WRANGLER), "wrangler")?;
        let NpmTools { folder, node } = tools::with_node(workspace, folder)?;
        Ok(Self { workspace, node, script: folder.join("node_modules/wrangler/bin/wrangler.js") })
    }

    /// wrangler with the configuration of the Worker; what it asks the user is answered by it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.workspace.program(&self.node);
        command.arg(&self.script).args(words).arg("--config").arg(self.workspace.root.join(CONFIG));
        command.env("WRANGLER_SEND_METRICS", "false");
        command
    }

    /// The columns, indexes and definitions that the database on Cloudflare has.
    fn names_present(&self) -> Result<Vec<String>> {
        let mut command = self.command(&["d1", "execute", DATABASE, "--remote", "--json", "--command"]);
        let answer = read(command.arg(
            "SELECT name FROM schema_state UNION ALL \
             SELECT 'definition of ' || id || ' ' || schema_version FROM document_types WHERE is_active = 1",
        ))?;
        names(&answer)
    }
}

/// The names in what `wrangler d1 execute --json` prints.
fn names(answer: &str) -> Result<Vec<String>> {
    let answer: Value = serde_json::from_str(answer).context("wrangler's answer is not JSON")?;
    let rows = answer[0]["results"].as_array().context("wrangler's answer has no results")?;
    let name = |row: &Value| row["name"].as_str().map(str::to_owned);
    rows.iter().map(|row| name(row).context("a row without a name in wrangler's answer")).collect()
}

fn require_ids(workspace: &Workspace) -> Result<()> {
    let path = workspace.root.join(CONFIG);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {CONFIG}"))?;
    ensure!(text.contains("database_id"), "{CONFIG} names no database");
    if text.contains(NO_ID) {
        bail!(
            "{CONFIG} has no `database_id` yet: `wrangler d1 create {DATABASE}` prints the one to put there"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_answer() -> Result<()> {
        let answer = r#"[{"results":[{"name":"ix_a"},{"name":"q_b_t"}],"success":true,"meta":{}}]"#;
        assert_eq!(names(answer)?, ["ix_a", "q_b_t"]);
        assert!(names("{}").is_err());
        Ok(())
    }
}
