//! Lists: filters, orders and cursors against a naive list in memory, NULLs and ties included.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, ListParams, Operand,
    RawCondition, Strength,
};

use crate::fixture::{World, compare, fields, filter, post};

/// Few values, so that ties and absences are frequent.
fn things() -> CollectionDefinition {
    CollectionDefinition::new("things")
        .field("name", FieldDefinition::new(FieldType::Text).indexed())
        .field("size", FieldDefinition::new(FieldType::Number).indexed())
        .field("good", FieldDefinition::new(FieldType::Boolean).indexed())
        .field("tags", FieldDefinition::new(FieldType::Tags).facet())
        .field("rank", FieldDefinition::new(FieldType::Integer).facet())
        .field("kin", FieldDefinition::references("things", Strength::Weak))
        .index(["good", "-size"])
        .index(["size", "-name"])
        .index(["-size", "-name", "-createdAt"])
        .allow(Principal::Public, [Action::Read])
}

#[derive(Clone, Debug)]
struct Thing {
    name: Option<&'static str>,
    size: Option<i32>,
    good: Option<bool>,
    tags: Vec<&'static str>,
    rank: Option<i32>,
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        prop::option::of(prop::sample::select(vec!["a", "B", "é", "zz"])),
        prop::option::of(-1..3_i32),
        prop::option::of(any::<bool>()),
        prop::sample::subsequence(vec!["x", "y", "z"], 0..=3),
        prop::option::of(0..3_i32),
    )
        .prop_map(|(name, size, good, tags, rank)| Thing { name, size, good, tags, rank })
}

impl Thing {
    fn input(&self) -> Input {
        let half = |it: i32| f64::from(it) / 2.0;
        let mut members = Map::new();
        self.name.map(|it| members.insert("name".into(), json!(it)));
        self.size.map(|it| members.insert("size".into(), json!(half(it))));
        self.good.map(|it| members.insert("good".into(), json!(it)));
        self.rank.map(|it| members.insert("rank".into(), json!(it)));
        members.insert("tags".into(), json!(self.tags));
        Input { publish: true, ..fields(Json::Object(members)) }
    }

    fn matches(&self, filters: &[RawCondition]) -> bool {
        let compares = |order: Ordering, operator: &str| match operator {
            "eq" => order.is_eq(),
            "lt" => order.is_lt(),
            "lte" => order.is_le(),
            "gt" => order.is_gt(),
            "gte" => order.is_ge(),
            other => unreachable!("no oracle for {other}"),
        };
        filters.iter().all(|it| {
            let RawCondition::Test { path, operator, operand: Operand::Text(value), .. } = it else {
                unreachable!("no oracle for {it:?}")
            };
            let number = || value.parse::<f64>().expect("a number");
            let text = |own: &str| compares(own.cmp(value.as_str()), operator);
            let real = |own: f64| compares(own.total_cmp(&number()), operator);
            match path.as_str() {
                "name" => self.name.is_some_and(text),
                "size" => self.size.is_some_and(|own| real(f64::from(own) / 2.0)),
                "good" => self.good.map(|it| it.to_string()) == Some(value.clone()),
                "tags" => self.tags.iter().any(|own| text(own)),
                "rank" => self.rank.is_some_and(|own| real(f64::from(own))),
                other => unreachable!("no oracle for {other}"),
            }
        })
    }

    /// A key that compares as SQLite does: NULL first, then by code point or number.
    fn key(&self, name: &str, age: usize) -> (u8, i64, String) {
        let number = |it: Option<i64>| it.map_or((0, 0, String::new()), |it| (1, it, String::new()));
        match name {
            "name" => self.name.map_or((0, 0, String::new()), |it| (1, 0, it.to_owned())),
            "size" => number(self.size.map(i64::from)),
            "good" => number(self.good.map(i64::from)),
            "publishedAt" | "createdAt" | "id" => (1, age as i64, String::new()),
            other => unreachable!("no oracle for {other}"),
        }
    }
}

/// The numbers of the things that a list shows, in order.
fn expected(things: &[Thing], sort: &str, filters: &[RawCondition]) -> Vec<usize> {
    let keys: Vec<(&str, bool)> =
        sort.split(',').map(|it| (it.trim_start_matches('-'), it.starts_with('-'))).collect();
    let last = keys.last().is_some_and(|(_, descending)| *descending);
    let mut shown: Vec<usize> = (0..things.len()).filter(|&n| things[n].matches(filters)).collect();
    shown.sort_by(|&a, &b| {
        let compare = |(name, descending): &(&str, bool)| {
            let order = things[a].key(name, a).cmp(&things[b].key(name, b));
            if *descending { order.reverse() } else { order }
        };
        let order = keys.iter().map(compare).find(|it| it.is_ne());
        order.unwrap_or_else(|| if last { b.cmp(&a) } else { a.cmp(&b) })
    });
    shown
}

