//! Why a schema could not be brought up to date, in the terms of who has to act.

use stratus_storage::Error;

use crate::SplitError;

/// Why a schema could not be brought up to date, in the terms of who has to act.
///
/// Nothing is ever half done: what failed left no trace, what came before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The database has a migration that this program does not know: a newer version wrote it.
    /// Run that version.
    #[error("this database was written by a newer Stratus: it has the migration `{name}`")]
    NewerSchema {
        /// The unknown migration.
        name: String,
    },

    /// A migration was edited after it was applied. Restore its file, put the change into a new
    /// one.
    #[error(
        "the migration `{name}` was edited after it was applied (applied {applied}, now {bundled}): restore \
         its file and write a new migration"
    )]
    Drifted {
        /// The edited migration.
        name: &'static str,
        /// The checksum under which it was applied.
        applied: String,
        /// The checksum that it has in this program.
        bundled: &'static str,
    },

    /// A migration is not applied yet. Migrate first.
    #[error("the migration `{name}` is not applied yet")]
    Pending {
        /// The first such migration.
        name: &'static str,
    },

    /// A set was asked for without another that it needs. Ask for both.
    #[error("the migrations `{set}` require the migrations `{requires}`: apply both")]
    MissingRequirement {
        /// The set that was asked for.
        set: &'static str,
        /// The set that is missing.
        requires: &'static str,
    },

    /// A migration's SQL does not fall into statements. A fault of its author.
    #[error("the migration `{name}` cannot be read")]
    Malformed {
        /// The migration.
        name: &'static str,
        /// Where and why.
        source: SplitError,
    },

    /// A migration did not run; nothing of it stayed.
    #[error("the migration `{name}` failed")]
    Failed {
        /// The migration.
        name: &'static str,
        /// What the database says.
        source: Error,
    },

    /// The table would have more columns than the backend takes; none was added. Declare some of
    /// the fields as facets.
    #[error(
        "{present} columns and {} more are over the limit of {limit}: declare some of these fields as facets: \
         {}", columns.len(), columns.join(", ")
    )]
    TooManyColumns {
        /// The columns that were to be added.
        columns: Vec<String>,
        /// How many columns the table has.
        present: usize,
        /// How many the backend takes.
        limit: usize,
    },

    /// The definition of a column or index is not sound; nothing was sent. A fault of the program.
    #[error("the definition of `{name}` is not sound: {reason}")]
    InvalidDefinition {
        /// The column or index.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A column or index of that name is there and is another one. Drop it, or rename the field.
    #[error("`{name}` is there already with another definition: wanted {wanted}")]
    Conflicting {
        /// The column or index.
        name: String,
        /// The definition that was wanted.
        wanted: String,
    },

    /// The database could not be looked at or changed.
    #[error("the schema could not be read or changed")]
    Storage(#[from] Error),
}
