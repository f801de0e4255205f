//! Filters of every operator, nested, along references, against a naive filter in memory that
//! shares nothing with the compiler: what is hidden, absent, ahead, over, denied or a draft included.

use std::cmp::Ordering;

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};
use stratus_access::{Action, Caller, Effect, Entry, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, Count, FieldDefinition, FieldType, Input, ListParams, Member, Operand,
    Precondition, RawCondition, Scope, Strength,
};

use crate::fixture::{NOW, World, fields};

const HOUR: i64 = 3_600_000;
/// An id that nobody has.
const NOBODY: &str = "01a1fd55-7e68-7e97-b910-34455a9ebff1";
pub(crate) const COLLECTIONS: [&str; 3] = ["things", "people", "vault"];

/// All three look alike, so that paths can go on and on; only what one may do differs.
pub(crate) fn definition(name: &str) -> CollectionDefinition {
    let definition = CollectionDefinition::new(name)
        .field("name", FieldDefinition::new(FieldType::Text).indexed())
        .field("size", FieldDefinition::new(FieldType::Number).indexed())
        .field("good", FieldDefinition::new(FieldType::Boolean).indexed())
        .field("day", FieldDefinition::new(FieldType::Date).indexed())
        .field("tags", FieldDefinition::new(FieldType::Tags).facet())
        .field("rank", FieldDefinition::new(FieldType::Integer).facet())
        .field("kin", FieldDefinition::references("people", Strength::Weak))
        .field("boss", FieldDefinition::reference("vault", Strength::Weak))
        .field("maker", FieldDefinition::reference("people", Strength::Weak).indexed())
        .index(["good", "-size"])
        .index(["size", "-name"]);
    let editor = Principal::Role("editor".to_owned());
    match name {
        "things" => definition.allow(Principal::Public, [Action::Read]).allow(editor, [Action::Update]),
        "people" => definition.allow(Principal::Public, [Action::Read]),
        _ => definition,
    }
}

/// A value, as the oracle compares it. Documents are told by their number.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Val {
    Flag(bool),
    Number(f64),
    Text(String),
    Document(usize),
}

#[derive(Clone, Debug)]
struct Content {
    name: Option<&'static str>,
    size: Option<i32>,
    good: Option<bool>,
    day: Option<&'static str>,
    tags: Vec<&'static str>,
    rank: Option<i32>,
    kin: Vec<usize>,
    boss: Option<usize>,
    maker: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Draft,
    Public,
    Ahead,
    Over,
    Trashed,
}

#[derive(Clone, Debug)]
struct Doc {
    collection: &'static str,
    fate: Fate,
    public: Content,
    head: Content,
    hidden_from_public: bool,
    hidden_from_editor: bool,
    shared_with_public: bool,
    editable_by_editor: bool,
}

const NAMES: [&str; 9] = ["a", "ab", "aé", "B", "é", "éa", "\u{d7ff}x", "\u{10ffff}", "a\u{10ffff}"];
const TAGS: [&str; 4] = ["x", "xy", "y", "é"];
const DAYS: [&str; 3] = ["1999-12-31", "2026-01-01", "2026-11-21"];

fn content() -> impl Strategy<Value = Content> {
    let document = || prop::option::of(0..12_usize);
    (
        prop::option::weighted(0.8, select(NAMES.to_vec())),
        prop::option::weighted(0.8, -1..3_i32),
        prop::option::of(any::<bool>()),
        prop::option::of(select(DAYS.to_vec())),
        prop::sample::subsequence(TAGS.to_vec(), 0..=4),
        prop::option::of(0..3_i32),
        prop::sample::subsequence((0..12).collect::<Vec<_>>(), 0..=3),
        document(),
        document(),
    )
        .prop_map(|(name, size, good, day, tags, rank, kin, boss, maker)| Content {
            name,
            size,
            good,
            day,
            tags,
            rank,
            kin,
            boss,
            maker,
        })
}

fn doc() -> impl Strategy<Value = Doc> {
    let fates =
        vec![Fate::Public, Fate::Public, Fate::Public, Fate::Draft, Fate::Ahead, Fate::Over, Fate::Trashed];
    let rarely = || prop::bool::weighted(0.15);
    let collections = select(vec!["things", "things", "people", "vault"]);
    (
        collections,
        select(fates),
        content(),
        prop::option::weighted(0.3, content()),
        rarely(),
        rarely(),
        any::<bool>(),
        rarely(),
    )
        .prop_map(
            |(collection, fate, public, head, hidden_from_public, hidden_from_editor, shared, editable)| {
                Doc {
                    collection,
                    fate,
                    head: head.unwrap_or_else(|| public.clone()),
                    public,
                    hidden_from_public,
                    hidden_from_editor,
                    shared_with_public: shared && collection == "vault",
                    editable_by_editor: editable,
                }
            },
        )
}

