//! A definition changes under documents that are there.

use std::sync::Arc;

use serde_json::json;
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentsService, FieldDefinition, FieldType, Input, ListParams, ListQuery,
    Registry, View, examine, install, rewrite_outdated, stored_definitions,
};
use stratus_testkit::SeededEntropy;

use crate::fixture::{World, fields, filter};

fn notes() -> CollectionDefinition {
    let text = || FieldDefinition::new(FieldType::Text);
    CollectionDefinition::new("notes")
        .field("title", text())
        .field("mood", text())
        .field("phone", text())
        .allow(Principal::Public, [Action::Read])
}

/// The mood becomes a facet, the phone private, the title indexed, and a field is added in front.
fn notes_today() -> CollectionDefinition {
    let text = || FieldDefinition::new(FieldType::Text);
    CollectionDefinition::new("notes")
        .field("subtitle", text())
        .field("title", text().indexed())
        .field("mood", text().facet())
        .field("phone", text().private())
        .allow(Principal::Public, [Action::Read])
}

#[tokio::test]
async fn old_rows_are_shown_through_todays_definition_and_can_be_rewritten() {
    let world = World::of(vec![notes()]).await;
    let note = fields(json!({ "title": "One", "mood": "calm", "phone": "555" }));
    let id = world.create("notes", &Input { publish: true, ..note }).await.document.id;

    let registry = Arc::new(Registry::new([notes_today()]).expect("a sound definition"));
    let installed = install(&*world.database, &*world.clock, &registry).await.expect("new columns");
    assert_eq!(installed.columns, ["q_title_t"]);
    let entropy = Arc::new(SeededEntropy::new(8));
    let service =
        DocumentsService::new(world.database.clone(), registry.clone(), world.clock.clone(), entropy);
    let public = world.public();
    let show = async || {
        let document =
            service.repository().get(&public, "notes", &id, &View::default()).await.expect("a note");
        document.fields
    };
    let by_mood = async || {
        let collection = registry.collection("notes").expect("notes");
        let filters = vec![filter("mood", "calm")];
        let query =
            ListQuery::parse(collection, &ListParams { filters, ..ListParams::default() }).expect("a query");
        service.repository().list(&public, "notes", &query).await.expect("a page").documents.len()
    };
    // At once: what is private now is not shown. What is derived has to wait.
    assert_eq!(show().await, r#"{"title":"One","mood":"calm"}"#);
    assert_eq!(by_mood().await, 0);

    let mut told = Vec::new();
    let rewritten = rewrite_outdated(&*world.database, &registry, &mut |done| told.push(done)).await;
    assert_eq!((rewritten.expect("rewritten"), told), (1, vec![1]));
    assert_eq!(show().await, r#"{"title":"One","mood":"calm"}"#);
    assert_eq!(by_mood().await, 1);
    assert_eq!(examine(&*world.database, &registry).await.expect("an examination"), []);
    let stored: String = world
        .connection()
        .query_row("SELECT data_private FROM documents", [], |row| row.get(0))
        .expect("a row");
    assert_eq!(stored, r#"{"phone":"555"}"#);
    let again = rewrite_outdated(&*world.database, &registry, &mut |_| {}).await;
    assert_eq!(again.expect("nothing to do"), 0);

    let stored = stored_definitions(&*world.database).await.expect("definitions");
    assert_eq!(stored, [notes_today()]);
}

#[test]
fn labels_are_no_part_of_the_fingerprint() {
    let fingerprint = |definition: CollectionDefinition| {
        Registry::new([definition]).expect("a sound definition").fingerprint().to_owned()
    };
    let labelled = CollectionDefinition { label: Some("Notes".into()), ..notes() };
    assert_eq!(fingerprint(labelled), fingerprint(notes()));
    assert_ne!(fingerprint(notes_today()), fingerprint(notes()));
    let granted = notes().allow(Principal::Role("editor".into()), [Action::Update]);
    assert_ne!(fingerprint(granted), fingerprint(notes()));
    // A field that is called `label` is not prose.
    let field = notes().field("label", FieldDefinition::new(FieldType::Text));
    assert_ne!(fingerprint(field), fingerprint(notes()));
}
