//! The Worker: built, run on this machine, tested, brought to Cloudflare.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    deploy,
    tools::{self, NpmTools},
    wasm::{self, Build, Profile},
    workspace::{Workspace, run as run_command},
};

/// The Worker that is meant where none is named.
pub(crate) const PACKAGE: &str = "worker-app";

/// What `dev` listens on unless told otherwise.
const PORT: u16 = 8787;

/// Where `dev --persist` and `migrate --local` keep what they keep, unless told otherwise.
const STATE: &str = "worker-state";

const USAGE: &str = "\
cargo xtask worker build [PACKAGE]                        a Worker as it is deployed; prints its folder
cargo xtask worker dev [--port N] [--demo] [--persist [DIR]]
                                                          run it in workerd, on a database of its own
cargo xtask worker test                                   what must hold of it in workerd
cargo xtask worker migrate --local [DIR]                  bring the database that `dev --persist` keeps up to date
cargo xtask worker migrate --remote [--dry-run]           add what the one on Cloudflare lacks; it rewrites no rows that
                                                          older definitions wrote, and drops nothing
cargo xtask worker deploy [--dry-run]                     build it and bring it to Cloudflare
cargo xtask worker size                                   its size, and what it costs to start";

/// Does what the words after `worker` say.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    match words {
        ["build"] => build(workspace, PACKAGE),
        ["build", package] => build(workspace, package),
        ["dev", options @ ..] => dev(workspace, &Dev::parse(workspace, options)?),
        ["test"] => test(workspace),
        ["migrate", "--local"] => migrate(workspace, &workspace.target.join(STATE)),
        ["migrate", "--local", folder] => migrate(workspace, &absolute(folder)?),
        ["migrate", "--remote"] => deploy::migrate(workspace, deploy::Mode::Real),
        ["migrate", "--remote", "--dry-run"] => deploy::migrate(workspace, deploy::Mode::Dry),
        ["deploy"] => deploy::deploy(workspace, deploy::Mode::Real),
        ["deploy", "--dry-run"] => deploy::deploy(workspace, deploy::Mode::Dry),
        ["size"] => size(workspace),
        _ => bail!("no such chore of the Worker; there are\n{USAGE}"),
    }
}

/// What `dev` was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Dev {
    port: u16,
    demo: bool,
    persist: Option<PathBuf>,
}

impl Dev {
    fn parse(workspace: &Workspace, options: &[&str]) -> Result<Self> {
        let mut dev = Self { port: PORT, demo: false, persist: None };
        let mut rest = options;
        loop {
            rest = match rest {
                [] => return Ok(dev),
                ["--demo", rest @ ..] => {
                    dev.demo = true;
                    rest
                }
                ["--port", port, rest @ ..] => {
                    dev.port = port.parse().with_context(|| format!("`{port}` is no port"))?;
                    rest
                }
                ["--persist", folder, rest @ ..] if !folder.starts_with("--") => {
                    dev.persist = Some(absolute(folder)?);
                    rest
                }
                ["--persist", rest @ ..] => {
                    dev.persist = Some(workspace.target.join(STATE));
                    rest
                }
                [other, ..] => bail!("`worker dev` takes no `{other}`; there are\n{USAGE}"),
            };
        }
    }
}

fn absolute(folder: &str) -> Result<PathBuf> {
    std::path::absolute(folder).with_context(|| format!("`{folder}` is no folder"))
}

/// Builds a Worker as it is deployed.
fn build(workspace: &Workspace, package: &str) -> Result<()> {
    let worker = release(workspace, package)?;
    println!("{}", worker.display());
    Ok(())
}

/// The folder of a Worker as it is deployed.
pub(crate) fn release(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    wasm::build_worker(workspace, Build { package, features: &[], profile: Profile::Worker })
}

/// Becomes the program that runs workerd, so that a signal to this process is one to that.
fn dev(workspace: &Workspace, options: &Dev) -> Result<()> {
    let tools = tools::npm(workspace)?;
    let worker = wasm::build_worker(workspace, Build::dev(PACKAGE))?;
    let demo = options.demo.then(|| workspace.root.join("fixtures/demo"));
    let told = json!({"port": options.port, "demo": demo, "persist": options.persist});
    let mut host = script(workspace, &tools, "dev.mjs", &worker);
    Err(host.arg(told.to_string()).exec()).context("cannot start node")
}

/// What must hold of the Worker, in workerd.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let tools = tools::npm(workspace)?;
    let build = Build { package: PACKAGE, features: &["trials"], profile: Profile::Dev };
    let worker = wasm::build_worker(workspace, build)?;
    let mut host = script(workspace, &tools, "test.mjs", &worker);
    run_command(host.arg(workspace.root.join("fixtures/demo")))
        .context("the Worker breaks a promise, see above")
}

fn migrate(workspace: &Workspace, state: &Path) -> Result<()> {
    let tools = tools::npm(workspace)?;
    let worker = wasm::build_worker(workspace, Build::dev(PACKAGE))?;
    fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
    run_command(script(workspace, &tools, "migrate.mjs", &worker).arg(state))
}

fn size(workspace: &Workspace) -> Result<()> {
    let tools = tools::npm(workspace)?;
    let worker = release(workspace, PACKAGE)?;
    run_command(&mut script(workspace, &tools, "size.mjs", &worker))
}

/// A script of ours, with the tools and the Worker that it works with.
pub(crate) fn script(
    workspace: &Workspace,
    tools: &NpmTools,
    name: &str,
    worker: &Path,
) -> std::process::Command {
    let mut command = workspace.program(&tools.node);
    command.arg(workspace.root.join("xtask/worker").join(name)).arg(&tools.folder).arg(worker);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_dev() -> Result<()> {
        let workspace = Workspace::open()?;
        let check = |options: &[&str]| Dev::parse(&workspace, options);
        assert_eq!(check(&[])?, Dev { port: PORT, demo: false, persist: None });
        let state = Some(workspace.target.join(STATE));
        assert_eq!(check(&["--persist", "--demo"])?, Dev { port: PORT, demo: true, persist: state });
        let folder = Some(PathBuf::from("/a"));
        assert_eq!(
            check(&["--port", "0", "--persist", "/a"])?,
            Dev { port: 0, demo: false, persist: folder }
        );
        assert!(check(&["--port", "x"]).is_err());
        assert!(check(&["--port"]).is_err());
        assert!(check(&["--prot", "1"]).is_err());
        Ok(())
    }
}
