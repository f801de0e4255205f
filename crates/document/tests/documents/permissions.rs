//! A document's own permissions: what SQL says of every caller is what `resolve` says.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;
use serde_json::json;
use stratus_access::{Action, Caller, Effect, Entry, Grants, Principal, TenantId, resolve};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, ListParams, Precondition, Scope,
    Strength, View,
};

use crate::fixture::{World, draft, fields};

const NAMES: [&str; 5] = ["public", "user:u", "role:editor", "group:g", "token:t"];

fn entry(principal: &str, action: Action, effect: Effect) -> Entry {
    Entry { principal: principal.parse().expect("a principal"), action, effect }
}

fn notes(name: &str, grants: &Grants) -> CollectionDefinition {
    let mut notes = CollectionDefinition::new(name)
        .field("text", FieldDefinition::new(FieldType::Text).indexed())
        .field("to", FieldDefinition::reference(name, Strength::Weak));
    for principal in grants.principals() {
        let held = Action::ALL.into_iter().filter(|it| grants.allows(principal, *it));
        notes = notes.allow(principal.clone(), held.collect::<Vec<_>>());
    }
    notes
}

async fn published(world: &World, name: &str, text: &str) -> String {
    let input = Input { publish: true, ..fields(json!({ "text": text })) };
    world.create(name, &input).await.document.id
}

async fn permit(world: &World, name: &str, id: &str, entries: &[Entry]) {
    let (admin, any) = (world.admin(), Precondition::Any);
    world.service.replace_permissions(&admin, name, id, &any, entries).await.expect("permissions");
}

async fn listed(world: &World, scope: &Scope, state: &str) -> Result<Vec<String>, DocumentError> {
    let params = ListParams { state: Some(state.into()), sort: Some("text".into()), ..ListParams::default() };
    let page = world.list(scope, "notes", &params).await?;
    Ok(page.documents.into_iter().map(|it| it.id).collect())
}

/// Which of these actions would be carried out: the precondition fails for those who may act.
async fn may(world: &World, scope: &Scope, id: &str, action: Action) -> bool {
    let never = Precondition::Revisions(vec![-1]);
    let patch = fields(json!({ "text": "x" }));
    let (service, repository) = (&world.service, world.repository());
    let refused = match action {
        Action::Read => return repository.get(scope, "notes", id, &View::default()).await.is_ok(),
        Action::Create => return true,
        Action::Update => service.patch(scope, "notes", id, &never, &patch).await.map(drop),
        Action::Delete => service.trash(scope, "notes", id, &never).await.map(drop),
        Action::Publish => service.publish(scope, "notes", id, &never).await.map(drop),
        Action::Manage => service.replace_permissions(scope, "notes", id, &never, &[]).await.map(drop),
    };
    match refused {
        Err(DocumentError::StaleRevision { .. }) => true,
        Err(DocumentError::NotFound | DocumentError::Denied { .. }) => false,
        other => panic!("{action}: {other:?}"),
    }
}

fn some_action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![Action::Read, Action::Update, Action::Delete, Action::Publish, Action::Manage])
}

