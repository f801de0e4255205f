//! Stored JSON, read only as far as it must be to cut it: where its members begin and end.
//!
//! A parser looks at every byte of what is then left out. Here texts are leaped over, from quote to
//! quote, and what is inside of a value is not checked: it was when it was stored.

use std::borrow::Cow;

use memchr::memchr2;

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// With its quotes, as it is stored.
    pub(super) quoted: &'a str,
    pub(super) value: &'a str,
}

impl Member<'_> {
    /// Its name, without quotes and escapes; `None` if that is no text.
    pub(super) fn name(&self) -> Option<Cow<'_, str>> {
        unquoted(self.quoted)
    }
}

/// What a JSON text says, without its quotes and escapes; `None` if it is none.
pub(super) fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(text).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The members of an object or the items of a list, in the order in which they are stored. After an
/// [`Unreadable`] there is nothing more.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    text: &'a str,
    at: usize,
    close: u8,
    is_first: bool,
}

/// What is stored is not the JSON that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

type Result<T> = std::result::Result<T, Unreadable>;

impl<'a> Parts<'a> {
    /// The parts of an object.
    pub(super) fn of_object(text: &'a str) -> Result<Self> {
        Self::between(text, b'{', b'}')
    }

    /// The parts of a list.
    pub(super) fn of_list(text: &'a str) -> Result<Self> {
        Self::between(text, b'[', b']')
    }

    fn between(text: &'a str, open: u8, close: u8) -> Result<Self> {
        let mut parts = Self { text, at: 0, close, is_first: true };
        parts.take(open)?;
        Ok(parts)
    }

    /// The next member of an object.
    pub(super) fn member(&mut self) -> Result<Option<Member<'a>>> {
        if !self.goes_on()? {
            return Ok(None);
        }
        let quoted = self.value()?;
        self.take(b':')?;
        Ok(Some(Member { quoted, value: self.value()? }))
    }

    /// The next item of a list.
    pub(super) fn item(&mut self) -> Result<Option<&'a str>> {
        if self.goes_on()? { self.value().map(Some) } else { Ok(None) }
    }

    /// Whether there is another part. Behind the last one nothing may follow.
    fn goes_on(&mut self) -> Result<bool> {
        if self.peek() == Some(self.close) {
            self.at += 1;
            return if self.peek().is_none() { Ok(false) } else { Err(Unreadable) };
        }
        if !std::mem::replace(&mut self.is_first, false) {
            self.take(b',')?;
        }
        Ok(true)
    }

    fn take(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let left = self.left();
        let spaces = left.iter().take_while(|it| matches!(it, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += spaces;
        left.get(spaces).copied()
    }

    fn left(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text of the value that begins here.
    fn value(&mut self) -> Result<&'a str> {
        let first = self.peek().ok_or(Unreadable)?;
        let begin = self.at;
        match first {
            b'"' => self.leap()?,
            b'{' | b'[' => self.leap_nested()?,
            _ => {
                let is_end = |it: &u8| matches!(it, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.at += self.left().iter().position(is_end).ok_or(Unreadable)?;
            }
        }
        let value = self.text.get(begin..self.at).ok_or(Unreadable)?;
        if value.is_empty() { Err(Unreadable) } else { Ok(value) }
    }

    /// Leaps over the text that begins here.
    fn leap(&mut self) -> Result<()> {
        self.at += 1;
        loop {
            let left = self.left();
            let found = memchr2(b'"', b'\\', left).ok_or(Unreadable)?;
            if left[found] == b'"' {
                self.at += found + 1;
                return Ok(());
            }
            self.at += found + 2;
        }
    }

    /// Leaps over the object or list that begins here.
    fn leap_nested(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.left().first().ok_or(Unreadable)? {
                b'"' => {
                    self.leap()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn members(text: &str) -> Result<Vec<Member<'_>>> {
        let mut parts = Parts::of_object(text)?;
        std::iter::from_fn(|| parts.member().transpose()).collect()
    }

    fn items(text: &str) -> Result<Vec<&str>> {
        let mut parts = Parts::of_list(text)?;
        std::iter::from_fn(|| parts.item().transpose()).collect()
    }

    #[test]
    fn what_is_damaged_is_unreadable() {
        for damaged in [
            "",
            " ",
            "{",
            "null",
            "7",
            "[]",
            "\"a\"",
            "{}}",
            "{} x",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1 2}",
            "{\"a\" 1}",
            "{\"a\":1,,\"b\":2}",
            "{\"a\":\"",
            "{\"a\":\"\\\"}",
            "{\"a\":[}",
            "{\"a\":{\"b\":1}",
            "{\"a",
            "{\"a\\",
        ] {
            assert_eq!(members(damaged), Err(Unreadable), "{damaged}");
        }
        for damaged in ["", "[", "{}", "[1", "[1,", "[,]", "[1,]", "[1 2]", "[]]", "[\"]"] {
            assert_eq!(items(damaged), Err(Unreadable), "{damaged}");
        }
    }

    /// A part has no spaces around it.
    fn parsed(part: &str) -> Value {
        assert_eq!(part.trim(), part);
        serde_json::from_str(part).unwrap()
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = "[a\\\\\"\\{\\}\\[\\],: é\n]{0,8}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|it| Value::from(f64::from(it) / 4.0)),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            let map = prop::collection::btree_map(text, inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                map.prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_that_a_parser_finds(
            object in prop::collection::btree_map("[a\\\\\"é ]{0,4}", json(), 0..4),
            is_pretty in any::<bool>()
        ) {
            let object = Value::Object(object.into_iter().collect::<Map<_, _>>());
            let text = if is_pretty { format!("{object:#} \n") } else { object.to_string() };
            let found = members(&text).unwrap();
            let found = found.iter().map(|it| (it.name().unwrap().into_owned(), parsed(it.value)));
            prop_assert_eq!(Value::Object(found.collect()).to_string(), object.to_string());
        }

        #[test]
        fn items_are_those_that_a_parser_finds(list in prop::collection::vec(json(), 0..5), is_pretty in any::<bool>()) {
            let list = Value::from(list);
            let text = if is_pretty { format!("{list:#}") } else { list.to_string() };
            let found = items(&text).unwrap().into_iter().map(parsed).collect::<Vec<_>>();
            prop_assert_eq!(Value::from(found), list);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:\\\\a1é ]{0,24}") {
            let _ = (members(&text), items(&text));
        }
    }
}
