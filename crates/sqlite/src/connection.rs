//! One SQLite connection, and how a statement of a caller is run on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{
    StatementStatus, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use stratus_storage::{Error, Limits, Result, Rows, Statement, Value, refuse_transaction_control};

use crate::{error::storage_error, policy::Ours};

/// VM steps between two looks at the time: some 0.4 ms.
const STEPS_PER_LOOK: i32 = 10_000;

/// How many of these looks a brief call takes at most: some 10 ms.
const BRIEF_LOOKS: u32 = 25;

/// Rows that there is room for as soon as there is a second one: a page of the usual length.
const PAGE: usize = 20;

/// A connection with its policy and its time limit.
pub(crate) struct Connection {
    inner: rusqlite::Connection,
    ours: Ours,
    limits: Limits,
    watch: Watch,
}

impl Connection {
    /// Takes a connection that is set up, and gives each of its calls `timeout`.
    pub(crate) fn new(
        mut inner: rusqlite::Connection,
        ours: Ours,
        limits: Limits,
        timeout: Duration,
    ) -> rusqlite::Result<Self> {
        let watch = Watch::install(&mut inner, timeout)?;
        Ok(Self { inner, ours, limits, watch })
    }

    /// Runs a statement of the adapter itself.
    pub(crate) fn control(&self, sql: &str) -> rusqlite::Result<()> {
        self.ours.during(|| self.inner.execute_batch(sql))
    }

    /// What a pragma of the adapter itself answers, cells as text.
    pub(crate) fn ask(&self, pragma: &str) -> rusqlite::Result<Vec<Vec<String>>> {
        self.ours.during(|| {
            let mut statement = self.inner.prepare(pragma)?;
            let width = statement.column_count();
            let mut rows = statement.query([])?;
            let mut answer = Vec::new();
            while let Some(row) = rows.next()? {
                let cells =
                    (0..width).map(|at| row.get_ref(at).map(show)).collect::<rusqlite::Result<_>>()?;
                answer.push(cells);
            }
            Ok(answer)
        })
    }

    /// Whether no transaction is open.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.inner.is_autocommit()
    }

    /// Starts the time of a call.
    pub(crate) fn start_watch(&self) {
        self.watch.start(u32::MAX);
    }

    /// Starts a call that is interrupted as soon as it turns out to be long.
    pub(crate) fn start_brief_watch(&self) {
        self.watch.start(BRIEF_LOOKS);
    }

    /// Whether a brief call turned out to be long and was interrupted.
    pub(crate) fn was_cut(&self) -> bool {
        self.watch.looks.load(Ordering::Relaxed) == 0
    }

    /// Whether the time of the call was over and its statement interrupted.
    pub(crate) fn timed_out(&self) -> bool {
        self.watch.fired.load(Ordering::Relaxed)
    }

    /// Runs a statement that must not write.
    pub(crate) fn read(&self, statement: &Statement) -> Result<Rows> {
        self.run_if(statement, |prepared| {
            if prepared.readonly() {
                Ok(())
            } else {
                Err(Error::Refused { what: "a query that writes".to_owned() })
            }
        })
    }

    /// Runs a statement.
    pub(crate) fn run(&self, statement: &Statement) -> Result<Rows> {
        self.run_if(statement, |_| Ok(()))
    }

    fn run_if(
        &self,
        statement: &Statement,
        admit: impl FnOnce(&rusqlite::Statement<'_>) -> Result<()>,
    ) -> Result<Rows> {
        let given = statement.params.len();
        if given > self.limits.params {
            let what = format!("{given} parameters (limit {})", self.limits.params);
            return Err(Error::TooLarge { what });
        }
        let mut prepared = self.inner.prepare_cached(&statement.sql).map_err(storage_error)?;
        if is_nothing(&prepared) {
            return Err(Error::Refused { what: "a text without a statement".to_owned() });
        }
        // A statement that has run was let through when it ran first.
        if prepared.get_status(StatementStatus::Run) == 0 {
            refuse_transaction_control(&statement.sql)?;
        }
        admit(&prepared)?;
        let taken = prepared.parameter_count();
        if given != taken {
            let what = format!("{given} parameters for a statement that takes {taken}");
            return Err(Error::Refused { what });
        }
        let cells = collect(&mut prepared, &statement.params);
        // Read in any case: it is reset by that, and must not count towards the next run.
        let work = prepared.reset_status(StatementStatus::VmStep);
        let (width, cells) = cells?;
        Ok(Rows::new(width, cells, u64::try_from(work).unwrap_or(0)))
    }
}

/// Whether there was only white space to prepare. Cheap for whatever has columns or writes.
fn is_nothing(prepared: &rusqlite::Statement<'_>) -> bool {
    prepared.column_count() == 0 && prepared.readonly() && prepared.expanded_sql().is_none()
}

