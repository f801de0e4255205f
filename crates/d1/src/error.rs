//! From the texts of D1 to errors that name what the caller can do next.
//!
//! D1 has no error codes. Its message is `D1_ERROR: <what> [at offset <n>]: <SQLITE_CODE> [(extended: …)]`
//! when SQLite refused something, and a sentence without a code when the machinery around it did.

pub(crate) mod stores;

use stratus_storage::Error;

use crate::sql::Effect;

const GUARD_PREFIX: &str = "stratus_";

/// What a failed call means. `message` is the one of the JavaScript error.
pub(crate) fn classify(message: &str, effect: Effect) -> Error {
    let message = strip_label(message);
    match split_code(message) {
        Some((what, code)) => from_sqlite(what, code, effect),
        // Nobody knows when another text is said, nor that it would be said again.
        None => from_service(message, effect).unwrap_or_else(|| lost(message, effect)),
    }
}

/// What SQLite said while it ran a statement: whatever it is, the batch was rolled back.
fn from_sqlite(what: &str, code: &str, effect: Effect) -> Error {
    let owned = || what.to_owned();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|it| what.starts_with(it));
    match code {
        "SQLITE_CONSTRAINT" => constraint(what),
        "SQLITE_TOOBIG" => Error::TooLarge { what: owned() },
        "SQLITE_FULL" => Error::Full { reason: owned() },
        "SQLITE_READONLY" => Error::ReadOnly { reason: owned() },
        "SQLITE_CORRUPT" | "SQLITE_NOTADB" => Error::Corrupt { reason: owned() },
        "SQLITE_AUTH" => Error::Refused { what: owned() },
        "SQLITE_BUSY" | "SQLITE_LOCKED" | "SQLITE_INTERRUPT" | "SQLITE_NOMEM" => {
            Error::Unavailable { reason: owned() }
        }
        // The disk failed, and with it perhaps the COMMIT.
        "SQLITE_IOERR" => lost(what, effect),
        _ if starts(&MISSING) || what.contains("has no column named") => {
            Error::MissingSchema { what: owned() }
        }
        _ if starts(&TOO_LARGE) => Error::TooLarge { what: owned() },
        _ if starts(&REFUSED) || what.ends_with("syntax error") => Error::Refused { what: owned() },
        _ => Error::backend(what),
    }
}

const MISSING: [&str; 3] = ["no such table", "no such column", "no such index"];

const TOO_LARGE: [&str; 5] = [
    "too many ",
    "variable number must be",
    "Expression tree is too large",
    "LIKE or GLOB pattern too complex",
    "statement too long",
];

/// SQL that could never have run, whatever is stored.
const REFUSED: [&str; 9] = [
    "not authorized",
    "access to ",
    "incomplete input",
    "unrecognized token",
    "no such function",
    "no query solution",
    "ambiguous column name",
    "wrong number of arguments",
    "misuse of ",
];

fn constraint(what: &str) -> Error {
    let name = what.strip_prefix("CHECK constraint failed: ").and_then(|it| it.strip_prefix(GUARD_PREFIX));
    // A CHECK without a name is called by its text, which may start like a guard.
    if let Some(guard) = name.filter(|it| !it.is_empty() && it.bytes().all(is_name)) {
        Error::Guard { guard: guard.to_owned() }
    } else if let Some(columns) = what.strip_prefix("UNIQUE constraint failed: ") {
        Error::NotUnique { columns: columns.to_owned() }
    } else {
        Error::Constraint { constraint: what.to_owned() }
    }
}

/// What the machinery around SQLite said, most of it while the connection was already lost; nothing
/// for a text that is not known.
fn from_service(message: &str, effect: Effect) -> Option<Error> {
    let has = |texts: &[&str]| texts.iter().any(|it| message.contains(it));
    let owned = || message.to_owned();
    Some(if has(&NEVER_RAN) {
        Error::Unavailable { reason: owned() }
    } else if has(&LOST) {
        lost(message, effect)
    } else if has(&["maximum DB size", "storage limit"]) {
        Error::Full { reason: owned() }
    } else if has(&["too large", "too big", "too long"]) {
        Error::TooLarge { what: owned() }
    } else if has(&["not authorized", "No SQL statements detected", "To execute a transaction"]) {
        Error::Refused { what: owned() }
    } else {
        return None;
    })
}

/// Said before a statement was run: a write is not there either.
const NEVER_RAN: [&str; 6] = [
    "D1 DB is overloaded",
    "Cannot resolve D1 DB due to transient issue",
    "Internal error while starting up D1 DB storage",
    "Too many requests",
    "Too many API requests",
    "Too many subrequests",
];

