//! `stratus doctor`: whether the file is sound, and whether what is stored agrees with itself.

use anyhow::Context as _;
use stratus_document::examine;

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
    let database = database::existing(&global.data)?;
    // The file first: nothing that is read from a damaged one means much.
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
    if damage.is_empty() && findings.is_empty() {
        output::line("clean");
        Ok(Outcome::Done)
    } else {
        Ok(Outcome::Findings)
    }
}
