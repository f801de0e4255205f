//! Building for wasm: one target folder, one profile, whichever compiler the machine has.

mod program;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    tools,
    workspace::{Package, Workspace, read, run},
};

const TARGET: &str = "wasm32-unknown-unknown";
const INSTALL: &str = "no compiler for wasm32-unknown-unknown: `rustup target add wasm32-unknown-unknown`, \
    or, on Debian, `apt-get install -y --no-install-recommends rustc-web rust-web-src`";

/// The layers whose crates run in a Worker.
const LAYERS: [&str; 6] = ["ports", "vocabulary", "data", "models", "domain", "edge"];
/// What runs there besides.
const ALSO: [&str; 4] = ["stratus-d1", "stratus-test-app", "stratus-testkit", "worker-app"];

/// Crates that need what a Worker lacks, and what to do instead.
const FOREIGN: [(&str, &str); 5] = [
    ("getrandom", "randomness is the port `Entropy`"),
    ("hyper-util", "a Worker is handed its requests"),
    ("libsqlite3-sys", "SQL is the port `Database`"),
    ("mio", "a Worker has no sockets; tokio's `net` and `rt` stay in native apps"),
    ("tracing-subscriber", "apps choose where logs go"),
];

/// A compiler that can build for wasm.
#[derive(Debug)]
enum Compiler {
    /// The one of the toolchain.
    Rustup,
    /// Debian's, with the sources of its std, linked by the toolchain's linker.
    Debian { rustc: PathBuf, linker: PathBuf },
}

/// Builds everything that a Worker may contain, and nothing that it may not.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let packages: Vec<_> = workspace.packages.iter().filter(|it| in_a_worker(it)).collect();
    let selection = packages.iter().flat_map(|it| ["--package", it.name.as_str()]);
    let selection: Vec<_> = selection.collect();
    refuse_foreign(workspace, &selection)?;
    compile(workspace, Profile::Dev, &selection)?;
    println!("wasm-check: {} crates compile for {TARGET}", packages.len());
    Ok(())
}

fn in_a_worker(package: &Package) -> bool {
    ALSO.contains(&package.name.as_str()) || package.layer.as_deref().is_some_and(|it| LAYERS.contains(&it))
}

/// A crate that merely compiles for wasm can still fail there when it runs.
fn refuse_foreign(workspace: &Workspace, selection: &[&str]) -> Result<()> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--quiet", "--target", TARGET, "--edges", "normal", "--prefix", "none"]);
    let used = read(tree.args(["--format", "{p}"]).args(selection))?;
    for (name, instead) in FOREIGN {
        let found = used.lines().any(|line| line.split(' ').next() == Some(name));
        ensure!(
            !found,
            "`{name}` has no place in a Worker: {instead} \
             (`cargo tree --target {TARGET} --edges normal --workspace --invert {name}` shows who needs it)"
        );
    }
    Ok(())
}

/// How a Worker is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build<'a> {
    pub(crate) package: &'a str,
    pub(crate) features: &'a [&'a str],
    pub(crate) profile: Profile,
}

/// Which of cargo's profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// Small, and quick to start.
    Worker,
}

impl Profile {
    /// Its name, and that of its folder.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dev => ("dev", "debug"),
            Self::Worker => ("worker", "worker"),
        }
    }
}

impl<'a> Build<'a> {
    /// A package as tests want it.
    pub(crate) fn dev(package: &'a str) -> Self {
        Self { package, features: &[], profile: Profile::Dev }
    }
}

