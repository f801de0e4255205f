//! What a list is asked for: parsed, typed by the collection, and bound to one driving index.

mod compile;
mod condition;
mod cursor;
mod filter;
mod operator;
mod parse;
mod path;
mod predicate;
mod value;

pub(crate) use compile::{MAX_WALK, Plan, Viewer};
pub(crate) use condition::{Condition, Side, Test};
pub(crate) use cursor::Cursor;
pub use cursor::CursorKey;
pub use filter::MAX_CONDITIONS;
pub use operator::OPERATORS;
pub(crate) use parse::locale;
pub(crate) use path::{Crossing, Reach};
use serde_json::Value as Json;

use crate::{
    collection::Collection,
    physical::{Direction, Key, State},
    registry::Registry,
};

/// How many documents a page holds at most.
pub const MAX_LIMIT: u32 = 100;
/// How many a page holds where nothing is said.
pub const DEFAULT_LIMIT: u32 = 20;

/// A condition as it is written: names and values are as yet unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum RawCondition {
    /// All of them hold.
    All(Vec<RawCondition>),
    /// One of them holds, or more.
    Any(Vec<RawCondition>),
    /// It doesn't hold.
    Not(Box<RawCondition>),
    /// A comparison.
    Test {
        /// A dotted path, or a system key; along references into other collections.
        path: String,
        /// The name of the operator.
        operator: String,
        /// What is compared with.
        operand: Operand,
        /// Where it is written: the name of a parameter, or a JSON pointer into a body.
        pointer: String,
    },
}

/// What an operator compares with, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// In a URL: lists are joined by commas.
    Text(String),
    /// In a body: of the type of what it is compared with.
    Json(Json),
}

/// Whether all that match are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    /// They aren't.
    #[default]
    None,
    /// They are, however many: it costs a look at each of them.
    Exact,
}

/// The parameters of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListParams {
    /// All of which must hold.
    pub filters: Vec<RawCondition>,
    /// Keys joined by commas, `-` before a descending one.
    pub sort: Option<String>,
    /// A number from 1 to [`MAX_LIMIT`].
    pub limit: Option<String>,
    /// The cursor to go on after.
    pub after: Option<String>,
    /// The cursor to go back from.
    pub before: Option<String>,
    /// `published`, `draft` or `trashed`.
    pub state: Option<String>,
    /// One locale.
    pub locale: Option<String>,
    /// Whether all that match are counted.
    pub count: Count,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Position {
    Start,
    After(Cursor),
    Before(Cursor),
}

/// A list query: parsed, typed, and served by one index.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub(crate) state: State,
    pub(crate) locale: String,
    /// All of which hold.
    pub(crate) filters: Vec<Condition>,
    /// Without `id`, which is always the last key.
    pub(crate) sort: Vec<(Key, Direction)>,
    pub(crate) id_direction: Direction,
    pub(crate) limit: u32,
    pub(crate) position: Position,
    /// What cursors are bound to.
    pub(crate) fingerprint: String,
    /// The index that drives it.
    pub(crate) index: String,
    /// Its first page, in the default order and without filters: its text is kept.
    pub(crate) is_plain: bool,
    /// The columns that the index answers with one value; other conditions are looked at row by row.
    pub(crate) bound: Vec<String>,
    pub(crate) count: Count,
}

impl ListQuery {
    /// Whether the collection alone decides that there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.filters.iter().any(|it| matches!(it, Condition::Constant(false)))
    }

    /// Whether it looks at documents of other collections.
    pub(crate) fn goes_through(&self) -> bool {
        self.filters.iter().any(Condition::goes_through)
    }

    /// The collections that each path of the filters leads into, whoever asks.
    pub(crate) fn crossings<'a>(
        registry: &'a Registry,
        collection: &'a Collection,
        filters: &'a [RawCondition],
    ) -> Vec<Crossing<'a>> {
        filter::crossings(registry, collection, filters)
    }

    /// Which rows it shows.
    pub fn state(&self) -> State {
        self.state
    }
}
