//! `stratus doctor`: whether the file is sound, and whether what is stored agrees with itself.

use anyhow::Context as _;
use stratus_document::{Registry, examine};
use stratus_sqlite::OpenError;

use crate::{
    cli::Global,
    collections, database,
    output::{self, Outcome},
    prepare,
    serve::small_runtime,
};

/// Examines a database and names everything that is wrong.
pub(crate) fn run(global: &Global) -> anyhow::Result<Outcome> {
    let given = global.collections.as_deref().map(collections::load).transpose()?;
    match examine_all(global, given) {
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

/// Prints what is wrong and counts it. The file first: nothing that is read from a damaged one
/// means much.
fn examine_all(global: &Global, given: Option<Registry>) -> anyhow::Result<usize> {
    let database = database::existing(&global.data)?;
    let damage = database.integrity_check().context("the file can't be checked")?;
    damage.iter().for_each(|it| output::line(format_args!("file: {it}")));
    let findings = small_runtime()?.block_on(async {
        prepare::require_migrated(&database).await?;
        let registry = match given {
            Some(registry) => Some(registry),
            None => prepare::stored(&database).await?,
        };
        let registry = registry.context("the database has no definitions yet: give --collections")?;
        anyhow::Ok(examine(&database, &registry).await?)
    })?;
    findings.iter().for_each(output::line);
    Ok(damage.len() + findings.len())
}

fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|it| {
        matches!(it.downcast_ref(), Some(OpenError::Damaged { .. }))
            || matches!(it.downcast_ref(), Some(stratus_storage::Error::Corrupt { .. }))
    })
}