const SORTS: [&str; 12] = [
    "-publishedAt",
    "publishedAt",
    "name",
    "-name",
    "size",
    "-size",
    "good",
    "size,-name",
    "-size,name",
    "-size,-name,-createdAt",
    "size,name,createdAt",
    "good,-size",
];

fn conditions() -> impl Strategy<Value = Vec<RawCondition>> {
    let operator = prop::sample::select(vec!["eq", "lt", "lte", "gt", "gte"]);
    let ordered = prop_oneof![
        prop::sample::select(vec!["a", "zz", "none"]).prop_map(|it| ("name", it.to_owned())),
        (-2..4_i32).prop_map(|it| ("size", (f64::from(it) / 2.0).to_string())),
        prop::sample::select(vec!["x", "y"]).prop_map(|it| ("tags", it.to_owned())),
        (0..3_i32).prop_map(|it| ("rank", it.to_string())),
    ];
    let compared = (ordered, operator).prop_map(|((path, value), operator)| compare(path, operator, &value));
    let one = prop_oneof![
        prop::sample::select(vec!["a", "zz", "none"]).prop_map(|it| filter("name", it)),
        compared,
        any::<bool>().prop_map(|it| filter("good", if it { "true" } else { "false" })),
        prop::sample::select(vec!["x", "y"]).prop_map(|it| filter("tags", it)),
        (0..3_i32).prop_map(|it| filter("rank", &it.to_string())),
    ];
    prop::collection::vec(one, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_shows_what_a_naive_list_shows(
        things in prop::collection::vec(thing(), 0..14),
        queries in prop::collection::vec((prop::sample::select(SORTS.to_vec()), conditions(), 1..6_u32), 6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::of(vec![self::things()]).await;
            let mut ids = Vec::new();
            for thing in &things {
                ids.push(world.create("things", &thing.input()).await.document.id);
            }
            for (sort, filters, limit) in queries {
                let expected: Vec<_> = expected(&things, sort, &filters).into_iter().map(|n| ids[n].clone()).collect();
                let (forward, backward) = walk(&world, sort, &filters, limit).await;
                prop_assert_eq!(&forward, &expected, "forward by {} of {:?}", sort, filters);
                prop_assert_eq!(&backward, &expected, "backward by {} of {:?}", sort, filters);
            }
            Ok(())
        })?;
    }
}

/// All pages forward; then from the last one all pages back.
async fn walk(world: &World, sort: &str, filters: &[RawCondition], limit: u32) -> (Vec<String>, Vec<String>) {
    let mut params = ListParams {
        filters: filters.to_vec(),
        sort: Some(sort.to_owned()),
        limit: Some(limit.to_string()),
        ..ListParams::default()
    };
    let mut forward = Vec::new();
    let mut page = world.list(&world.public(), "things", &params).await.expect("the first page");
    assert_eq!(page.prev, None);
    loop {
        forward.push(page.documents.iter().map(|it| it.id.clone()).collect::<Vec<_>>());
        let Some(next) = page.next.clone() else { break };
        params.after = Some(next);
        page = world.list(&world.public(), "things", &params).await.expect("a page");
        assert!(!page.documents.is_empty(), "a page after a cursor that was handed out is never empty");
    }
    let mut backward = vec![forward.last().cloned().unwrap_or_default()];
    params.after = None;
    while let Some(prev) = page.prev.clone() {
        params.before = Some(prev);
        page = world.list(&world.public(), "things", &params).await.expect("a page");
        if page.documents.is_empty() {
            break;
        }
        backward.push(page.documents.iter().map(|it| it.id.clone()).collect());
    }
    backward.reverse();
    (forward.concat(), backward.concat())
}

