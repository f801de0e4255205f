//! JSON in which nothing can be read in two ways: a member that is named twice is refused, and so
//! is what nests too deep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::validate::{FieldError, pointer, shorten};

/// How deep a line nests: what the fields of a document do, and what stands around them.
const MAX_DEPTH: usize = 68;

/// Parses one JSON value that is all of the text.
pub(super) fn parse(text: &str) -> Result<Json, FieldError> {
    let mut fault = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Nested { fault: &mut fault, depth: 1 }.deserialize(&mut deserializer);
    parsed.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        fault.unwrap_or_else(|| {
            // There is one line only, so that its number says nothing.
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            let message = format!("is no JSON: {what} (column {})", error.column());
            FieldError::new("", "malformed_json", message)
        })
    })
}

/// A value at a depth. The fault, where it is one of ours, gathers its pointer on the way out.
struct Nested<'a> {
    fault: &'a mut Option<FieldError>,
    depth: usize,
}

impl Nested<'_> {
    fn inner(&mut self) -> Nested<'_> {
        Nested { fault: self.fault, depth: self.depth + 1 }
    }

    fn refuse<E: Error>(&mut self, at: String, code: &'static str, message: String) -> E {
        *self.fault = Some(FieldError::new(at, code, message));
        E::custom("refused")
    }

    fn check_depth<E: Error>(&mut self) -> Result<(), E> {
        if self.depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH}");
            return Err(self.refuse(String::new(), "too_deep", message));
        }
        Ok(())
    }

    fn within(&mut self, member: &str) {
        if let Some(fault) = self.fault.as_mut() {
            fault.pointer.insert_str(0, &pointer("", member));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Json, A::Error> {
        self.check_depth()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                let message = format!("`{}` is named twice", shorten(&name));
                return Err(self.refuse(pointer("", &name), "duplicate_key", message));
            }
            match map.next_value_seed(self.inner()) {
                Ok(value) => members.insert(name, value),
                Err(error) => {
                    self.within(&name);
                    return Err(error);
                }
            };
        }
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Json, A::Error> {
        self.check_depth()?;
        let mut items = Vec::new();
        loop {
            match seq.next_element_seed(self.inner()) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Json::Array(items)),
                Err(error) => {
                    self.within(&items.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, (&str, &str)>) {
        let parsed = parse(text);
        let shown = parsed.as_ref().map(ToString::to_string);
        match (shown, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(fault), Err((pointer, message))) => {
                assert_eq!(fault.pointer, pointer, "{text}");
                assert!(fault.message.contains(message), "{text}: {}", fault.message);
            }
            (shown, _) => panic!("{text}: {shown:?}"),
        }
    }

    #[test]
    fn only_what_has_one_reading_is_read() {
        check(r#"{"a": [1, -2, 2.5, "x", null, true]}"#, Ok(r#"{"a":[1,-2,2.5,"x",null,true]}"#));
        check(r#"{"a": 1, "a": 2}"#, Err(("/a", "`a` is named twice")));
        check(r#"{"a": [0, {"b/c": 1, "b/c": 2}]}"#, Err(("/a/1/b~1c", "named twice")));
        check(r#"{"a": }"#, Err(("", "is no JSON: expected value (column 7)")));
        check(r#"{"a": 1} x"#, Err(("", "trailing characters")));
        check("", Err(("", "EOF")));
        check(r#"{"a": 1e999}"#, Err(("", "number out of range")));
        let deep = format!("{}1{}", "[".repeat(68), "]".repeat(68));
        check(&deep, Ok(&deep));
        let deeper = format!("{}1{}", "[".repeat(69), "]".repeat(69));
        check(&deeper, Err((&"/0".repeat(68), "nested deeper than 68")));
    }
}
