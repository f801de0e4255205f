//! Several writes at once: what is told of the one that fails, and what it costs to ask.

use serde_json::json;
use stratus_access::{Action, Effect, Entry, Principal};
use stratus_document::{
    Answer, Change, CollectionDefinition, DocumentError, Done, Failed, FieldDefinition, FieldType, Input,
    Keyed, Operation, Outcome, Precondition, Step, Strength,
};
use stratus_storage::{Consistency, Database as _};

use crate::fixture::{World, draft, fields, post};

#[tokio::test]
async fn an_id_of_another_collection_is_no_target() {
    let things = CollectionDefinition::new("things").field("name", FieldDefinition::new(FieldType::Text));
    let pairs = CollectionDefinition::new("pairs")
        .field("thing", FieldDefinition::reference("things", Strength::Strong))
        .field("pair", FieldDefinition::reference("pairs", Strength::Strong));
    let world = World::of(vec![things, pairs]).await;
    let thing = world.create("things", &fields(json!({ "name": "a" }))).await.document.id;
    let input = fields(json!({ "thing": thing, "pair": thing }));
    let refused = world.service.create(&world.admin(), "pairs", &input).await;
    let Err(DocumentError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!((errors.len(), errors[0].pointer.as_str()), (1, "/fields/pair"), "{errors:?}");
}

#[tokio::test]
async fn referrers_are_those_that_there_would_be() {
    let world = World::demo().await;
    let (ada, eve) = (world.author("Ada").await, world.author("Eve").await);
    let mut posts = Vec::new();
    for title in ["gone", "moved", "stays"] {
        posts.push(world.create("posts", &post(title, &ada)).await.document.id);
    }
    let any = Precondition::Any;
    let step = |id, step| Change::Step { id, precondition: &any, step };
    let (new, to_eve) = (post("New", &ada), fields(json!({ "author": eve })));
    let operations = [
        Operation::new("posts", step(&posts[0], Step::Trash)),
        Operation::new("posts", Change::Patch { id: &posts[1], precondition: &any, input: &to_eve }),
        Operation::new("posts", Change::Create(&new)),
        Operation::new("authors", step(&ada, Step::Trash)),
    ];
    let failed = world.service.write(&world.admin(), &operations, None).await.expect_err("referrers");
    let DocumentError::Referenced { referrers } = failed.error else { panic!("{failed:?}") };
    assert_eq!((failed.at, referrers.len()), (Some(3), 2), "{referrers:?}");
    assert_eq!((&referrers[0].id, referrers[1].slug.as_deref()), (&posts[2], None));
    assert!(!posts.contains(&referrers[1].id) && referrers[1].field == "author", "{referrers:?}");
}

fn all<'a>(posts: &'a [String], change: impl Fn(&'a str) -> Change<'a>) -> Vec<Operation<'a>> {
    posts.iter().map(|id| Operation::new("posts", change(id))).collect()
}

/// Versions have bytes, too, and documents may have many.
#[tokio::test]
async fn a_look_is_weighed_without_the_history() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let mut posts = Vec::new();
    for n in 0..3 {
        let long = json!({ "title": format!("t{n}"), "body": "b".repeat(40_000), "author": author });
        posts.push(world.create("posts", &fields(long)).await.document.id);
    }
    let title = |n: usize| fields(json!({ "title": format!("at {n}") }));
    let patched = async |n: usize| {
        let (title, mut work) = (title(n), 0);
        world.recording.take();
        let patch = |id| Change::Patch { id, precondition: &any, input: &title };
        world.service.write(&admin, &all(&posts, patch), None).await.expect("a batch");
        for look in world.recording.take().iter().take_while(|it| it.sql.starts_with("SELECT")) {
            work += world.sqlite.session(Consistency::Primary).query(look).await.expect("a look").work();
        }
        work
    };
    let first = patched(0).await;
    for n in 1..30 {
        for id in &posts {
            world.service.patch(&admin, "posts", id, &any, &title(n)).await.expect("a patch");
        }
    }
    let last = patched(30).await;
    assert!(last <= first + first / 10, "{first} steps with one version each, {last} with thirty");
}