/// Said when it may have been run, and even committed.
const LOST: [&str; 10] = [
    "Network connection lost",
    "client disconnected",
    "caused object to be reset",
    "reset because its code was updated",
    "exceeded timeout",
    "exceeded its CPU time limit",
    "exceeded its memory limit",
    "internal error",
    "Internal error",
    "timed out",
];

/// What an answer that never came means.
pub(crate) fn lost(reason: &str, effect: Effect) -> Error {
    let reason = reason.to_owned();
    match effect {
        Effect::Reads => Error::Unavailable { reason },
        Effect::Writes => Error::OutcomeUnknown { reason },
    }
}

/// Takes the `D1_ERROR: ` off, however often it was put there.
fn strip_label(mut message: &str) -> &str {
    while let Some((label, rest)) = message.split_once(": ") {
        let is_label = label == "Error" || (label.starts_with("D1_") && label.bytes().all(is_upper));
        if !is_label {
            break;
        }
        message = rest;
    }
    message.trim()
}

/// Splits `<what> [at offset <n>]: <SQLITE_CODE> [(extended: …)]`.
fn split_code(message: &str) -> Option<(&str, &str)> {
    let message = message.split_once(" (extended: ").map_or(message, |(it, _)| it);
    let (what, code) = message.rsplit_once(": ")?;
    if !code.starts_with("SQLITE_") || !code.bytes().all(is_upper) {
        return None;
    }
    let what = match what.rsplit_once(" at offset ") {
        Some((what, offset)) if offset.bytes().all(|it| it.is_ascii_digit()) => what,
        _ => what,
    };
    // An extended code begins with the plain one, `SQLITE_IOERR_WRITE`.
    let plain = code.match_indices('_').nth(1).map_or(code, |(at, _)| &code[..at]);
    Some((what, plain))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variant and what it carries, in one line.
    pub(super) fn show(error: &Error) -> String {
        match error {
            Error::Guard { guard } => format!("guard {guard}"),
            Error::NotUnique { columns } => format!("not unique {columns}"),
            Error::Constraint { constraint } => format!("constraint {constraint}"),
            Error::Unavailable { .. } => "unavailable".to_owned(),
            Error::OutcomeUnknown { .. } => "outcome unknown".to_owned(),
            Error::TooLarge { .. } => "too large".to_owned(),
            Error::Full { .. } => "full".to_owned(),
            Error::ReadOnly { .. } => "read-only".to_owned(),
            Error::MissingSchema { what } => format!("missing {what}"),
            Error::Refused { .. } => "refused".to_owned(),
            Error::Corrupt { .. } => "corrupt".to_owned(),
            Error::Backend(source) => format!("backend {source}"),
            other => format!("{other:?}"),
        }
    }

    fn check(cases: &[(&str, &str)], effect: Effect) {
        for (message, expected) in cases {
            assert_eq!(show(&classify(message, effect)), *expected, "{message}");
        }
    }

    #[test]
    fn constraints() {
        let cases = [
            (
                "D1_ERROR: CHECK constraint failed: stratus_stale_revision: SQLITE_CONSTRAINT",
                "guard stale_revision",
            ),
            (
                "D1_ERROR: CHECK constraint failed: stratus_x: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
                "guard x",
            ),
            (
                "D1_ERROR: CHECK constraint failed: stratus_x > 1: SQLITE_CONSTRAINT",
                "constraint CHECK constraint failed: stratus_x > 1",
            ),
            (
                "D1_ERROR: CHECK constraint failed: other: SQLITE_CONSTRAINT",
                "constraint CHECK constraint failed: other",
            ),
            ("D1_ERROR: UNIQUE constraint failed: t.a, t.b: SQLITE_CONSTRAINT", "not unique t.a, t.b"),
            ("D1_ERROR: UNIQUE constraint failed: index 'ix': SQLITE_CONSTRAINT", "not unique index 'ix'"),
            (
                "D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT",
                "constraint FOREIGN KEY constraint failed",
            ),
            (
                "D1_ERROR: NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT",
                "constraint NOT NULL constraint failed: t.a",
            ),
        ];
        check(&cases, Effect::Writes);
    }

    #[test]
    fn what_sqlite_refuses_is_the_same_for_reads_and_writes() {
        let cases = [
            ("D1_ERROR: no such table: t: SQLITE_ERROR", "missing no such table: t"),
            ("D1_ERROR: no such table: t at offset 14: SQLITE_ERROR", "missing no such table: t"),
            ("D1_ERROR: no such column: c at offset 7: SQLITE_ERROR", "missing no such column: c"),
            ("D1_ERROR: no such index: ix: SQLITE_ERROR", "missing no such index: ix"),
            (
                "D1_ERROR: table t has no column named c: SQLITE_ERROR",
                "missing table t has no column named c",
            ),
            ("D1_ERROR: too many SQL variables at offset 300: SQLITE_ERROR", "too large"),
            ("D1_ERROR: variable number must be between ?1 and ?100 at offset 5: SQLITE_ERROR", "too large"),
            ("D1_ERROR: too many terms in compound SELECT: SQLITE_ERROR", "too large"),
            ("D1_ERROR: too many columns on t: SQLITE_ERROR", "too large"),
            ("D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR", "too large"),
            ("D1_ERROR: string or blob too big: SQLITE_TOOBIG", "too large"),
            ("D1_ERROR: statement too long: SQLITE_TOOBIG", "too large"),
            ("D1_ERROR: not authorized: SQLITE_AUTH", "refused"),
            ("D1_ERROR: not authorized to use function: sqlite_version: SQLITE_ERROR", "refused"),
            ("D1_ERROR: database or disk is full: SQLITE_FULL", "full"),
            ("D1_ERROR: attempt to write a readonly database: SQLITE_READONLY", "read-only"),
            ("D1_ERROR: database disk image is malformed: SQLITE_CORRUPT", "corrupt"),
            ("D1_ERROR: database is locked: SQLITE_BUSY", "unavailable"),
            ("D1_ERROR: Expression tree is too large (maximum depth 100): SQLITE_ERROR", "too large"),
            ("D1_ERROR: near \"SELEC\": syntax error at offset 0: SQLITE_ERROR", "refused"),
            ("D1_ERROR: incomplete input: SQLITE_ERROR", "refused"),
            ("D1_ERROR: no such function: f at offset 7: SQLITE_ERROR", "refused"),
            ("D1_ERROR: no query solution: SQLITE_ERROR", "refused"),
            ("D1_ERROR: malformed JSON: SQLITE_ERROR", "backend malformed JSON"),
        ];
        check(&cases, Effect::Reads);
        check(&cases, Effect::Writes);
    }

    #[test]
    fn only_a_write_whose_answer_was_lost_has_an_unknown_outcome() {
        let never_ran = [
            ("D1_ERROR: D1 DB is overloaded. Requests queued for too long.", "unavailable"),
            ("D1_ERROR: D1 DB is overloaded. Too many requests queued.", "unavailable"),
            ("D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.", "unavailable"),
            (
                "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
                "unavailable",
            ),
            ("Too many API requests by single worker invocation.", "unavailable"),
            ("Too many subrequests.", "unavailable"),
        ];
        check(&never_ran, Effect::Reads);
        check(&never_ran, Effect::Writes);
        for message in [
            "Network connection lost.",
            "D1_ERROR: Network connection lost.",
            "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
            "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
            "D1_ERROR: D1 DB reset because its code was updated.",
            "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
            "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
            "D1_ERROR: disk I/O error: SQLITE_IOERR_WRITE",
            "Can't read from request stream because client disconnected.",
            "internal error; reference = 0a1b2c",
        ] {
            check(&[(message, "unavailable")], Effect::Reads);
            check(&[(message, "outcome unknown")], Effect::Writes);
        }
    }

    #[test]
    fn what_nobody_knows_is_no_answer() {
        for message in [
            "D1_ERROR: Failed to parse body as JSON, got: <html>",
            "D1_TYPE_ERROR: Type 'object' not supported",
            "D1_ERROR: something new",
            "",
        ] {
            check(&[(message, "unavailable")], Effect::Reads);
            check(&[(message, "outcome unknown")], Effect::Writes);
        }
    }

    #[test]
    fn the_rest() {
        let cases = [
            ("D1_ERROR: Exceeded maximum DB size.", "full"),
            ("D1_ERROR: Your account has exceeded D1's maximum account storage limit.", "full"),
            ("D1_EXEC_ERROR: No SQL statements detected.", "refused"),
            ("D1_ERROR: To execute a transaction, please use the state.storage.transaction()", "refused"),
            // What a statement says of itself is no label and no code.
            ("D1_ERROR: d1_error: mine: SQLITE_CONSTRAINT", "constraint d1_error: mine"),
        ];
        check(&cases, Effect::Writes);
        check(&cases, Effect::Reads);
    }
}
