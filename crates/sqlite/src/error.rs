//! From what SQLite says to what a caller can do.

use rusqlite::ffi;
use stratus_storage::Error;

/// The prefix of the named CHECK of a guard.
const GUARD_PREFIX: &str = "stratus_";

/// The storage error for what SQLite says.
pub(crate) fn storage_error(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            from_code(failure.extended_code, message)
        }
        // The message without the SQL text, which must not travel.
        rusqlite::Error::SqlInputError { error, msg, .. } => from_code(error.extended_code, msg),
        rusqlite::Error::MultipleStatement => {
            Error::Refused { what: "more than one statement in a text".to_owned() }
        }
        rusqlite::Error::NulError(_) => {
            Error::Refused { what: "a NUL in the text of a statement".to_owned() }
        }
        rusqlite::Error::Utf8Error(column, source) => {
            Error::Corrupt { reason: format!("the text in column {column} is not UTF-8: {source}") }
        }
        other => Error::backend(other),
    }
}

/// Whether a COMMIT that failed like this may be found committed after a crash: its last write or
/// its sync failed, and what reached the disk is not known.
pub(crate) fn is_doubtful(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map_or(0, |it| it.extended_code);
    code & 0xff == ffi::SQLITE_IOERR && code != ffi::SQLITE_IOERR_SHMSIZE
}

/// What a failed COMMIT means.
pub(crate) fn commit_error(error: rusqlite::Error) -> Error {
    if is_doubtful(&error) {
        Error::OutcomeUnknown { reason: error.to_string() }
    } else {
        storage_error(error)
    }
}

/// A second error like the first, for each batch that one failure concerns.
pub(crate) fn duplicate(error: &Error) -> Error {
    match error {
        Error::Unavailable { reason } => Error::Unavailable { reason: reason.clone() },
        Error::Full { reason } => Error::Full { reason: reason.clone() },
        Error::ReadOnly { reason } => Error::ReadOnly { reason: reason.clone() },
        Error::Corrupt { reason } => Error::Corrupt { reason: reason.clone() },
        other => Error::backend(other.to_string()),
    }
}

fn from_code(code: i32, message: String) -> Error {
    match code {
        ffi::SQLITE_CONSTRAINT_CHECK => check_failed(message),
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            let columns = message.strip_prefix("UNIQUE constraint failed: ").map(str::to_owned);
            Error::NotUnique { columns: columns.unwrap_or(message) }
        }
        // The shared memory beside the file could not grow.
        ffi::SQLITE_IOERR_SHMSIZE => Error::Full { reason: message },
        _ => from_primary_code(code & 0xff, message),
    }
}

fn from_primary_code(code: i32, message: String) -> Error {
    match code {
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH => Error::Constraint { constraint: message },
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL | ffi::SQLITE_NOMEM => {
            Error::Unavailable { reason: message }
        }
        ffi::SQLITE_INTERRUPT => Error::Unavailable { reason: "it ran longer than it may".to_owned() },
        ffi::SQLITE_FULL => Error::Full { reason: message },
        ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM => Error::ReadOnly { reason: message },
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_FORMAT => Error::Corrupt { reason: message },
        ffi::SQLITE_TOOBIG => Error::TooLarge { what: message },
        ffi::SQLITE_AUTH | ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => Error::Refused { what: message },
        ffi::SQLITE_ERROR => from_message(message),
        _ => Error::backend(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message))),
    }
}

fn check_failed(message: String) -> Error {
    let name = message.strip_prefix("CHECK constraint failed: ").unwrap_or(&message);
    match name.strip_prefix(GUARD_PREFIX) {
        Some(guard) => Error::Guard { guard: guard.to_owned() },
        None => Error::Constraint { constraint: message },
    }
}

/// `SQLITE_ERROR` says everything else, in words only.
fn from_message(message: String) -> Error {
    const MISSING: [&str; 5] =
        ["no such table", "no such column", "no such index", "no such view", "no such trigger"];
    const TOO_LARGE: [&str; 6] = [
        "too many ",
        "variable number must be between",
        "Expression tree is too large",
        "LIKE or GLOB pattern too complex",
        "parser stack overflow",
        "Recursion limit",
    ];
    let starts = |with: &[&str]| with.iter().any(|it| message.starts_with(it));
    if starts(&MISSING) || message.contains(" has no column named ") {
        Error::MissingSchema { what: message }
    } else if starts(&TOO_LARGE) {
        Error::TooLarge { what: message }
    } else {
        Error::Refused { what: message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i32, message: &str, expected: &str) {
        let error = format!("{:?}", from_code(code, message.to_owned()));
        assert!(error.starts_with(expected), "{code} {message}: {error}");
    }

    #[test]
    fn each_code_says_what_to_do() {
        check(ffi::SQLITE_CONSTRAINT_CHECK, "CHECK constraint failed: stratus_x", "Guard { guard: \"x\" }");
        check(ffi::SQLITE_CONSTRAINT_CHECK, "CHECK constraint failed: n > 0", "Constraint");
        check(
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: index 'ix'",
            "NotUnique { columns: \"index 'ix'\" }",
        );
        check(ffi::SQLITE_CONSTRAINT_ROWID, "UNIQUE constraint failed: t.rowid", "NotUnique");
        check(ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed", "Constraint");
        check(ffi::SQLITE_CONSTRAINT_DATATYPE, "cannot store TEXT value", "Constraint");
        check(ffi::SQLITE_MISMATCH, "datatype mismatch", "Constraint");
        check(ffi::SQLITE_BUSY_SNAPSHOT, "database is locked", "Unavailable");
        check(ffi::SQLITE_LOCKED_SHAREDCACHE, "database table is locked", "Unavailable");
        check(ffi::SQLITE_INTERRUPT, "interrupted", "Unavailable");
        check(ffi::SQLITE_FULL, "database or disk is full", "Full");
        check(ffi::SQLITE_IOERR_SHMSIZE, "disk I/O error", "Full");
        check(ffi::SQLITE_READONLY_DBMOVED, "attempt to write a readonly database", "ReadOnly");
        check(ffi::SQLITE_CANTOPEN, "unable to open database file", "ReadOnly");
        check(ffi::SQLITE_CORRUPT_VTAB, "database disk image is malformed", "Corrupt");
        check(ffi::SQLITE_NOTADB, "file is not a database", "Corrupt");
        check(ffi::SQLITE_TOOBIG, "string or blob too big", "TooLarge");
        check(ffi::SQLITE_AUTH, "not authorized", "Refused");
        check(ffi::SQLITE_IOERR_READ, "disk I/O error", "Backend");
        check(ffi::SQLITE_ERROR, "no such table: main.t", "MissingSchema");
        check(ffi::SQLITE_ERROR, "table t has no column named x", "MissingSchema");
        check(ffi::SQLITE_ERROR, "too many terms in compound SELECT", "TooLarge");
        check(ffi::SQLITE_ERROR, "near \"SELEC\": syntax error", "Refused");
    }

    #[test]
    fn a_failed_sync_is_an_unknown_outcome() {
        let failed = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert!(matches!(commit_error(failed(ffi::SQLITE_IOERR_FSYNC)), Error::OutcomeUnknown { .. }));
        assert!(matches!(commit_error(failed(ffi::SQLITE_FULL)), Error::Full { .. }));
        assert!(matches!(commit_error(failed(ffi::SQLITE_BUSY)), Error::Unavailable { .. }));
    }
}
