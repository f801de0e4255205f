//! `Idempotency-Key`: a write that is done once, however often a client asks for it.
//!
//! It is taken with POST and PATCH. PUT and DELETE leave the same behind however often they are
//! done, and reads leave nothing: there it means nothing, and is not looked at.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    body,
    call::Call,
    hex,
    problem::{Code, Problem},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key.
const MAX_BYTES: usize = 255;

/// A key, with the digest of the request that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keying {
    pub(crate) key: String,
    pub(crate) request: String,
}

/// The body of a write and, if there is a key, what the key stands for. A key that is malformed is
/// refused before the body is read.
///
/// # Errors
///
/// `invalid_header`, and those of [`body::read_json`].
pub(crate) async fn read_json(call: &Call, body: Body) -> Result<(Value, Option<Keying>), Problem> {
    let key = Key::of(call.headers())?;
    let body = body::read_json(call.headers(), body, call.body_limit()).await?;
    let keying = key.map(|it| it.bind(call, Some(&body)));
    Ok((body, keying))
}

/// The same of a body that may be missing.
///
/// # Errors
///
/// Those of [`read_json`].
pub(crate) async fn read_optional_json(
    call: &Call,
    body: Body,
) -> Result<(Option<Value>, Option<Keying>), Problem> {
    let key = Key::of(call.headers())?;
    let body = body::read_optional_json(call.headers(), body, call.body_limit()).await?;
    let keying = key.map(|it| it.bind(call, body.as_ref()));
    Ok((body, keying))
}

/// A key: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key(String);

impl Key {
    /// Reads the header, a structured-field string or the bare text of one.
    ///
    /// # Errors
    ///
    /// `invalid_header` when it is malformed, or there more than once.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut found = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(first) = found.next() else { return Ok(None) };
        let key = first.to_str().ok().and_then(Self::parse).filter(|_| found.next().is_none());
        key.map(Some).ok_or_else(|| {
            let detail = format!(
                "`Idempotency-Key` takes one key of 1 to {MAX_BYTES} visible ASCII characters, in quotes or bare"
            );
            Problem::new(Code::InvalidHeader, detail)
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest.strip_suffix('"')?)?,
            // What begins a list, a parameter or a quote is no bare key.
            None if text.contains(['"', ',', ';', '\\']) => return None,
            None => text.to_owned(),
        };
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        (is_visible && (1..=MAX_BYTES).contains(&key.len())).then_some(Self(key))
    }

    /// Binds the key to the request that it came with.
    fn bind(self, call: &Call, body: Option<&Value>) -> Keying {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(call.method().as_str().as_bytes());
        part(call.address().as_bytes());
        for condition in call.headers().get_all(header::IF_MATCH) {
            part(condition.as_bytes());
        }
        // No condition is as long, so that one more is never taken for a body.
        part(b"body");
        let mut text = String::new();
        if let Some(body) = body {
            push_canonical(&mut text, body);
        }
        part(text.as_bytes());
        Keying { key: self.0, request: hex::encode(&hash.finalize()) }
    }
}

/// The text of a structured-field string (RFC 9651 §3.3.3) between its quotes.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => return None,
            '\\' => key.push(signs.next().filter(|it| ['"', '\\'].contains(it))?),
            sign => key.push(sign),
        }
    }
    Some(key)
}

/// Writes a JSON value with the keys of its objects in order: the same value is the same text,
/// however a client put it together. Bodies are nested no deeper than they may be.
fn push_canonical(text: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                push_canonical(text, value);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                push_canonical(text, item);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// Says of an answer that it was given before.
pub(crate) fn set_replayed(headers: &mut HeaderMap) {
    headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(lines: &[&[u8]]) -> Result<Option<Key>, Code> {
        let lines = lines.iter().map(|it| (IDEMPOTENCY_KEY, HeaderValue::from_bytes(it).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        Key::of(&headers).map_err(|it| it.code())
    }

    #[test]
    fn keys_are_texts_with_or_without_quotes() {
        let longest = "k".repeat(MAX_BYTES);
        for (given, meant) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            (" \"a\\\"b\\\\c\" ", "a\"b\\c"),
            ("\"a,b;c\"", "a,b;c"),
            ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            ("AbC+/=", "AbC+/="),
            (&longest, &longest),
        ] {
            assert_eq!(key(&[given.as_bytes()]), Ok(Some(Key(meant.to_owned()))), "{given}");
        }
        assert_eq!(key(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let too_long = "k".repeat(MAX_BYTES + 1);
        for given in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "a b",
            "\"a b\"",
            "a,b",
            "\"a\", \"b\"",
            "\"a\";x=1",
            "a;x=1",
            "\"a\"b\"",
            "\"a\\b\"",
            "\"a\\\"",
            "a\\b",
            &too_long,
        ] {
            assert_eq!(key(&[given.as_bytes()]), Err(Code::InvalidHeader), "{given}");
        }
        assert_eq!(key(&[b"caf\xc3\xa9"]), Err(Code::InvalidHeader));
        assert_eq!(key(&[b"a", b"a"]), Err(Code::InvalidHeader));
    }

    #[test]
    fn the_order_of_keys_means_nothing_and_all_else_does() {
        let canonical = |value: Value| {
            let mut text = String::new();
            push_canonical(&mut text, &value);
            text
        };
        assert_eq!(
            canonical(json!({"a": 1, "b": {"c": [], "d": null}})),
            r#"{"a":1,"b":{"c":[],"d":null,},}"#
        );
        let parsed = |text: &str| canonical(serde_json::from_str(text).unwrap());
        assert_eq!(parsed(r#"{"a":1,"b":2}"#), parsed(r#"{ "b": 2, "a": 1 }"#));
        for other in [r#"{"a":"1","b":2}"#, r#"{"a":[1],"b":2}"#, r#"{"a":1,"b":2,"c":null}"#, r#"[1,2]"#] {
            assert_ne!(parsed(r#"{"a":1,"b":2}"#), parsed(other), "{other}");
        }
        assert_ne!(parsed("[1,2]"), parsed("[2,1]"));
        assert_ne!(parsed("[[1],2]"), parsed("[[1,2]]"));
    }
}
