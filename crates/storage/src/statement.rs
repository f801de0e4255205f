//! A SQL statement with its parameters, and the SQL that the port refuses.

use std::{fmt, ops::Deref, sync::Arc};

use crate::{Error, Result, Value};

/// The text of one SQL statement: part of the program, or compiled once and shared.
///
/// Never the product of a request: identifiers come from the registry, values are bound.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Sql {
    /// Written in the source.
    Static(&'static str),
    /// Compiled from a collection's definition; cloning shares it.
    Shared(Arc<str>),
}

impl Deref for Sql {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl From<Arc<str>> for Sql {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

/// One SQL statement with its parameters, `?1` being the first.
///
/// Its result columns have distinct names that are not numbers, because D1 answers a batch with
/// objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The text.
    pub sql: Sql,
    /// The parameters, in order.
    pub params: Vec<Value>,
}

impl Statement {
    /// A statement with its parameters.
    pub fn new(sql: impl Into<Sql>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params }
    }

    /// A statement without parameters.
    pub fn bare(sql: impl Into<Sql>) -> Self {
        Self::new(sql, Vec::new())
    }

    /// How many bytes its parameters take up, about: see [`Value::size`].
    pub fn size(&self) -> usize {
        self.params.iter().map(Value::size).sum()
    }
}

/// Refuses SQL that would break the atomicity of batches sharing one transaction.
///
/// `DEFERRABLE`, `PRAGMA defer_foreign_keys`, `OR ROLLBACK`, `RAISE(ROLLBACK)` and transaction
/// control can end or fail the transaction of a neighbour. Literals, quoted names and comments
/// are not looked into. Adapters call this before a statement is prepared for the first time.
///
/// # Errors
///
/// [`Error::Refused`], naming what is refused.
pub fn refuse_transaction_control(sql: &str) -> Result<()> {
    let words = Words { rest: sql.as_bytes() };
    let mut previous: &[u8] = b"";
    for (position, word) in words.enumerate() {
        let is = |text: &str| word.eq_ignore_ascii_case(text.as_bytes());
        let first = position == 0;
        let refused = (first
            && ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"].iter().any(|it| is(it)))
            || is("DEFERRABLE")
            || is("defer_foreign_keys")
            || (is("ROLLBACK")
                && (previous.eq_ignore_ascii_case(b"OR")
                    || previous.eq_ignore_ascii_case(b"RAISE")
                    || previous.eq_ignore_ascii_case(b"CONFLICT")));
        if refused {
            let what = String::from_utf8_lossy(word).into_owned();
            return Err(Error::Refused { what: format!("`{what}`: the unit of atomicity is the batch") });
        }
        previous = word;
    }
    Ok(())
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bare words of a SQL text, without what stands in literals, quotes and comments.
struct Words<'sql> {
    rest: &'sql [u8],
}

impl<'sql> Iterator for Words<'sql> {
    type Item = &'sql [u8];

    fn next(&mut self) -> Option<&'sql [u8]> {
        loop {
            let (&first, tail) = self.rest.split_first()?;
            match first {
                b'\'' | b'"' | b'`' => self.skip_past(tail, &[first]),
                b'[' => self.skip_past(tail, b"]"),
                b'-' if tail.first() == Some(&b'-') => self.skip_past(tail, b"\n"),
                b'/' if tail.first() == Some(&b'*') => self.skip_past(&tail[1..], b"*/"),
                // SQLite takes it for white space where a word could begin.
                _ if self.rest.starts_with(BYTE_ORDER_MARK) => {
                    self.rest = &self.rest[BYTE_ORDER_MARK.len()..]
                }
                _ if is_word(first) => {
                    let end = self.rest.iter().position(|&byte| !is_word(byte)).unwrap_or(self.rest.len());
                    let (word, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    return Some(word);
                }
                _ => self.rest = tail,
            }
        }
    }
}

impl<'sql> Words<'sql> {
    /// A doubled quote reads as two literals in a row, which skips the same bytes.
    fn skip_past(&mut self, from: &'sql [u8], end: &[u8]) {
        let found = from.windows(end.len()).position(|window| window == end);
        self.rest = found.map_or(&[], |at| &from[at + end.len()..]);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, refused: bool) {
        assert_eq!(refuse_transaction_control(sql).is_err(), refused, "{sql}");
    }

    #[test]
    fn transaction_control_is_refused_wherever_it_hides() {
        check("BEGIN IMMEDIATE", true);
        check("  commit", true);
        check("/* x */ Savepoint a", true);
        check("-- x\nROLLBACK", true);
        check("INSERT OR ROLLBACK INTO t VALUES (1)", true);
        check("INSERT INTO t VALUES (1) ON CONFLICT ROLLBACK", true);
        check("CREATE TABLE t (x UNIQUE ON CONFLICT ROLLBACK)", true);
        check("CREATE TRIGGER a BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'x'); END", true);
        check("CREATE TABLE t (x REFERENCES y DEFERRABLE INITIALLY DEFERRED)", true);
        check("PRAGMA defer_foreign_keys = on", true);
        check("\u{feff}COMMIT", true);
        check("INSERT OR \u{feff}\u{feff}ROLLBACK INTO t VALUES (1)", true);
    }

    #[test]
    fn ordinary_sql_passes() {
        check("SELECT 'BEGIN', \"ROLLBACK\", [DEFERRABLE] -- COMMIT", false);
        check("SELECT 'it''s OR ROLLBACK'", false);
        check("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'x'); END", false);
        check("SELECT CASE WHEN 1 THEN 2 END", false);
        check("INSERT OR IGNORE INTO t VALUES ('unterminated", false);
        check("", false);
    }
}
