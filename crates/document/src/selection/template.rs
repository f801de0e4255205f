//! Stored content cut where references are followed: texts that are copied, and holes for
//! documents. It is cut once and written as often as the document is shown.

use std::{borrow::Cow, collections::BTreeMap};

use stratus_storage::{Error, Result};

use super::{
    Branch, Choice, Members, of_every_block,
    stored::{Parts, Unreadable, unquoted},
};

/// What is asked for at once, in bytes: most need no more, and what grows step by step is copied at
/// each.
const ROOM: usize = 256;

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
        Self::behind(String::with_capacity(ROOM), stored, members)
    }

    /// The same behind a text.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Self::of).
    pub(crate) fn behind(text: String, stored: &str, members: &Members) -> Result<Self> {
        let mut template = Self { text, holes: Vec::new() };
        template.object(stored, members, false).map_err(|Unreadable| Error::Corrupt {
            reason: "the content of a document is no sound JSON object".to_owned(),
        })?;
        Ok(template)
    }

    fn object(&mut self, stored: &str, members: &Members, and_others: bool) -> Readable {
        self.text.push('{');
        let (mut parts, mut shown) = (Parts::of_object(stored)?, 0);
        // Behind the last member that was chosen nothing is looked for.
        while (and_others || shown < members.len())
            && let Some(member) = parts.member()?
        {
            let name = member.name().ok_or(Unreadable)?;
            let choice = members.get(&*name).or(and_others.then_some(&Choice::Whole));
            let Some(choice) = choice else { continue };
            if shown > 0 {
                self.text.push(',');
            }
            shown += 1;
            self.text.push_str(member.quoted);
            self.text.push(':');
            self.value(member.value, choice)?;
        }
        self.text.push('}');
        Ok(())
    }

    /// Of a block, its kind is always shown.
    fn block(&mut self, stored: &str, kinds: &BTreeMap<String, Members>, and_others: bool) -> Readable {
        let members = kind(stored)?.and_then(|it| kinds.get(&*it));
        self.object(stored, members.unwrap_or(&of_every_block()), and_others)
    }

    /// Content that was written under another definition may be of another kind: then it is shown
    /// as it is stored, if it may be shown whole.
    fn value(&mut self, stored: &str, choice: &Choice) -> Readable {
        match (choice, stored.as_bytes().first()) {
            (Choice::Follow(_) | Choice::Within { .. } | Choice::Blocks { .. }, Some(b'[')) => {
                let (mut parts, mut is_first) = (Parts::of_list(stored)?, true);
                self.text.push('[');
                while let Some(item) = parts.item()? {
                    if !std::mem::replace(&mut is_first, false) {
                        self.text.push(',');
                    }
                    self.value(item, choice)?;
                }
                self.text.push(']');
            }
            (Choice::Follow(branch), Some(b'"')) => {
                let (at, id) = (self.text.len(), unquoted(stored).ok_or(Unreadable)?.into_owned());
                self.holes.push(Hole { at, id, branch: *branch, target: None });
            }
            (Choice::Within { members, and_others }, Some(b'{')) => {
                self.object(stored, members, *and_others)?;
            }
            (Choice::Blocks { kinds, and_others }, Some(b'{')) => self.block(stored, kinds, *and_others)?,
            (Choice::Within { and_others: false, .. } | Choice::Blocks { and_others: false, .. }, _) => {
                self.text.push_str("null");
            }
            _ => self.text.push_str(stored),
        }
        Ok(())
    }
}

/// The kind of a stored block.
fn kind(stored: &str) -> std::result::Result<Option<Cow<'_, str>>, Unreadable> {
    let mut parts = Parts::of_object(stored)?;
    while let Some(member) = parts.member()? {
        if member.quoted == "\"type\"" {
            return Ok(unquoted(member.value));
        }
    }
    Ok(None)
}

type Readable = std::result::Result<(), Unreadable>;

#[cfg(test)]
mod tests {
    use super::*;

    /// The members of `{"author": …, "seo": {"image": …}, "parts": [{"type": "hero", "image": …}]}` with
    /// all of them followed.
    fn members(and_others: bool) -> Members {
        let inner = Members::from([("image".to_owned(), Choice::Follow(Branch(2)))]);
        let mut hero = of_every_block();
        hero.insert("image".to_owned(), Choice::Follow(Branch(3)));
        let kinds = BTreeMap::from([("hero".to_owned(), hero)]);
        Members::from([
            ("title".to_owned(), Choice::Whole),
            ("author".to_owned(), Choice::Follow(Branch(1))),
            ("seo".to_owned(), Choice::Within { members: inner, and_others }),
            ("parts".to_owned(), Choice::Blocks { kinds, and_others }),
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
            (
                r#"{"parts":[{"type":"hero","image":"I","a":1},{"type":"text","image":"J"},{"image":"K"}]}"#,
                r#"{"parts":[{"type":"hero","image":<3:I>},{"type":"text"},{}]}"#,
                r#"{"parts":[{"type":"hero","image":<3:I>,"a":1},{"type":"text","image":"J"},{"image":"K"}]}"#,
            ),
            // Written under another definition.
            (r#"{"parts":["hero"]}"#, r#"{"parts":[null]}"#, r#"{"parts":["hero"]}"#),
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
