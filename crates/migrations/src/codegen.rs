//! Writes `src/bundle.rs` from the files of `migrations/`. `cargo xtask codegen` calls it.

use std::{collections::BTreeMap, fmt::Write as _};

use sha2::{Digest, Sha256};
use stratus_storage::refuse_transaction_control;

use crate::{SplitError, split};

/// Why the files of `migrations/` cannot be bundled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodegenError {
    /// A file is neither `released.json` nor named like a migration.
    #[error("`{file}` is not named like a migration: NNNN_words_with_underscores.sql")]
    BadName {
        /// The file.
        file: String,
    },

    /// The numbers are not 1, 2, 3, … without gaps and doubles.
    #[error("`{file}` should have the number {expected:04}: numbers have no gaps and no doubles")]
    OutOfSequence {
        /// The file.
        file: String,
        /// The number that is next.
        expected: u32,
    },

    /// A file is not UTF-8.
    #[error("`{file}` is not UTF-8")]
    NotUtf8 {
        /// The file.
        file: String,
    },

    /// A file does not fall into statements.
    #[error("`{file}` does not fall into statements")]
    Malformed {
        /// The file.
        file: String,
        /// Where and why.
        source: SplitError,
    },

    /// A statement is one that the SQL port does not take.
    #[error("`{file}` has a statement that no backend would run")]
    Refused {
        /// The file.
        file: String,
        /// What is refused.
        source: stratus_storage::Error,
    },

    /// A file holds no statement.
    #[error("`{file}` holds no statement")]
    Empty {
        /// The file.
        file: String,
    },

    /// A file does not say which set it belongs to.
    #[error("`{file}` names no set: its first line should be `-- set: documents`, or one of {sets}")]
    UnknownSet {
        /// The file.
        file: String,
        /// The sets that there are.
        sets: String,
    },

    /// `released.json` is missing, or no JSON object of checksums.
    #[error("`released.json` should be a JSON object of names and checksums: {reason}")]
    BadRelease {
        /// What is wrong with it.
        reason: String,
    },

    /// A released migration was edited. Databases out there have the former one.
    #[error("`{file}` was released and then edited: restore it and write a new migration for the change")]
    EditedAfterRelease {
        /// The file.
        file: String,
    },

    /// A released migration is not there any more.
    #[error("`{file}` was released and is missing: restore it and write a new migration for the change")]
    MissingAfterRelease {
        /// The file.
        file: String,
    },
}

/// The name of the file that lists what was released: `{"0001_core": "<sha-256>", …}`.
pub const RELEASED: &str = "released.json";

/// The text of `src/bundle.rs` for the files of `migrations/`: all of them, as pairs of file name
/// and bytes, [`RELEASED`] included, in any order.
///
/// # Errors
///
/// [`CodegenError`], which names the file and what to do about it.
pub fn bundle(files: &[(String, Vec<u8>)]) -> Result<String, CodegenError> {
    let (released, mut migrations): (Vec<_>, Vec<_>) = files.iter().partition(|(file, _)| file == RELEASED);
    migrations.sort();
    let sources =
        (1..).zip(migrations).map(|(id, it)| Source::read(id, it)).collect::<Result<Vec<_>, _>>()?;
    check_released(released.first().map(|it| it.1.as_slice()), &sources)?;
    Ok(render(&sources))
}

/// A set as the generator knows it.
struct Set {
    name: &'static str,
    constant: &'static str,
    requires: &'static str,
    doc: &'static str,
}

const SETS: [Set; 3] = [
    Set {
        name: "core",
        constant: "CORE",
        requires: "",
        doc: "Identity: users, sessions, accounts, API keys.",
    },
    Set {
        name: "documents",
        constant: "DOCUMENTS",
        requires: "&EVENTS",
        doc: "The document model. It requires [`EVENTS`].",
    },
    Set { name: "events", constant: "EVENTS", requires: "", doc: "The event log, generations and guards." },
];

/// The sets of the first migrations, which do not declare theirs.
const FIRST: [&str; 3] = ["core", "documents", "events"];

