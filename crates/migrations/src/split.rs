//! Takes the text of a SQL file apart into its statements.

mod tokens;

use tokens::{Token, TokenKind, Tokens};

/// Why a text does not fall into statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what} starts here and never ends")]
pub struct SplitError {
    /// The line on which the unfinished thing starts, counted from 1.
    pub line: usize,
    /// The unfinished thing: `a string`, `a quoted name`, `a comment` or `a trigger`.
    pub what: &'static str,
}

/// The statements of a SQL text, each from its first token to its last, without the semicolon.
///
/// Semicolons in strings, quoted names, comments and the bodies of triggers separate nothing; a
/// comment `--> statement-breakpoint`, which Drizzle writes, separates like one. Comments between
/// statements and empty statements are left out; a last semicolon is not needed.
///
/// # Errors
///
/// [`SplitError`] for a string, quoted name, comment or trigger that never ends.
pub fn split(sql: &str) -> Result<Vec<&str>, SplitError> {
    let mut statements = Vec::new();
    let mut open: Option<Open> = None;
    for token in Tokens::new(sql) {
        let token = token.map_err(|(at, what)| SplitError { line: line_of(sql, at), what })?;
        let separates = match token.kind {
            TokenKind::Semicolon => open.as_mut().is_none_or(Open::ends_at_semicolon),
            TokenKind::Breakpoint => open.as_ref().is_none_or(|it| !it.is_in_trigger()),
            TokenKind::Word | TokenKind::Other => {
                open.get_or_insert_with(|| Open::at(token.start)).take(&token);
                false
            }
        };
        if separates && let Some(statement) = open.take() {
            statements.push(&sql[statement.start..statement.end]);
        }
    }
    match open {
        Some(statement) if statement.is_in_trigger() => {
            Err(SplitError { line: line_of(sql, statement.start), what: "a trigger" })
        }
        Some(statement) => {
            statements.push(&sql[statement.start..statement.end]);
            Ok(statements)
        }
        None => Ok(statements),
    }
}

/// A statement that has not ended yet.
struct Open {
    start: usize,
    end: usize,
    stage: Stage,
}

/// How much of `CREATE [TEMP] TRIGGER … ; END` was seen.
///
/// Each statement of a body ends with a semicolon, and none starts with END: so the END that
/// directly follows a semicolon is the trigger's, and that of a CASE never is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Create,
    Plain,
    Trigger,
    TriggerAfterSemicolon,
}

impl Open {
    fn at(start: usize) -> Self {
        Self { start, end: start, stage: Stage::Start }
    }

    fn take(&mut self, token: &Token<'_>) {
        self.end = token.start + token.text.len();
        let is = |word: &str| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word);
        self.stage = match self.stage {
            Stage::Start if is("CREATE") => Stage::Create,
            Stage::Create if is("TEMP") || is("TEMPORARY") => Stage::Create,
            Stage::Create if is("TRIGGER") => Stage::Trigger,
            Stage::Start | Stage::Create | Stage::Plain => Stage::Plain,
            Stage::TriggerAfterSemicolon if is("END") => Stage::Plain,
            Stage::Trigger | Stage::TriggerAfterSemicolon => Stage::Trigger,
        };
    }

    fn ends_at_semicolon(&mut self) -> bool {
        if self.is_in_trigger() {
            self.stage = Stage::TriggerAfterSemicolon;
        }
        !self.is_in_trigger()
    }

    fn is_in_trigger(&self) -> bool {
        matches!(self.stage, Stage::Trigger | Stage::TriggerAfterSemicolon)
    }
}

fn line_of(sql: &str, at: usize) -> usize {
    1 + sql.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests;
