//! Parents and their children, their order.

use std::sync::Arc;

use serde_json::json;
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, ListParams, Member, Precondition,
    View,
};

use crate::fixture::{World, draft, fields, filter};

const ANY: Precondition = Precondition::Any;

fn pages() -> CollectionDefinition {
    CollectionDefinition::new("pages")
        .field("title", FieldDefinition::new(FieldType::Text))
        .allow(Principal::Public, [Action::Read])
        .index(["parent", "order"])
}

async fn world() -> World {
    World::of(vec![pages()]).await
}

fn below(parent: &str) -> Input {
    Input { parent: Member::Value(parent.to_owned()), ..Input::default() }
}

async fn page(world: &World, parent: Option<&str>) -> String {
    let input = Input {
        parent: parent.map_or(Member::Absent, |it| Member::Value(it.to_owned())),
        ..fields(json!({}))
    };
    world.create("pages", &input).await.document.id
}

/// The pointer and code of the one fault.
fn fault<T: std::fmt::Debug>(result: Result<T, DocumentError>) -> (String, &'static str) {
    match result {
        Err(DocumentError::Invalid(faults)) => (faults[0].pointer.clone(), faults[0].code),
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[tokio::test]
async fn a_parent_is_like_a_strong_reference() {
    let world = world().await;
    let (admin, service) = (world.admin(), &world.service);
    let parent = page(&world, None).await;
    let child = page(&world, Some(&parent)).await;
    match service.trash(&admin, "pages", &parent, &ANY).await {
        Err(DocumentError::Referenced { referrers }) => {
            let named: Vec<_> = referrers.iter().map(|it| (it.id.as_str(), it.field.as_str())).collect();
            assert_eq!(named, [(child.as_str(), "parent")]);
        }
        other => panic!("expected a child, got {other:?}"),
    }
    service.trash(&admin, "pages", &child, &ANY).await.expect("trash");
    service.trash(&admin, "pages", &parent, &ANY).await.expect("no live child");
    let orphan = service.recover(&admin, "pages", &child, &ANY).await;
    assert!(matches!(orphan, Err(DocumentError::MissingReference)), "{orphan:?}");
    assert_eq!(
        fault(service.create(&admin, "pages", &below(&parent)).await),
        ("/parent".into(), "missing_reference")
    );
    service.recover(&admin, "pages", &parent, &ANY).await.expect("recover");
    service.recover(&admin, "pages", &child, &ANY).await.expect("recover");
    service.trash(&admin, "pages", &child, &ANY).await.expect("trash");
    service.erase(&admin, "pages", &parent, &ANY).await.expect("erased");
    let orphan = service.recover(&admin, "pages", &child, &ANY).await;
    assert!(matches!(orphan, Err(DocumentError::MissingReference)), "{orphan:?}");
}

#[tokio::test]
async fn what_is_public_holds_its_parent() {
    let world = world().await;
    let (admin, service) = (world.admin(), &world.service);
    let parent = page(&world, None).await;
    let child = world.create("pages", &Input { publish: true, ..below(&parent) }).await.document.id;
    let out = Input { parent: Member::Null, ..Input::default() };
    service.patch(&admin, "pages", &child, &ANY, &out).await.expect("a draft elsewhere");
    let check = |result: Result<(), DocumentError>| match result {
        Err(DocumentError::Referenced { referrers }) => {
            let named: Vec<_> = referrers.iter().map(|it| (it.id.as_str(), it.field.as_str())).collect();
            assert_eq!(named, [(child.as_str(), "parent")]);
            assert!(referrers[0].is_published && !referrers[0].is_head);
        }
        other => panic!("expected a child, got {other:?}"),
    };
    check(service.trash(&admin, "pages", &parent, &ANY).await.map(drop));
    check(service.erase(&admin, "pages", &parent, &ANY).await.map(drop));

    // What comes back from the trash comes back as a whole.
    service.trash(&admin, "pages", &child, &ANY).await.expect("trash");
    service.trash(&admin, "pages", &parent, &ANY).await.expect("no live child");
    let orphan = service.recover(&admin, "pages", &child, &ANY).await;
    assert!(matches!(orphan, Err(DocumentError::MissingReference)), "{orphan:?}");
    service.recover(&admin, "pages", &parent, &ANY).await.expect("recover");
    service.recover(&admin, "pages", &child, &ANY).await.expect("recover");
    check(service.trash(&admin, "pages", &parent, &ANY).await.map(drop));
    service.publish(&admin, "pages", &child, &ANY).await.expect("a publish");
    service.erase(&admin, "pages", &parent, &ANY).await.expect("no child at all");
    let registry = world.repository().registry();
    assert_eq!(stratus_document::examine(&*world.database, registry).await.expect("findings"), vec![]);
}

#[tokio::test]
async fn twenty_children_are_named() {
    let world = world().await;
    let parent = page(&world, None).await;
    for _ in 0..25 {
        page(&world, Some(&parent)).await;
    }
    match world.service.trash(&world.admin(), "pages", &parent, &ANY).await {
        Err(DocumentError::Referenced { referrers }) => assert_eq!(referrers.len(), 20),
        other => panic!("expected children, got {other:?}"),
    }
}

#[tokio::test]
async fn nothing_stands_below_itself() {
    let world = world().await;
    let (admin, service) = (world.admin(), &world.service);
    let top = page(&world, None).await;
    let middle = page(&world, Some(&top)).await;
    let low = page(&world, Some(&middle)).await;
    let cycle = ("/parent".to_owned(), "cycle");
    for parent in [&top, &middle, &low] {
        assert_eq!(fault(service.patch(&admin, "pages", &top, &ANY, &below(parent)).await), cycle);
    }
    let moved = service.patch(&admin, "pages", &low, &ANY, &below(&top)).await.expect("a move");
    assert_eq!(moved.document.parent.as_deref(), Some(top.as_str()));
}

#[tokio::test]
async fn a_hundred_levels_and_no_more() {
    let world = world().await;
    let mut lowest = page(&world, None).await;
    for _ in 0..100 {
        lowest = page(&world, Some(&lowest)).await;
    }
    let refused = world.service.create(&world.admin(), "pages", &below(&lowest)).await;
    assert_eq!(fault(refused), ("/parent".to_owned(), "cycle"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moved_below_each_other_at_once_make_no_cycle() {
    let world = Arc::new(world().await);
    for _ in 0..10 {
        let (a, b) = (page(&world, None).await, page(&world, None).await);
        let moves = [(a.clone(), b.clone()), (b.clone(), a.clone())].map(|(child, parent)| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                world.service.patch(&world.admin(), "pages", &child, &ANY, &below(&parent)).await
            })
        });
        let mut moved = 0;
        for it in moves {
            match it.await.expect("a task") {
                Ok(_) => moved += 1,
                refused => assert_eq!(fault(refused), ("/parent".to_owned(), "cycle")),
            }
        }
        assert_eq!(moved, 1);
        let parents = [&a, &b].map(async |it| {
            world.repository().get(&world.admin(), "pages", it, &draft()).await.expect("a page").parent
        });
        let mut tops = 0;
        for parent in parents {
            tops += usize::from(parent.await.is_none());
        }
        assert_eq!(tops, 1);
    }
}

fn ordered(order: i64) -> Input {
    Input { order: Member::Value(order), ..Input::default() }
}

fn number(world: &World, sql: &str) -> i64 {
    world.connection().query_row(sql, [], |row| row.get(0)).expect("a number")
}

#[tokio::test]
async fn the_order_moves_without_a_version() {
    let world = world().await;
    let (admin, public, service) = (world.admin(), world.public(), &world.service);
    let repository = world.repository();
    let id =
        world.create("pages", &Input { publish: true, ..fields(json!({ "title": "1" })) }).await.document.id;
    let public_seq = || number(&world, "SELECT public_seq FROM generations");
    // The head is public, too; then it is beside the public row.
    for (order, beside) in [(5, false), (-7, true)] {
        if beside {
            let edit = fields(json!({ "title": "2" }));
            service.patch(&admin, "pages", &id, &ANY, &edit).await.expect("a draft");
        }
        let before = repository.get(&admin, "pages", &id, &draft()).await.expect("a head");
        let seen = repository.get(&public, "pages", &id, &View::default()).await.expect("a page");
        let (seq, last) = (public_seq(), world.clock.advance(1));
        let moved =
            service.patch(&admin, "pages", &id, &ANY, &ordered(order)).await.expect("a move").document;
        assert_eq!((moved.version, moved.revision), (before.version, before.revision + 1));
        assert_eq!((moved.order, moved.updated_at, &moved.fields), (order, last, &before.fields));
        let now = repository.get(&public, "pages", &id, &View::default()).await.expect("a page");
        assert_eq!((now.order, now.version, &now.fields), (order, seen.version, &seen.fields));
        assert_eq!(now.revision, moved.revision, "its tag changes");
        assert!(public_seq() > seq);
        assert_eq!(
            number(
                &world,
                "SELECT count(*) FROM events WHERE kind = 'updated' AND data = '{\"members\":[\"order\"]}'"
            ),
            1 + i64::from(beside)
        );
        let again = service.patch(&admin, "pages", &id, &ANY, &ordered(order)).await.expect("nothing");
        assert!(again.bookmark.is_none());
    }
    // With a content it moves at once as well, and a replace keeps it.
    let both = Input { order: Member::Value(3), ..fields(json!({ "title": "3" })) };
    let written = service.patch(&admin, "pages", &id, &ANY, &both).await.expect("a patch").document;
    let seen = repository.get(&public, "pages", &id, &View::default()).await.expect("a page");
    assert_eq!((seen.order, seen.version, seen.revision), (3, 1, written.revision));
    let replaced = service.replace(&admin, "pages", &id, &ANY, &fields(json!({}))).await.expect("a replace");
    assert_eq!((replaced.document.order, replaced.document.version), (3, 4));
    let publish = Input { publish: true, order: Member::Null, ..Input::default() };
    let published = service.patch(&admin, "pages", &id, &ANY, &publish).await.expect("a publish").document;
    assert_eq!((published.order, published.version), (0, 4));
    let seen = repository.get(&public, "pages", &id, &View::default()).await.expect("a page");
    assert_eq!((seen.order, seen.version), (0, 4));
    let max = 9_007_199_254_740_991;
    for good in [max, -max] {
        service.patch(&admin, "pages", &id, &ANY, &ordered(good)).await.expect("a move");
    }
    for bad in [max + 1, -max - 1, i64::MIN, i64::MAX] {
        let refused = service.patch(&admin, "pages", &id, &ANY, &ordered(bad)).await;
        assert_eq!(fault(refused), ("/order".to_owned(), "too_large"));
    }
}

#[tokio::test]
async fn children_are_listed_in_their_order() {
    let world = world().await;
    let parent = page(&world, None).await;
    for (title, order) in [("c", 3), ("a", -1), ("b", 0)] {
        let input = Input { order: Member::Value(order), publish: true, ..fields(json!({ "title": title })) };
        world.create("pages", &Input { parent: Member::Value(parent.clone()), ..input }).await;
    }
    let titles = async |sort: &str, state: &str| {
        let params = ListParams {
            filters: vec![filter("parent", &parent)],
            sort: Some(sort.to_owned()),
            state: Some(state.to_owned()),
            ..ListParams::default()
        };
        let page = world.list(&world.admin(), "pages", &params).await.expect("a page");
        page.documents.iter().map(|it| it.fields[10..11].to_owned()).collect::<String>()
    };
    for state in ["published", "draft"] {
        assert_eq!(titles("order", state).await, "abc");
        assert_eq!(titles("-order", state).await, "cba");
    }
}

#[tokio::test]
async fn a_field_called_order_is_meant_by_its_name() {
    let check = async |private: bool, expected: &str| {
        let field = FieldDefinition::new(FieldType::Text);
        let field = if private { field.private() } else { field.indexed() };
        let definition = CollectionDefinition::new("menus")
            .field("order", field)
            .field("title", FieldDefinition::new(FieldType::Text))
            .index(["parent", "order"]);
        let world = World::of(vec![definition]).await;
        for (title, field, order) in [("a", "z", 1), ("b", "y", 2)] {
            let input = fields(json!({ "title": title, "order": field }));
            world.create("menus", &Input { order: Member::Value(order), ..input }).await;
        }
        let params = ListParams {
            filters: vec![filter("parent", "")],
            sort: Some("order".into()),
            state: Some("draft".into()),
            ..ListParams::default()
        };
        let page = world.list(&world.admin(), "menus", &params).await.expect("a page");
        let orders: Vec<_> = page.documents.iter().map(|it| it.order.to_string()).collect();
        assert_eq!(orders.join(""), expected);
        let by_field = ListParams {
            filters: vec![filter("order", "y")],
            state: Some("draft".into()),
            ..ListParams::default()
        };
        let found = world.list(&world.admin(), "menus", &by_field).await;
        assert_eq!(found.is_ok_and(|it| it.documents.len() == 1), !private);
    };
    check(false, "21").await;
    // What is private is answered like what is not there: then it is the system key.
    check(true, "12").await;
}
