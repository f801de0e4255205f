//! What a dotted path names: through objects and lists, and along references into other
//! collections.

use std::{collections::BTreeSet, sync::Arc};

use stratus_access::TenantId;

use crate::{
    collection::{Collection, Field, FieldKind},
    definition::FieldType,
    physical::{Key, State},
    registry::Registry,
};

/// How many references a path follows at most.
pub(crate) const MAX_HOPS: usize = 4;

/// The collections that paths may lead into: all but those that the caller may not read.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) registry: &'a Registry,
    /// Whose documents they are.
    pub(crate) tenant: &'a TenantId,
    /// The names of those that are closed to the caller: they are as good as not there.
    pub(crate) closed: &'a BTreeSet<String>,
}

/// A path, taken apart.
pub(crate) struct Place<'a> {
    /// The references that it follows.
    pub(crate) hops: Vec<Hop<'a>>,
    pub(crate) named: Named<'a>,
}

/// A reference that a path follows.
pub(crate) struct Hop<'a> {
    pub(crate) field: &'a str,
    pub(crate) collection: &'a Arc<Collection>,
    /// Whether a document may refer to many by it.
    pub(crate) is_many: bool,
}

/// What is at the end of a path.
pub(crate) enum Named<'a> {
    /// A column that every document has.
    System(Key),
    Type,
    Status,
    /// `is_many`: a document may have many values of it.
    Field {
        field: &'a Field,
        is_many: bool,
    },
}

/// Why a path names nothing.
pub(crate) enum NoPlace {
    Unknown,
    TooFar,
}

/// How one path goes on inside of one collection.
enum Step<'a> {
    Ends(Named<'a>),
    /// At a reference; the rest of the path is in the other collection.
    Refers {
        field: &'a str,
        is_many: bool,
        to: &'a str,
        rest: &'a str,
    },
}

/// Takes a path of a collection apart. What is private, and what is in a closed collection, is
/// answered like what is not there.
pub(crate) fn place<'a>(
    reach: Reach<'a>,
    collection: &'a Collection,
    path: &'a str,
    state: State,
) -> Result<Place<'a>, NoPlace> {
    let (mut collection, mut rest, mut hops) = (collection, path, Vec::new());
    loop {
        // What a reference leads to may be seen as the head or as the public row.
        let state = if hops.is_empty() { state } else { seen_as(state) };
        match step(collection, rest, state).ok_or(NoPlace::Unknown)? {
            Step::Ends(named) => return Ok(Place { hops, named }),
            Step::Refers { field, is_many, to, rest: behind } => {
                if reach.closed.contains(to) {
                    return Err(NoPlace::Unknown);
                }
                if hops.len() == MAX_HOPS {
                    return Err(NoPlace::TooFar);
                }
                let target = reach.registry.collection(to).ok_or(NoPlace::Unknown)?;
                hops.push(Hop { field, collection: target, is_many });
                (collection, rest) = (target, behind);
            }
        }
    }
}

/// The state whose keys the other end of a reference has.
pub(crate) fn seen_as(state: State) -> State {
    match state {
        State::Published => State::Published,
        State::Draft | State::Trashed => State::Draft,
    }
}

/// The other collections that a path leads into, one after the other. Whoever may not know of one
/// goes no further.
pub(crate) struct Crossing<'a> {
    registry: &'a Registry,
    collection: &'a Collection,
    rest: &'a str,
    /// One more than may be followed: what is beyond looks the same, wherever it would lead.
    left: usize,
}

impl<'a> Crossing<'a> {
    pub(crate) fn of(registry: &'a Registry, collection: &'a Collection, path: &'a str) -> Self {
        Self { registry, collection, rest: path, left: MAX_HOPS + 1 }
    }
}

impl<'a> Iterator for Crossing<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        let Step::Refers { to, rest, .. } = step(self.collection, self.rest, State::Published)? else {
            return None;
        };
        match self.registry.collection(to) {
            Some(target) => (self.collection, self.rest) = (target, rest),
            None => self.left = 0,
        }
        Some(to)
    }
}

fn step<'a>(collection: &'a Collection, path: &'a str, state: State) -> Option<Step<'a>> {
    let shape = collection.shape();
    if let Some(key) = Key::system_of(shape, path, state) {
        return Some(Step::Ends(Named::System(key)));
    }
    match path {
        "type" => return Some(Step::Ends(Named::Type)),
        "status" => return Some(Step::Ends(Named::Status)),
        _ => {}
    }
    let mut names = Names(Some(path));
    let mut field = shape.field(names.next()?).filter(|it| !it.definition.private)?;
    let mut is_many = false;
    loop {
        is_many |= has_many(field);
        field = field.innermost();
        is_many |= has_many(field);
        let Some(rest) = names.0 else { return Some(Step::Ends(Named::Field { field, is_many })) };
        let shape = match &field.kind {
            FieldKind::Reference { to, .. } => {
                return Some(Step::Refers { field: &field.path, is_many, to, rest });
            }
            FieldKind::Object(shape) => shape,
            FieldKind::Blocks(blocks) => blocks.get(names.next()?)?,
            FieldKind::Plain | FieldKind::Array(_) => return None,
        };
        field = shape.field(names.next()?)?;
    }
}

/// The rest of a path.
struct Names<'a>(Option<&'a str>);

impl<'a> Names<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (name, rest) = match self.0?.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (self.0?, None),
        };
        self.0 = rest;
        Some(name)
    }
}

fn has_many(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Array(_) | FieldKind::Blocks(_) => true,
        FieldKind::Reference { many, .. } => *many,
        FieldKind::Plain | FieldKind::Object(_) => {
            matches!(field.definition.kind, FieldType::Tags | FieldType::Multiselect)
        }
    }
}