fn some_entries() -> impl Strategy<Value = Vec<Entry>> {
    let effect = prop_oneof![2 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let one = (prop::sample::select(NAMES.to_vec()), some_action(), effect);
    let entries = prop::collection::vec(one, 0..6);
    entries.prop_map(|entries| {
        let mut kept: Vec<Entry> = Vec::new();
        for (who, action, effect) in entries {
            let new = entry(who, action, effect);
            if !kept.iter().any(|it| it.principal == new.principal && it.action == new.action) {
                kept.push(new);
            }
        }
        kept
    })
}

fn some_grants() -> impl Strategy<Value = Grants> {
    let one = (prop::sample::select(NAMES.to_vec()), some_action());
    prop::collection::vec(one, 0..5).prop_map(|grants| {
        let add = |all: Grants, (who, action): (&str, Action)| {
            all.allow(who.parse().expect("a principal"), [action])
        };
        grants.into_iter().fold(Grants::default(), add)
    })
}

fn some_caller() -> impl Strategy<Value = Caller> {
    let named = prop::sample::subsequence(NAMES[1..].to_vec(), 0..=4);
    let signed_in = named.prop_map(|names| {
        Caller::signed_in(names.into_iter().map(|it| it.parse::<Principal>().expect("a principal")))
    });
    prop_oneof![1 => Just(Caller::anonymous()), 4 => signed_in]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sql_says_what_resolve_says(
        grants in some_grants(),
        documents in prop::collection::vec(some_entries(), 1..5),
        callers in prop::collection::vec(some_caller(), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(agrees(&grants, &documents, &callers));
    }
}

async fn agrees(grants: &Grants, documents: &[Vec<Entry>], callers: &[Caller]) {
    let world = World::of(vec![notes("notes", grants)]).await;
    let mut ids = Vec::new();
    for (n, entries) in documents.iter().enumerate() {
        let id = published(&world, "notes", &format!("{n}")).await;
        permit(&world, "notes", &id, entries).await;
        ids.push(id);
    }
    for caller in callers {
        let scope = Scope::new(TenantId::default(), caller.clone());
        let says = |n: usize, action| resolve(caller, action, &documents[n], grants);
        let among = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
            (0..ids.len()).filter(|n| wanted(*n)).map(|n| ids[n].clone()).collect()
        };
        for (n, id) in ids.iter().enumerate() {
            for action in Action::ALL.into_iter().filter(|it| *it != Action::Create) {
                let expected = says(n, Action::Read) && says(n, action);
                assert_eq!(may(&world, &scope, id, action).await, expected, "{caller:?} {action} {n}");
            }
            let sees_draft = world.repository().get(&scope, "notes", id, &draft()).await.is_ok();
            assert_eq!(sees_draft, says(n, Action::Read) && says(n, Action::Update), "{caller:?} {n}");
        }
        let readable = among(&|n| says(n, Action::Read));
        let list = listed(&world, &scope, "published").await;
        assert_eq!(list.unwrap_or_default(), readable, "{caller:?}");
        let updatable = among(&|n| says(n, Action::Read) && says(n, Action::Update));
        let drafts = listed(&world, &scope, "draft").await;
        assert_eq!(drafts.unwrap_or_default(), updatable, "{caller:?}");
    }
}

fn open() -> Grants {
    Grants::default()
        .allow(Principal::Public, [Action::Read])
        .allow(Principal::Role("editor".into()), [Action::Read, Action::Update])
}

fn editor() -> Scope {
    Scope::new(TenantId::default(), Caller::signed_in([Principal::Role("editor".into())]))
}

#[tokio::test]
async fn a_denied_document_is_gone_from_every_read_path() {
    let world = World::of(vec![notes("notes", &open())]).await;
    let (public, view) = (world.public(), View::default());
    let target = published(&world, "notes", "target").await;
    let input = Input { publish: true, ..fields(json!({ "text": "referrer", "to": target })) };
    let referrer = world.create("notes", &input).await.document.id;
    permit(&world, "notes", &referrer, &[entry("public", Action::Read, Effect::Deny)]).await;

    let read = world.repository().get(&public, "notes", &referrer, &view).await;
    assert!(matches!(read, Err(DocumentError::NotFound)), "{read:?}");
    assert_eq!(listed(&world, &public, "published").await.expect("a page"), std::slice::from_ref(&target));
    let (referrers, _) =
        world.repository().referrers(&public, "notes", &target, None).await.expect("referrers");
    assert_eq!(referrers, []);
    // A deny on the public hits those without a credential, and nobody else.
    let (seen, _) = world.repository().referrers(&editor(), "notes", &target, None).await.expect("referrers");
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn who_knows_of_a_document_hears_what_they_lack() {
    let world = World::of(vec![notes("notes", &open())]).await;
    let id = published(&world, "notes", "one").await;
    let any = Precondition::Any;
    let patch = fields(json!({ "text": "two" }));
    permit(&world, "notes", &id, &[entry("role:editor", Action::Update, Effect::Deny)]).await;
    let refused = world.service.patch(&editor(), "notes", &id, &any, &patch).await;
    assert!(matches!(refused, Err(DocumentError::Denied { action: Action::Update })), "{refused:?}");
    permit(&world, "notes", &id, &[entry("role:editor", Action::Read, Effect::Deny)]).await;
    let hidden = world.service.patch(&editor(), "notes", &id, &any, &patch).await;
    assert!(matches!(hidden, Err(DocumentError::NotFound)), "{hidden:?}");
}

#[tokio::test]
async fn one_shared_document_opens_a_closed_collection_to_no_more() {
    let world = World::of(vec![notes("notes", &Grants::default())]).await;
    let shared = published(&world, "notes", "shared").await;
    let other = published(&world, "notes", "other").await;
    let friend = Scope::new(TenantId::default(), Caller::signed_in([Principal::User("u".into())]));
    let stranger = Scope::new(TenantId::default(), Caller::signed_in([Principal::User("v".into())]));
    permit(&world, "notes", &shared, &[entry("user:u", Action::Read, Effect::Allow)]).await;

    assert_eq!(listed(&world, &friend, "published").await.expect("a page"), std::slice::from_ref(&shared));
    let names = |collections: Vec<std::sync::Arc<stratus_document::Collection>>| -> Vec<String> {
        collections.iter().map(|it| it.name().to_owned()).collect()
    };
    let repository = world.repository();
    assert_eq!(names(repository.readable_collections(&friend).await.expect("collections")), ["notes"]);
    assert!(repository.readable_collections(&stranger).await.expect("collections").is_empty());
    for scope in [&stranger, &world.public()] {
        let list = listed(&world, scope, "published").await;
        assert!(matches!(list, Err(DocumentError::NotFound)), "{list:?}");
    }
    let view = View::default();
    assert!(repository.get(&friend, "notes", &shared, &view).await.is_ok());
    for (scope, id) in [(&friend, &other), (&stranger, &shared)] {
        let read = repository.get(scope, "notes", id, &view).await;
        assert!(matches!(read, Err(DocumentError::NotFound)), "{read:?}");
    }
    let drafts = listed(&world, &friend, "draft").await;
    assert!(matches!(drafts, Err(DocumentError::Denied { .. })), "{drafts:?}");
}

#[tokio::test]
async fn permissions_are_a_write_like_any_other() {
    let world = World::of(vec![notes("notes", &open())]).await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let id = published(&world, "notes", "one").await;
    let entries = [
        entry("user:u", Action::Update, Effect::Allow),
        entry("public", Action::Read, Effect::Deny),
        entry("role:admin", Action::Manage, Effect::Deny),
    ];
    let write = |precondition: Precondition, entries: Vec<Entry>| {
        let (service, id, admin) = (&world.service, id.clone(), admin.clone());
        async move { service.replace_permissions(&admin, "notes", &id, &precondition, &entries).await }
    };
    world.database.reset();
    let first = write(Precondition::Revisions(vec![1]), entries.to_vec()).await.expect("permissions");
    assert_eq!(world.database.counts().round_trips, 2);
    assert_eq!((first.revision, first.bookmark.is_some()), (2, true));
    let stale = write(Precondition::Revisions(vec![1]), Vec::new()).await;
    assert!(matches!(stale, Err(DocumentError::StaleRevision { current: 2 })), "{stale:?}");
    // An admin can always take back what binds admins too.
    let shown = world.service.permissions(&admin, "notes", &id).await.expect("permissions");
    assert_eq!(shown.entries.len(), 3);
    let order: Vec<_> = shown.entries.iter().map(|it| it.principal.to_string()).collect();
    assert_eq!(order, ["public", "role:admin", "user:u"]);
    let same = write(any.clone(), entries.to_vec()).await.expect("permissions");
    assert_eq!((same.revision, same.bookmark), (2, None));
    let twice = [entries[0].clone(), Entry { effect: Effect::Deny, ..entries[0].clone() }];
    let refused = write(any.clone(), twice.to_vec()).await;
    let Err(DocumentError::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!(faults[0].pointer, "/permissions/1");

    let log = world.connection();
    let last: (String, Option<String>) = log
        .query_row("SELECT kind, data FROM events ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("an event");
    assert_eq!(last, ("permissions".to_owned(), None));
    let moved: bool = log
        .query_row("SELECT public_seq = seq FROM generations WHERE collection = 'notes'", [], |row| {
            row.get(0)
        })
        .expect("a generation");
    assert!(moved, "what the public sees has changed");
}

#[tokio::test]
async fn a_walk_over_what_is_hidden_ends() {
    let world = World::of(vec![notes("notes", &open())]).await;
    let hidden = published(&world, "notes", "hidden").await;
    let last = published(&world, "notes", "zzz").await;
    world
        .connection()
        .execute_batch(&format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
             INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
             version_number, revision, published_at, expires_at, created_at, updated_at, data) \
             SELECT printf('00000000-0000-7000-8000-%012x', i), printf('00000000-0000-7000-9000-%012x', i), d.type_id, d.tenant_id, 1, 1, d.type_version, 1, 1, d.published_at, 1, \
             1, 1, d.data FROM n JOIN documents AS d ON d.root_id = '{hidden}'"
        ))
        .expect("documents");
    let mut params = ListParams { sort: Some("text".into()), ..ListParams::default() };
    let (mut pages, mut ids) = (0, Vec::new());
    loop {
        world.database.reset();
        let page = world.list(&world.public(), "notes", &params).await.expect("a page");
        assert!(world.database.counts().work < 600_000, "{} steps", world.database.counts().work);
        ids.extend(page.documents.into_iter().map(|it| it.id));
        pages += 1;
        match page.next {
            Some(next) => {
                // It is the place of a document that the caller must not see.
                let bytes = Base64UrlUnpadded::decode_vec(&next).expect("base64");
                assert!(!String::from_utf8_lossy(&bytes).contains("hidden"), "{next}");
                params.after = Some(next);
            }
            None => break,
        }
    }
    assert_eq!((pages, ids), (3, vec![hidden.clone(), last.clone()]));

    // Who refers to a document is walked in the same way.
    let referring = "INSERT INTO document_references SELECT pk, 'to', 0, 'default', ?1, 'weak' FROM documents \
         WHERE root_id <> ?1";
    world.connection().execute(referring, [&last]).expect("references");
    let (mut after, mut pages, mut found) = (None::<String>, 0, Vec::new());
    loop {
        world.database.reset();
        let page = world.repository().referrers(&world.public(), "notes", &last, after.as_deref()).await;
        let (referrers, next) = page.expect("referrers");
        assert!(world.database.counts().work < 600_000, "{} steps", world.database.counts().work);
        found.extend(referrers.into_iter().map(|it| it.id));
        pages += 1;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!((pages, found), (3, vec![hidden.clone()]));
    let foreign = world.repository().referrers(&world.public(), "notes", &hidden, after.as_deref()).await;
    assert!(matches!(foreign, Err(DocumentError::BadCursor { .. })), "{foreign:?}");
}
