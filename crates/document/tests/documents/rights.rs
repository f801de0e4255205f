//! Who sees and does what: grants in SQL agree with the pure resolution, tenants never meet.

use serde_json::json;
use stratus_access::{Action, Caller, Principal, TenantId, resolve};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, ListParams, Precondition, Scope,
    State, View,
};

use crate::fixture::{World, draft, fields};

fn notes(name: &str, grants: &[(&str, &[Action])]) -> CollectionDefinition {
    let bare = CollectionDefinition::new(name)
        .field("text", FieldDefinition::new(FieldType::Text))
        .field("secret", FieldDefinition::new(FieldType::Text).private());
    grants.iter().fold(bare, |notes, (who, actions)| {
        notes.allow(who.parse().expect("a principal"), actions.iter().copied())
    })
}

fn callers() -> Vec<Caller> {
    let role = |name: &str| Principal::Role(name.to_owned());
    vec![
        Caller::anonymous(),
        Caller::signed_in([Principal::User("u".into())]),
        Caller::signed_in([Principal::User("u".into()), role("editor")]),
        Caller::signed_in([role("publisher")]),
        Caller::signed_in([Principal::Token("t".into())]),
        Caller::signed_in([Principal::admin()]),
    ]
}

#[tokio::test]
async fn grants_decide_every_call() {
    use Action::{Create, Delete, Publish, Read, Update};
    let world = World::of(vec![
        notes("open", &[("public", &[Read]), ("role:editor", &[Create, Update])]),
        notes("shut", &[("role:editor", &[Read, Update]), ("role:publisher", &[Read, Publish, Delete])]),
        notes("token", &[("token:t", &[Read, Create])]),
    ])
    .await;
    for name in ["open", "shut", "token"] {
        let made =
            world.create(name, &Input { publish: true, ..fields(json!({ "text": "x" })) }).await.document;
        let grants = world.repository().registry().collection(name).expect("a collection").grants().clone();
        for caller in callers() {
            let scope = Scope::new(TenantId::default(), caller.clone());
            let may = |action| resolve(&caller, action, &[], &grants);
            let expect = |action: Action| match (may(Read), may(action)) {
                (false, _) => "not found",
                (true, false) => "denied",
                (true, true) => "done",
            };
            let told = |result: Result<(), DocumentError>| match result {
                Ok(()) => "done",
                Err(DocumentError::NotFound) => "not found",
                Err(DocumentError::Denied { .. }) => "denied",
                Err(other) => panic!("{name} {caller:?}: {other:?}"),
            };
            let any = Precondition::Any;
            let (repository, service) = (world.repository(), &world.service);
            let read = repository.get(&scope, name, &made.id, &View::default()).await.map(drop);
            assert_eq!(told(read), expect(Read), "{name}: {caller:?} reads");
            let list = world.list(&scope, name, &ListParams::default()).await.map(drop);
            assert_eq!(told(list), expect(Read), "{name}: {caller:?} lists");
            let head = repository.get(&scope, name, &made.id, &draft()).await.map(drop);
            assert_eq!(told(head), expect(Update), "{name}: {caller:?} reads the draft");
            let versions = repository.versions(&scope, name, &made.id, None).await.map(drop);
            assert_eq!(told(versions), expect(Update), "{name}: {caller:?} reads the history");
            let patch = fields(json!({ "text": "x" }));
            let patch = service.patch(&scope, name, &made.id, &any, &patch).await.map(drop);
            assert_eq!(told(patch), expect(Update), "{name}: {caller:?} patches");
            let publish = service.publish(&scope, name, &made.id, &any).await.map(drop);
            assert_eq!(told(publish), expect(Publish), "{name}: {caller:?} publishes");
            let create = service.create(&scope, name, &fields(json!({ "text": "y" }))).await.map(drop);
            assert_eq!(told(create), expect(Create), "{name}: {caller:?} creates");
            let trash = service.trash(&scope, name, &made.id, &any).await.map(drop);
            assert_eq!(told(trash), expect(Delete), "{name}: {caller:?} trashes");
            if may(Delete) && may(Read) {
                service.recover(&scope, name, &made.id, &any).await.expect("recover");
            }
        }
    }
}

#[tokio::test]
async fn tenants_never_meet() {
    let world = World::of(vec![notes("open", &[("public", &[Action::Read])])]).await;
    let made =
        world.create("open", &Input { publish: true, ..fields(json!({ "text": "x" })) }).await.document;
    let other = Scope::new("other".parse().expect("a tenant"), Caller::signed_in([Principal::admin()]));
    let any = Precondition::Any;
    let read = world.repository().get(&other, "open", &made.id, &View::default()).await;
    assert!(matches!(read, Err(DocumentError::NotFound)), "{read:?}");
    assert!(world.list(&other, "open", &ListParams::default()).await.expect("a page").documents.is_empty());
    let write = world.service.trash(&other, "open", &made.id, &any).await;
    assert!(matches!(write, Err(DocumentError::NotFound)), "{write:?}");
    let history = world.repository().versions(&other, "open", &made.id, None).await;
    assert!(matches!(history, Err(DocumentError::NotFound)), "{history:?}");
}

