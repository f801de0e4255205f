//! `stratus import` of a file of lines, against the rows that it makes through bare rusqlite in one
//! transaction.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use crate::{
    bare,
    content::{Targets, Writer},
    measure::{Side, now, take_turns},
    options::Context,
    report::{Section, Target},
    rows::Documents,
    store::{self, Kind, Store},
};

const AUTHORS: usize = 50;
const CATEGORIES: usize = 20;

/// A round takes seconds, so there are fewer.
const ROUNDS: usize = 7;

/// Compares the import of a file.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let posts = if context.options.quick { 1_000 } else { 20_000 };
    let mut section = Section::new(
        "Import",
        format!(
            "`stratus import` of {posts} posts and what they refer to, from the start of the process to its end; the floor inserts the rows of the resulting database into an empty one with the same columns and indexes through rusqlite, in one transaction. In brackets without the time that a process takes that imports nothing."
        ),
    );
    if !is_built(&context.stratus()) {
        section.note("this `stratus` has no `import`: skipped", "", "");
        return Ok(section);
    }
    let folder = context.folder.join("import");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let (file, nothing) = (folder.join("posts.ndjson"), folder.join("nothing.ndjson"));
    write_lines(&file, posts)?;
    fs::write(&nothing, "")?;
    let empty = Store::open(&folder.join("empty"), Kind::Posts, Default::default())?.close()?;

    let data = folder.join("imported");
    import(context, &file, &data)?;
    let documents = Documents::read_after(&bare::reader(&data.join("stratus.db"))?, 0)?;
    let expected = posts + AUTHORS + CATEGORIES;
    ensure!(documents.len() == expected, "{} documents of {expected} were imported", documents.len());

    let mut start = Vec::new();
    for _ in 0..ROUNDS {
        start.push(import(context, &nothing, &folder.join("nothing"))?);
    }
    start.sort_by(f64::total_cmp);
    let mut sides: Vec<Side<'_>> = vec![
        Box::new(|| import(context, &file, &data)),
        Box::new(|| replay(&documents, &empty, &folder.join("bare"))),
    ];
    let times = take_turns(context.rounds.min(ROUNDS), &mut sides)?;
    let without_start: Vec<_> = times[0].iter().map(|it| it - start[ROUNDS / 2]).collect();
    section.speed("import", &times[0], &times[1], Target::AtLeast(0.4));
    section.speed("(import without the start of the process)", &without_start, &times[1], Target::None);
    Ok(section)
}

fn is_built(stratus: &Path) -> bool {
    let mut help = Command::new(stratus);
    help.args(["import", "--help"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    help.status().is_ok_and(|it| it.success())
}

/// Imports into a new database, and says how many seconds that took.
fn import(context: &Context, file: &Path, data: &Path) -> Result<f64> {
    let _ = fs::remove_dir_all(data);
    let mut command = Command::new(context.stratus());
    command.arg("import").arg(file).arg("--collections").arg(store::collections_folder());
    command.arg("--data").arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let since = now();
    let output = command.output().context("cannot start `stratus import`")?;
    let seconds = since.elapsed().as_secs_f64();
    ensure!(output.status.success(), "the import failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(seconds)
}

fn replay(documents: &Documents, empty: &Path, folder: &Path) -> Result<f64> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let file: PathBuf = folder.join("stratus.db");
    fs::copy(empty.join("stratus.db"), &file)?;
    let connection = bare::writer(&file)?;
    let since = now();
    documents.write_at_once(&connection)?;
    // As a program that ends does, too: what it wrote is folded into the file.
    connection.close().map_err(|(_, error)| error)?;
    Ok(since.elapsed().as_secs_f64())
}

/// Documents a line each; what others refer to comes first.
fn write_lines(path: &Path, posts: usize) -> Result<()> {
    let writer = Writer::new();
    let id = |kind: usize, number: usize| format!("018f0000-{kind:04x}-7000-8000-{number:012x}");
    let targets = Targets {
        authors: (0..AUTHORS).map(|number| id(1, number)).collect(),
        categories: (0..CATEGORIES).map(|number| id(2, number)).collect(),
    };
    let mut file = BufWriter::new(File::create(path)?);
    let mut line = |kind: &str, id: Option<&String>, slug: String, fields: Json| {
        let mut line = json!({ "type": kind, "slug": slug, "publish": true, "fields": fields });
        if let (Some(id), Some(members)) = (id, line.as_object_mut()) {
            members.insert("id".to_owned(), id.as_str().into());
        }
        writeln!(file, "{line}")
    };
    for (number, id) in targets.authors.iter().enumerate() {
        line("authors", Some(id), format!("author-{number}"), writer.author(number))?;
    }
    for (number, id) in targets.categories.iter().enumerate() {
        line("categories", Some(id), format!("category-{number}"), writer.category(number))?;
    }
    for number in 0..posts {
        line("posts", None, writer.slug(number), writer.post(number, &targets))?;
    }
    file.flush().with_context(|| format!("cannot write {}", path.display()))
}
