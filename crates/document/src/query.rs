//! What a list is asked for: parsed, typed by the collection, and bound to one driving index.

mod compile;
mod cursor;
mod parse;

pub(crate) use compile::{MAX_WALK, Plan, Viewer};
pub(crate) use cursor::Cursor;
pub use cursor::CursorKey;
pub(crate) use parse::locale;
use stratus_storage::Value;

use crate::physical::{Direction, Key, State};

/// How many documents a page holds at most.
pub const MAX_LIMIT: u32 = 100;
/// How many a page holds where nothing is said.
pub const DEFAULT_LIMIT: u32 = 20;

/// A condition as the edge has split it: `filter[<field>][<operator>]=<value>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFilter {
    /// A dotted path, or a system key.
    pub field: String,
    /// The operator; `eq` where none is written.
    pub operator: String,
    /// The value.
    pub value: String,
}

/// The parameters of a list, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParams {
    /// All of which must hold.
    pub filters: Vec<RawFilter>,
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
}

/// A condition, typed by the collection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// A column compares with a value.
    Column { key: Key, comparison: Comparison, value: Value },
    /// One of the values of a facet compares with a value.
    Facet { field: String, column: &'static str, comparison: Comparison, value: Value },
    /// One of the references of a field points at a document.
    Reference { field: String, target: String },
    /// A constant that the collection decides.
    Constant(bool),
}

impl Filter {
    /// The column that it gives one value.
    pub(crate) fn equal_column(&self) -> Option<&str> {
        match self {
            Self::Column { key, comparison: Comparison::Equal, .. } => Some(&key.column),
            _ => None,
        }
    }
}

/// A bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Lower,
    Upper,
}

/// How a value compares. Nothing compares with what is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Which bound it is; an equality is none.
    pub(crate) fn side(self) -> Option<Side> {
        match self {
            Self::Equal => None,
            Self::Greater | Self::AtLeast => Some(Side::Lower),
            Self::Less | Self::AtMost => Some(Side::Upper),
        }
    }

    /// By its name in a filter.
    pub(crate) fn named(operator: &str) -> Option<Self> {
        match operator {
            "eq" => Some(Self::Equal),
            "lt" => Some(Self::Less),
            "lte" => Some(Self::AtMost),
            "gt" => Some(Self::Greater),
            "gte" => Some(Self::AtLeast),
            _ => None,
        }
    }
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
    pub(crate) filters: Vec<Filter>,
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
}

impl ListQuery {
    /// Whether the collection alone decides that there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.filters.contains(&Filter::Constant(false))
    }

    /// Which rows it shows.
    pub fn state(&self) -> State {
        self.state
    }
}
