//! A database that fails, hangs up, or loses its answer: nothing is done twice, nothing by half.

use serde_json::json;
use stratus_document::{DocumentError, Input, ListParams, Precondition, View, examine};
use stratus_storage::Error;
use stratus_testkit::Fault;

use crate::fixture::{World, draft, fields, post};

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_again() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &Input { publish: true, ..post("One", &author) }).await.document.id;

    // The look goes through; the batch is committed, and nobody hears of it.
    world.faulty.then(Fault::Pass).then(Fault::LoseAnswer);
    let patched = world.service.patch(&admin, "posts", &id, &any, &fields(json!({ "title": "Two" }))).await;
    let patched = patched.expect("found by its op_id");
    assert_eq!((patched.document.version, patched.document.revision), (2, 2));
    assert!(patched.bookmark.is_some_and(|it| it.seq() > 0));
    let head = world.repository().get(&admin, "posts", &id, &draft()).await.expect("the head");
    assert_eq!((head.version, head.revision), (2, 2));
}

#[tokio::test]
async fn a_write_that_never_arrived_changes_nothing() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &post("One", &author)).await.document.id;
    let check = async |fault: Fault| {
        world.faulty.then(Fault::Pass).then(fault);
        let failed = world.service.publish(&admin, "posts", &id, &any).await;
        assert!(matches!(failed, Err(DocumentError::Storage(_))), "{failed:?}");
        let head = world.repository().get(&admin, "posts", &id, &draft()).await.expect("the head");
        assert_eq!(head.revision, 1);
    };
    check(Fault::Fail(Error::Unavailable { reason: "gone".into() })).await;
    check(Fault::Fail(Error::Full { reason: "full".into() })).await;
    // Lost on the way there: the receipt is not found, so it may be tried again.
    let lost = || Error::OutcomeUnknown { reason: "lost".into() };
    check(Fault::Fail(lost())).await;
    // Nor can the receipt be looked up: nobody knows.
    world.faulty.then(Fault::Pass).then(Fault::Fail(lost())).then(Fault::Fail(lost()));
    let unknown = world.service.publish(&admin, "posts", &id, &any).await;
    assert!(matches!(unknown, Err(DocumentError::Storage(Error::OutcomeUnknown { .. }))), "{unknown:?}");
    let findings = examine(&*world.database, world.repository().registry()).await.expect("an examination");
    assert_eq!(findings, []);
}

#[tokio::test]
async fn reads_hand_the_failure_on() {
    let world = World::demo().await;
    let public = world.public();
    let author = world.author("Ada").await;
    let gone = || Fault::Fail(Error::Unavailable { reason: "gone".into() });
    world.faulty.then(gone()).then(gone());
    let read = world.repository().get(&public, "authors", &author, &View::default()).await;
    assert!(matches!(&read, Err(DocumentError::Storage(error)) if error.is_retryable()), "{read:?}");
    let list = world.list(&public, "authors", &ListParams::default()).await;
    assert!(matches!(&list, Err(DocumentError::Storage(error)) if error.is_retryable()), "{list:?}");
}