/// A filter, before it is spelt.
#[derive(Clone, Debug)]
enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Leaf {
        hops: Vec<&'static str>,
        field: &'static str,
        operator: &'static str,
        args: Vec<Val>,
        as_json: bool,
    },
}

fn argument(field: &'static str) -> BoxedStrategy<Val> {
    let text = |of: Vec<&'static str>| select(of).prop_map(|it| Val::Text(it.to_owned())).boxed();
    match field {
        "name" => text([&NAMES[..], &["", "z", "aéx"]].concat()),
        "tags" => text([&TAGS[..], &["z"]].concat()),
        "day" => text(DAYS.to_vec()),
        "size" => (-3..5_i32).prop_map(|it| Val::Number(f64::from(it) / 2.0)).boxed(),
        "rank" => (-1..4_i32).prop_map(|it| Val::Number(f64::from(it))).boxed(),
        "good" => any::<bool>().prop_map(Val::Flag).boxed(),
        "updatedAt" => text(vec!["1999-12-31T00:00:00Z", "2999-12-31T00:00:00Z"]),
        _ => (0..13_usize).prop_map(Val::Document).boxed(),
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
        "day" | "size" | "rank" | "updatedAt" => [&SAME[..], &ORDERED].concat(),
        "kin" => [&SAME[..], &MANY].concat(),
        _ => SAME.to_vec(),
    }
}

fn leaf() -> impl Strategy<Value = Filter> {
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
    ]);
    let hops = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(select(vec!["kin", "boss", "maker"]), 1..4),
    ];
    (fields, hops, any::<bool>()).prop_flat_map(|(field, hops, as_json)| {
        let operator = select(operators(field));
        (operator, prop::collection::vec(argument(field), 3), 0..4_usize, any::<bool>()).prop_map(
            move |(operator, mut args, count, flag)| {
                match operator {
                    "exists" => args = vec![Val::Flag(flag)],
                    "between" => args.truncate(2),
                    "in" | "nin" | "any" | "all" | "none" => args.truncate(count),
                    _ => args.truncate(1),
                }
                Filter::Leaf { hops: hops.clone(), field, operator, args, as_json }
            },
        )
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::Any),
            inner.prop_map(|it| Filter::Not(Box::new(it))),
        ]
    })
}

impl Filter {
    /// Numbers beyond the last document are all nobody's.
    fn known(mut self, count: usize) -> Self {
        match &mut self {
            Self::All(filters) | Self::Any(filters) => {
                *filters = std::mem::take(filters).into_iter().map(|it| it.known(count)).collect();
            }
            Self::Not(inner) => return Self::Not(Box::new(inner.clone().known(count))),
            Self::Leaf { args, .. } => {
                for arg in args {
                    if matches!(arg, Val::Document(number) if *number >= count) {
                        *arg = Val::Document(usize::MAX);
                    }
                }
            }
        }
        self
    }

    fn raw(&self, ids: &[String]) -> RawCondition {
        let each = |filters: &[Self]| filters.iter().map(|it| it.raw(ids)).collect();
        match self {
            Self::All(filters) => RawCondition::All(each(filters)),
            Self::Any(filters) => RawCondition::Any(each(filters)),
            Self::Not(inner) => RawCondition::Not(Box::new(inner.raw(ids))),
            Self::Leaf { hops, field, operator, args, as_json } => RawCondition::Test {
                path: hops.iter().copied().chain([*field]).collect::<Vec<_>>().join("."),
                operator: (*operator).to_owned(),
                operand: operand(operator, args, *as_json, ids),
                pointer: "filter".to_owned(),
            },
        }
    }
}

fn operand(operator: &str, args: &[Val], as_json: bool, ids: &[String]) -> Operand {
    let is_list = ["in", "nin", "any", "all", "none", "between"].contains(&operator);
    let spelt = |it: &Val| match it {
        Val::Flag(flag) => json!(flag),
        Val::Number(number) if number.fract() == 0.0 => json!(*number as i64),
        Val::Number(number) => json!(number),
        Val::Text(text) => json!(text),
        Val::Document(number) => json!(ids.get(*number).map_or(NOBODY, String::as_str)),
    };
    let items: Vec<Json> = args.iter().map(spelt).collect();
    let text = |it: &Json| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let texts: Vec<String> = items.iter().map(text).collect();
    match (is_list, as_json) {
        (true, false) if !texts.is_empty() && !texts.iter().any(String::is_empty) => {
            Operand::Text(texts.join(","))
        }
        (true, _) => Operand::Json(Json::Array(items)),
        (false, true) => Operand::Json(items[0].clone()),
        (false, false) => Operand::Text(texts[0].clone()),
    }
}