#[tokio::test]
async fn private_fields_stay_inside() {
    let world = World::of(vec![notes("open", &[("public", &[Action::Read])])]).await;
    let input = Input { publish: true, ..fields(json!({ "text": "x", "secret": "hidden-value" })) };
    let made = world.create("open", &input).await.document;
    assert_eq!(made.fields, r#"{"text":"x"}"#);
    let admin = world.admin();
    let head = world.repository().get(&admin, "open", &made.id, &draft()).await.expect("the head");
    assert_eq!(head.fields, r#"{"text":"x"}"#);

    // A replace that does not mention it keeps it: a patch to the same value is then no change.
    let other = fields(json!({ "text": "y" }));
    let replaced = world.service.replace(&admin, "open", &made.id, &Precondition::Any, &other);
    let revision = replaced.await.expect("a replace").document.revision;
    let same = fields(json!({ "secret": "hidden-value" }));
    let same =
        world.service.patch(&admin, "open", &made.id, &Precondition::Any, &same).await.expect("a patch");
    assert_eq!((same.document.revision, same.bookmark), (revision, None));

    for (name, sort) in [("secret", "secret"), ("nothing", "nothing")] {
        let filters = vec![crate::fixture::filter(name, "hidden-value")];
        let filtered = world.list(&admin, "open", &ListParams { filters, ..ListParams::default() }).await;
        let sorted = ListParams { sort: Some(sort.to_owned()), ..ListParams::default() };
        let sorted = world.list(&admin, "open", &sorted).await;
        // The same words for what is private and for what is not there.
        assert_eq!(
            filtered.unwrap_err().to_string(),
            "the parameter `filter` is not right: names no field to filter by; \
             there are order, id, type, slug, status, locale, version, createdAt, updatedAt, publishedAt, parent"
        );
        assert!(matches!(sorted, Err(DocumentError::BadParameter { .. })));
    }
    assert_eq!(head.status, State::Published);
}

#[tokio::test]
async fn what_is_inside_a_private_object_is_private() {
    let inner = json!({
        "boss": {"type": "reference", "to": "open"},
        "word": {"type": "text"},
    });
    let secret = FieldDefinition {
        fields: inner.as_object().cloned(),
        ..FieldDefinition::new(FieldType::Object).private()
    };
    let definition = notes("open", &[("public", &[Action::Read])]).field("hidden", secret);
    let faulty = definition.clone().index(["hidden.word"]);
    assert!(stratus_document::Registry::new([faulty]).is_err());
    let world = World::of(vec![definition]).await;
    let boss =
        world.create("open", &Input { publish: true, ..fields(json!({ "text": "boss" })) }).await.document.id;
    let worker = fields(json!({ "text": "worker", "hidden": { "boss": boss, "word": "x" } }));
    world.create("open", &Input { publish: true, ..worker }).await;
    for name in ["hidden.boss", "hidden.word", "hidden"] {
        let filters = vec![crate::fixture::filter(name, &boss)];
        let filtered =
            world.list(&world.public(), "open", &ListParams { filters, ..ListParams::default() }).await;
        assert!(matches!(filtered, Err(DocumentError::BadParameter { .. })), "{name}: {filtered:?}");
        let sorted = ListParams { sort: Some(name.to_owned()), ..ListParams::default() };
        let sorted = world.list(&world.public(), "open", &sorted).await;
        assert!(matches!(sorted, Err(DocumentError::BadParameter { .. })), "{name}: {sorted:?}");
    }
    // Nor does where-used tell of it, to anyone.
    for scope in [world.public(), world.admin()] {
        let (referrers, _) =
            world.repository().referrers(&scope, "open", &boss, None).await.expect("referrers");
        assert_eq!(referrers, []);
    }
}

#[tokio::test]
async fn where_used_tells_of_readable_collections_only() {
    use Action::{Read, Update};
    let referring = |name: &str, grants: &[(&str, &[Action])]| {
        notes(name, grants).field("to", FieldDefinition::reference("open", stratus_document::Strength::Weak))
    };
    let world = World::of(vec![
        notes("open", &[("public", &[Read])]),
        referring("blind", &[("role:editor", &[Update])]),
        referring("drafts", &[("role:editor", &[Read, Update])]),
        referring("news", &[("public", &[Read])]),
    ])
    .await;
    let target = world.create("open", &Input { publish: true, ..fields(json!({})) }).await.document.id;
    for name in ["blind", "drafts", "news"] {
        world.create(name, &fields(json!({ "to": target }))).await;
        world.create(name, &Input { publish: true, ..fields(json!({ "to": target })) }).await;
    }
    let check = async |caller: Caller, expected: &[&str]| {
        let scope = Scope::new(TenantId::default(), caller);
        let (referrers, _) =
            world.repository().referrers(&scope, "open", &target, None).await.expect("referrers");
        let names: Vec<_> = referrers.iter().map(|it| it.collection.as_str()).collect();
        assert_eq!(names, expected);
    };
    check(Caller::anonymous(), &["news"]).await;
    check(Caller::signed_in([Principal::Role("editor".into())]), &["drafts", "drafts", "news"]).await;
    let all = ["blind", "blind", "drafts", "drafts", "news", "news"];
    check(Caller::signed_in([Principal::admin()]), &all).await;
}

#[test]
fn a_principal_that_text_can_not_say_is_refused() {
    let odd = CollectionDefinition::new("x").allow(Principal::Role("o'brien".into()), [Action::Read]);
    assert!(stratus_document::Registry::new([odd]).is_err());
}
