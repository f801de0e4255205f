//! Files that are generated and committed, so that a build needs no generator.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

const BUNDLE: &str = "crates/migrations/src/bundle.rs";

/// Rewrites what is out of date.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let text = bundle(workspace)?;
    let path = workspace.root.join(BUNDLE);
    if fs::read_to_string(&path).is_ok_and(|it| it == text) {
        println!("codegen: {BUNDLE} is current");
        return Ok(());
    }
    fs::write(&path, text).with_context(|| format!("cannot write {BUNDLE}"))?;
    println!("codegen: {BUNDLE} is rewritten");
    Ok(())
}

/// Compares only.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let text = bundle(workspace)?;
    if fs::read_to_string(workspace.root.join(BUNDLE)).is_ok_and(|it| it == text) {
        println!("codegen: {BUNDLE} is current");
        return Ok(());
    }
    bail!("{BUNDLE} does not say what migrations/ says: run `cargo xtask codegen` and commit the file")
}

/// The migrations as Rust.
fn bundle(workspace: &Workspace) -> Result<String> {
    let files = files(&workspace.root.join("migrations"))?;
    stratus_migrations::codegen::bundle(&files).context("migrations/ cannot be bundled")
}

/// The files of a folder by name, without what editors and systems hide there.
fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
        if path.is_file() && !name.starts_with('.') {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((name, bytes));
        }
    }
    files.sort();
    Ok(files)
}
