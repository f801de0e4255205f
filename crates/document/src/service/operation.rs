//! What can be asked of the service: one write or several at once, perhaps under a key.

use std::fmt;

use stratus_access::Action;
use stratus_storage::Bookmark;

use super::{Input, Precondition};
use crate::{document::Document, error::DocumentError};

/// A write of one document.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// The collection that the document is in.
    pub collection: &'a str,
    /// What to do.
    pub change: Change<'a>,
    /// What operations after it may call the document that it makes, if it makes one: `$author` as
    /// a reference, or as the parent, is the one that was named `author`.
    pub name: Option<&'a str>,
}

/// What to do with a document.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Make it.
    Create(&'a Input),
    /// Make a copy of another one, over which an input is applied like a patch.
    Duplicate {
        /// The other one.
        id: &'a str,
        /// What shall differ.
        input: &'a Input,
    },
    /// Change the members and fields that a merge patch names.
    Patch {
        /// Which document.
        id: &'a str,
        /// At which revisions.
        precondition: &'a Precondition,
        /// The patch.
        input: &'a Input,
    },
    /// Replace all fields.
    Replace {
        /// Which document.
        id: &'a str,
        /// At which revisions.
        precondition: &'a Precondition,
        /// The fields, and what else shall change.
        input: &'a Input,
    },
    /// Make the fields of an old version the head again.
    Restore {
        /// Which document.
        id: &'a str,
        /// At which revisions.
        precondition: &'a Precondition,
        /// The number of the version.
        version: i64,
    },
    /// Change its state.
    Step {
        /// Which document.
        id: &'a str,
        /// At which revisions.
        precondition: &'a Precondition,
        /// To what.
        step: Step,
    },
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the head public.
    Publish,
    /// Take the document from the public.
    Unpublish,
    /// Put it in the trash.
    Trash,
    /// Take it out of the trash.
    Recover,
    /// Leave nothing of it.
    Erase,
}

impl Step {
    /// The right to the document that it needs.
    pub fn right(self) -> Action {
        match self {
            Self::Publish | Self::Unpublish => Action::Publish,
            Self::Trash | Self::Recover => Action::Delete,
            Self::Erase => Action::Manage,
        }
    }
}

impl<'a> Operation<'a> {
    /// A write of a document that no other one needs a name for.
    pub fn new(collection: &'a str, change: Change<'a>) -> Self {
        Self { collection, change, name: None }
    }

    /// The document that it writes, if that is there already.
    pub(super) fn written(&self) -> Option<&str> {
        match self.change {
            Change::Create(_) | Change::Duplicate { .. } => None,
            Change::Patch { id, .. }
            | Change::Replace { id, .. }
            | Change::Restore { id, .. }
            | Change::Step { id, .. } => Some(id),
        }
    }

    /// The document that it names, if it names one.
    pub(super) fn named(&self) -> Option<&str> {
        match self.change {
            Change::Duplicate { id, .. } => Some(id),
            _ => self.written(),
        }
    }

    /// What it says of the document, if anything.
    pub(super) fn input(&self) -> Option<&'a Input> {
        match self.change {
            Change::Create(input)
            | Change::Duplicate { input, .. }
            | Change::Patch { input, .. }
            | Change::Replace { input, .. } => Some(input),
            Change::Restore { .. } | Change::Step { .. } => None,
        }
    }

    /// Which revisions it is meant for.
    pub(super) fn precondition(&self) -> &Precondition {
        match self.change {
            Change::Create(_) | Change::Duplicate { .. } => &Precondition::Any,
            Change::Patch { precondition, .. }
            | Change::Replace { precondition, .. }
            | Change::Restore { precondition, .. }
            | Change::Step { precondition, .. } => precondition,
        }
    }
}

impl<'a> Change<'a> {
    /// The same with another input, where it has one.
    pub(super) fn with_input(self, input: &'a Input) -> Self {
        match self {
            Self::Create(_) => Self::Create(input),
            Self::Duplicate { id, .. } => Self::Duplicate { id, input },
            Self::Patch { id, precondition, .. } => Self::Patch { id, precondition, input },
            Self::Replace { id, precondition, .. } => Self::Replace { id, precondition, input },
            Self::Restore { .. } | Self::Step { .. } => self,
        }
    }
}

/// What a write of one document left behind.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its head.
    Head(Box<Document>),
    /// Nothing.
    Erased,
}

/// How a write was done.
#[derive(Clone, Debug)]
pub enum Done {
    /// By this call.
    Now {
        /// What each operation left behind, in their order.
        outcomes: Vec<Outcome>,
        /// Read at least this to see it; nothing when nothing was written.
        bookmark: Option<Bookmark>,
    },
    /// By an earlier one under the same key.
    Before {
        /// The answer that was kept.
        answer: Answer,
        /// Read at least this to see it; nothing when nothing was written.
        bookmark: Option<Bookmark>,
    },
}

/// Why nothing was written.
#[derive(Debug)]
pub struct Failed {
    /// The operation that it is due to, if it is due to one.
    pub at: Option<usize>,
    /// Why.
    pub error: DocumentError,
}

impl Failed {
    pub(super) fn at(at: usize) -> impl FnOnce(DocumentError) -> Self {
        move |error| Self { at: Some(at), error }
    }
}

impl From<DocumentError> for Failed {
    fn from(error: DocumentError) -> Self {
        Self { at: None, error }
    }
}

impl From<stratus_storage::Error> for Failed {
    fn from(error: stratus_storage::Error) -> Self {
        Self { at: None, error: error.into() }
    }
}

/// An answer to a write, in the words of whoever gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A number that says how it went.
    pub status: u16,
    /// What stands beside the body. It tells nothing of a document's content.
    pub headers: String,
    /// The body, which may.
    pub body: String,
}

/// Gives the answer that is kept for what operations left behind.
pub type MakeAnswer<'a> = dyn Fn(&[Outcome]) -> Option<Answer> + Send + Sync + 'a;

/// A key under which a caller has a write done once, however often they ask.
#[derive(Clone, Copy)]
pub struct Keyed<'a> {
    /// The caller's name for the write.
    pub key: &'a str,
    /// A digest of the request: another one under the same key is a mistake.
    pub request: &'a str,
    /// Makes the answer to be kept, before the write: where a slug is not known yet, a document has
    /// another text in its place, and the body must have it as a JSON string. Without an answer, and
    /// where it is too large, the write is done all the same and remembered without its body.
    pub answer: &'a MakeAnswer<'a>,
}

impl fmt::Debug for Keyed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("key", &self.key)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
