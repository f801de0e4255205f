//! Conditions, typed by the collection: what every filter is brought to before it becomes SQL.
//!
//! Every condition is true or false of a document, never unknown: what compares with an absent
//! value is false, and the negative operators are the [`Not`](Condition::Not) of the positive ones.

use std::{fmt::Write as _, sync::Arc};

use stratus_storage::Value;

use crate::{
    collection::Collection,
    physical::{Key, State},
};

/// What must hold of a document.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The collection decides it.
    Constant(bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Test),
    /// A reference leads to a document that the caller may see and of which the rest holds.
    Through(Through),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Test {
    pub(crate) target: Target,
    pub(crate) comparison: Comparison,
}

/// A path that goes on in another collection.
#[derive(Clone, Debug)]
pub(crate) struct Through {
    /// The dotted path of the reference.
    pub(crate) field: String,
    pub(crate) collection: Arc<Collection>,
    /// Whether a document may have many values of the field.
    pub(crate) is_many: bool,
    /// Of the list: it says which row of the other document is looked at.
    pub(crate) state: State,
    pub(crate) condition: Box<Condition>,
}

/// Where the values are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// One value a document, or NULL.
    Column(Key),
    /// Rows of `document_facets`: of any of them the comparison may hold.
    Facet { field: String, column: &'static str },
    /// Rows of `document_references`, likewise.
    Reference { field: String },
}

/// How a value compares. Nothing compares with what is absent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Comparison {
    Equal(Value),
    Less(Value),
    AtMost(Value),
    Greater(Value),
    AtLeast(Value),
    /// Both ends belong to it.
    Between(Value, Value),
    /// It is one of a list, as JSON.
    In(String),
    /// Each of a list, as JSON, is among the values; `count` of them are different.
    Each {
        list: String,
        count: u32,
    },
    /// There is a value.
    Present,
    Contains(String),
    /// From a text on, and before another one.
    Starts(Value, Value),
    Ends(String),
}

/// A bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Lower,
    Upper,
}

impl Comparison {
    /// Which bound of a range it is, if it is one.
    pub(crate) fn side(&self) -> Option<Side> {
        match self {
            Self::Greater(_) | Self::AtLeast(_) => Some(Side::Lower),
            Self::Less(_) | Self::AtMost(_) => Some(Side::Upper),
            _ => None,
        }
    }

    /// As a lower and an upper bound, where it is a range with both.
    fn bounds(self) -> Result<[Self; 2], Self> {
        match self {
            Self::Between(from, to) => Ok([Self::AtLeast(from), Self::AtMost(to)]),
            Self::Starts(from, to) => Ok([Self::AtLeast(from), Self::Less(to)]),
            other => Err(other),
        }
    }
}

impl Test {
    /// The column that it is about.
    pub(crate) fn key(&self) -> Option<&Key> {
        match &self.target {
            Target::Column(key) => Some(key),
            Target::Facet { .. } | Target::Reference { .. } => None,
        }
    }

    /// The column that it gives one value.
    pub(crate) fn equal_column(&self) -> Option<&str> {
        match (&self.target, &self.comparison) {
            (Target::Column(key), Comparison::Equal(_)) => Some(&key.column),
            _ => None,
        }
    }
}

impl Condition {
    /// The negation; of a negation, what it negates.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Constant(holds) => Self::Constant(!holds),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// All of them, as one condition without needless levels.
    pub(crate) fn all(conditions: Vec<Self>) -> Self {
        Self::joined(conditions, true)
    }

    /// Any of them, likewise.
    pub(crate) fn any(conditions: Vec<Self>) -> Self {
        Self::joined(conditions, false)
    }

    /// `neutral` is what all of none is, and any of none.
    fn joined(conditions: Vec<Self>, neutral: bool) -> Self {
        let mut joined = Vec::with_capacity(conditions.len());
        for condition in conditions {
            match condition {
                Self::Constant(holds) if holds == neutral => {}
                Self::Constant(_) => return Self::Constant(!neutral),
                Self::All(inner) if neutral => joined.extend(inner),
                Self::Any(inner) if !neutral => joined.extend(inner),
                other => joined.push(other),
            }
        }
        match (joined.len(), neutral) {
            (0, _) => Self::Constant(neutral),
            (1, _) => joined.remove(0),
            (_, true) => Self::All(joined),
            (_, false) => Self::Any(joined),
        }
    }

    /// The conditions that must all hold, where ranges of a column are a lower and an upper bound:
    /// an index may answer each of these alone.
    pub(crate) fn conjuncts(self) -> Vec<Self> {
        let conditions = match self {
            Self::All(conditions) => conditions,
            Self::Constant(true) => Vec::new(),
            other => vec![other],
        };
        let mut conjuncts = Vec::with_capacity(conditions.len());
        for condition in conditions {
            match condition {
                Self::Test(Test { target: target @ Target::Column(_), comparison }) => {
                    match comparison.bounds() {
                        Ok(bounds) => conjuncts.extend(
                            bounds.map(|it| Self::Test(Test { target: target.clone(), comparison: it })),
                        ),
                        Err(comparison) => conjuncts.push(Self::Test(Test { target, comparison })),
                    }
                }
                other => conjuncts.push(other),
            }
        }
        conjuncts
    }

    /// Whether a reference is followed somewhere in it.
    pub(crate) fn goes_through(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Test(_) => false,
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::goes_through),
            Self::Not(inner) => inner.goes_through(),
            Self::Through(_) => true,
        }
    }

    /// A text that two conditions share if they say the same in another order.
    ///
    /// Debug output is a fine serialisation of a comparison here: a program that formats otherwise
    /// refuses the cursors of another one instead of misreading them.
    pub(crate) fn canonical(&self) -> String {
        let joined = |name: &str, conditions: &[Self]| {
            let mut parts: Vec<_> = conditions.iter().map(Self::canonical).collect();
            parts.sort_unstable();
            parts.dedup();
            format!("{name}({})", parts.join("|"))
        };
        match self {
            Self::Constant(holds) => holds.to_string(),
            Self::All(conditions) => joined("all", conditions),
            Self::Any(conditions) => joined("any", conditions),
            Self::Not(inner) => format!("not({})", inner.canonical()),
            Self::Test(test) => format!("{test:?}"),
            Self::Through(through) => {
                let mut text = format!("{}>{}(", through.field, through.collection.name());
                let _ = write!(text, "{})", through.condition.canonical());
                text
            }
        }
    }
}