/// Builds a package into a Worker: a folder with `index.js`, the glue and the module. A package may
/// bring an `index.js` of its own, see [`program`].
pub(crate) fn build_worker(workspace: &Workspace, build: Build<'_>) -> Result<PathBuf> {
    let Build { package: name, features, profile } = build;
    let package = workspace.packages.iter().find(|it| it.name == name);
    let package = package.with_context(|| format!("no package is called `{name}`"))?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    let features = features.join(",");
    let built = compile(workspace, profile, &["--package", name, "--features", &features])?;
    let module = built.join(name.replace('-', "_")).with_extension("wasm");
    let folder = workspace.target.join("workers").join(folder_name(build));
    // Snippets of another version would be deployed along.
    let _ = fs::remove_dir_all(&folder);
    let mut command = workspace.program(wasm_bindgen);
    command.args(["--target", "web", "--no-typescript", "--out-name", "worker"]);
    if profile == Profile::Worker {
        command.args(["--remove-name-section", "--remove-producers-section"]);
    }
    run(command.arg("--out-dir").arg(&folder).arg(module))?;
    let own = package.folder.join("index.js");
    let index = if own.is_file() {
        let glue = fs::read_to_string(folder.join("worker.js")).context("wasm-bindgen made no worker.js")?;
        fs::write(folder.join("program.js"), program::from_glue(&glue)?)?;
        // Nothing of it is left to be asked for.
        fs::remove_file(folder.join("worker.js"))?;
        fs::read_to_string(&own).with_context(|| format!("cannot read {}", own.display()))?
    } else {
        include_str!("../worker-index.js").to_owned()
    };
    fs::write(folder.join("index.js"), index).context("cannot write index.js")?;
    Ok(folder)
}

/// A folder for each kind of build, so that none is taken for another.
fn folder_name(Build { package, features, profile }: Build<'_>) -> String {
    let kind = if profile == Profile::Worker { ["release"].as_slice() } else { &[] };
    [&[package], kind, features].concat().join("-")
}

/// Compiles packages and hands back the folder that holds the result.
fn compile(workspace: &Workspace, profile: Profile, selection: &[&str]) -> Result<PathBuf> {
    let (mut command, target) = match compiler(workspace)? {
        Compiler::Rustup => (workspace.cargo(), workspace.target.clone()),
        // Another compiler would throw away what the toolchain's has built.
        Compiler::Debian { rustc, linker } => {
            (debian(workspace, &rustc, &linker), workspace.target.join("debian"))
        }
    };
    let (profile, folder) = profile.names();
    command.args(["build", "--quiet", "--profile", profile, "--target", TARGET, "--target-dir"]).arg(&target);
    run(command.args(selection))?;
    Ok(target.join(TARGET).join(folder))
}

fn debian(workspace: &Workspace, rustc: &Path, linker: &Path) -> Command {
    let mut command = workspace.cargo();
    command
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    command
}

fn compiler(workspace: &Workspace) -> Result<Compiler> {
    if has_std(workspace) {
        return Ok(Compiler::Rustup);
    }
    let mut rustup = workspace.program("rustup");
    if run(rustup.args(["target", "add", TARGET])).is_ok() && has_std(workspace) {
        return Ok(Compiler::Rustup);
    }
    debian_compiler(workspace).context(INSTALL)
}

/// Whether the toolchain has std for wasm.
fn has_std(workspace: &Workspace) -> bool {
    let mut rustc = workspace.program(toolchain_rustc());
    let folder = read(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_ok_and(|it| Path::new(it.trim()).is_dir())
}

fn debian_compiler(workspace: &Workspace) -> Result<Compiler> {
    let rustc = env::var_os("STRATUS_WASM_RUSTC").map_or_else(|| "/usr/bin/rustc".into(), PathBuf::from);
    let sysroot = |rustc: &Path| read(workspace.program(rustc).args(["--print", "sysroot"]));
    let sources = Path::new(sysroot(&rustc)?.trim()).join("lib/rustlib/src/rust/library/std");
    if !sources.is_dir() {
        bail!("{} has no sources of std", rustc.display());
    }
    let version = read(workspace.program(toolchain_rustc()).arg("-vV"))?;
    let host = version.lines().find_map(|it| it.strip_prefix("host: ")).context("rustc names no host")?;
    let toolchain = sysroot(&toolchain_rustc())?;
    let linker = Path::new(toolchain.trim()).join("lib/rustlib").join(host).join("bin/rust-lld");
    ensure!(linker.is_file(), "the toolchain has no rust-lld");
    Ok(Compiler::Debian { rustc, linker })
}

fn toolchain_rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}
