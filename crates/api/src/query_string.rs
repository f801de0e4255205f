//! The query of a URL, strictly: `filter[price][gte]=10` is the path `filter`, `price`, `gte`.
//!
//! [`Params`] are taken one by one by those who know them; what nobody took is refused by
//! [`Params::finish`], so that a misspelt parameter is never silently without effect.

mod params;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::problem::{Code, Problem, shorten};

pub(crate) use params::Params;

const MAX_BYTES: usize = 16 * 1024;
const MAX_PARAMETERS: usize = 200;
/// Deeper than any filter that makes sense; a reader may recurse into it.
const MAX_SEGMENTS: usize = 32;

/// One parameter: `filter[price][gte]=10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// The name and the segments after it; never empty, and no part of it is.
    pub(crate) path: Vec<String>,
    /// The decoded value.
    pub(crate) value: String,
}

impl Parameter {
    /// What is in front of the first bracket.
    pub(crate) fn name(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The whole key as it is written in a URL.
    pub(crate) fn key(&self) -> String {
        let segments = self.path.iter().skip(1).map(|it| format!("[{it}]"));
        std::iter::once(self.name().to_owned()).chain(segments).collect()
    }
}

/// Parses a query into its parameters, in their order.
///
/// Empty pieces (`a=1&&b=2`) are nothing; a piece without `=` has an empty value.
///
/// # Errors
///
/// 400: a bad escape, a bad key, the same key twice, or too much of it.
pub(crate) fn parse(query: &str) -> Result<Vec<Parameter>, Problem> {
    if query.len() > MAX_BYTES {
        let detail = format!("the query has {} bytes, at most {MAX_BYTES} are taken", query.len());
        return Err(Problem::new(Code::InvalidQuery, detail));
    }
    let pieces = query.split('&').filter(|it| !it.is_empty());
    let mut seen = HashSet::new();
    let mut parameters = Vec::new();
    for piece in pieces {
        if parameters.len() == MAX_PARAMETERS {
            let detail = format!("the query has more than {MAX_PARAMETERS} parameters");
            return Err(Problem::new(Code::InvalidQuery, detail));
        }
        let parameter = parse_piece(piece)?;
        if !seen.insert(parameter.path.clone()) {
            return Err(about(Code::RepeatedParameter, &parameter.key(), "occurs twice"));
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn parse_piece(piece: &str) -> Result<Parameter, Problem> {
    let (raw_key, raw_value) = piece.split_once('=').unwrap_or((piece, ""));
    let key = decode(raw_key).map_err(|why| about(Code::InvalidQuery, raw_key, why))?;
    let value = decode(raw_value).map_err(|why| about(Code::InvalidQuery, &key, why))?;
    let path = parse_key(&key).map_err(|why| about(Code::InvalidParameter, &key, why))?;
    Ok(Parameter { path, value })
}

/// A refusal that names its parameter, in a sentence and for programs.
pub(crate) fn about(code: Code, key: &str, why: &str) -> Problem {
    // Control characters are not repeated: the sentence may end up in someone's terminal.
    let key = shorten(&key.replace(char::is_control, "\u{fffd}"));
    let message = format!("the parameter `{key}` {why}");
    Problem::new(code, message.clone()).at(key, code.name(), message)
}

fn decode(text: &str) -> Result<String, &'static str> {
    const BAD_ESCAPE: &str = "has a `%` that two hexadecimal digits do not follow";
    let digit = |byte: Option<u8>| {
        byte.and_then(|it| char::from(it).to_digit(16)).and_then(|it| u8::try_from(it).ok()).ok_or(BAD_ESCAPE)
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| "is not UTF-8")
}

/// Takes `name[a][b]` apart.
fn parse_key(key: &str) -> Result<Vec<String>, &'static str> {
    const UNBALANCED: &str = "has unbalanced brackets";
    if key.chars().any(char::is_control) {
        return Err("has a control character in its name");
    }
    let (name, segments) = key.find('[').map_or((key, ""), |at| key.split_at(at));
    if name.contains(']') {
        return Err(UNBALANCED);
    }
    let mut path = vec![name];
    if !segments.is_empty() {
        // `[a][b]` is `a][b` in brackets: what is split by `][` has none of its own.
        let inner = segments.strip_prefix('[').and_then(|it| it.strip_suffix(']')).ok_or(UNBALANCED)?;
        path.extend(inner.split("]["));
    }
    if path.iter().skip(1).any(|it| it.contains(['[', ']'])) {
        return Err(UNBALANCED);
    }
    if path.iter().any(|it| it.is_empty()) {
        return Err("has an empty part in its name");
    }
    if path.len() > MAX_SEGMENTS {
        return Err("is nested too deeply");
    }
    Ok(path.into_iter().map(str::to_owned).collect())
}
