//! The request that a command with `curl` sends. What is not understood is refused, so that nothing
//! stands in the cookbook that the shell or curl would read otherwise.

use std::{iter::Peekable, str::Chars};

use crate::app::{cookbook::Variables, wire::Request};

/// # Errors
///
/// What would not be sent as it is written.
pub(crate) fn request(source: &str, variables: &Variables) -> Result<Request, String> {
    let words = words(source, variables)?;
    let mut words = words.into_iter();
    if words.next().as_deref() != Some("curl") {
        return Err("it is no `curl`".to_owned());
    }
    let (mut method, mut url, mut is_literal, mut has_headers) = (None, None, false, false);
    let (mut headers, mut body) = (Vec::new(), None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` has no value"));
        match word.as_str() {
            "-X" => method = Some(value()?),
            "-H" => headers.push(value()?),
            "--json" => {
                headers.push("Content-Type: application/json".to_owned());
                headers.push("Accept: application/json".to_owned());
                body = Some(value()?);
            }
            "-i" => has_headers = true,
            "-ig" => (has_headers, is_literal) = (true, true),
            option if option.starts_with('-') => return Err(format!("`{option}` is not known here")),
            _ if url.is_none() => url = Some(word),
            _ => return Err(format!("`{word}` is one too many")),
        }
    }
    let url = url.ok_or("there is no address")?;
    let path = variables.get("BASE").and_then(|base| url.strip_prefix(base.as_str()));
    let path = path.ok_or_else(|| format!("`{url}` does not begin with $BASE"))?;
    if !path.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(format!("`{path}` must be encoded"));
    }
    if path.contains(['[', ']', '{', '}']) && !is_literal {
        return Err("curl reads brackets as patterns without `-g`".to_owned());
    }
    if !has_headers {
        return Err("curl shows no headers without `-i`".to_owned());
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let mut request = Request::new(&method, path);
    for header in headers {
        let (name, value) = header.split_once(": ").ok_or_else(|| format!("`{header}` is no header"))?;
        request = request.with(name, value);
    }
    Ok(Request { body: body.unwrap_or_default().into_bytes(), ..request })
}

/// A value as the shell takes it.
pub(crate) fn quoted(value: &str) -> String {
    if value.chars().all(is_plain) { value.to_owned() } else { format!("'{value}'") }
}

/// Means nothing to a shell.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-_.".contains(char)
}

/// Splits a command as a shell does.
fn words(source: &str, variables: &Variables) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = source.trim_end().chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\n' => {
                words.extend(word.take());
                if char == '\n' {
                    return Err("a second command".to_owned());
                }
            }
            '\\' if chars.next_if_eq(&'\n').is_some() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote does not end")? {
                        '\'' => break,
                        char => word.push(char),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote does not end")? {
                        '"' => break,
                        '$' => word.push_str(variable(&mut chars, variables)?),
                        '\\' | '`' => return Err("escapes are not known here".to_owned()),
                        char => word.push(char),
                    }
                }
            }
            '$' => {
                let value = variable(&mut chars, variables)?;
                if value.is_empty() || !value.chars().all(is_plain) {
                    return Err(format!("`{value}` must be quoted"));
                }
                word.get_or_insert_default().push_str(value);
            }
            char if char.is_ascii_alphanumeric() || "-_./:".contains(char) => {
                word.get_or_insert_default().push(char);
            }
            char => return Err(format!("`{char}` must be quoted")),
        }
    }
    words.extend(word);
    Ok(words)
}

fn variable<'v>(chars: &mut Peekable<Chars<'_>>, variables: &'v Variables) -> Result<&'v str, String> {
    let mut name = String::new();
    while let Some(char) = chars.next_if(|it| it.is_ascii_uppercase() || *it == '_') {
        name.push(char);
    }
    variables.get(&name).map(String::as_str).ok_or_else(|| format!("nothing is called `${name}`"))
}
