//! Many writers at once: one wins, none is lost, and they share the disk.

use std::sync::Arc;

use serde_json::json;
use stratus_document::{DocumentError, Precondition, Written};
use tokio::task::JoinSet;

use crate::fixture::{World, draft, fields, post};

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_edits_with_one_revision_one_wins() {
    let world = Arc::new(World::demo().await);
    let author = world.author("Ada").await;
    let id = world.create("posts", &post("One", &author)).await.document.id;
    let mut edits = JoinSet::new();
    for n in 0..16 {
        let (world, id) = (Arc::clone(&world), id.clone());
        edits.spawn(async move {
            let patch = fields(json!({ "title": format!("Edit {n}") }));
            let expected = Precondition::Revisions(vec![1]);
            world.service.patch(&world.admin(), "posts", &id, &expected, &patch).await
        });
    }
    let results = edits.join_all().await;
    let stale = |it: &Result<Written, DocumentError>| matches!(it, Err(DocumentError::StaleRevision { .. }));
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|it| stale(it)).count(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_different_fields_without_a_revision_all_survive() {
    let world = Arc::new(World::demo().await);
    let author = world.author("Ada").await;
    let id = world.create("posts", &post("One", &author)).await.document.id;
    let mut edits = JoinSet::new();
    let patches =
        [json!({"excerpt": "e"}), json!({"featured": true}), json!({"rating": 4}), json!({"tags": ["t"]})];
    for patch in patches {
        let (world, id) = (Arc::clone(&world), id.clone());
        edits.spawn(async move {
            world.service.patch(&world.admin(), "posts", &id, &Precondition::Any, &fields(patch)).await
        });
    }
    for edit in edits.join_all().await {
        edit.expect("an edit");
    }
    let head = world.repository().get(&world.admin(), "posts", &id, &draft()).await.expect("the head");
    assert_eq!((head.version, head.revision), (5, 5));
    for part in [r#""excerpt":"e""#, r#""featured":true"#, r#""rating":4"#, r#""tags":["t"]"#] {
        assert!(head.fields.contains(part), "{part} is missing in {}", head.fields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn same_titles_get_different_slugs() {
    let world = Arc::new(World::demo().await);
    let author = world.author("Ada").await;
    let mut creates = JoinSet::new();
    for _ in 0..12 {
        let (world, author) = (Arc::clone(&world), author.clone());
        creates.spawn(
            async move { world.service.create(&world.admin(), "posts", &post("Same", &author)).await },
        );
    }
    let made = creates.join_all().await.into_iter().map(|it| it.expect("a post").document.slug);
    let mut slugs: Vec<_> = made.collect();
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 12, "{slugs:?}");
}
