//! Parameters to be taken by those who know them.

use std::ops::RangeInclusive;

use super::{Parameter, about, parse};
use crate::problem::{Code, Problem};

/// The parameters of a request that nobody has taken yet, and the names that were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    left: Vec<Parameter>,
    known: Vec<&'static str>,
}

impl Params {
    /// Parses a raw query; none is no parameters.
    ///
    /// # Errors
    ///
    /// Those of [`parse`].
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        Ok(Self { left: parse(query.unwrap_or_default())?, known: vec![] })
    }

    /// Takes everything under a name: what follows the name in the key, and the value.
    pub(crate) fn take_tree(&mut self, name: &'static str) -> Vec<Parameter> {
        self.known.push(name);
        self.left.extract_if(.., |it| it.name() == name).collect()
    }

    /// Takes the text of a parameter without brackets.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` when it is written with brackets.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut found = self.take_tree(name);
        match found.iter().find(|it| it.path.len() > 1) {
            Some(nested) => Err(about(Code::InvalidParameter, &nested.key(), "takes no brackets")),
            None => Ok(found.pop().map(|it| it.value)),
        }
    }

    /// Takes a whole number.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` for anything but decimal digits, or outside the range: nothing is
    /// clamped.
    pub(crate) fn take_integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        // `parse` alone takes a plus sign.
        let is_plain = text.bytes().all(|it| it.is_ascii_digit());
        let number = text.parse().ok().filter(|it| is_plain && range.contains(it));
        number.map(Some).ok_or_else(|| {
            let why = format!("is not a whole number from {} to {}", range.start(), range.end());
            about(Code::InvalidParameter, name, &why)
        })
    }

    /// Takes one of some words.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, listing the words, for any other.
    pub(crate) fn take_one_of<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone());
        found.map(Some).ok_or_else(|| {
            let why = format!("is not one of {}", listed(words.iter().map(|(word, _)| *word)));
            about(Code::InvalidParameter, name, &why)
        })
    }

    /// Refuses what nobody has taken.
    ///
    /// Only the name in front of the brackets is repeated: what is in them may be the name of a
    /// field that the client is guessing at.
    ///
    /// # Errors
    ///
    /// `unknown_parameter`, listing those that there are.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some(unknown) = self.left.first() else { return Ok(()) };
        let why = if self.known.is_empty() {
            "is unknown; there are none here".to_owned()
        } else {
            format!("is unknown; there are {}", listed(self.known.iter().copied()))
        };
        Err(about(Code::UnknownParameter, unknown.name(), &why))
    }
}

fn listed(words: impl Iterator<Item = &'static str>) -> String {
    words.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
