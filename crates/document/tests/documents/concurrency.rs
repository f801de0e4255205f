//! Many writers at once: one wins, none is lost, and they share the disk.

use std::sync::Arc;

use serde_json::json;
use stratus_document::{DocumentError, Precondition, Written};
use stratus_testkit::Fault;
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
    // Nobody lost a race for a number: those that there are have all been taken.
    let numbered = (2..10).map(|n| format!("same-{n}"));
    for expected in ["same".to_owned()].into_iter().chain(numbered) {
        assert!(slugs.contains(&Some(expected.clone())), "{expected} is not among {slugs:?}");
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_knows_its_slug() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    world.create("posts", &post("Same", &author)).await;
    world.faulty.then(Fault::LoseAnswer);
    let made = world.create("posts", &post("Same", &author)).await;
    assert_eq!((world.faulty.remaining(), made.document.slug.as_deref()), (0, Some("same-2")));
    let head = world.repository().get(&world.admin(), "posts", &made.document.id, &draft()).await;
    assert_eq!(head.expect("the head").slug.as_deref(), Some("same-2"));
    // What was not answered and can't be looked up either is not known, and says so.
    world.faulty.then(Fault::LoseAnswer).then(Fault::LoseAnswer);
    let unknown = world.service.create(&world.admin(), "posts", &post("Same", &author)).await;
    let error = unknown.expect_err("nothing is known");
    assert!(
        matches!(error, DocumentError::Storage(stratus_storage::Error::OutcomeUnknown { .. })),
        "{error:?}"
    );
}
