//! Groups of translations: one live document a locale.

use std::sync::Arc;

use serde_json::json;
use stratus_access::{Action, Caller, Effect, Entry, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, Document, DocumentError, FieldDefinition, FieldType, Input, Member, Precondition,
    Scope, View,
};
use stratus_testkit::Fault;

use crate::fixture::{NOW, World, draft, fields};

const ANY: Precondition = Precondition::Any;
const GHOST: &str = "0192f0c1-2345-7000-8000-0123456789ab";

fn pages() -> CollectionDefinition {
    CollectionDefinition::new("pages")
        .field("title", FieldDefinition::new(FieldType::Text))
        .allow(Principal::Public, [Action::Read])
        .allow(Principal::Role("author".to_owned()), [Action::Create])
}

async fn world() -> World {
    World::of(vec![pages()]).await
}

fn of(original: &str) -> Input {
    Input { translation_of: Member::Value(original.to_owned()), ..Input::default() }
}

fn page(locale: &str) -> Input {
    Input { locale: Some(locale.to_owned()), publish: true, ..fields(json!({ "title": locale })) }
}

fn translation(locale: &str, original: &str) -> Input {
    Input { translation_of: Member::Value(original.to_owned()), ..page(locale) }
}

async fn make(world: &World, input: &Input) -> Document {
    world.create("pages", input).await.document
}

/// The locales of the translations that a caller sees.
async fn locales(world: &World, scope: &Scope, id: &str) -> Result<String, DocumentError> {
    let found = world.repository().translations(scope, "pages", id).await?;
    Ok(found.iter().map(|it| it.locale.as_str()).collect::<Vec<_>>().join(" "))
}

async fn head(world: &World, id: &str) -> Document {
    world.repository().get(&world.admin(), "pages", id, &draft()).await.expect("a head")
}

