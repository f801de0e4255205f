//! Several writes at once: what is told of the one that fails, and what it costs to ask.

use serde_json::json;
use stratus_access::{Action, Effect, Entry, Principal};
use stratus_document::{
    Change, CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, Operation, Precondition,
    Step, Strength,
};

use crate::fixture::{World, fields, post};

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
