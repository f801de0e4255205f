//! Cuts SQL into the few kinds of tokens that matter for finding the ends of statements.

/// What a token is, as far as the ends of statements go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A bare word: keyword, name or number.
    Word,
    /// `;`
    Semicolon,
    /// A comment `--> statement-breakpoint`.
    Breakpoint,
    /// Anything else: a string, a quoted name, an operator.
    Other,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'sql> {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) text: &'sql str,
}

/// The tokens of a text. Whitespace and other comments are left out. Something that never ends
/// yields its start and name, and is the last.
pub(super) struct Tokens<'sql> {
    sql: &'sql str,
    at: usize,
}

impl<'sql> Tokens<'sql> {
    /// The tokens of a text.
    pub(super) fn new(sql: &'sql str) -> Self {
        // SQLite skips a byte-order mark, editors on Windows write one.
        Self { sql, at: if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } }
    }

    fn take(&mut self, kind: TokenKind, length: usize) -> Token<'sql> {
        let start = self.at;
        self.at += length;
        Token { kind, start, text: &self.sql[start..self.at] }
    }

    /// Takes what reaches from here to past the next `end`, which is sought `skip` bytes on.
    fn take_to(
        &mut self,
        skip: usize,
        end: &str,
        what: &'static str,
    ) -> Result<Token<'sql>, (usize, &'static str)> {
        let found = self.sql[self.at + skip..].find(end);
        let Some(found) = found else {
            let start = self.at;
            self.at = self.sql.len();
            return Err((start, what));
        };
        Ok(self.take(TokenKind::Other, skip + found + end.len()))
    }

    fn line_comment(&mut self) -> Token<'sql> {
        let rest = &self.sql[self.at..];
        let length = rest.find('\n').unwrap_or(rest.len());
        let is_breakpoint =
            rest[..length].strip_prefix("-->").is_some_and(|it| it.trim() == "statement-breakpoint");
        self.take(if is_breakpoint { TokenKind::Breakpoint } else { TokenKind::Other }, length)
    }
}

impl<'sql> Iterator for Tokens<'sql> {
    type Item = Result<Token<'sql>, (usize, &'static str)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.sql[self.at..];
            let mut characters = rest.chars();
            let first = characters.next()?;
            let second = characters.next();
            return Some(match first {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => {
                    self.at += 1;
                    continue;
                }
                '-' if second == Some('-') => match self.line_comment() {
                    comment if comment.kind == TokenKind::Breakpoint => Ok(comment),
                    _ => continue,
                },
                '/' if second == Some('*') => match self.take_to(2, "*/", "a comment") {
                    Ok(_) => continue,
                    unfinished => unfinished,
                },
                // A doubled quote reads as two literals in a row, which end where one would.
                '\'' => self.take_to(1, "'", "a string"),
                '"' => self.take_to(1, "\"", "a quoted name"),
                '`' => self.take_to(1, "`", "a quoted name"),
                '[' => self.take_to(1, "]", "a quoted name"),
                ';' => Ok(self.take(TokenKind::Semicolon, 1)),
                _ if is_word(first) => {
                    let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
                    Ok(self.take(TokenKind::Word, length))
                }
                _ => Ok(self.take(TokenKind::Other, first.len_utf8())),
            });
        }
    }
}

/// SQLite counts every character beyond ASCII as a letter.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}
