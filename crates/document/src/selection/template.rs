//! Stored content cut where references are followed: texts that are copied, and holes for
//! documents. It is cut once and written as often as the document is shown.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use stratus_storage::{Error, Result};

use super::{Branch, Choice, Members};

/// What is asked for at once: bytes of a text, and members of an object. Most need no more, and what
/// grows step by step is copied at each.
const ROOM: usize = 256;
const MEMBERS: usize = 16;

/// What is shown of a document's content: a JSON object with holes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    pub(crate) text: String,
    /// In the order of the text.
    pub(crate) holes: Vec<Hole>,
}

/// The place of a reference.
#[derive(Clone, Debug)]
pub(crate) struct Hole {
    /// Where in the text.
    pub(crate) at: usize,
    /// The id of the document that is referred to.
    pub(crate) id: String,
    /// What is shown of it.
    pub(crate) branch: Branch,
    /// Where it is, once it was found.
    pub(crate) target: Option<usize>,
}

impl Template {
    /// Cuts a stored object.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when what is stored is no JSON object.
    pub(crate) fn of(stored: &str, members: &Members) -> Result<Self> {
        let mut template = Self { text: String::with_capacity(ROOM), holes: Vec::new() };
        template.object(stored, members, false)?;
        Ok(template)
    }

    fn object(&mut self, stored: &str, members: &Members, and_others: bool) -> Result<()> {
        self.text.push('{');
        let mut is_first = true;
        for (name, value) in parsed::<Object<'_>>(stored)?.0 {
            let choice = members.get(&*name).or(and_others.then_some(&Choice::Whole));
            let Some(choice) = choice else { continue };
            if !std::mem::replace(&mut is_first, false) {
                self.text.push(',');
            }
            self.name(&name);
            self.value(value.get(), choice)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn name(&mut self, name: &str) {
        if name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') {
            self.text.extend(["\"", name, "\":"]);
        } else {
            self.text.push_str(&serde_json::Value::from(name).to_string());
            self.text.push(':');
        }
    }

    /// Content that was written under another definition may be of another kind: then it is shown
    /// as it is stored, if it may be shown whole.
    fn value(&mut self, stored: &str, choice: &Choice) -> Result<()> {
        match (choice, stored.as_bytes().first()) {
            (Choice::Follow(_) | Choice::Within { .. }, Some(b'[')) => {
                self.text.push('[');
                for (at, item) in parsed::<Vec<&RawValue>>(stored)?.into_iter().enumerate() {
                    if at > 0 {
                        self.text.push(',');
                    }
                    self.value(item.get(), choice)?;
                }
                self.text.push(']');
            }
            (Choice::Follow(branch), Some(b'"')) => {
                let (at, id) = (self.text.len(), parsed::<String>(stored)?);
                self.holes.push(Hole { at, id, branch: *branch, target: None });
            }
            (Choice::Within { members, and_others }, Some(b'{')) => {
                self.object(stored, members, *and_others)?;
            }
            (Choice::Within { and_others: false, .. }, _) => self.text.push_str("null"),
            _ => self.text.push_str(stored),
        }
        Ok(())
    }
}

fn parsed<'a, T: Deserialize<'a>>(stored: &'a str) -> Result<T> {
    serde_json::from_str(stored).map_err(|error| Error::Corrupt {
        reason: format!("the content of a document is not what it should be: {error}"),
    })
}

/// The members of an object in the order in which they are stored.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

/// A name without an escape in it is not copied.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut read = Vec::with_capacity(MEMBERS);
        while let Some((Name(name), value)) = members.next_entry()? {
            read.push((name, value));
        }
        Ok(Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members of `{"author": …, "seo": {"image": …}}` with both followed.
    fn members(and_others: bool) -> Members {
        let inner = Members::from([("image".to_owned(), Choice::Follow(Branch(2)))]);
        Members::from([
            ("title".to_owned(), Choice::Whole),
            ("author".to_owned(), Choice::Follow(Branch(1))),
            ("seo".to_owned(), Choice::Within { members: inner, and_others }),
        ])
    }

    /// A template with its holes as `<branch:id>`.
    fn shown(stored: &str, and_others: bool) -> String {
        let mut template = Template::of(stored, &members(and_others)).unwrap();
        for Hole { at, id, branch, .. } in template.holes.iter().rev() {
            template.text.insert_str(*at, &format!("<{}:{id}>", branch.0));
        }
        template.text
    }

    #[test]
    fn content_is_cut_at_references_and_copied_elsewhere() {
        for (stored, chosen, with_others) in [
            ("{}", "{}", "{}"),
            (
                r#"{"x":1,"title":"a\u00e9 ","author":"A"}"#,
                r#"{"title":"a\u00e9 ","author":<1:A>}"#,
                r#"{"title":"a\u00e9 ","author":<1:A>}"#,
            ),
            (r#"{"author":["A","B"]}"#, r#"{"author":[<1:A>,<1:B>]}"#, r#"{"author":[<1:A>,<1:B>]}"#),
            (r#"{"author":[["A"],[]]}"#, r#"{"author":[[<1:A>],[]]}"#, r#"{"author":[[<1:A>],[]]}"#),
            (
                r#"{"seo":{"a":1.0,"image":"I","z":[ 1]}}"#,
                r#"{"seo":{"image":<2:I>}}"#,
                r#"{"seo":{"a":1.0,"image":<2:I>,"z":[ 1]}}"#,
            ),
            (
                r#"{"seo":[{"image":"I"},{"b":2}]}"#,
                r#"{"seo":[{"image":<2:I>},{}]}"#,
                r#"{"seo":[{"image":<2:I>},{"b":2}]}"#,
            ),
            // Written under another definition.
            (r#"{"author":7,"seo":"s"}"#, r#"{"author":7,"seo":null}"#, r#"{"author":7,"seo":"s"}"#),
            (r#"{"author":{"a":1}}"#, r#"{"author":{"a":1}}"#, r#"{"author":{"a":1}}"#),
        ] {
            assert_eq!(shown(stored, false), chosen);
            assert_eq!(shown(stored, true), with_others);
        }
        for damaged in ["", "[]", "null", "{\"title\":", r#"{"author":"#] {
            let error = Template::of(damaged, &members(true)).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{damaged}");
        }
    }
}
