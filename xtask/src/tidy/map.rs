//! The map of the code is true: ARCHITECTURE.md names every crate, and no ghost.

use std::fs;

use anyhow::Result;

use crate::workspace::Workspace;

const MAP: &str = "ARCHITECTURE.md";
const PREFIX: &str = "stratus-";

/// What is wrong with the map, a sentence each.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let Ok(text) = fs::read_to_string(workspace.root.join(MAP)) else {
        return Ok(vec![format!("{MAP} is missing: it is the first thing that a stranger reads")]);
    };
    let crates: Vec<_> = workspace
        .packages
        .iter()
        .map(|it| (workspace.relative(&it.folder).display().to_string(), it.name.clone()))
        .collect();
    Ok(differences(&text, &crates))
}

/// Compares the map with the crates, each a folder and a name.
fn differences(text: &str, crates: &[(String, String)]) -> Vec<String> {
    let words: Vec<_> = text.split(|it: char| !(it.is_ascii_alphanumeric() || "-_/".contains(it))).collect();
    let named = |it: &str| {
        words
            .iter()
            .any(|word| *word == it || word.strip_prefix(it).is_some_and(|rest| rest.starts_with('/')))
    };
    let mut broken = Vec::new();
    for (folder, name) in crates {
        if !named(folder) && !named(name) {
            broken.push(format!("{MAP} does not name `{folder}`: add it to the code map"));
        }
    }
    for ghost in ghosts(&words, crates) {
        broken.push(format!("{MAP} names `{ghost}`, which does not exist: the map shows what is there"));
    }
    broken
}

fn ghosts<'text>(words: &[&'text str], crates: &[(String, String)]) -> Vec<&'text str> {
    let folder = |word: &'text str| {
        let rest = word.strip_prefix("crates/")?;
        let end = "crates/".len() + rest.find('/').unwrap_or(rest.len());
        Some(&word[..end]).filter(|_| !rest.is_empty())
    };
    // `stratus-<name>` speaks of all of them.
    let name = |word: &'text str| Some(word).filter(|it| it.len() > PREFIX.len() && it.starts_with(PREFIX));
    let mut ghosts: Vec<_> = words
        .iter()
        .filter_map(|word| folder(word).or_else(|| name(word)))
        .filter(|it| !crates.iter().any(|(folder, name)| folder == it || name == it))
        .collect();
    ghosts.sort_unstable();
    ghosts.dedup();
    ghosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_missing_and_ghosts_are_named() {
        let crate_ = |folder: &str, name: &str| (folder.to_owned(), name.to_owned());
        let crates = [crate_("crates/storage", "stratus-storage"), crate_("xtask", "xtask")];
        let count = |text: &str| differences(text, &crates).len();
        assert_eq!(count("`crates/storage/src/lib.rs` and `xtask`."), 0);
        assert_eq!(count("`stratus-storage`, `xtask/`"), 0);
        assert_eq!(count("`stratus-storage` in `crates/*` (`stratus-<name>`), `xtask`"), 0);
        assert_eq!(count("`crates/storage`"), 1);
        assert_eq!(count("`crates/storage`, xtask, `crates/ghost`, crates/ghost/src, `stratus-ghost`"), 2);
        assert_eq!(count(""), 2);
    }
}