/// The documents, and who looks at them in which state.
struct Oracle<'a> {
    docs: &'a [Doc],
    caller: &'static str,
    state: &'static str,
}

impl Content {
    fn values(&self, field: &str, docs: &[Doc], own: usize) -> Vec<Val> {
        let text = |it: &&str| Val::Text((*it).to_owned());
        let to = |it: &usize, collection: &str| Val::Document(target(docs, own, *it, collection));
        match field {
            "name" => self.name.iter().map(text).collect(),
            "day" => self.day.iter().map(text).collect(),
            "size" => self.size.iter().map(|it| Val::Number(f64::from(*it) / 2.0)).collect(),
            "rank" => self.rank.iter().map(|it| Val::Number(f64::from(*it))).collect(),
            "good" => self.good.iter().map(|it| Val::Flag(*it)).collect(),
            "tags" => self.tags.iter().map(text).collect(),
            // Between all that it is compared with.
            "updatedAt" => vec![text(&"2026")],
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
            _ => self.maker.iter().map(|it| to(it, "people")).collect(),
        }
    }

    fn input(&self, docs: &[Doc], own: usize, ids: &[String]) -> Input {
        let mut members = Map::new();
        for name in ["name", "size", "good", "day", "tags", "rank", "kin", "boss", "maker"] {
            let spelt = |it: Val| match it {
                Val::Flag(flag) => json!(flag),
                Val::Number(number) => json!(number),
                Val::Text(text) => json!(text),
                Val::Document(number) => json!(ids.get(number).map_or(NOBODY, String::as_str)),
            };
            let mut values: Vec<Json> = self.values(name, docs, own).into_iter().map(spelt).collect();
            let value = match name {
                "tags" | "kin" => Json::Array(values),
                _ => values.pop().unwrap_or_default(),
            };
            members.insert(name.to_owned(), value);
        }
        fields(Json::Object(members))
    }
}

/// The document that a wish leads to: one that was made before, of that collection, or nobody.
fn target(docs: &[Doc], own: usize, wish: usize, collection: &str) -> usize {
    let known: Vec<usize> = (0..own).filter(|&it| docs[it].collection == collection).collect();
    if known.is_empty() || wish == 11 { usize::MAX } else { known[wish % known.len()] }
}

impl Oracle<'_> {
    fn may_read(&self, doc: &Doc) -> bool {
        match self.caller {
            "admin" => true,
            "public" if doc.hidden_from_public => false,
            "editor" if doc.hidden_from_editor => false,
            _ => doc.collection != "vault" || doc.shared_with_public,
        }
    }

    fn may_update(&self, doc: &Doc) -> bool {
        match self.caller {
            "admin" => true,
            "editor" => doc.collection == "things" || doc.editable_by_editor,
            _ => false,
        }
    }

    /// What the list shows of a document.
    fn listed<'d>(&self, doc: &'d Doc) -> Option<&'d Content> {
        let is_live = doc.fate != Fate::Trashed;
        match self.state {
            "published" => (doc.fate == Fate::Public && self.may_read(doc)).then_some(&doc.public),
            state => {
                let may = self.may_read(doc) && self.may_update(doc);
                (may && is_live == (state == "draft")).then_some(&doc.head)
            }
        }
    }

    /// What a path sees of a document that a reference leads to.
    fn seen<'d>(&self, doc: &'d Doc) -> Option<&'d Content> {
        if !self.may_read(doc) || doc.fate == Fate::Trashed {
            return None;
        }
        if self.state != "published" && self.may_update(doc) {
            return Some(&doc.head);
        }
        (doc.fate == Fate::Public).then_some(&doc.public)
    }

    fn holds(&self, filter: &Filter, own: usize, content: &Content) -> bool {
        match filter {
            Filter::All(filters) => filters.iter().all(|it| self.holds(it, own, content)),
            Filter::Any(filters) => filters.iter().any(|it| self.holds(it, own, content)),
            Filter::Not(inner) => !self.holds(inner, own, content),
            Filter::Leaf { hops, field, operator, args, .. } => {
                let (positive, negative) = match *operator {
                    "ne" => ("eq", true),
                    "nin" | "none" => ("in", true),
                    "any" => ("in", false),
                    "exists" => ("exists", args[0] == Val::Flag(false)),
                    other => (other, false),
                };
                self.reaches(hops, field, positive, args, own, content) != negative
            }
        }
    }

    fn reaches(
        &self,
        hops: &[&str],
        field: &str,
        operator: &str,
        args: &[Val],
        own: usize,
        content: &Content,
    ) -> bool {
        let Some((hop, rest)) = hops.split_first() else {
            return compares(&content.values(field, self.docs, own), operator, args);
        };
        content.values(hop, self.docs, own).iter().any(|it| {
            let Val::Document(number) = it else { return false };
            let seen = self.docs.get(*number).and_then(|it| self.seen(it));
            seen.is_some_and(|content| self.reaches(rest, field, operator, args, *number, content))
        })
    }
}