/// A megabyte and a half each: what is refused is not read.
#[tokio::test]
async fn a_look_takes_out_so_much_at_most() {
    let world = World::demo().await;
    let (admin, any, body) = (world.admin(), Precondition::Any, "é".repeat(750_000));
    let author = world.author("Ada").await;
    let mut posts = Vec::new();
    for n in 0..20 {
        let input = Input {
            publish: true,
            ..fields(json!({ "title": format!("t{n}"), "body": body, "author": author }))
        };
        posts.push(world.create("posts", &input).await.document.id);
    }
    let taken_out = async |operations: &[Operation<'_>]| {
        world.recording.take();
        let done = world.service.write(&admin, operations, None).await;
        let looks = world.recording.take();
        let mut bytes = 0;
        for look in looks.iter().take_while(|it| it.sql.starts_with("SELECT")) {
            let rows = world.sqlite.session(Consistency::Primary).query(look).await.expect("a look");
            bytes += rows.size();
        }
        (done, bytes)
    };
    let (empty, small) = (Input::default(), fields(json!({ "body": "small" })));
    let unpublish = |id| Change::Step { id, precondition: &any, step: Step::Unpublish };
    let too_large = |failed: Failed, at: usize| {
        assert!(matches!(failed.error, DocumentError::TooLarge { .. }), "{failed:?}");
        assert_eq!(failed.at, Some(at), "{failed:?}");
    };
    // Head and public row are one, and looked at twice: five documents fit.
    let (done, bytes) = taken_out(&all(&posts, unpublish)).await;
    too_large(done.expect_err("too much"), 5);
    assert!((15_000_000..17_000_000).contains(&bytes), "{bytes}");
    let (done, bytes) = taken_out(&all(&posts, |id| Change::Duplicate { id, input: &empty })).await;
    too_large(done.expect_err("too much"), 0);
    assert!(bytes < 100_000, "{bytes}");
    // What fits is taken out whole, and what is written is the same.
    let (done, _) = taken_out(&all(&posts[..5], unpublish)).await;
    done.expect("a batch of five");
    let one = world.repository().get(&admin, "posts", &posts[0], &draft()).await.expect("a post");
    assert!(one.fields.contains(&body));
    let (done, _) = taken_out(&all(&posts[..5], |id| Change::Duplicate { id, input: &small })).await;
    done.expect("five copies");

    // What was done is told again, whatever it has become since.
    let answer =
        |_: &[Outcome]| Some(Answer { status: 200, headers: String::new(), body: "done".to_owned() });
    let keyed = Keyed { key: "k", request: "the same", answer: &answer };
    let trash = |id| Change::Step { id, precondition: &any, step: Step::Trash };
    let some = all(&posts[5..10], trash);
    let done = world.service.write(&admin, &some, Some(&keyed)).await.expect("a batch of five");
    assert!(matches!(done, Done::Now { .. }), "{done:?}");
    let growth = "UPDATE documents SET data = json_set(data, '$.body', hex(zeroblob(980000)))";
    world.connection().execute_batch(growth).expect("growth");
    let done = world.service.write(&admin, &some, Some(&keyed)).await.expect("the same");
    assert!(matches!(&done, Done::Before { answer, .. } if answer.body == "done"), "{done:?}");
}

#[tokio::test]
async fn a_right_is_asked_for_once() {
    // Who may make notes there reads but one of them: that takes a look.
    let notes = CollectionDefinition::new("notes")
        .field("text", FieldDefinition::new(FieldType::Text))
        .allow(Principal::Public, [Action::Create]);
    let world = World::of(vec![notes]).await;
    let input = fields(json!({ "text": "a" }));
    let any = Precondition::Any;
    let published = Input { publish: true, ..input.clone() };
    let id = world.create("notes", &published).await.document.id;
    let read = Entry { principal: Principal::Public, action: Action::Read, effect: Effect::Allow };
    let (admin, public) = (world.admin(), world.public());
    world.service.replace_permissions(&admin, "notes", &id, &any, &[read]).await.expect("permissions");
    let operations = vec![Operation::new("notes", Change::Create(&input)); 5];
    world.database.reset();
    world.service.write(&public, &operations, None).await.expect("notes");
    assert_eq!(world.database.counts().round_trips, 2);
}