/// The width of the result, and its cells row by row.
fn collect(prepared: &mut rusqlite::Statement<'_>, params: &[Value]) -> Result<(usize, Vec<Value>)> {
    for (at, value) in params.iter().enumerate() {
        prepared.raw_bind_parameter(at + 1, Bound(value)).map_err(storage_error)?;
    }
    let mut rows = prepared.raw_query();
    let mut cells = Vec::new();
    let mut width = 0;
    while let Some(row) = rows.next().map_err(storage_error)? {
        if width == 0 {
            // Not before the first step: a changed schema can change what `*` means.
            width = row.as_ref().column_count();
            // One row is often all there is.
            cells.reserve_exact(width);
        } else if cells.len() == width {
            // Room for a page: cells that move with each doubling are a tenth of its time.
            cells.reserve(width * PAGE);
        }
        for at in 0..width {
            cells.push(value(row.get_ref(at).map_err(storage_error)?)?);
        }
    }
    Ok((width, cells))
}

fn value(cell: ValueRef<'_>) -> Result<Value> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(n) => Value::Real(n),
        ValueRef::Text(bytes) => match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => return Err(Error::Corrupt { reason: "a text that is not UTF-8".to_owned() }),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

fn show(cell: ValueRef<'_>) -> String {
    match cell {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A value on its way into a statement.
struct Bound<'value>(&'value Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Interrupts a call that runs too long.
///
/// A call announces itself by a number only; the first look at the time is taken by SQLite's
/// progress handler, so that short calls never read a clock.
struct Watch {
    call: Arc<AtomicU64>,
    fired: Arc<AtomicBool>,
    /// How many more looks the call has; the last one interrupts it.
    looks: Arc<AtomicU32>,
}

impl Watch {
    fn install(connection: &mut rusqlite::Connection, timeout: Duration) -> rusqlite::Result<Self> {
        let call = Arc::new(AtomicU64::new(0));
        let fired = Arc::new(AtomicBool::new(false));
        let looks = Arc::new(AtomicU32::new(u32::MAX));
        let watch = Self { call: Arc::clone(&call), fired: Arc::clone(&fired), looks: Arc::clone(&looks) };
        let mut seen: Option<(u64, Instant)> = None;
        let handler = move || {
            let current = call.load(Ordering::Relaxed);
            // All on one thread: a connection is used by one at a time.
            let left = looks.load(Ordering::Relaxed).saturating_sub(1);
            looks.store(left, Ordering::Relaxed);
            if left == 0 {
                return true;
            }
            match seen {
                Some((number, since)) if number == current => {
                    let over = since.elapsed() >= timeout;
                    fired.fetch_or(over, Ordering::Relaxed);
                    over
                }
                _ => {
                    seen = Some((current, now()));
                    false
                }
            }
        };
        connection.progress_handler(STEPS_PER_LOOK, Some(handler))?;
        Ok(watch)
    }

    fn start(&self, looks: u32) {
        self.call.fetch_add(1, Ordering::Relaxed);
        self.fired.store(false, Ordering::Relaxed);
        self.looks.store(looks, Ordering::Relaxed);
    }
}

/// The machine's monotonic time. This crate is native by nature, and durations are not data.
#[expect(clippy::disallowed_methods, reason = "never compiled for wasm: SQLite is linked in")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use stratus_storage::Statement;

    use super::*;
    use crate::{SqliteOptions, open::Opener};

    /// SQLite compiles a cached statement anew when it has looked at a bound value to plan it. Lists
    /// bind their limit and their cursor, so that would be every request.
    #[test]
    fn a_cached_statement_is_compiled_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let opener =
            Opener::new(&folder.path().join("test.db"), SqliteOptions::default()).expect("an opener");
        let connection = opener.writer().expect("a connection");
        let run =
            |sql: &'static str, params: Vec<Value>| connection.run(&Statement::new(sql, params)).expect(sql);
        run("CREATE TABLE t (n INTEGER, k TEXT)", vec![]);
        run("CREATE INDEX ix_t ON t (n) WHERE k IS NOT NULL", vec![]);
        const LIST: &str =
            "SELECT n FROM t INDEXED BY ix_t WHERE k IS NOT NULL AND n > ?1 AND k = ?2 LIMIT ?3";
        for limit in 1..5 {
            run(LIST, vec![limit.into(), "x".into(), limit.into()]);
        }
        let prepared = connection.inner.prepare_cached(LIST).expect("it is cached");
        assert_eq!(prepared.get_status(StatementStatus::Run), 4);
        assert_eq!(prepared.get_status(StatementStatus::RePrepare), 0);
    }
}