fn compares(values: &[Val], operator: &str, args: &[Val]) -> bool {
    let one = |own: &Val| {
        let text = |it: &Val| match it {
            Val::Text(text) => text.clone(),
            _ => String::new(),
        };
        match operator {
            "exists" => true,
            "eq" => *own == args[0],
            "in" => args.contains(own),
            "gt" => *own > args[0],
            "gte" => *own >= args[0],
            "lt" => *own < args[0],
            "lte" => *own <= args[0],
            "between" => *own >= args[0] && *own <= args[1],
            "contains" => text(own).contains(&text(&args[0])),
            "starts" => text(own).starts_with(&text(&args[0])),
            "ends" => text(own).ends_with(&text(&args[0])),
            other => unreachable!("no oracle for {other}"),
        }
    };
    match operator {
        "all" => args.iter().all(|it| values.contains(it)),
        _ => values.iter().any(one),
    }
}

const SORTS: [&str; 9] =
    ["name", "-name", "size", "-size", "day", "good,-size", "-good,size", "size,-name", "-size,name"];

/// The numbers of the documents that a list shows, in order.
fn expected(oracle: &Oracle<'_>, sort: &str, filter: &Filter) -> Vec<usize> {
    let shown = |number: &usize| {
        let doc = &oracle.docs[*number];
        let content = oracle.listed(doc).filter(|_| doc.collection == "things");
        content.is_some_and(|content| oracle.holds(filter, *number, content))
    };
    let mut numbers: Vec<usize> = (0..oracle.docs.len()).filter(shown).collect();
    let keys: Vec<(&str, bool)> =
        sort.split(',').map(|it| (it.trim_start_matches('-'), it.starts_with('-'))).collect();
    let last = keys.last().is_some_and(|(_, descending)| *descending);
    let value = |number: usize, key: &str| {
        let content = oracle.listed(&oracle.docs[number]);
        content.and_then(|it| it.values(key, oracle.docs, number).pop())
    };
    numbers.sort_by(|&a, &b| {
        let compare = |(key, descending): &(&str, bool)| {
            // Both default orders are that of making.
            let order = match *key {
                "publishedAt" | "updatedAt" => a.cmp(&b),
                key => value(a, key).partial_cmp(&value(b, key)).unwrap_or(Ordering::Equal),
            };
            if *descending { order.reverse() } else { order }
        };
        let order = keys.iter().map(compare).find(|it| it.is_ne());
        order.unwrap_or_else(|| if last { b.cmp(&a) } else { a.cmp(&b) })
    });
    numbers
}

/// Makes the documents; their ids go by their numbers.
async fn make(world: &World, docs: &[Doc]) -> Vec<String> {
    let (admin, any) = (world.admin(), Precondition::Any);
    let mut ids: Vec<String> = Vec::new();
    for (own, doc) in docs.iter().enumerate() {
        let mut input = Input { publish: doc.fate != Fate::Draft, ..doc.public.input(docs, own, &ids) };
        match doc.fate {
            Fate::Ahead => input.publish_at = Member::Value(NOW + 48 * HOUR),
            Fate::Over => input.expire_at = Member::Value(NOW + HOUR),
            Fate::Draft | Fate::Public | Fate::Trashed => {}
        }
        ids.push(world.create(doc.collection, &input).await.document.id);
        let (collection, id) = (doc.collection, &ids[own]);
        let head = Input {
            publish_at: input.publish_at,
            expire_at: input.expire_at,
            ..doc.head.input(docs, own, &ids)
        };
        world.service.patch(&admin, collection, id, &any, &head).await.expect("a newer head");
        let entry = |principal: &str, action, effect| Entry {
            principal: principal.parse().expect("a principal"),
            action,
            effect,
        };
        let mut entries = Vec::new();
        if doc.hidden_from_public {
            entries.push(entry("public", Action::Read, Effect::Deny));
        } else if doc.shared_with_public {
            entries.push(entry("public", Action::Read, Effect::Allow));
        }
        if doc.hidden_from_editor {
            entries.push(entry("role:editor", Action::Read, Effect::Deny));
        }
        if doc.editable_by_editor {
            entries.push(entry("role:editor", Action::Update, Effect::Allow));
        }
        world.service.replace_permissions(&admin, collection, id, &any, &entries).await.expect("permissions");
        if doc.fate == Fate::Trashed {
            world.service.trash(&admin, collection, id, &any).await.expect("the trash");
        }
    }
    world.clock.advance(2 * HOUR);
    ids
}

