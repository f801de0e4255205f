//! What a connection lets its callers do, and what D1 would.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};
use stratus_storage::Limits;

/// Pragmas that ask about an object, and which D1 answers too.
const QUESTIONS: [&str; 10] = [
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas without an argument that only SQLite itself answers.
const NATIVE_QUESTIONS: [&str; 5] =
    ["compile_options", "freelist_count", "integrity_check", "page_count", "page_size"];

/// Functions that D1 does not authorise, beside all that begin with `sqlite_`.
const NOT_ON_D1: [&str; 6] =
    ["fts3_tokenizer", "load_extension", "rtreecheck", "rtreedepth", "rtreenode", "soundex"];

/// Virtual tables that D1 has.
const MODULES_ON_D1: [&str; 2] = ["fts5", "fts5vocab"];

/// Whether the statement that is being prepared is the adapter's own.
#[derive(Clone, Default)]
pub(crate) struct Ours(Arc<AtomicBool>);

impl Ours {
    /// Runs `call` with everything allowed.
    pub(crate) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        // One connection is used by one thread at a time, so that a relaxed flag is enough.
        self.0.store(true, Ordering::Relaxed);
        let result = call();
        self.0.store(false, Ordering::Relaxed);
        result
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ours({})", self.is_set())
    }
}

/// Makes a connection refuse what callers must not do; with `d1_strict`, what D1 refuses too.
pub(crate) fn install(connection: &mut Connection, d1_strict: bool) -> rusqlite::Result<Ours> {
    if d1_strict {
        set_limits(connection)?;
    }
    let ours = Ours::default();
    let flag = ours.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        if flag.is_set() || allowed(&context.action, d1_strict) {
            Authorization::Allow
        } else {
            Authorization::Deny
        }
    }))?;
    Ok(ours)
}

fn set_limits(connection: &Connection) -> rusqlite::Result<()> {
    let limits = Limits::D1;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, limits.params),
        (Limit::SQLITE_LIMIT_COLUMN, limits.columns),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, limits.compound_terms),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, limits.sql_bytes),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits.pattern_bytes),
        (Limit::SQLITE_LIMIT_LENGTH, limits.row_bytes),
        // What workerd sets beside the documented ones.
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    ] {
        connection.set_limit(limit, i32::try_from(value).unwrap_or(i32::MAX))?;
    }
    Ok(())
}

fn allowed(action: &AuthAction<'_>, d1_strict: bool) -> bool {
    match action {
        AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Unknown { .. }
        // Temporary objects would live on one connection and be missed on the others.
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => false,
        AuthAction::Pragma { pragma_name, pragma_value } => {
            is_question(pragma_name, pragma_value.is_some(), d1_strict)
        }
        AuthAction::Function { function_name } => {
            let name = function_name.to_ascii_lowercase();
            name != "load_extension" && !(d1_strict && is_native_function(&name))
        }
        AuthAction::CreateVtable { module_name, .. } => {
            !d1_strict || MODULES_ON_D1.iter().any(|it| module_name.eq_ignore_ascii_case(it))
        }
        _ => true,
    }
}

/// Whether a pragma only asks. Those that set something would set it for every later batch on the
/// same connection.
fn is_question(name: &str, has_argument: bool, d1_strict: bool) -> bool {
    let is = |it: &&str| name.eq_ignore_ascii_case(it);
    if QUESTIONS.iter().any(is) {
        return !(has_argument && name.eq_ignore_ascii_case("data_version"));
    }
    // `PRAGMA optimize` runs ANALYZE where it helps, which changes no answer.
    name.eq_ignore_ascii_case("optimize") || (!d1_strict && !has_argument && NATIVE_QUESTIONS.iter().any(is))
}

fn is_native_function(name: &str) -> bool {
    // ALTER TABLE calls these itself.
    let is_internal = ["sqlite_rename_", "sqlite_drop_column"].iter().any(|it| name.starts_with(it));
    (name.starts_with("sqlite_") && !is_internal) || NOT_ON_D1.contains(&name)
}
