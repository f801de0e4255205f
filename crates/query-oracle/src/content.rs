//! What a version of a document says.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};

use crate::Doc;

/// An id that nobody has.
pub const NOBODY: &str = "01a1fd55-7e68-7e97-b910-34455a9ebff1";

/// How many documents there are at most: a wish for one is a number below.
pub(crate) const WISHES: usize = 12;

pub(crate) const NAMES: [&str; 9] =
    ["a", "ab", "aé", "B", "é", "éa", "\u{d7ff}x", "\u{10ffff}", "a\u{10ffff}"];
pub(crate) const TAGS: [&str; 4] = ["x", "xy", "y", "é"];
pub(crate) const DAYS: [&str; 3] = ["1999-12-31", "2026-01-01", "2026-11-21"];

/// What a list shows of fields, in their order.
const FIELDS: [&str; 9] = ["name", "size", "good", "day", "tags", "rank", "kin", "boss", "maker"];

/// A value, as the oracle compares it.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Val {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A document, told by its number; one that doesn't exist is nobody.
    Document(usize),
}

impl Val {
    /// As JSON, with `id` for the id of a document by its number.
    pub fn json(&self, id: &dyn Fn(usize) -> String) -> Json {
        match self {
            Self::Flag(flag) => json!(flag),
            Self::Number(number) if number.fract() == 0.0 => json!(*number as i64),
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Document(number) => json!(id(*number)),
        }
    }
}

/// The fields of a version. References are wishes: which document they lead to depends on what was
/// made before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    pub(crate) name: Option<&'static str>,
    pub(crate) size: Option<i32>,
    pub(crate) good: Option<bool>,
    pub(crate) day: Option<&'static str>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) rank: Option<i32>,
    pub(crate) kin: Vec<usize>,
    pub(crate) boss: Option<usize>,
    pub(crate) maker: Option<usize>,
    pub(crate) secret: Option<&'static str>,
}

pub(crate) fn content() -> impl Strategy<Value = Content> {
    let document = || prop::option::of(0..WISHES);
    (
        prop::option::weighted(0.8, select(NAMES.to_vec())),
        prop::option::weighted(0.8, -1..3_i32),
        prop::option::of(any::<bool>()),
        prop::option::of(select(DAYS.to_vec())),
        prop::sample::subsequence(TAGS.to_vec(), 0..=4),
        prop::option::of(0..3_i32),
        prop::sample::subsequence((0..WISHES).collect::<Vec<_>>(), 0..=3),
        document(),
        document(),
        prop::option::of(select(NAMES.to_vec())),
    )
        .prop_map(|(name, size, good, day, tags, rank, kin, boss, maker, secret)| Content {
            name,
            size,
            good,
            day,
            tags,
            rank,
            kin,
            boss,
            maker,
            secret,
        })
}

impl Content {
    /// The values of a field of the document with the number `own`, none where it is absent.
    pub(crate) fn values(&self, field: &str, docs: &[Doc], own: usize) -> Vec<Val> {
        let text = |it: &&str| Val::Text((*it).to_owned());
        let to = |it: &usize, collection: &str| Val::Document(target(docs, own, *it, collection));
        match field {
            "name" => self.name.iter().map(text).collect(),
            "day" => self.day.iter().map(text).collect(),
            "size" => self.size.iter().map(|it| Val::Number(f64::from(*it) / 2.0)).collect(),
            "rank" => self.rank.iter().map(|it| Val::Number(f64::from(*it))).collect(),
            "good" => self.good.iter().map(|it| Val::Flag(*it)).collect(),
            "tags" => self.tags.iter().map(text).collect(),
            "kin" => {
                let mut found: Vec<Val> = Vec::new();
                for it in self.kin.iter().map(|it| to(it, "people")) {
                    if !found.contains(&it) {
                        found.push(it);
                    }
                }
                found
            }
            "boss" => self.boss.iter().map(|it| to(it, "vault")).collect(),
            "maker" => self.maker.iter().map(|it| to(it, "people")).collect(),
            other => unreachable!("there is no field {other}"),
        }
    }

    /// What is written: every field, `null` where it is absent. `own` is the number of the document,
    /// and `id` tells ids by numbers.
    pub fn written(&self, docs: &[Doc], own: usize, id: &dyn Fn(usize) -> String) -> Map<String, Json> {
        let mut members = Map::new();
        for name in FIELDS {
            let values = self.values(name, docs, own);
            let mut values: Vec<Json> = values.iter().map(|it| it.json(id)).collect();
            let value = match name {
                "tags" | "kin" => Json::Array(values),
                _ => values.pop().unwrap_or_default(),
            };
            members.insert(name.to_owned(), value);
        }
        members.insert("secret".to_owned(), json!(self.secret));
        members
    }

    /// What is shown of it: no private field, and none that is absent.
    pub fn shown(&self, docs: &[Doc], own: usize, id: &dyn Fn(usize) -> String) -> Map<String, Json> {
        let mut members = self.written(docs, own, id);
        members.retain(|name, value| name != "secret" && !value.is_null());
        members
    }
}

/// The document that a wish leads to: one that was made before, of that collection, or nobody.
fn target(docs: &[Doc], own: usize, wish: usize, collection: &str) -> usize {
    let known: Vec<usize> = (0..own).filter(|&it| docs[it].collection == collection).collect();
    if known.is_empty() || wish == WISHES - 1 { usize::MAX } else { known[wish % known.len()] }
}