fn scope(world: &World, caller: &str) -> Scope {
    match caller {
        "admin" => world.admin(),
        "public" => world.public(),
        _ => Scope::new(TenantId::default(), Caller::signed_in([Principal::Role("editor".to_owned())])),
    }
}

/// All pages forward, then from the last one all pages back; each tells how many there are.
async fn walk(
    world: &World,
    scope: &Scope,
    asked: &ListParams,
) -> (Vec<String>, Vec<String>, Vec<Option<i64>>) {
    let mut params = asked.clone();
    let (mut forward, mut backward, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let page = loop {
        let page = world.list(scope, "things", &params).await.expect("a page");
        counts.push(page.count);
        forward.push(page.documents.iter().map(|it| it.id.clone()).collect::<Vec<_>>());
        match &page.next {
            Some(next) => params.after = Some(next.clone()),
            None => break page,
        }
    };
    backward.push(forward.last().cloned().unwrap_or_default());
    let (mut prev, mut params) = (page.prev, asked.clone());
    params.count = Count::None;
    while let Some(cursor) = prev {
        params.before = Some(cursor);
        let page = world.list(scope, "things", &params).await.expect("a page");
        backward.push(page.documents.iter().map(|it| it.id.clone()).collect());
        prev = page.prev;
    }
    backward.reverse();
    counts.dedup();
    (forward.concat(), backward.concat(), counts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_list_shows_what_a_naive_filter_shows(
        docs in prop::collection::vec(doc(), 0..16),
        queries in prop::collection::vec((filter(), select(SORTS.to_vec()), select(vec!["public", "editor", "admin"]), 0..3_usize, 1..5_u32), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::of(COLLECTIONS.map(definition).to_vec()).await;
            // So that the public reaches all collections, if only to see this.
            let open = Doc {
                collection: "vault",
                fate: Fate::Public,
                public: Content { name: None, size: None, good: None, day: None, tags: vec![], rank: None, kin: vec![], boss: None, maker: None },
                head: Content { name: Some("open"), size: None, good: None, day: None, tags: vec![], rank: None, kin: vec![], boss: None, maker: None },
                hidden_from_public: false,
                hidden_from_editor: false,
                shared_with_public: true,
                editable_by_editor: false,
            };
            let docs = [vec![open], docs].concat();
            let ids = make(&world, &docs).await;
            for (filter, sort, caller, state, limit) in queries {
                let filter = filter.known(docs.len());
                let state = if caller == "public" { "published" } else { ["published", "draft", "trashed"][state] };
                let sort = if state == "trashed" { "-updatedAt" } else { sort };
                let oracle = Oracle { docs: &docs, caller, state };
                let expected: Vec<String> =
                    expected(&oracle, sort, &filter).into_iter().map(|it| ids[it].clone()).collect();
                let params = ListParams {
                    filters: vec![filter.raw(&ids)],
                    sort: Some(sort.to_owned()),
                    limit: Some(limit.to_string()),
                    state: Some(state.to_owned()),
                    count: Count::Exact,
                    ..ListParams::default()
                };
                let (forward, backward, counts) = walk(&world, &scope(&world, caller), &params).await;
                let count = i64::try_from(expected.len()).expect("few");
                prop_assert_eq!(counts, [Some(count)], "{} counts {} where {:?}", caller, state, filter);
                prop_assert_eq!(&forward, &expected, "{} sees {} by {} where {:?}", caller, state, sort, filter);
                prop_assert_eq!(&backward, &expected, "back: {} sees {} by {} where {:?}", caller, state, sort, filter);
            }
            Ok(())
        })?;
    }
}
