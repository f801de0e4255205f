//! Collection definitions as files: read, compiled, and every fault of every file named.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context as _, bail};
use stratus_document::{Collection, CollectionDefinition, DefinitionError, Registry};
use stratus_storage::Limits;

use crate::output::{self, Outcome, count};

/// A file of one definition.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its name, for messages.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    file: String,
    /// A dotted path, or nothing for the whole.
    field: String,
    message: String,
}

impl Fault {
    /// One of a whole file.
    fn of(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), field: String::new(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, field, message } = self;
        if field.is_empty() {
            write!(f, "{file}: {message}")
        } else {
            write!(f, "{file}: {field}: {message}")
        }
    }
}

/// Checks the definitions in a folder and says what is wrong, or what they come to.
pub(crate) fn check(folder: Option<&Path>) -> anyhow::Result<Outcome> {
    let folder = folder.context("which definitions? name their folder: stratus collections check DIR")?;
    match compile(&read(folder)?) {
        Ok(registry) => {
            output::line(summary(&registry));
            Ok(Outcome::Done)
        }
        Err(faults) => {
            faults.iter().for_each(output::line);
            Ok(Outcome::Findings)
        }
    }
}

/// The registry of a folder; an error that names every fault otherwise.
pub(crate) fn load(folder: &Path) -> anyhow::Result<Registry> {
    let sources = read(folder)?;
    compile(&sources).map_err(|faults| {
        let lines: Vec<_> = faults.iter().map(|it| format!("\n  {it}")).collect();
        let faults = count(faults.len(), "fault", "faults");
        anyhow::anyhow!("the definitions in `{}` have {faults}:{}", folder.display(), lines.concat())
    })
}

/// The `*.json` files of a folder, by name.
fn read(folder: &Path) -> anyhow::Result<Vec<Source>> {
    let cannot = || format!("the folder of definitions `{}` cannot be read", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            sources.push(Source { file, bytes });
        }
    }
    if sources.is_empty() {
        bail!("there is no *.json file in `{}`: put one there for each collection", folder.display());
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(sources)
}

/// Compiles definitions, each by itself first, so that one faulty file hides nothing of another.
pub(crate) fn compile(sources: &[Source]) -> Result<Registry, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut files = BTreeMap::new();
    let mut definitions = Vec::new();
    for Source { file, bytes } in sources {
        let Ok(text) = std::str::from_utf8(bytes) else {
            faults.push(Fault::of(file, "it is not UTF-8"));
            continue;
        };
        // Editors on some systems begin a file with a mark that JSON does not know.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let compiled = CollectionDefinition::parse(text).and_then(Collection::compile);
        match compiled {
            Ok(collection) => {
                let definition = collection.definition().clone();
                if let Some(first) = files.insert(definition.name.clone(), file) {
                    let message =
                        format!("the collection `{}` is defined in {first} already", definition.name);
                    faults.push(Fault::of(file, message));
                }
                definitions.push(definition);
            }
            Err(error) => faults.extend(faults_of(file, error)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Registry::new(definitions).map_err(|errors| in_their_files(errors, &files))
}

fn in_their_files(errors: Vec<DefinitionError>, files: &BTreeMap<String, &String>) -> Vec<Fault> {
    let named = |error: DefinitionError| {
        let file = files.get(&error.collection).map_or("all files", |it| it.as_str());
        faults_of(file, error)
    };
    errors.into_iter().flat_map(named).collect()
}

fn faults_of(file: &str, error: DefinitionError) -> Vec<Fault> {
    let problems = error.problems.into_iter();
    problems.map(|it| Fault { file: file.to_owned(), field: it.path, message: it.message }).collect()
}

/// What definitions come to.
fn summary(registry: &Registry) -> String {
    let collections = count(registry.collections().count(), "collection", "collections");
    let indexes = count(registry.indexes().len(), "index", "indexes");
    let columns = registry.column_count();
    format!("{collections}, {columns} of {} columns, {indexes}", Limits::D1.columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let source = |(file, text): &(&str, &str)| Source { file: (*file).into(), bytes: (*text).into() };
        let sources: Vec<_> = files.iter().map(source).collect();
        let faults = compile(&sources).map(drop).err().unwrap_or_default();
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), expected.len(), "{shown:#?}");
        for (shown, expected) in shown.iter().zip(expected) {
            assert!(shown.contains(expected), "{shown} lacks {expected}");
        }
    }

    #[test]
    fn every_fault_of_every_file_is_named() {
        let sound = r#"{"name": "notes", "fields": {"title": {"type": "text"}}}"#;
        check(&[("notes.json", sound)], &[]);
        check(&[("notes.json", &format!("\u{feff}{sound}"))], &[]);
        check(
            &[
                ("a.json", "{"),
                ("b.json", r#"{"name": "B", "fields": {"id": {"type": "text"}}}"#),
                ("notes.json", sound),
                ("twice.json", sound),
            ],
            &["a.json: ", "b.json: the name must be", "b.json: id: ", "twice.json: the collection `notes`"],
        );
        let dangling = r#"{"name": "x", "fields": {"to": {"type": "reference", "to": "nothing"}}}"#;
        check(&[("notes.json", sound), ("x.json", dangling)], &["x.json: to: "]);
    }

    #[test]
    fn too_many_columns_name_the_fields() {
        let fields: Vec<_> =
            (0..80).map(|n| format!(r#""f{n}": {{"type": "text", "index": true}}"#)).collect();
        let wide = format!(r#"{{"name": "wide", "fields": {{{}}}}}"#, fields.join(","));
        check(&[("wide.json", &wide)], &["106 columns are over the limit of 100"]);
    }
}
