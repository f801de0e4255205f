//! What a run was made on, and the page that tells its figures.

use std::{fs, path::Path, process::Command, thread, time::SystemTime};

use anyhow::{Context as _, Result};
use stratus_document::format_time;

use crate::{options, report::Report, store::in_repository};

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Puts the tables between the marks of the page. A run of some comparisons leaves the tables of the
/// others, and says in each of its own what it was.
pub(crate) fn write(context: &options::Context, report: &Report) -> Result<()> {
    let path = in_repository(PAGE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{PAGE} lacks `{BEGIN}`"))?;
    let (old, after) = rest.split_once(END).with_context(|| format!("{PAGE} lacks `{END}`"))?;
    let described = describe(context);
    let tables = match context.options.only.as_slice() {
        [] => format!("\n{described}\n\n{report}"),
        _ => report.tables().fold(old.to_owned(), |tables, (title, table)| {
            let head = format!("### {title}\n");
            replaced(&tables, &head, &table.replacen(&head, &format!("{head}\n{described}\n"), 1))
        }),
    };
    fs::write(&path, format!("{before}{BEGIN}{tables}{END}{after}"))?;
    println!("{PAGE} is rewritten");
    Ok(())
}

/// The tables with another one in the place of the one with this head, or behind them.
fn replaced(tables: &str, head: &str, table: &str) -> String {
    let Some((before, rest)) = tables.split_once(head) else { return format!("{tables}{table}\n") };
    let end = rest.find("### ").unwrap_or(rest.len());
    format!("{before}{table}\n{}", &rest[end..])
}

fn describe(context: &options::Context) -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "`{}` at commit {}, {}, {} rounds. {}, {cores} cores; Linux {}; {}.",
        context.options.command(),
        commit(),
        date(),
        context.rounds,
        processor().unwrap_or_else(|| "an unknown processor".to_owned()),
        kernel.trim(),
        file_system(&context.folder).unwrap_or_else(|| "an unknown file system".to_owned()),
    )
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|it| it.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// The kind of the file system that holds a folder: the longest path of mounts that leads to it.
fn file_system(folder: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let leading = mounts.filter(|(path, _)| folder.starts_with(path));
    leading.max_by_key(|(path, _)| path.len()).map(|(_, kind)| kind.to_owned())
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(in_repository(".")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|it| !it.is_empty());
    if changed { format!("{commit} with changes") } else { commit }
}

#[expect(clippy::disallowed_methods, reason = "the day of the run; nothing is computed from it")]
fn date() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = format_time(i64::try_from(since.as_millis()).unwrap_or_default());
    time.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_is_replaced_and_the_others_stay() {
        let tables = "\nmade by\n\n### A\n\nold\n\n### B\n\nkept\n\n";
        let replaced_a = "\nmade by\n\n### A\nnew\n\n### B\n\nkept\n\n";
        assert_eq!(replaced(tables, "### A\n", "### A\nnew\n"), replaced_a);
        let last = replaced(tables, "### B\n", "### B\nnew\n");
        assert_eq!(last, "\nmade by\n\n### A\n\nold\n\n### B\nnew\n\n");
        assert!(replaced(tables, "### C\n", "### C\nnew\n").ends_with("kept\n\n### C\nnew\n\n"));
    }
}
