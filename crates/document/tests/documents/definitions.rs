//! A definition changes under documents that are there.

use std::sync::Arc;

use serde_json::json;
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentError, DocumentsService, FieldDefinition, FieldType, Input, ListParams,
    ListQuery, Precondition, Registry, Strength, View, drop_obsolete, examine, install, rewrite_outdated,
    stored_definitions,
};
use stratus_testkit::SeededEntropy;

use crate::fixture::{World, fields, filter, key};

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
    assert_eq!(
        (installed.columns, installed.changed),
        (vec!["q_title_t".to_owned()], vec!["notes".to_owned()])
    );
    let entropy = SeededEntropy::new(9);
    let minting = Arc::new(SeededEntropy::new(8));
    let service =
        DocumentsService::new(world.database.clone(), registry.clone(), world.clock.clone(), minting, key());
    let public = world.public();
    let show = async || {
        let document =
            service.repository().get(&public, "notes", &id, &View::default()).await.expect("a note");
        document.fields
    };
    let by_mood = async || {
        let collection = registry.collection("notes").expect("notes");
        let filters = vec![filter("mood", "calm")];
        let query = ListQuery::parse(
            &registry,
            &world.public().tenant,
            collection,
            &ListParams { filters, ..ListParams::default() },
            &key(),
        )
        .expect("a query");
        service.repository().list(&public, "notes", &query).await.expect("a page").documents.len()
    };
    // At once: what is private now is not shown. What is derived has to wait.
    assert_eq!(show().await, r#"{"title":"One","mood":"calm"}"#);
    assert_eq!(by_mood().await, 0);

    let mut told = Vec::new();
    let rewritten =
        rewrite_outdated(&*world.database, &registry, &entropy, &mut |done| told.push(done)).await;
    assert_eq!((rewritten.expect("rewritten"), told), (1, vec![1]));
    assert_eq!(show().await, r#"{"title":"One","mood":"calm"}"#);
    assert_eq!(by_mood().await, 1);
    assert_eq!(examine(&*world.database, &registry).await.expect("an examination"), []);
    let stored: String = world
        .connection()
        .query_row("SELECT data_private FROM documents", [], |row| row.get(0))
        .expect("a row");
    assert_eq!(stored, r#"{"phone":"555"}"#);
    let again = rewrite_outdated(&*world.database, &registry, &entropy, &mut |_| {}).await;
    assert_eq!(again.expect("nothing to do"), 0);

    let stored = stored_definitions(&*world.database).await.expect("definitions");
    assert_eq!(stored, [notes_today()]);
}

/// The service as it would be after a restart with other definitions.
async fn restarted(world: &World, definitions: Vec<CollectionDefinition>) -> DocumentsService {
    let registry = Arc::new(Registry::new(definitions).expect("sound definitions"));
    install(&*world.database, &*world.clock, &registry).await.expect("columns and indexes");
    let entropy = Arc::new(SeededEntropy::new(10));
    DocumentsService::new(world.database.clone(), registry, world.clock.clone(), entropy, key())
}

#[tokio::test]
async fn what_is_gone_inside_an_object_is_gone() {
    let with = |inner: serde_json::Value| {
        let seo =
            FieldDefinition { fields: inner.as_object().cloned(), ..FieldDefinition::new(FieldType::Object) };
        notes().field("seo", seo)
    };
    let world = World::of(vec![with(json!({"old": {"type": "text"}, "kept": {"type": "text"}}))]).await;
    let note = fields(json!({ "title": "One", "seo": {"old": "x", "kept": "y"} }));
    let id = world.create("notes", &Input { publish: true, ..note }).await.document.id;
    let service = restarted(&world, vec![with(json!({"kept": {"type": "text"}}))]).await;
    let shown =
        service.repository().get(&world.public(), "notes", &id, &View::default()).await.expect("a note");
    assert_eq!(shown.fields, r#"{"title":"One","seo":{"kept":"y"}}"#);
    let patch = fields(json!({ "title": "Two" }));
    let any = Precondition::Any;
    let patched = service.patch(&world.admin(), "notes", &id, &any, &patch).await.expect("a patch");
    assert_eq!(patched.document.fields, r#"{"title":"Two","seo":{"kept":"y"}}"#);
    service.restore(&world.admin(), "notes", &id, &any, 1).await.expect("a restore");
}

#[tokio::test]
async fn a_reference_that_becomes_strong_holds_at_once() {
    let with = |strength| vec![notes().field("kin", FieldDefinition::reference("notes", strength))];
    let world = World::of(with(Strength::Weak)).await;
    let target = world.create("notes", &fields(json!({}))).await.document.id;
    world.create("notes", &fields(json!({ "kin": target }))).await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let service = restarted(&world, with(Strength::Strong)).await;
    let refused = service.trash(&admin, "notes", &target, &any).await;
    assert!(
        matches!(&refused, Err(DocumentError::Referenced { referrers }) if referrers.len() == 1),
        "{refused:?}"
    );
    // And one that becomes weak lets go at once, as does a collection that is no more.
    let service = restarted(&world, with(Strength::Weak)).await;
    service.trash(&admin, "notes", &target, &any).await.expect("nothing holds it");
}

#[tokio::test]
async fn what_is_not_sound_today_is_not_published() {
    let world = World::of(vec![notes()]).await;
    let id = world.create("notes", &fields(json!({ "title": "A long title" }))).await.document.id;
    let short = FieldDefinition { max_length: Some(5), ..FieldDefinition::new(FieldType::Text) };
    let service = restarted(&world, vec![CollectionDefinition::new("notes").field("title", short)]).await;
    let refused = service.publish(&world.admin(), "notes", &id, &Precondition::Any).await;
    assert!(
        matches!(&refused, Err(DocumentError::Invalid(errors)) if errors[0].code == "too_long"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn cursors_carry_values_of_a_type_that_was() {
    let with = |kind| {
        let field = FieldDefinition::new(kind).indexed();
        vec![CollectionDefinition::new("notes").field("x", field).allow(Principal::Public, [Action::Read])]
    };
    let world = World::of(with(FieldType::Text)).await;
    for x in ["b", "a", "10"] {
        world.create("notes", &Input { publish: true, ..fields(json!({ "x": x })) }).await;
    }
    let service = restarted(&world, with(FieldType::Number)).await;
    let collection = service.repository().registry().collection("notes").expect("notes");
    let mut params = ListParams { sort: Some("x".into()), limit: Some("1".into()), ..ListParams::default() };
    let mut shown = Vec::new();
    loop {
        let registry = service.repository().registry();
        let query = ListQuery::parse(registry, &world.public().tenant, collection, &params, &key())
            .expect("its own cursor");
        let page = service.repository().list(&world.public(), "notes", &query).await.expect("a page");
        shown.extend(page.documents.into_iter().map(|it| it.fields));
        let Some(next) = page.next else { break };
        params.after = Some(next);
    }
    assert_eq!(shown, [r#"{"x":"10"}"#, r#"{"x":"a"}"#, r#"{"x":"b"}"#]);
}

#[tokio::test]
async fn what_is_not_unique_is_named() {
    let world = World::of(vec![notes()]).await;
    for _ in 0..2 {
        world.create("notes", &fields(json!({ "title": "Same" }))).await;
    }
    let unique = FieldDefinition::new(FieldType::Text).unique();
    let registry = Registry::new([CollectionDefinition::new("notes").field("title", unique)]).expect("sound");
    let refused = install(&*world.database, &*world.clock, &registry).await.expect_err("two are the same");
    assert!(refused.to_string().contains("the same `title`"), "{refused}");
}

#[tokio::test]
async fn what_nobody_needs_any_more_is_dropped() {
    let world = World::of(vec![notes_today()]).await;
    let registry = Registry::new([notes()]).expect("a sound definition");
    let dropped = drop_obsolete(&*world.database, &registry).await.expect("dropped");
    assert_eq!(dropped.len(), 3, "{dropped:?}");
    assert!(dropped.contains(&"q_title_t".to_owned()));
    assert_eq!(drop_obsolete(&*world.database, &registry).await.expect("nothing"), Vec::<String>::new());
    world.create("notes", &fields(json!({ "title": "One" }))).await;
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
