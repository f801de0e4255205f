//! Strict JSON: what [`serde_json`] takes, without what two readers could understand in two ways.
//!
//! A key that occurs twice in one object is refused, wherever it is: the check in front of a
//! store and the store itself might each take another of the two. Nesting, keys and values are
//! bounded. A refusal says where: as a JSON pointer, and as a position where the text is broken.
//!
//! Numbers are kept as they were written, as far as a [`Number`] can: an integer beyond ±(2^53−1)
//! is for the validator to refuse, which knows the field.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use crate::problem::{Code, Problem, cut, shorten};

/// How many arrays and objects may stand in each other; the outermost is the first.
const MAX_DEPTH: usize = 64;

/// How many keys there may be in all objects together.
const MAX_KEYS: usize = 10_000;

/// How many values there may be altogether. One takes 70 bytes and more, and an isolate has 128 MB:
/// a megabyte of `[0,0,0,…` would fill it.
const MAX_VALUES: usize = 200_000;

/// A pointer longer than this is cut: its keys are the client's.
const MAX_POINTER_BYTES: usize = 1_000;

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct JsonError {
    /// What kind of refusal.
    pub(crate) code: Code,
    /// Where in the text, as a JSON pointer.
    pub(crate) pointer: String,
    /// What is wrong, naming it.
    pub(crate) message: String,
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        let JsonError { code, pointer, message } = error;
        Self::new(code, message.clone()).at(pointer, code.name(), message)
    }
}

/// Parses one JSON value that is all of the text.
///
/// # Errors
///
/// `malformed_json`, `duplicate_key`, `too_deep`, `too_many_keys`, or `payload_too_large` for too
/// many values.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = decode(bytes)?;
    let mut walk = Walk::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Nested { walk: &mut walk, depth: 1 }.deserialize(&mut deserializer);
    parsed.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| walk.explain(text, &error))
}

fn decode(bytes: &[u8]) -> Result<&str, JsonError> {
    let malformed =
        |message: String| JsonError { code: Code::MalformedJson, pointer: String::new(), message };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(malformed("the body starts with a byte order mark; leave it out".to_owned()));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line_start = bytes[..offset].iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
        let line = bytes[..offset].iter().filter(|it| **it == b'\n').count() + 1;
        malformed(format!(
            "the body is not UTF-8 at byte {offset} (line {line} column {})",
            offset - line_start + 1
        ))
    })?;
    if text.bytes().all(|it| it.is_ascii_whitespace()) {
        return Err(malformed("the body is empty".to_owned()));
    }
    Ok(text)
}

/// What a walk through a text has counted, and how it ended.
#[derive(Default)]
struct Walk {
    keys: usize,
    values: usize,
    /// Our own reason to stop; without one it is the syntax.
    refusal: Option<(Code, String)>,
    /// The way to where it stopped, innermost first, noted while it is walked back.
    trail: Vec<String>,
}

impl Walk {
    /// Stops the walk. The error only carries us out; [`Walk::explain`] finds the reason.
    fn refuse<E: Error>(&mut self, code: Code, message: String) -> E {
        self.refusal = Some((code, message));
        E::custom("refused")
    }

    fn count_value<E: Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values > MAX_VALUES {
            let message = format!("the body has more than {MAX_VALUES} values");
            return Err(self.refuse(Code::PayloadTooLarge, message));
        }
        Ok(())
    }

    fn count_key<E: Error>(&mut self) -> Result<(), E> {
        self.keys += 1;
        if self.keys > MAX_KEYS {
            let message = format!("too many keys: the body may have {MAX_KEYS} of them");
            return Err(self.refuse(Code::TooManyKeys, message));
        }
        Ok(())
    }

    fn enter<E: Error>(&mut self, depth: usize) -> Result<(), E> {
        if depth > MAX_DEPTH {
            let message = format!("the body is nested more than {MAX_DEPTH} deep");
            return Err(self.refuse(Code::TooDeep, message));
        }
        Ok(())
    }

    fn explain(self, text: &str, error: &serde_json::Error) -> JsonError {
        let pointer = self.trail.iter().rev().fold(String::new(), |mut pointer, segment| {
            pointer.push('/');
            pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            pointer
        });
        let pointer =
            if pointer.len() > MAX_POINTER_BYTES { cut(&pointer, MAX_POINTER_BYTES) } else { pointer };
        let (code, message) =
            self.refusal.unwrap_or_else(|| (Code::MalformedJson, syntax_message(text, error)));
        JsonError { code, pointer, message }
    }
}

fn syntax_message(text: &str, error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    let (line, column) = (error.line(), error.column());
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let offset = line_start + column.saturating_sub(1);
    format!("the body is not JSON at byte {offset} (line {line} column {column}): {what}")
}

/// One value, `depth` arrays and objects down, itself counted.
struct Nested<'w> {
    walk: &'w mut Walk,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.walk.count_value()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { walk, depth } = self;
        walk.enter(depth)?;
        let mut array = Vec::new();
        loop {
            match items.next_element_seed(Nested { walk: &mut *walk, depth: depth + 1 }) {
                Ok(Some(item)) => array.push(item),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    walk.trail.push(array.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let Self { walk, depth } = self;
        walk.enter(depth)?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            walk.count_key()?;
            let slot = match object.entry(key) {
                Entry::Vacant(slot) => slot,
                Entry::Occupied(taken) => {
                    let message = format!("the key `{}` occurs twice in one object", shorten(taken.key()));
                    walk.trail.push(taken.key().clone());
                    return Err(walk.refuse(Code::DuplicateKey, message));
                }
            };
            match members.next_value_seed(Nested { walk: &mut *walk, depth: depth + 1 }) {
                Ok(value) => slot.insert(value),
                Err(error) => {
                    walk.trail.push(slot.key().clone());
                    return Err(error);
                }
            };
        }
        Ok(Value::Object(object))
    }
}
