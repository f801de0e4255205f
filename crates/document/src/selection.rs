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

use crate::collection::{Collection, Member};

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
    /// A list of blocks, of which members are chosen by kind, beside their `type`; `and_others` shows
    /// the rest as it is stored.
    Blocks { kinds: BTreeMap<String, Members>, and_others: bool },
}

impl Choice {
    /// A choice of what is behind a name on a way.
    fn behind(member: Member<'_>, and_others: bool) -> Self {
        match member.kind {
            None => Self::Within { members: Members::new(), and_others },
            Some(_) => Self::Blocks { kinds: BTreeMap::new(), and_others },
        }
    }
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
        let member = Member { name, kind: None };
        insert(&mut self.branches[branch.0].members, member, &[], Choice::Whole)
    }

    /// The collection that the references at a dotted path point into. The path goes through
    /// objects, lists and blocks, whose kind is named behind their field.
    ///
    /// # Errors
    ///
    /// [`Unselectable::Unknown`], [`Unselectable::NoReference`].
    pub fn target(&self, branch: Branch, path: &str) -> Result<&str, Unselectable> {
        let (_, field) = self.collection(branch).public_items_at(path).ok_or(Unselectable::Unknown)?;
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
        let Chosen { collection, members } = &mut self.branches[branch.0];
        let (way, _) = collection.public_items_at(path).ok_or(Unselectable::Unknown)?;
        let (first, rest) = way.split_first().ok_or(Unselectable::Unknown)?;
        insert(members, *first, rest, Choice::Follow(next))?;
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

/// What is shown of a block of whatever kind.
fn of_every_block() -> Members {
    Members::from([("type".to_owned(), Choice::Whole)])
}

/// Chooses what is at the end of a way. An object may be shown whole and have members of its own: the
/// order in which the two are said doesn't matter.
fn insert(
    members: &mut Members,
    member: Member<'_>,
    rest: &[Member<'_>],
    choice: Choice,
) -> Result<(), Unselectable> {
    let place = members.entry(member.name.to_owned());
    let Some((next, rest)) = rest.split_first() else {
        return match place {
            Entry::Vacant(place) => {
                place.insert(choice);
                Ok(())
            }
            Entry::Occupied(mut place) => match place.get_mut() {
                Choice::Within { and_others, .. } | Choice::Blocks { and_others, .. } if !*and_others => {
                    *and_others = true;
                    Ok(())
                }
                _ => Err(Unselectable::Twice),
            },
        };
    };
    let chosen = place.or_insert_with(|| Choice::behind(member, false));
    if matches!(chosen, Choice::Whole) {
        *chosen = Choice::behind(member, true);
    }
    match (chosen, member.kind) {
        (Choice::Within { members, .. }, None) => insert(members, *next, rest, choice),
        (Choice::Blocks { kinds, .. }, Some(kind)) => {
            insert(kinds.entry(kind.to_owned()).or_insert_with(of_every_block), *next, rest, choice)
        }
        _ => Err(Unselectable::Twice),
    }
}
