//! Parents and their children, their order.

use std::sync::Arc;

use serde_json::json;
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, Member, Precondition,
};

use crate::fixture::{World, draft, fields};

const ANY: Precondition = Precondition::Any;

fn pages() -> CollectionDefinition {
    CollectionDefinition::new("pages")
        .field("title", FieldDefinition::new(FieldType::Text))
        .allow(Principal::Public, [Action::Read])
        .index(["parent", "-createdAt"])
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
