//! Queries: a filter, an order, a page, and who asks for what.

use proptest::{prelude::*, sample::select};

use crate::{Filter, filter::filter};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// Anyone.
    Public,
    /// The role `editor`.
    Editor,
    /// The role `admin`.
    Admin,
}

/// Which rows a list shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// What is public.
    Published,
    /// The latest version of what is not in the trash.
    Draft,
    /// What is in the trash.
    Trashed,
}

impl Stage {
    /// What the parameter `state` says.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Draft => "draft",
            Self::Trashed => "trashed",
        }
    }
}

/// A list of `things` that is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// What it must be.
    pub filter: Filter,
    /// In which order; the default one if none is named.
    pub sort: Option<&'static str>,
    /// Who asks.
    pub reader: Reader,
    /// For what.
    pub stage: Stage,
    /// How many on a page.
    pub limit: u32,
    /// Whether it asks how many there are.
    pub counts: bool,
}

const SORTS: [&str; 11] = [
    "name",
    "-name",
    "size",
    "-size",
    "day",
    "name,id",
    "size,-name,-id",
    "good,-size",
    "-good,size",
    "size,-name",
    "-size,name",
];

impl Query {
    /// What is sorted by, unless it is named: as the contract says.
    pub fn order(&self) -> &'static str {
        self.sort.unwrap_or(match self.stage {
            Stage::Published => "-publishedAt",
            Stage::Draft | Stage::Trashed => "-updatedAt",
        })
    }
}

/// A query by one of `readers`.
pub fn query(readers: &'static [Reader]) -> impl Strategy<Value = Query> {
    let stages = vec![Stage::Published, Stage::Draft, Stage::Trashed];
    (filter(), 0..SORTS.len() + 3, select(readers), select(stages), 1..5_u32, any::<bool>()).prop_map(
        |(filter, sort, reader, stage, limit, counts)| {
            let stage = if reader == Reader::Public { Stage::Published } else { stage };
            Query { filter, sort: order(stage, sort), reader, stage, limit, counts }
        },
    )
}

/// One of the orders that an index serves; the trash has the default one alone.
fn order(stage: Stage, number: usize) -> Option<&'static str> {
    let own = match stage {
        Stage::Published => ["publishedAt", "-publishedAt"],
        Stage::Draft => ["updatedAt", "-updatedAt"],
        Stage::Trashed => return number.is_multiple_of(2).then_some("-updatedAt"),
    };
    SORTS.iter().chain(&own).nth(number).copied()
}