#[tokio::test]
async fn what_no_index_serves_is_refused_with_the_cure() {
    let world = World::of(vec![things()]).await;
    let check = async |sort: &str, cure: &str| {
        let params = ListParams { sort: Some(sort.to_owned()), ..ListParams::default() };
        match world.list(&world.public(), "things", &params).await {
            Err(DocumentError::Unindexed { message, .. }) => assert!(message.contains(cure), "{message}"),
            other => panic!("{sort}: expected a refusal, got {other:?}"),
        }
    };
    check("createdAt", r#"[["createdAt"]]"#).await;
    check("-name,size,good", r#"[["-name", "size", "good"]]"#).await;
    check("good,size", r#"[["good", "size"]]"#).await;
}

#[tokio::test]
async fn facets_and_references_inside_lists_can_be_filtered_by() {
    let json = json!({"name": "deep", "grants": {"public": ["read"]}, "fields": {
        "list": {"type": "array", "items": {"type": "object", "fields": {"k": {"type": "text", "facet": true}}}},
        "words": {"type": "array", "items": {"type": "text", "facet": true}},
        "kin": {"type": "array", "items": {"type": "reference", "to": "deep"}},
        "blocks": {"type": "blocks", "blocks": {"quote": {"fields": {
            "by": {"type": "reference", "to": "deep"}, "n": {"type": "integer", "facet": true},
        }}}},
        "any": {"type": "json"},
    }});
    let world = World::of(vec![CollectionDefinition::parse(&json.to_string()).expect("sound")]).await;
    let target = world.create("deep", &Input { publish: true, ..fields(json!({})) }).await.document.id;
    let given = json!({
        "list": [{"k": "a"}, {"k": "b"}], "words": ["w"], "kin": [target],
        "blocks": [{"type": "quote", "by": target, "n": 7}],
    });
    let id = world.create("deep", &Input { publish: true, ..fields(given) }).await.document.id;
    for (name, value, found) in [
        ("list.k", "b", true),
        ("list.k", "c", false),
        ("words", "w", true),
        ("kin", target.as_str(), true),
        ("blocks.quote.by", target.as_str(), true),
        ("blocks.quote.n", "7", true),
        ("blocks.quote.n", "8", false),
    ] {
        let params = ListParams { filters: vec![filter(name, value)], ..ListParams::default() };
        let page = world.list(&world.public(), "deep", &params).await.expect(name);
        let ids: Vec<_> = page.documents.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, if found { vec![id.as_str()] } else { vec![] }, "{name}={value}");
    }
    for (name, says) in [("list.x", "blocks.quote.n"), ("blocks.by", "list.k")] {
        let params = ListParams { filters: vec![filter(name, "x")], ..ListParams::default() };
        let refused = world.list(&world.public(), "deep", &params).await.expect_err(name);
        assert!(refused.to_string().contains(says), "{refused}");
    }
    for name in ["any", "list", "blocks"] {
        let params = ListParams { filters: vec![filter(name, "x")], ..ListParams::default() };
        let refused = world.list(&world.public(), "deep", &params).await;
        assert!(
            matches!(&refused, Err(DocumentError::Unindexed { message, .. }) if message.contains("no single values"))
        );
    }
}

/// What only one document can have is looked up, however many there are and however they are sorted.
#[tokio::test]
async fn a_unique_value_drives_its_list() {
    let definition = things().field("code", FieldDefinition::new(FieldType::Text).unique());
    let world = World::of(vec![definition]).await;
    for n in 0..3 {
        let input = Input { publish: true, ..fields(json!({ "code": format!("c{n}"), "good": n > 0 })) };
        world.create("things", &input).await;
    }
    let check = async |filters: Vec<RawCondition>, sort: Option<&str>, found: usize| {
        let params = ListParams { filters, sort: sort.map(str::to_owned), ..ListParams::default() };
        world.recording.take();
        let page = world.list(&world.public(), "things", &params).await.expect("a page");
        assert_eq!((page.documents.len(), page.next), (found, None));
        let sql = world.recording.take().remove(0).sql.to_string();
        assert!(sql.contains("INDEXED BY ix_things_unique_published_code_t"), "{sql}");
    };
    check(vec![filter("code", "c1")], None, 1).await;
    check(vec![filter("code", "c1")], Some("size,-name"), 1).await;
    check(vec![filter("code", "c1"), filter("good", "false")], None, 0).await;
    check(vec![filter("code", "none")], Some("-createdAt"), 0).await;
}

#[tokio::test]
async fn only_what_has_an_order_is_compared() {
    let world = World::of(vec![things()]).await;
    for (field, operator, value, sound) in [
        ("size", "gte", "1", true),
        ("publishedAt", "lt", "2026-01-01T00:00:00Z", true),
        ("good", "gt", "true", false),
        ("kin", "gte", "01a1fcf5-5f1c-7d3a-a02f-f91c72c6eb06", false),
        ("status", "gt", "draft", false),
        ("size", "near", "1", false),
        ("size", "gte", "one", false),
    ] {
        let filters = vec![compare(field, operator, value)];
        let params = ListParams { filters, ..ListParams::default() };
        let found = world.list(&world.public(), "things", &params).await;
        match (&found, sound) {
            (Ok(_), true) | (Err(DocumentError::BadParameter { .. }), false) => {}
            _ => panic!("{field} {operator} {value}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn what_orders_nothing_may_be_named() {
    let world = World::of(vec![things()]).await;
    for sort in ["type,-publishedAt", "status,name", "-publishedAt,-id", "-publishedAt,-id,name"] {
        let params = ListParams { sort: Some(sort.to_owned()), ..ListParams::default() };
        world.list(&world.public(), "things", &params).await.expect(sort);
    }
    for sort in ["id", "-publishedAt,id"] {
        let params = ListParams { sort: Some(sort.to_owned()), ..ListParams::default() };
        let refused = world.list(&world.public(), "things", &params).await;
        assert!(matches!(refused, Err(DocumentError::Unindexed { .. })), "{sort}: {refused:?}");
    }
    let nothing = ListParams { filters: vec![filter("status", "draft")], ..ListParams::default() };
    world.database.reset();
    let page = world.list(&world.public(), "things", &nothing).await.expect("a page");
    assert_eq!((page.documents.len(), page.next, world.database.counts().round_trips), (0, None, 0));
}

/// 12,000 rows written past the service: far more than one walk looks at.
#[tokio::test]
async fn a_walk_with_conditions_stops_and_goes_on_both_ways() {
    let world = World::of(vec![things()]).await;
    let one = Thing { name: None, size: None, good: None, tags: vec![], rank: None };
    world.create("things", &one.input()).await;
    let tagged = Thing { tags: vec!["x"], ..one.clone() };
    let wanted = [
        world.create("things", &tagged.input()).await.document.id,
        world.create("things", &one.input()).await.document.id,
    ];
    let copy = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 6000) \
         INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
         version_number, revision, published_at, created_at, updated_at, data) \
         SELECT printf('%08x-0000-7000-8000-%012x', n, ?1 + 2), printf('%08x-0000-7000-8000-%012x', n, ?1 + 2), type_id, \
         tenant_id, 1, 1, type_version, 1, 1, published_at + ?1 * n, created_at, updated_at, data \
         FROM documents CROSS JOIN n WHERE root_id = ?2";
    for direction in [-1_i64, 1] {
        world.connection().execute(copy, rusqlite::params![direction, wanted[1]]).expect("copies");
    }
    let params = ListParams { filters: vec![filter("tags", "x")], ..ListParams::default() };
    let walk = async |first: ListParams, back: bool| {
        let (mut params, mut found, mut pages) = (first, Vec::new(), 0);
        loop {
            let page = world.list(&world.public(), "things", &params).await.expect("a page");
            pages += 1;
            assert!(pages < 10, "it goes round in circles");
            found.extend(page.documents.iter().map(|it| it.id.clone()));
            let on = if back { page.prev.clone() } else { page.next.clone() };
            match on {
                Some(cursor) if back => params.before = Some(cursor),
                Some(cursor) => params.after = Some(cursor),
                None => return (found, pages, params),
            }
        }
    };
    let (found, pages, last) = walk(params.clone(), false).await;
    assert_eq!((found, pages), (vec![wanted[0].clone()], 3));
    // From the last page, which is empty, a way leads back to the same one.
    let end = world.list(&world.public(), "things", &last).await.expect("the last page");
    assert_eq!(end.documents.len(), 0);
    let back = ListParams { before: end.prev, ..params };
    assert!(back.before.is_some());
    assert_eq!(walk(back, true).await.0, [wanted[0].clone()]);
}

/// A range costs a page what it shows, however deep the page, and whatever else bounds it.
#[tokio::test]
async fn a_range_is_entered_where_the_page_begins() {
    let world = World::of(vec![things()]).await;
    let one = Thing { name: None, size: Some(1), good: None, tags: vec![], rank: None };
    let id = world.create("things", &one.input()).await.document.id;
    let copies = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12000) \
         INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
         version_number, revision, published_at, created_at, updated_at, data) \
         SELECT printf('%08x-0000-7000-8000-000000000001', n), printf('%08x-0000-7000-8000-000000000002', n), type_id, \
         tenant_id, 1, 1, type_version, 1, 1, published_at, created_at, updated_at, json_object('size', n) \
         FROM documents CROSS JOIN n WHERE root_id = ?1";
    world.connection().execute(copies, [&id]).expect("copies");
    let compare = |operator: &str, value: i64| compare("size", operator, &value.to_string());
    for (sort, filters) in [
        ("size", vec![compare("gte", 2)]),
        ("-size", vec![compare("lte", 11_999)]),
        ("size", vec![compare("gte", 2), compare("gt", 3), compare("lt", 12_000)]),
        ("-size", vec![compare("gt", 2), compare("lt", 11_999)]),
    ] {
        let mut params = ListParams {
            sort: Some(sort.into()),
            limit: Some("100".into()),
            filters: filters.clone(),
            ..ListParams::default()
        };
        let (mut first, mut seen) = (None, 0);
        while seen < 6_000 {
            world.database.reset();
            let page = world.list(&world.public(), "things", &params).await.expect("a page");
            seen += page.documents.len();
            let work = world.database.counts().work;
            let first = *first.get_or_insert(work);
            assert!(work <= first * 5 / 4, "{sort} {filters:?}: {work} steps after {seen}, {first} at first");
            params.after = page.next;
        }
    }
    // What no bound of the index says is looked at row by row, and counts.
    let nothing = vec![compare("gte", 1), compare("gt", 1_000_000)];
    let params = ListParams { sort: Some("size".into()), filters: nothing, ..ListParams::default() };
    world.database.reset();
    let page = world.list(&world.public(), "things", &params).await.expect("a page");
    assert!(page.documents.is_empty() && page.next.is_some() && world.database.counts().work < 400_000);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    for title in ["One", "Two", "Three"] {
        world.create("posts", &Input { publish: true, ..post(title, &author) }).await;
    }
    let first = ListParams { limit: Some("1".into()), ..ListParams::default() };
    let next = world.list(&world.public(), "posts", &first).await.expect("a page").next.expect("a cursor");
    let check = async |params: ListParams, sound: bool| {
        let found = world.list(&world.public(), "posts", &params).await;
        match (&found, sound) {
            (Ok(_), true) | (Err(DocumentError::BadCursor { .. }), false) => {}
            _ => panic!("{params:?}: {found:?}"),
        }
    };
    let after = |text: &str| ListParams { after: Some(text.to_owned()), ..ListParams::default() };
    check(after(&next), true).await;
    // The size of a page is no part of the order.
    check(ListParams { limit: Some("2".into()), ..after(&next) }, true).await;
    check(ListParams { sort: Some("title".into()), ..after(&next) }, false).await;
    check(ListParams { state: Some("draft".into()), ..after(&next) }, false).await;
    check(ListParams { filters: vec![filter("featured", "true")], ..after(&next) }, false).await;
    check(after(&next[1..]), false).await;
    check(after(&format!("{next}A")), false).await;
    check(after("eyJpZCI6IicgT1IgMT0xLS0ifQ"), false).await;
    check(after(""), false).await;
}

#[tokio::test]
async fn a_page_that_is_exactly_full_is_the_last() {
    let world = World::demo().await;
    for name in ["A", "B"] {
        world.author(name).await;
    }
    let params = ListParams { limit: Some("2".into()), sort: Some("name".into()), ..ListParams::default() };
    let page = world.list(&world.public(), "authors", &params).await.expect("a page");
    assert_eq!((page.documents.len(), page.next, page.prev), (2, None, None));
}

/// Where keys are absent or go different ways, a page goes on in several stretches: it looks at no more
/// than a page of them.
#[tokio::test]
async fn a_page_of_several_stretches_looks_at_one_page() {
    let world = World::of(vec![things()]).await;
    for n in 0..240_usize {
        let (name, size) = ([None, Some("a"), Some("B")][n % 3], [None, Some(1), Some(2)][n / 3 % 3]);
        let thing = Thing { name, size, good: Some(n % 2 == 0), tags: vec![], rank: None };
        world.create("things", &thing.input()).await;
    }
    for sort in ["-size,name", "size,-name", "good,-size", "-good,size", "-size,-name,-createdAt", "-name"] {
        let mut params = ListParams { sort: Some(sort.into()), ..ListParams::default() };
        let (mut first, mut seen) = (None, 0);
        loop {
            world.database.reset();
            let page = world.list(&world.public(), "things", &params).await.expect("a page");
            let counts = world.database.counts();
            assert_eq!((counts.round_trips, counts.statements), (1, 1));
            let first = *first.get_or_insert(counts.work);
            seen += page.documents.len();
            params.after = page.next;
            if params.after.is_none() {
                break;
            }
            assert!(
                counts.work <= first * 3 / 2,
                "{sort}: {} steps after {seen}, {first} at first",
                counts.work
            );
        }
        assert_eq!(seen, 240, "{sort}");
    }
}