fn fault<T: std::fmt::Debug>(result: Result<T, DocumentError>) -> (String, &'static str) {
    match result {
        Err(DocumentError::Invalid(faults)) => (faults[0].pointer.clone(), faults[0].code),
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[tokio::test]
async fn the_original_begins_a_group_with_the_first_translation() {
    let world = world().await;
    let (admin, public) = (world.admin(), world.public());
    let english = make(&world, &page("en")).await;
    assert_eq!(locales(&world, &public, &english.id).await.expect("itself"), "en");
    let edit = fields(json!({ "title": "draft" }));
    world.service.patch(&admin, "pages", &english.id, &ANY, &edit).await.expect("a draft beside it");

    let german = make(&world, &translation("de", &english.id)).await;
    let group = german.translation_group.clone().expect("a group");
    assert!(group != english.id && group != german.id, "its name says nothing of its members");
    let original = head(&world, &english.id).await;
    assert_eq!(
        (original.translation_group, original.revision, original.version),
        (german.translation_group, 3, 2)
    );
    let seen = world.repository().get(&public, "pages", &english.id, &View::default()).await.expect("public");
    assert_eq!((seen.revision, seen.version), (3, 1));
    assert_eq!(seen.translation_group.as_ref(), Some(&group));

    // By way of any of them; the original is not written again.
    let polish = make(&world, &translation("pl", &german.id)).await;
    assert_eq!(polish.translation_group, Some(group));
    assert_eq!((head(&world, &english.id).await.revision, head(&world, &german.id).await.revision), (3, 1));
    for id in [&english.id, &german.id, &polish.id] {
        assert_eq!(locales(&world, &public, id).await.expect("a group"), "de en pl");
    }
    let registry = world.repository().registry();
    assert_eq!(stratus_document::examine(&*world.database, registry).await.expect("findings"), vec![]);
}

#[tokio::test]
async fn one_live_document_a_locale() {
    let world = world().await;
    let (admin, service) = (world.admin(), &world.service);
    let english = make(&world, &page("en")).await.id;
    let german = make(&world, &translation("de", &english)).await.id;
    let second = make(&world, &page("de")).await.id;
    let check = |result: Result<_, DocumentError>| match result {
        Err(DocumentError::TranslationTaken { locale }) => assert_eq!(locale, "de"),
        other => panic!("expected a clash, got {other:?}"),
    };
    check(service.create(&admin, "pages", &translation("de", &english)).await.map(drop));
    check(service.patch(&admin, "pages", &second, &ANY, &of(&english)).await.map(drop));
    let elsewhere = Input { locale: Some("de".to_owned()), ..Input::default() };
    check(service.patch(&admin, "pages", &english, &ANY, &elsewhere).await.map(drop));
    // Another document with the same locale as its original has no group to be in.
    check(service.create(&admin, "pages", &translation("de", &second)).await.map(drop));
    assert_eq!(head(&world, &second).await.translation_group, None);

    service.trash(&admin, "pages", &german, &ANY).await.expect("trash");
    service.patch(&admin, "pages", &second, &ANY, &of(&english)).await.expect("the place is free");
    check(service.recover(&admin, "pages", &german, &ANY).await.map(drop));
    let out = Input { translation_of: Member::Null, ..Input::default() };
    let out = service.patch(&admin, "pages", &second, &ANY, &out).await.expect("out").document;
    assert_eq!((out.translation_group, out.version, out.revision), (None, 1, 3));
    service.recover(&admin, "pages", &german, &ANY).await.expect("the place is free");
    assert_eq!(locales(&world, &admin, &second).await.expect("itself"), "de");
    assert_eq!(locales(&world, &admin, &english).await.expect("a group"), "de en");
}

#[tokio::test]
async fn an_original_must_be_there() {
    let world = world().await;
    let (admin, service) = (world.admin(), &world.service);
    let id = make(&world, &page("en")).await.id;
    let trashed = make(&world, &page("de")).await.id;
    service.trash(&admin, "pages", &trashed, &ANY).await.expect("trash");
    let check = |result: Result<_, DocumentError>, code| {
        assert_eq!(fault(result), ("/translationOf".to_owned(), code));
    };
    for (original, code) in [(GHOST, "missing_reference"), (&trashed, "missing_reference"), ("x", "type")] {
        check(service.create(&admin, "pages", &translation("pl", original)).await.map(drop), code);
        check(service.patch(&admin, "pages", &id, &ANY, &of(original)).await.map(drop), code);
    }
    check(service.patch(&admin, "pages", &id, &ANY, &of(&id)).await.map(drop), "cycle");
    // The original is written too: who may only create has no translations to make.
    let role = Principal::Role("author".to_owned());
    let author = Scope::new(TenantId::default(), Caller::signed_in([role]));
    let refused = service.create(&author, "pages", &Input { publish: false, ..translation("pl", &id) }).await;
    assert!(matches!(refused, Err(DocumentError::Denied { action: Action::Update })), "{refused:?}");
}

#[tokio::test]
async fn readers_see_what_they_may_read() {
    let world = world().await;
    let (admin, public) = (world.admin(), world.public());
    let english = make(&world, &page("en")).await.id;
    let german = make(&world, &Input { publish: false, ..translation("de", &english) }).await.id;
    let later = Input { publish_at: Member::Value(NOW + 1_000_000), ..translation("pl", &english) };
    make(&world, &later).await;
    assert_eq!(locales(&world, &public, &english).await.expect("a group"), "en");
    assert_eq!(locales(&world, &admin, &english).await.expect("a group"), "de en pl");
    let hidden = locales(&world, &public, &german).await;
    assert!(matches!(hidden, Err(DocumentError::NotFound)), "{hidden:?}");
    world.clock.set(NOW + 1_000_000);
    assert_eq!(locales(&world, &public, &english).await.expect("a group"), "en pl");
    world.service.trash(&admin, "pages", &german, &ANY).await.expect("trash");
    let trashed = locales(&world, &admin, &german).await;
    assert!(matches!(trashed, Err(DocumentError::Trashed)), "{trashed:?}");
    assert_eq!(locales(&world, &admin, &english).await.expect("a group"), "en pl");
}

#[tokio::test]
async fn who_left_a_group_begins_another_one() {
    let world = world().await;
    let original = make(&world, &page("en")).await.id;
    let german = make(&world, &translation("de", &original)).await;
    let polish = make(&world, &translation("pl", &original)).await;
    let out = Input { translation_of: Member::Null, ..Input::default() };
    world.service.patch(&world.admin(), "pages", &original, &ANY, &out).await.expect("out");
    let second = make(&world, &translation("de", &original)).await;
    assert_ne!(second.translation_group, german.translation_group);
    assert_eq!(german.translation_group, polish.translation_group);
    assert_eq!(locales(&world, &world.public(), &original).await.expect("a group"), "de en");
    assert_eq!(locales(&world, &world.public(), &german.id).await.expect("a group"), "de pl");
}

/// A place moves what the public sees at once.
#[tokio::test]
async fn whoever_may_not_publish_moves_nothing_that_is_public() {
    let role = |name: &str| Principal::Role(name.to_owned());
    let editor = [Action::Read, Action::Create, Action::Update];
    let world = World::of(vec![pages().allow(role("editor"), editor)]).await;
    let (admin, service) = (world.admin(), &world.service);
    let scope = Scope::new(TenantId::default(), Caller::signed_in([role("editor")]));
    let public = make(&world, &page("en")).await.id;
    let hidden = make(&world, &Input { publish: false, ..page("de") }).await.id;
    let edit = fields(json!({ "title": "a draft" }));
    let ordered = Input { order: Member::Value(3), ..Input::default() };
    let out = Input { translation_of: Member::Null, ..Input::default() };
    let check = |result: Result<_, DocumentError>| match result {
        Err(DocumentError::Denied { action: Action::Publish }) => {}
        other => panic!("expected a refusal, got {other:?}"),
    };
    let draft_of = |original: &str| Input { publish: false, ..translation("pl", original) };
    // The head is public; then it is beside the public row.
    for beside in [false, true] {
        if beside {
            service.patch(&scope, "pages", &public, &ANY, &edit).await.expect("a draft");
        }
        for input in [&ordered, &out, &of(&hidden), &Input { order: Member::Null, ..edit.clone() }] {
            check(service.patch(&scope, "pages", &public, &ANY, input).await.map(drop));
        }
        // The original begins a group, and is public.
        check(service.patch(&scope, "pages", &hidden, &ANY, &of(&public)).await.map(drop));
        check(service.create(&scope, "pages", &draft_of(&public)).await.map(drop));
        check(service.duplicate(&scope, "pages", &hidden, &draft_of(&public)).await.map(drop));
    }
    assert_eq!(head(&world, &public).await.translation_group, None);
    let ghost = service.patch(&scope, "pages", GHOST, &ANY, &ordered).await;
    assert!(matches!(ghost, Err(DocumentError::NotFound)), "{ghost:?}");
    // Drafts are anyone's who may update; so is a group that is there.
    service.patch(&scope, "pages", &hidden, &ANY, &ordered).await.expect("a move");
    service.patch(&admin, "pages", &public, &ANY, &of(&hidden)).await.expect("a group");
    service.create(&scope, "pages", &draft_of(&public)).await.expect("a translation");
    // Its own permissions count.
    let entry = |effect| Entry { principal: role("editor"), action: Action::Publish, effect };
    let allow = [entry(Effect::Allow)];
    service.replace_permissions(&admin, "pages", &public, &ANY, &allow).await.expect("permissions");
    service.patch(&scope, "pages", &public, &ANY, &ordered).await.expect("a move");
    service.patch(&scope, "pages", &public, &ANY, &out).await.expect("out");
}

#[tokio::test]
async fn an_original_that_is_published_in_between_is_looked_at_again() {
    let role = |name: &str| Principal::Role(name.to_owned());
    let world =
        World::of(vec![pages().allow(role("editor"), [Action::Read, Action::Create, Action::Update])]);
    let world = world.await;
    let scope = Scope::new(TenantId::default(), Caller::signed_in([role("editor")]));
    let original = make(&world, &Input { publish: false, ..page("en") }).await.id;
    let (service, admin, id) = (world.service.clone(), world.admin(), original.clone());
    let publishes = async move {
        service.publish(&admin, "pages", &id, &ANY).await.expect("a publish");
    };
    world.faulty.then(Fault::Pass).then(Fault::Delay(Box::pin(publishes)));
    let input = Input { publish: false, ..translation("de", &original) };
    let refused = world.service.create(&scope, "pages", &input).await;
    assert!(matches!(refused, Err(DocumentError::Denied { action: Action::Publish })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn translations_made_at_once_are_in_one_group() {
    let world = Arc::new(world().await);
    let english = make(&world, &page("en")).await.id;
    let made = ["de", "pl", "fr", "it"].map(|locale| {
        let (world, input) = (Arc::clone(&world), translation(locale, &english));
        tokio::spawn(async move { world.service.create(&world.admin(), "pages", &input).await })
    });
    for it in made {
        it.await.expect("a task").expect("a translation");
    }
    assert_eq!(locales(&world, &world.public(), &english).await.expect("a group"), "de en fr it pl");
    assert_eq!(head(&world, &english).await.revision, 2);
}

#[tokio::test]
async fn an_original_that_moves_in_between_is_looked_at_again() {
    let world = world().await;
    let first = make(&world, &page("en")).await.id;
    let original = make(&world, &page("fr")).await.id;
    for is_new in [true, false] {
        let late = make(&world, &page(if is_new { "de" } else { "pl" })).await.id;
        let (service, admin, moved, into) =
            (world.service.clone(), world.admin(), original.clone(), first.clone());
        let joins = async move {
            let out = Input { translation_of: Member::Null, ..Input::default() };
            service.patch(&admin, "pages", &moved, &ANY, &out).await.expect("out");
            service.patch(&admin, "pages", &moved, &ANY, &of(&into)).await.expect("in another group");
        };
        let away = Input { translation_of: Member::Null, ..Input::default() };
        world.service.patch(&world.admin(), "pages", &original, &ANY, &away).await.expect("out");
        world.faulty.then(Fault::Pass).then(Fault::Delay(Box::pin(joins)));
        let group = if is_new {
            make(&world, &translation("it", &original)).await.translation_group
        } else {
            // The revision that was asked for is this one's, which has not changed.
            let right = Precondition::Revisions(vec![1]);
            let patched = world.service.patch(&world.admin(), "pages", &late, &right, &of(&original)).await;
            patched.expect("a translation").document.translation_group
        };
        assert_eq!((group.is_some(), &group), (true, &head(&world, &first).await.translation_group));
    }
}
