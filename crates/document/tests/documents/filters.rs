//! Filters one by one: what each kind of field takes, what is refused and where, and what of a query
//! its statement depends on.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, Count, DocumentError, FieldDefinition, Input, ListParams, Operand, Precondition,
    RawCondition, Strength,
};

use crate::{
    fixture::{World, compare, fields, post},
    queries::definitions,
};

async fn world() -> World {
    World::of(definitions()).await
}

async fn thing(world: &World, json: Json) -> String {
    world.create("things", &Input { publish: true, ..fields(json) }).await.document.id
}

/// What a field can't be asked, by the kind of its values.
#[tokio::test]
async fn every_kind_of_field_takes_its_operators() {
    let world = world().await;
    let id = thing(&world, json!({ "name": "x" })).await;
    let operators = [
        "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "any", "all", "none", "exists", "between",
        "contains", "starts", "ends",
    ];
    let (ordered, parts, many) =
        (["gt", "gte", "lt", "lte", "between"], ["contains", "starts", "ends"], ["any", "all", "none"]);
    // The path, a value, and whether it has an order, parts, many values.
    let kinds = [
        ("name", "x", true, true, false),
        ("tags", "x", true, true, true),
        ("size", "1.5", true, false, false),
        ("rank", "1", true, false, false),
        ("day", "2026-11-21", true, false, false),
        ("good", "true", false, false, false),
        ("kin", id.as_str(), false, false, true),
        ("boss", &id, false, false, false),
        ("maker", &id, false, false, false),
        ("slug", "x", true, true, false),
        ("id", &id, true, false, false),
        ("version", "1", true, false, false),
        ("createdAt", "2026-11-21T08:00:00Z", true, false, false),
        ("type", "things", false, false, false),
        ("status", "draft", false, false, false),
        ("kin.name", "x", true, true, false),
        ("kin.tags", "x", true, true, true),
        ("kin.maker.good", "true", false, false, false),
    ];
    for (path, value, has_order, has_parts, is_many) in kinds {
        for operator in operators {
            let sound = (has_order || !ordered.contains(&operator))
                && (has_parts || !parts.contains(&operator))
                && (is_many || !many.contains(&operator));
            let value = match operator {
                "exists" => "true".to_owned(),
                "between" => format!("{value},{value}"),
                _ => value.to_owned(),
            };
            let filters = vec![compare(path, operator, &value)];
            let found =
                world.list(&world.admin(), "things", &ListParams { filters, ..ListParams::default() }).await;
            match (&found, sound) {
                (Ok(_), true) => {}
                (Err(DocumentError::BadParameter { parameter, .. }), false) => {
                    assert_eq!(*parameter, format!("filter[{path}][{operator}]"));
                }
                _ => panic!("{path} {operator} {value}: {found:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_statement_depends_on_the_shape_of_a_query_alone() {
    let world = world().await;
    let scope = world.admin();
    let ask = async |words: [&str; 3], size: &str| {
        let filters = vec![
            RawCondition::Any(vec![
                compare("name", "starts", words[0]),
                compare("tags", "all", words[1]),
                RawCondition::Not(Box::new(compare("kin.maker.name", "in", words[2]))),
            ]),
            compare("size", "between", &format!("{size},{size}")),
            compare("name", "starts", words[1]),
        ];
        let params = ListParams {
            filters,
            sort: Some("size,-name".into()),
            state: Some("draft".into()),
            count: Count::Exact,
            ..ListParams::default()
        };
        world.recording.take();
        world.list(&scope, "things", &params).await.expect("a page");
        world.recording.take().iter().map(|it| it.sql.to_string()).collect::<Vec<_>>()
    };
    let mut texts = BTreeSet::new();
    // Equal values, long ones, lists of many, and a prefix after which nothing comes.
    for words in [["a", "a", "a"], ["", "b", "c,d,e"], ["\u{10ffff}", "\u{10ffff}", "'\""]] {
        texts.insert(ask(words, "1").await);
        texts.insert(ask(words, "2.5").await);
    }
    assert_eq!(texts.len(), 1, "{texts:#?}");
}

/// What no document has is false of what a reference leads to, too. SQLite sees it in the text, looks
/// for nothing, and can't use an index by its name then.
#[tokio::test]
async fn a_path_of_which_nothing_can_hold_is_false() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    world.create("posts", &Input { publish: true, ..post("One", &author) }).await;
    let world = &world;
    let found = async |operator: &str, value: &str, state: &str| {
        let filters = vec![compare("author.type", operator, value)];
        let params = ListParams { filters, state: Some(state.into()), ..ListParams::default() };
        world.list(&world.admin(), "posts", &params).await.expect("a page").documents.len()
    };
    for state in ["published", "draft"] {
        for (operator, value, count) in [
            ("eq", "authors", 1),
            ("eq", "others", 0),
            ("ne", "others", 1),
            ("in", "others,posts", 0),
            ("nin", "others,posts", 1),
            ("exists", "true", 1),
            ("exists", "false", 0),
        ] {
            assert_eq!(found(operator, value, state).await, count, "{operator} {value} {state}");
        }
    }
}

/// Nobody is asked about what is behind a collection that the caller may not know of.
#[tokio::test]
async fn paths_end_at_the_first_closed_collection() {
    let closed = |name: &str, to: &str| {
        CollectionDefinition::new(name).field("next", FieldDefinition::reference(to, Strength::Weak))
    };
    let open = closed("open", "first").allow(Principal::Public, [Action::Read]);
    let chain = vec![open, closed("first", "second"), closed("second", "third"), closed("third", "first")];
    let world = World::of(chain).await;
    for path in ["next.next.next.id", "next.next.next.next.next.next.id", "next.id"] {
        let params = ListParams { filters: vec![compare(path, "exists", "true")], ..ListParams::default() };
        world.database.reset();
        let refused = world.list(&world.public(), "open", &params).await;
        assert!(matches!(refused, Err(DocumentError::BadParameter { .. })), "{refused:?}");
        assert_eq!(world.database.counts().round_trips, 1, "{path}");
    }
}

/// A time behind a dot is that of a document which is in no trash.
#[tokio::test]
async fn what_is_in_the_trash_refers_to_what_is_not() {
    let world = world().await;
    let person = world.create("people", &fields(json!({ "name": "p" }))).await.document.id;
    let id = thing(&world, json!({ "kin": [person], "maker": person })).await;
    world.service.trash(&world.admin(), "things", &id, &Precondition::Any).await.expect("the trash");
    for path in ["kin.updatedAt", "maker.updatedAt", "updatedAt", "kin.createdAt"] {
        for (operator, value, expected) in [("gt", "1999-12-31T00:00:00Z", 1), ("exists", "false", 0)] {
            let params = ListParams {
                filters: vec![compare(path, operator, value)],
                state: Some("trashed".into()),
                ..ListParams::default()
            };
            let page = world.list(&world.admin(), "things", &params).await.expect("a page");
            assert_eq!(page.documents.len(), expected, "{path} {operator}");
        }
    }
}

/// Lists are sets: what is in them twice, or spelt otherwise, is in them once.
#[tokio::test]
async fn all_of_a_list_is_each_different_value() {
    let world = world().await;
    let id = thing(&world, json!({ "name": "x" })).await;
    let both = thing(&world, json!({ "tags": ["a", "b"], "kin": [id], "rank": 0 })).await;
    let found = async |path: &str, list: Json| {
        let test = RawCondition::Test {
            path: path.to_owned(),
            operator: "all".to_owned(),
            operand: Operand::Json(list),
            pointer: "/filter".to_owned(),
        };
        let params = ListParams { filters: vec![test], ..ListParams::default() };
        let page = world.list(&world.public(), "things", &params).await.expect("a page");
        page.documents.iter().any(|it| it.id == both)
    };
    for (path, list, expected) in [
        ("tags", json!(["b", "a", "b"]), true),
        ("tags", json!(["a", "b", "c"]), false),
        ("tags", json!([]), true),
        ("kin", json!([id, id]), true),
        ("kin", json!([id, both]), false),
    ] {
        assert_eq!(found(path, list.clone()).await, expected, "{path} {list}");
    }
}

/// A list is taken apart once a statement, however many rows are looked at.
#[tokio::test]
async fn long_lists_cost_the_same_for_many_rows() {
    let world = world().await;
    let long = (0..1_000).map(|it| format!("t{it}")).collect::<Vec<_>>().join(",");
    let work = async |operator: &str, of: &str| {
        let filters = vec![compare("tags", operator, of)];
        world.database.reset();
        let params = ListParams { filters, ..ListParams::default() };
        world.list(&world.public(), "things", &params).await.expect("a page");
        world.database.counts().work
    };
    for n in 0..30 {
        thing(&world, json!({ "name": format!("n{n}"), "tags": ["t1", "t2"] })).await;
    }
    let (one, all) = (work("all", "z").await, work("all", &long).await);
    // About ten steps for each item, once.
    assert!(all < one + 30_000, "{one} steps for one item, {all} for 1,000");
}

/// The words of a status are one parameter, and the statement the same for all of them.
#[tokio::test]
async fn many_words_of_a_status_are_a_few_sets() {
    let world = world().await;
    thing(&world, json!({ "name": "public" })).await;
    world.create("things", &fields(json!({ "name": "draft" }))).await;
    let mut texts = BTreeSet::new();
    for (operator, words, expected) in [
        ("in", "published,draft", 2),
        ("in", &["published", "trashed", "draft"].repeat(60).join(","), 2),
        ("in", "trashed", 0),
        ("in", "draft", 1),
        ("eq", "published", 1),
        ("eq", "draft", 1),
        ("eq", "trashed", 0),
    ] {
        let params = ListParams {
            filters: vec![compare("status", operator, words)],
            state: Some("draft".into()),
            ..ListParams::default()
        };
        world.recording.take();
        let page = world.list(&world.admin(), "things", &params).await.expect("a page");
        assert_eq!(page.documents.len(), expected, "{operator} {words}");
        texts.extend(world.recording.take().iter().take(1).map(|it| (operator, it.sql.to_string())));
    }
    assert_eq!(texts.len(), 2, "{texts:#?}");
}

/// Whoever walks while others write sees each document that stays exactly once.
#[tokio::test]
async fn a_walk_is_stable_while_documents_come_and_go() {
    let world = world().await;
    let mut stay = BTreeSet::new();
    for n in 0..12 {
        let id = thing(&world, json!({ "name": format!("n{n:02}"), "size": n % 4, "tags": ["x"] })).await;
        stay.insert(id);
    }
    let page =
        async |params: &ListParams| world.list(&world.public(), "things", params).await.expect("a page");
    for sort in ["size", "-size", "size,-name", "-publishedAt"] {
        let asked = ListParams {
            filters: vec![compare("tags", "any", "x,y")],
            sort: Some(sort.into()),
            limit: Some("2".into()),
            ..ListParams::default()
        };
        let forward = wander(&world, asked.clone()).await;
        let seen: Vec<&String> = forward.iter().filter(|it| stay.contains(*it)).collect();
        assert_eq!(seen.len(), stay.len(), "{sort}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), stay.len(), "{sort}");
        // Back from the second page, over all that is on the first.
        let large = ListParams { limit: Some("11".into()), ..asked.clone() };
        let first = page(&large).await;
        let second = page(&ListParams { after: first.next, ..large }).await;
        let backward = wander(&world, ListParams { before: second.prev, ..asked }).await;
        for id in first.documents.iter().map(|it| &it.id).filter(|it| stay.contains(*it)) {
            assert_eq!(backward.iter().filter(|it| *it == id).count(), 1, "back by {sort}");
        }
    }
}

/// Walks to the end, while a document comes at each page, and every other one goes again.
async fn wander(world: &World, mut params: ListParams) -> Vec<String> {
    let mut seen = Vec::new();
    for n in 0..200 {
        let page = world.list(&world.public(), "things", &params).await.expect("a page");
        seen.extend(page.documents.iter().map(|it| it.id.clone()));
        // Before, behind and between the others.
        let passing = thing(world, json!({ "name": "passing", "size": n % 5 - 1, "tags": ["y"] })).await;
        if n % 2 == 0 {
            let any = Precondition::Any;
            world.service.trash(&world.admin(), "things", &passing, &any).await.expect("the trash");
        }
        match params.before {
            Some(_) => params.before = page.prev,
            None => params.after = page.next,
        }
        if params.before.is_none() && params.after.is_none() {
            return seen;
        }
    }
    panic!("the walk never ends");
}

/// As deep, as wide and as far as a filter may be, in each state, on pages that go on.
#[tokio::test]
async fn the_largest_query_fits_the_narrowest_backend() {
    let world = World::of(definitions()).await;
    for size in 0..3 {
        let input = Input { publish: true, ..fields(json!({ "size": size, "name": "x", "tags": ["x"] })) };
        world.create("things", &input).await;
    }
    let leaf = |path: &str, operator: &str, operand: Json| RawCondition::Test {
        path: path.to_owned(),
        operator: operator.to_owned(),
        operand: Operand::Json(operand),
        pointer: "/filter".to_owned(),
    };
    let list = || Json::from((0..1_000).map(|it| it.to_string()).collect::<Vec<_>>());
    // Eight paths over four references each, and every comparison that takes most room.
    let far = |n: usize| leaf(&format!("kin.maker.kin.maker.{}", ["tags", "name"][n % 2]), "nin", list());
    let near = |n: usize| match n % 3 {
        0 => leaf("tags", "between", json!(["a", "b"])),
        1 => leaf("rank", "between", json!([1, 2])),
        _ => leaf("tags", "starts", json!("x")),
    };
    let leaves: Vec<_> = (0..8).map(far).chain((0..24).map(near)).collect();
    let deep = |leaves: Vec<RawCondition>| {
        (0..7).fold(RawCondition::Any(leaves), |inner, n| {
            // What nests without need is taken away: two at each level stay.
            let other = leaf("name", "ne", json!("none"));
            match n % 2 {
                0 => RawCondition::Not(Box::new(inner)),
                _ => RawCondition::All(vec![other, inner]),
            }
        })
    };
    let filters = [
        leaves.clone(),
        vec![RawCondition::Any(leaves.clone())],
        vec![deep([&leaves[..8], &leaves[11..]].concat())],
        (0..32).map(|_| leaf("kin.name", "ne", json!("x"))).collect(),
    ];
    for filters in filters {
        for state in ["published", "draft", "trashed"] {
            let sort = if state == "trashed" { "-updatedAt" } else { "size,-name" };
            let mut params = ListParams {
                filters: filters.clone(),
                sort: Some(sort.to_owned()),
                state: Some(state.to_owned()),
                limit: Some("1".to_owned()),
                count: Count::Exact,
                ..ListParams::default()
            };
            world.recording.take();
            let page = world.list(&world.admin(), "things", &params).await.expect("a page");
            params.after = page.next;
            world.list(&world.admin(), "things", &params).await.expect("the next page");
            for statement in world.recording.take() {
                assert!(statement.params.len() <= 90, "{} parameters", statement.params.len());
                assert!(statement.sql.len() <= 90_000, "{} bytes", statement.sql.len());
            }
        }
    }
}
