//! Publish windows: what is not yet, or no longer, visible is not there for the public.

use stratus_document::{DocumentError, Input, ListParams, Member, Precondition, View};

use crate::fixture::{NOW, World, fields, post};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn a_document_is_visible_within_its_window_only() {
    let world = World::demo().await;
    let public = world.public();
    let author = world.author("Ada").await;
    let window = Input {
        publish: true,
        publish_at: Member::Value(NOW + HOUR),
        expire_at: Member::Value(NOW + 2 * HOUR),
        ..post("Soon", &author)
    };
    let id = world.create("posts", &window).await.document.id;
    let check = async |at: i64, visible: bool| {
        world.clock.set(at);
        let read = world.repository().get(&public, "posts", &id, &View::default()).await;
        let slug = world.repository().get_by_slug(&public, "posts", "soon", None, &View::default()).await;
        let list =
            world.list(&public, "posts", &ListParams::default()).await.expect("a page").documents.len();
        assert_eq!(
            (read.is_ok(), slug.is_ok(), list),
            (visible, visible, usize::from(visible)),
            "at {}",
            at - NOW
        );
    };
    check(NOW + HOUR - 1, false).await;
    check(NOW + HOUR, true).await;
    check(NOW + 2 * HOUR - 1, true).await;
    check(NOW + 2 * HOUR, false).await;
}

#[tokio::test]
async fn a_window_alone_is_no_new_version() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &Input { publish: true, ..post("One", &author) }).await.document.id;
    let later = Input { expire_at: Member::Value(NOW + HOUR), ..Input::default() };
    let moved = world.service.patch(&admin, "posts", &id, &any, &later).await.expect("a patch").document;
    assert_eq!((moved.version, moved.revision, moved.expire_at), (1, 2, Some(NOW + HOUR)));
    let same = world.service.patch(&admin, "posts", &id, &any, &later).await.expect("a patch");
    assert_eq!((same.document.revision, same.bookmark), (2, None));
    let open = Input { expire_at: Member::Null, ..Input::default() };
    let opened = world.service.patch(&admin, "posts", &id, &any, &open).await.expect("a patch").document;
    assert_eq!((opened.revision, opened.expire_at), (3, None));
    let empty = Input { publish_at: Member::Value(NOW), expire_at: Member::Value(NOW), ..Input::default() };
    let refused = world.service.patch(&admin, "posts", &id, &any, &empty).await;
    assert!(matches!(refused, Err(DocumentError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn publishing_ahead_does_not_hide_what_is_visible() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &Input { publish: true, ..post("One", &author) }).await.document.id;
    let ahead =
        Input { publish_at: Member::Value(NOW + HOUR), ..fields(serde_json::json!({ "title": "Two" })) };
    world.service.patch(&admin, "posts", &id, &any, &ahead).await.expect("a draft");
    let refused = world.service.publish(&admin, "posts", &id, &any).await;
    assert!(matches!(refused, Err(DocumentError::WouldHide { .. })), "{refused:?}");
    world.clock.set(NOW + HOUR);
    world.service.publish(&admin, "posts", &id, &any).await.expect("its time has come");
}

#[tokio::test]
async fn publishing_with_a_window_is_one_step_and_no_new_version() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &post("One", &author)).await.document.id;
    let input = Input { publish: true, expire_at: Member::Value(NOW + HOUR), ..Input::default() };
    let published = world.service.patch(&admin, "posts", &id, &any, &input).await.expect("a patch").document;
    assert_eq!((published.version, published.revision, published.expire_at), (1, 2, Some(NOW + HOUR)));
    let seen = world.repository().get(&world.public(), "posts", &id, &View::default()).await.expect("public");
    assert_eq!(seen.expire_at, Some(NOW + HOUR));
}
