//! What this adapter must know of a statement before D1 does.
//!
//! D1 runs whatever it is given, a writing statement on the reading path and a second statement
//! behind a semicolon included, so both are looked for here.

use stratus_storage::{Error, Result};

/// Whether running something again could do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It writes, or may.
    Writes,
}

/// PRAGMAs that only look. Any other one counts as writing.
const READING_PRAGMAS: [&str; 10] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// What a statement does, judged by its words. In doubt it writes.
pub fn effect(sql: &str) -> Effect {
    let mut words = words(sql);
    let is = |word: &str, options: &[&str]| options.iter().any(|it| word.eq_ignore_ascii_case(it));
    let reads = match words.next() {
        Some(first) if is(first, &["SELECT", "VALUES", "EXPLAIN"]) => true,
        Some(first) if is(first, &["PRAGMA"]) => words.next().is_some_and(|it| is(it, &READING_PRAGMAS)),
        // A WITH may stand before any of them. REPLACE alone is also a function.
        Some(first) if is(first, &["WITH"]) => {
            !words.any(|it| is(it, &["INSERT", "UPDATE", "DELETE", "INTO"]))
        }
        _ => false,
    };
    if reads { Effect::Reads } else { Effect::Writes }
}

/// Refuses a second statement behind a semicolon: D1 would run it.
///
/// # Errors
///
/// [`Error::Refused`].
pub(crate) fn refuse_several(sql: &str) -> Result<()> {
    let trigger = is_trigger(sql);
    let (mut depth, mut ended) = (0_u32, false);
    for token in Tokens(sql) {
        if ended && token != Token::Semicolon {
            return Err(Error::Refused { what: "several statements in one: a batch takes them".to_owned() });
        }
        match token {
            Token::Semicolon => ended = depth == 0,
            // Semicolons between BEGIN and END belong to a trigger; elsewhere these may be names.
            Token::Word(word) if trigger && opens(word) => depth += 1,
            Token::Word(word) if trigger && word.eq_ignore_ascii_case("END") => {
                depth = depth.saturating_sub(1)
            }
            Token::Word(_) | Token::Other => {}
        }
    }
    Ok(())
}

fn is_trigger(sql: &str) -> bool {
    let mut words = words(sql);
    let created = words.next().is_some_and(|it| it.eq_ignore_ascii_case("CREATE"));
    created && words.take(2).any(|it| it.eq_ignore_ascii_case("TRIGGER"))
}

fn opens(word: &str) -> bool {
    word.eq_ignore_ascii_case("BEGIN") || word.eq_ignore_ascii_case("CASE")
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    Tokens(sql).filter_map(|it| if let Token::Word(word) = it { Some(word) } else { None })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'sql> {
    Word(&'sql str),
    Semicolon,
    /// A literal, a quoted name, an operator: nothing that is looked into.
    Other,
}

/// The tokens of a SQL text; comments and white space are none.
struct Tokens<'sql>(&'sql str);

impl<'sql> Iterator for Tokens<'sql> {
    type Item = Token<'sql>;

    fn next(&mut self) -> Option<Token<'sql>> {
        loop {
            let first = self.0.chars().next()?;
            let tail = &self.0[first.len_utf8()..];
            match first {
                _ if self.0.starts_with("--") => self.0 = past(tail, "\n"),
                _ if self.0.starts_with("/*") => self.0 = past(&tail[1..], "*/"),
                _ if is_word(first) => {
                    let end = self.0.find(|it| !is_word(it)).unwrap_or(self.0.len());
                    let (word, rest) = self.0.split_at(end);
                    self.0 = rest;
                    return Some(Token::Word(word));
                }
                _ => {
                    self.0 = match first {
                        '\'' => past(tail, "'"),
                        '"' => past(tail, "\""),
                        '`' => past(tail, "`"),
                        '[' => past(tail, "]"),
                        _ => tail,
                    };
                    match first {
                        ';' => return Some(Token::Semicolon),
                        _ if first.is_whitespace() => {}
                        _ => return Some(Token::Other),
                    }
                }
            }
        }
    }
}

/// What follows `end`. A doubled quote reads as two literals in a row, which skips the same text.
fn past<'sql>(text: &'sql str, end: &str) -> &'sql str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects() {
        for (sql, expected) in [
            ("SELECT 1", Effect::Reads),
            ("  -- a comment\n /* and one more */ select 'DELETE'", Effect::Reads),
            ("VALUES (1)", Effect::Reads),
            ("EXPLAIN QUERY PLAN DELETE FROM t", Effect::Reads),
            ("WITH a AS (SELECT replace(x, 'a', 'b') FROM t) SELECT \"update\" FROM a", Effect::Reads),
            ("PRAGMA table_xinfo('t')", Effect::Reads),
            ("PRAGMA foreign_keys = off", Effect::Writes),
            ("PRAGMA optimize", Effect::Writes),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", Effect::Writes),
            ("WITH a AS (SELECT 1) REPLACE INTO t SELECT * FROM a", Effect::Writes),
            ("WITH a AS (SELECT 1) DELETE FROM t", Effect::Writes),
            ("DELETE FROM t", Effect::Writes),
            ("CREATE TABLE t (x)", Effect::Writes),
            ("", Effect::Writes),
        ] {
            assert_eq!(effect(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_second_statement_is_found() {
        for (sql, one) in [
            ("SELECT 1", true),
            ("SELECT 1;", true),
            ("SELECT 1 ; ; -- the end", true),
            ("SELECT ';' AS \"a;b\", [c;d] /* ; */", true),
            ("SELECT 1; DELETE FROM t", false),
            ("SELECT 1; 'x'", false),
            ("SELECT begin FROM t; DELETE FROM t", false),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 2; END", true),
            ("CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END;", true),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; DROP TABLE t", false),
        ] {
            assert_eq!(refuse_several(sql).is_ok(), one, "{sql}");
        }
    }
}
