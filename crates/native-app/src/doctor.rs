//! `stratus doctor`: whether the file is sound, and whether what is stored agrees with itself; with
//! `--fix`, repairing what can be repaired.

use std::collections::HashSet;

use anyhow::Context as _;
use stratus_document::{Finding, Registry, Repaired, examine, repair};
use stratus_sqlite::{OpenError, SqliteDatabase};

use crate::{
    cli::{Doctor, Global},
    collections, database,
    output::{self, Outcome, count},
    ports::{OsEntropy, SystemClock},
    prepare,
    serve::small_runtime,
};

/// Examines a database, repairs it if asked to, and names everything that is wrong.
pub(crate) fn run(global: &Global, options: &Doctor) -> anyhow::Result<Outcome> {
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    match attend(global, options, given) {
        Ok(0) => {
            output::line("clean");
            Ok(Outcome::Done)
        }
        Ok(_) => Ok(Outcome::Findings),
        // What can't be read is what a doctor is asked about, not a failure to look.
        Err(error) if is_damage(&error) => {
            output::line(format_args!("file: {error:#}"));
            Ok(Outcome::Findings)
        }
        Err(error) => Err(error),
    }
}

/// Prints what is wrong, and counts it.
fn attend(global: &Global, options: &Doctor, given: Option<Registry>) -> anyhow::Result<usize> {
    let database = database::existing(&global.data)?;
    // The file first: nothing that is read from a damaged one means much.
    let damage = database.integrity_check().context("the file can't be checked")?;
    damage.iter().for_each(|it| output::line(format_args!("file: {it}; restore a backup")));
    let left = small_runtime()?.block_on(async {
        prepare::require_migrated(&database).await?;
        let registry = match given {
            Some(registry) => Some(registry),
            None => prepare::stored(&database).await?,
        };
        let registry = registry.context("the database has no definitions yet: give --collections")?;
        let found = Found::look(&database, &registry).await?;
        if options.fix && damage.is_empty() && found.count() > 0 {
            fix(&database, &registry, found).await
        } else {
            found.print();
            anyhow::Ok(found.count())
        }
    })?;
    if options.fix {
        database.close()?;
    }
    if options.fix && !damage.is_empty() {
        output::line("nothing was repaired: writing to a damaged file may damage more of it");
    }
    Ok(damage.len() + left)
}

/// Everything that is wrong with a sound file.
struct Found {
    findings: Vec<Finding>,
    /// Rows that refer to missing rows, in words. What comes of one is mostly a finding too.
    strays: Vec<String>,
}

impl Found {
    async fn look(database: &SqliteDatabase, registry: &Registry) -> anyhow::Result<Self> {
        let strays = database.foreign_key_check().context("the file can't be checked")?;
        Ok(Self { findings: examine(database, registry).await?, strays })
    }

    fn count(&self) -> usize {
        self.findings.len() + self.strays.len()
    }

    fn print(&self) {
        self.strays.iter().for_each(|it| output::line(format_args!("file: {it}")));
        self.findings.iter().for_each(|it| output::line(format_args!("{it}; {}", it.kind.cure())));
    }
}

/// Repairs, prints what is no longer wrong and then what still is, and counts that.
async fn fix(database: &SqliteDatabase, registry: &Registry, before: Found) -> anyhow::Result<usize> {
    let mut progress = |done: &Repaired| tracing::info!(done = summary(done), "repairing");
    let done = repair(database, registry, &SystemClock, &OsEntropy, &mut progress).await?;
    let after = Found::look(database, registry).await?;
    let left: HashSet<_> = after.findings.iter().collect();
    let strays: HashSet<_> = after.strays.iter().collect();
    for stray in before.strays.iter().filter(|it| !strays.contains(it)) {
        output::line(format_args!("repaired: file: {stray}"));
    }
    for finding in before.findings.iter().filter(|it| !left.contains(it)) {
        output::line(format_args!("repaired: {finding}"));
    }
    after.print();
    output::line(summary(&done));
    Ok(after.count())
}

/// What was written, in numbers: findings are named up to a thousand of a kind, these are all.
fn summary(done: &Repaired) -> String {
    let parts = [
        (done.schema.len() as u64, "column or index", "columns and indexes"),
        (done.definitions, "definition", "definitions"),
        (done.documents, "document", "documents"),
        (done.contents, "content", "contents"),
        (done.derived, "row's facets and references", "rows' facets and references"),
        (done.orphans, "orphan", "orphans"),
        (done.generations, "generation", "generations"),
        (done.logged, "entry of the log", "entries of the log"),
        (done.keys, "idempotency key", "idempotency keys"),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, one, many)| count(usize::try_from(number).unwrap_or(usize::MAX), one, many))
        .collect();
    if parts.is_empty() { "repaired nothing".to_owned() } else { format!("repaired {}", parts.join(", ")) }
}

fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|it| {
        matches!(it.downcast_ref(), Some(OpenError::Damaged { .. }))
            || matches!(it.downcast_ref(), Some(stratus_storage::Error::Corrupt { .. }))
    })
}
