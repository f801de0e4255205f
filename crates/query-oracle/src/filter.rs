//! Filters before they are spelt, of every operator, nested, and along references.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};

use crate::{
    COLLECTIONS,
    content::{DAYS, NAMES, TAGS, Val, WISHES},
};

/// A filter.
#[derive(Clone, Debug)]
pub enum Filter {
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds, at least.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A condition.
    Test(Test),
}

/// A condition.
#[derive(Clone, Debug)]
pub struct Test {
    pub(crate) hops: Vec<&'static str>,
    pub(crate) field: &'static str,
    /// By name.
    pub operator: &'static str,
    pub(crate) args: Vec<Val>,
    /// A choice for whoever spells it: as text, or as JSON.
    pub prefers_json: bool,
}

impl Test {
    /// The field with the references before it, joined by dots.
    pub fn path(&self) -> String {
        self.hops.iter().copied().chain([self.field]).collect::<Vec<_>>().join(".")
    }

    /// What it is compared with, as JSON; `id` tells ids by numbers.
    pub fn operand(&self, id: &dyn Fn(usize) -> String) -> Json {
        let mut items: Vec<Json> = self.args.iter().map(|it| it.json(id)).collect();
        if self.takes_a_list() { Json::Array(items) } else { items.remove(0) }
    }

    /// The same as a text, unless there is none: an empty list, or an empty item of a list.
    pub fn text(&self, id: &dyn Fn(usize) -> String) -> Option<String> {
        let text = |it: &Val| match it.json(id) {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let texts: Vec<String> = self.args.iter().map(text).collect();
        let is_sound = !self.takes_a_list() || !texts.is_empty() && !texts.iter().any(String::is_empty);
        is_sound.then(|| texts.join(","))
    }

    fn takes_a_list(&self) -> bool {
        ["in", "nin", "any", "all", "none", "between"].contains(&self.operator)
    }
}

impl Filter {
    /// The filter as it stands in the body of a query; `id` tells ids by numbers.
    pub fn json(&self, id: &dyn Fn(usize) -> String) -> Json {
        let each = |filters: &[Self]| filters.iter().map(|it| it.json(id)).collect::<Json>();
        match self {
            Self::All(filters) => json!({ "and": each(filters) }),
            Self::Any(filters) => json!({ "or": each(filters) }),
            Self::Not(inner) => json!({ "not": inner.json(id) }),
            Self::Test(test) => {
                let by = Map::from_iter([(test.operator.to_owned(), test.operand(id))]);
                Map::from_iter([(test.path(), Json::Object(by))]).into()
            }
        }
    }

    /// The filter as parameters with brackets, each a name and a value, unless one of its values has
    /// no text.
    pub fn brackets(&self, id: &dyn Fn(usize) -> String) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        self.spell("filter", id, &mut found).then_some(found)
    }

    fn spell(&self, prefix: &str, id: &dyn Fn(usize) -> String, found: &mut Vec<(String, String)>) -> bool {
        let mut each = |joint: &str, filters: &[Self]| {
            let mut filters = filters.iter().enumerate();
            filters.all(|(n, it)| it.spell(&format!("{prefix}[{joint}][{n}]"), id, found))
        };
        match self {
            Self::All(filters) => each("and", filters),
            Self::Any(filters) => each("or", filters),
            Self::Not(inner) => inner.spell(&format!("{prefix}[not]"), id, found),
            Self::Test(test) => test.text(id).is_some_and(|text| {
                found.push((format!("{prefix}[{}][{}]", test.path(), test.operator), text));
                true
            }),
        }
    }
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    test().prop_map(Filter::Test).prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::Any),
            inner.prop_map(|it| Filter::Not(Box::new(it))),
        ]
    })
}

fn test() -> impl Strategy<Value = Test> {
    let fields = select(vec![
        "name",
        "name",
        "size",
        "good",
        "day",
        "tags",
        "tags",
        "rank",
        "kin",
        "boss",
        "maker",
        "updatedAt",
        "publishedAt",
        "id",
        "type",
        "status",
        "version",
    ]);
    let hops = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(select(vec!["kin", "boss", "maker"]), 1..4),
    ];
    (fields, hops, any::<bool>()).prop_flat_map(|(field, hops, prefers_json)| {
        let operator = select(operators(field));
        (operator, prop::collection::vec(argument(field), 3), 0..4_usize, any::<bool>()).prop_map(
            move |(operator, mut args, count, flag)| {
                match operator {
                    "exists" => args = vec![Val::Flag(flag)],
                    "between" => args.truncate(2),
                    "in" | "nin" | "any" | "all" | "none" => args.truncate(count),
                    _ => args.truncate(1),
                }
                Test { hops: hops.clone(), field, operator, args, prefers_json }
            },
        )
    })
}

fn argument(field: &'static str) -> BoxedStrategy<Val> {
    let text = |of: Vec<&'static str>| select(of).prop_map(|it| Val::Text(it.to_owned())).boxed();
    match field {
        "name" => text([&NAMES[..], &["", "z", "aéx"]].concat()),
        "tags" => text([&TAGS[..], &["z"]].concat()),
        "day" => text(DAYS.to_vec()),
        "size" => (-3..5_i32).prop_map(|it| Val::Number(f64::from(it) / 2.0)).boxed(),
        "type" => text(COLLECTIONS.to_vec()),
        "status" => text(vec!["published", "draft", "trashed"]),
        "version" => (0..4_i32).prop_map(|it| Val::Number(f64::from(it))).boxed(),
        "rank" => (-1..4_i32).prop_map(|it| Val::Number(f64::from(it))).boxed(),
        "good" => any::<bool>().prop_map(Val::Flag).boxed(),
        "updatedAt" | "publishedAt" => text(vec!["1999-12-31T00:00:00Z", "2999-12-31T00:00:00Z"]),
        // Beyond the last is nobody.
        _ => (0..WISHES + 6).prop_map(Val::Document).boxed(),
    }
}

fn operators(field: &str) -> Vec<&'static str> {
    const SAME: [&str; 5] = ["eq", "ne", "in", "nin", "exists"];
    const ORDERED: [&str; 5] = ["gt", "gte", "lt", "lte", "between"];
    const PARTS: [&str; 3] = ["contains", "starts", "ends"];
    const MANY: [&str; 3] = ["any", "all", "none"];
    match field {
        "name" => [&SAME[..], &ORDERED, &PARTS].concat(),
        "tags" => [&SAME[..], &ORDERED, &PARTS, &MANY].concat(),
        "day" | "size" | "rank" | "updatedAt" | "publishedAt" | "version" => [&SAME[..], &ORDERED].concat(),
        "kin" => [&SAME[..], &MANY].concat(),
        _ => SAME.to_vec(),
    }
}