/// A migration's file, checked.
struct Source {
    id: u32,
    name: String,
    set: &'static str,
    checksum: String,
}

impl Source {
    fn read(expected: u32, (file, bytes): &(String, Vec<u8>)) -> Result<Self, CodegenError> {
        let (id, name) = parse_name(file).ok_or_else(|| CodegenError::BadName { file: file.clone() })?;
        if id != expected {
            return Err(CodegenError::OutOfSequence { file: file.clone(), expected });
        }
        let sql = std::str::from_utf8(bytes).map_err(|_| CodegenError::NotUtf8 { file: file.clone() })?;
        let statements =
            split(sql).map_err(|source| CodegenError::Malformed { file: file.clone(), source })?;
        if statements.is_empty() {
            return Err(CodegenError::Empty { file: file.clone() });
        }
        for statement in statements {
            refuse_transaction_control(statement)
                .map_err(|source| CodegenError::Refused { file: file.clone(), source })?;
        }
        let set = set_of(id, sql).ok_or_else(|| CodegenError::UnknownSet {
            file: file.clone(),
            sets: SETS.map(|it| it.name).join(", "),
        })?;
        Ok(Self { id, name, set, checksum: checksum(bytes) })
    }
}

/// Takes `0001_core.sql` apart into 1 and `0001_core`.
fn parse_name(file: &str) -> Option<(u32, String)> {
    let name = file.strip_suffix(".sql")?;
    let (number, words) = name.split_once('_')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_sound = number.len() == 4
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.split('_').all(|word| !word.is_empty() && word.bytes().all(plain));
    is_sound.then(|| Some((number.parse().ok()?, name.to_owned()))).flatten()
}

fn set_of(id: u32, sql: &str) -> Option<&'static str> {
    let first = usize::try_from(id).ok().and_then(|id| FIRST.get(id.checked_sub(1)?));
    let declared = || sql.lines().next()?.strip_prefix("-- set:").map(str::trim);
    let name = first.copied().or_else(declared)?;
    SETS.iter().map(|it| it.name).find(|it| *it == name)
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn check_released(released: Option<&[u8]>, sources: &[Source]) -> Result<(), CodegenError> {
    let bad = |reason: String| CodegenError::BadRelease { reason };
    let released = released.ok_or_else(|| bad("it is missing".to_owned()))?;
    let released: BTreeMap<String, String> =
        serde_json::from_slice(released).map_err(|error| bad(error.to_string()))?;
    for (name, checksum) in released {
        let file = format!("{name}.sql");
        match sources.iter().find(|it| it.name == name) {
            None => return Err(CodegenError::MissingAfterRelease { file }),
            Some(it) if it.checksum != checksum => return Err(CodegenError::EditedAfterRelease { file }),
            Some(_) => {}
        }
    }
    Ok(())
}

fn render(sources: &[Source]) -> String {
    let mut text = String::from(
        "// Generated by `cargo xtask codegen` from migrations/. Do not edit.\n\
         //! The migrations of this repository, as they were when this was generated.\n\n\
         use crate::{Migration, MigrationSet};\n",
    );
    for Set { name, constant, requires, doc } in SETS {
        text += &format!("\n/// {doc}\npub static {constant}: MigrationSet = MigrationSet {{\n");
        text += &format!("    name: \"{name}\",\n    requires: &[{requires}],\n    migrations: &[\n");
        for Source { id, name, checksum, .. } in sources.iter().filter(|it| it.set == name) {
            text += &format!("        Migration {{\n            id: {id},\n            name: \"{name}\",\n");
            text += &format!("            sql: include_str!(\"../../../migrations/{name}.sql\"),\n");
            text += &format!("            checksum: \"{checksum}\",\n        }},\n");
        }
        text += "    ],\n};\n";
    }
    let all = SETS.map(|it| format!("&{}", it.constant)).join(", ");
    text += &format!(
        "\n/// Every set that this program knows.\npub(crate) static ALL: &[&MigrationSet] = &[{all}];\n"
    );
    text
}

#[cfg(test)]
mod tests;
