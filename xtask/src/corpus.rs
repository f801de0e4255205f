//! Public data sets as collections and lines to import: see `docs/corpora.md`.
//!
//! The definitions stand in `fixtures/<name>/collections`; only content is made here. What is made
//! is a function of the pinned package, so that two runs write the same bytes.

mod compat;
mod countries;
mod line;
mod slugs;

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path};

use anyhow::{Context as _, Result, ensure};
use line::Line;
use serde_json::Value;

use crate::{tools, workspace::Workspace};

/// A data set and what becomes of it.
struct Corpus {
    name: &'static str,
    /// The file with the data, among the npm packages.
    source: &'static str,
    convert: fn(&Value) -> Result<Vec<Line>>,
}

const CORPORA: &[Corpus] = &[
    Corpus { name: "compat", source: "@mdn/browser-compat-data/data.json", convert: compat::lines },
    Corpus { name: "countries", source: "world-countries/countries.json", convert: countries::lines },
];

/// The beginnings of the paths that the extract holds: small trees that are whole, and two features
/// whose paths differ in case alone.
const EXTRACTED: &[&str] =
    &["api.AbortController", "api.Scheduler", "api.scheduler", "css.properties.grid", "html.elements.dialog"];

/// Converts the corpora named, or all of them.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<()> {
    for name in names {
        let known = CORPORA.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
        ensure!(CORPORA.iter().any(|it| it.name == *name), "no corpus is called `{name}`; there are {known}");
    }
    for corpus in CORPORA.iter().filter(|it| names.is_empty() || names.contains(&it.name)) {
        let lines = corpus.lines(&corpus.data(workspace)?)?;
        let folder = workspace.target.join("corpus").join(corpus.name);
        let file = folder.join(format!("{}.ndjson", corpus.name));
        clear(&folder)?;
        corpus.copy_definitions(workspace, &folder.join("collections"))?;
        write(&file, &lines)?;
        println!("{}: {}", corpus.name, counts(&lines));
        println!("  {}\n  {}", folder.join("collections").display(), file.display());
    }
    let together = workspace.target.join("corpus/collections");
    clear(&together)?;
    for corpus in CORPORA {
        corpus.copy_definitions(workspace, &together)?;
    }
    println!("all definitions in one folder:\n  {}", together.display());
    Ok(())
}

/// Rewrites the extract that is committed, which the licence of one corpus allows.
pub(crate) fn extract(workspace: &Workspace) -> Result<()> {
    let corpus = &CORPORA[0];
    let data = corpus.data(workspace)?;
    let lines: Vec<_> = corpus.lines(&data)?.into_iter().filter(is_extracted).collect();
    let folder = workspace.root.join("fixtures").join(corpus.name);
    write(&folder.join("compat.ndjson"), &lines)?;
    let version = data["__meta"]["version"].as_str().context("the data names no version")?;
    fs::write(folder.join("README.md"), readme(version, &counts(&lines)))?;
    println!("{}: {}\n  {}", corpus.name, counts(&lines), folder.display());
    Ok(())
}

impl Corpus {
    fn data(&self, workspace: &Workspace) -> Result<Value> {
        let packages = tools::npm_packages(workspace, &workspace.root.join("xtask/corpora"), "corpora")
            .context(
                "the data sets come from npm: `apt-get install -y npm`, of any version, and a network for once",
            )?;
        let path = packages.join("node_modules").join(self.source);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
    }

    /// All documents in the order of their collections and slugs.
    fn lines(&self, data: &Value) -> Result<Vec<Line>> {
        let mut lines = (self.convert)(data)
            .with_context(|| format!("{} is not what it was when its conversion was written", self.source))?;
        lines.sort_by(|a, b| a.key().cmp(&b.key()));
        for pair in lines.windows(2) {
            ensure!(pair[0].key() != pair[1].key(), "two documents are called {:?}", pair[0].key());
        }
        Ok(lines)
    }

    fn copy_definitions(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let from = workspace.root.join("fixtures").join(self.name).join("collections");
        for entry in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// All browsers, because they refer to each other and every feature refers to them.
fn is_extracted(line: &Line) -> bool {
    let path = line.fields.get("path").and_then(Value::as_str);
    path.is_none_or(|path| EXTRACTED.iter().any(|it| path.starts_with(it)))
}

/// So that what an older conversion left there is not imported.
fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn write(file: &Path, lines: &[Line]) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Such as `17 browsers, 64 features`.
fn counts(lines: &[Line]) -> String {
    let mut counts = BTreeMap::new();
    lines.iter().for_each(|it| *counts.entry(it.collection).or_insert(0_usize) += 1);
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

fn readme(version: &str, counts: &str) -> String {
    format!(
        "# Compatibility of browsers, an extract

{counts} of MDN's [browser-compat-data](https://github.com/mdn/browser-compat-data) {version}, for tests without a network. `collections/` is written by hand, and defines the whole corpus as well; `compat.ndjson` and this page are made by

    cargo xtask corpus --extract

The source is published under [CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/), and so is this extract. More in [docs/corpora.md](../../docs/corpora.md).
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extract_is_sorted_and_refers_to_itself_only() -> Result<()> {
        let workspace = Workspace::open()?;
        let text = fs::read_to_string(workspace.root.join("fixtures/compat/compat.ndjson"))?;
        let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let key = |line: &Value| (line["type"].clone().to_string(), line["slug"].to_string());
        assert!(lines.is_sorted_by(|a, b| key(a) < key(b)));
        let has = |collection: &str, slug: &Value| {
            slug.is_null() || lines.iter().any(|it| it["type"] == collection && it["slug"] == *slug)
        };
        for line in &lines {
            let fields = &line["fields"];
            assert!(has("browsers", &fields["upstream"]), "{line}");
            assert!(has("features", &fields["partOf"]), "{line}");
            let mut support = fields["support"].as_array().into_iter().flatten();
            assert!(support.all(|it| has("browsers", &it["browser"])), "{line}");
        }
        Ok(())
    }

    #[test]
    fn every_corpus_has_definitions() -> Result<()> {
        let root = Workspace::open()?.root;
        for corpus in CORPORA {
            assert!(root.join("fixtures").join(corpus.name).join("collections").is_dir(), "{}", corpus.name);
        }
        Ok(())
    }

    #[test]
    fn an_unknown_corpus_is_refused() -> Result<()> {
        let error = run(&Workspace::open()?, &["compat", "poems"]).unwrap_err().to_string();
        assert_eq!(error, "no corpus is called `poems`; there are compat, countries");
        Ok(())
    }
}
