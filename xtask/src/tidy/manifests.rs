//! One version of each dependency, named in one place.

use std::fs;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// What breaks the rules of manifests, a sentence each.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        let path = package.folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = workspace.relative(&path).display().to_string();
        for dependency in outside_the_workspace(&text) {
            broken.push(format!(
                "{name}: `{dependency}` is not `workspace = true`; versions stand in the root manifest only"
            ));
        }
        if !section(&text, "lints").any(is_inherited) {
            broken.push(format!(
                "{name}: `[lints] workspace = true` is missing; lints are the same everywhere"
            ));
        }
        if package.folder.join("build.rs").exists() {
            broken.push(format!(
                "{name}: it has a build.rs; commit what it makes and add it to `cargo xtask codegen`"
            ));
        }
    }
    Ok(broken)
}

/// The dependencies that do not inherit from the workspace.
fn outside_the_workspace(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut header = "";
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.trim_end().strip_suffix(']')) {
            header = name;
            if let Some((table, dependency)) = name.rsplit_once('.')
                && is_dependencies(table)
                && !section(manifest, name).any(is_inherited)
            {
                found.push(dependency);
            }
            continue;
        }
        // A line that goes on from the one before starts with white space or a bracket.
        let key = line.split_once('=').map(|(key, _)| key.trim_end());
        let key = key.filter(|_| line.starts_with(|it: char| it.is_ascii_alphanumeric()));
        if let Some(key) = key.filter(|_| is_dependencies(header) && !is_inherited(line)) {
            found.push(key);
        }
    }
    found
}

fn is_dependencies(header: &str) -> bool {
    let last = header.rsplit('.').next().unwrap_or(header);
    ["dependencies", "dev-dependencies", "build-dependencies"].contains(&last)
        && !header.starts_with("workspace")
}

fn is_inherited(line: &str) -> bool {
    line.contains("workspace = true")
}

/// The lines of a section.
fn section<'text>(manifest: &'text str, header: &str) -> impl Iterator<Item = &'text str> {
    let opening = format!("[{header}]");
    let lines = manifest.lines().skip_while(move |line| line.trim_end() != opening).skip(1);
    lines.take_while(|line| !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_of_its_own_is_found() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n\
            b = { workspace = true, features = [\n  \"c\",\n] }\nd = \"1\"\n\
            [target.'cfg(unix)'.dev-dependencies]\ne = { path = \"../e\" }\n\
            [dependencies.f]\nversion = \"1\"\n[dependencies.g]\nworkspace = true\n[features]\nh = []\n";
        assert_eq!(outside_the_workspace(manifest), ["d", "e", "f"]);
    }
}
