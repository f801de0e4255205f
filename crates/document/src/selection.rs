//! What a read shows of documents: which of their fields, and which of their references are
//! followed.
//!
//! A [`Selection`] is a tree. Each of its branches speaks of the documents of one collection: the
//! first of those that are read, every other of the targets of one reference field.

mod stored;
mod template;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

pub(crate) use template::{Hole, Template};

use crate::collection::Collection;

/// A branch of a [`Selection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Branch(usize);

/// Why a field can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unselectable {
    /// The collection has no such public field.
    #[error("there is no such field")]
    Unknown,
    /// It was chosen before.
    #[error("the field is chosen twice")]
    Twice,
    /// It refers to nothing that could be followed.
    #[error("the field is no reference")]
    NoReference,
}

/// Which fields of documents are shown, and which of their references are followed.
#[derive(Clone, Debug)]
pub struct Selection {
    branches: Vec<Chosen>,
}

/// What is chosen of the documents of one collection.
#[derive(Clone, Debug)]
struct Chosen {
    collection: Arc<Collection>,
    members: Members,
}

/// The members of an object that are shown, by name.
pub(crate) type Members = BTreeMap<String, Choice>;

/// How a member is shown.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    /// As it is stored.
    Whole,
    /// With the documents that it refers to in the place of their ids.
    Follow(Branch),
    /// An object, or a list of them, of which members are chosen; `and_others` shows the rest as it
    /// is stored.
    Within { members: Members, and_others: bool },
}

impl Selection {
    /// Where it begins: the documents that are read.
    pub const ROOT: Branch = Branch(0);

    /// A selection over the documents of a collection. Nothing is chosen yet.
    pub fn of(collection: &Arc<Collection>) -> Self {
        Self { branches: vec![Chosen::of(collection)] }
    }

    /// The collection whose documents a branch speaks of.
    pub fn collection(&self, branch: Branch) -> &Arc<Collection> {
        &self.branches[branch.0].collection
    }

    /// Shows a field as it is stored.
    ///
    /// # Errors
    ///
    /// [`Unselectable::Unknown`], [`Unselectable::Twice`].
    pub fn show(&mut self, branch: Branch, name: &str) -> Result<(), Unselectable> {
        let mut fields = self.collection(branch).fields().iter();
        if !fields.any(|it| it.name() == name && !it.definition().private) {
            return Err(Unselectable::Unknown);
        }
        insert(&mut self.branches[branch.0].members, name, Choice::Whole)
    }

    /// The collection that the references at a dotted path point into. The path goes through
    /// objects and lists.
    ///
    /// # Errors
    ///
    /// [`Unselectable::Unknown`], [`Unselectable::NoReference`].
    pub fn target(&self, branch: Branch, path: &str) -> Result<&str, Unselectable> {
        let field = self.collection(branch).public_items_at(path).ok_or(Unselectable::Unknown)?;
        field.target().ok_or(Unselectable::NoReference)
    }

    /// Follows the references at a dotted path, which point into `target`. Of what is on the way,
    /// nothing else is shown unless that is chosen too.
    ///
    /// # Errors
    ///
    /// Those of [`target`](Self::target); [`Unselectable::NoReference`] if they point into another
    /// collection; [`Unselectable::Twice`].
    pub fn follow(
        &mut self,
        branch: Branch,
        path: &str,
        target: &Arc<Collection>,
    ) -> Result<Branch, Unselectable> {
        if self.target(branch, path)? != target.name() {
            return Err(Unselectable::NoReference);
        }
        let next = Branch(self.branches.len());
        insert(&mut self.branches[branch.0].members, path, Choice::Follow(next))?;
        self.branches.push(Chosen::of(target));
        Ok(next)
    }

    /// Whether fields are shown as they are stored and no reference is followed.
    pub fn is_plain(&self) -> bool {
        self.branches.len() == 1
    }

    /// The names of the fields that are shown of the documents that are read, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.branches.iter().take(1).flat_map(|it| it.members.keys()).map(String::as_str)
    }

    /// Writes the chosen members of stored fields behind a text, as they are stored and in that order.
    /// No reference is followed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](stratus_storage::Error::Corrupt) when what is stored is no JSON object; then
    /// the text is lost.
    pub fn push_shown(&self, text: &mut String, fields: &str) -> stratus_storage::Result<()> {
        *text = Template::behind(std::mem::take(text), fields, self.members(Self::ROOT))?.text;
        Ok(())
    }

    /// What is chosen of the documents of a branch.
    pub(crate) fn members(&self, branch: Branch) -> &Members {
        &self.branches[branch.0].members
    }
}

impl Chosen {
    fn of(collection: &Arc<Collection>) -> Self {
        Self { collection: Arc::clone(collection), members: Members::new() }
    }
}

/// Chooses what is at a dotted path. An object may be shown whole and have members of its own: the
/// order in which the two are said doesn't matter.
fn insert(members: &mut Members, path: &str, choice: Choice) -> Result<(), Unselectable> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (members.entry(name.to_owned()), rest) {
        (Entry::Vacant(place), None) => {
            place.insert(choice);
            Ok(())
        }
        (Entry::Vacant(place), Some(rest)) => {
            let mut inner = Members::new();
            insert(&mut inner, rest, choice)?;
            place.insert(Choice::Within { members: inner, and_others: false });
            Ok(())
        }
        (Entry::Occupied(mut place), rest) => match (place.get_mut(), rest) {
            (Choice::Within { members, .. }, Some(rest)) => insert(members, rest, choice),
            (Choice::Within { and_others, .. }, None) if !*and_others => {
                *and_others = true;
                Ok(())
            }
            (whole @ Choice::Whole, Some(rest)) => {
                let mut inner = Members::new();
                insert(&mut inner, rest, choice)?;
                *whole = Choice::Within { members: inner, and_others: true };
                Ok(())
            }
            _ => Err(Unselectable::Twice),
        },
    }
}
