//! Documents in the place of the ids that refer to them: what it costs, and where it ends.

#[path = "populating/blocks.rs"]
mod blocks;
#[path = "populating/oracle.rs"]
mod oracle;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use stratus_access::{Action, Caller, Effect, Entry, Principal, TenantId};
use stratus_document::{
    Branch, CollectionDefinition, Document, DocumentError, FieldDefinition, FieldType, Input, ListParams,
    ListQuery, MAX_POPULATED, Piece, Place, Populated, Precondition, Registry, Scope, Selection, State,
    Strength, View,
};
use stratus_storage::{Consistency, Database, Statement};

use crate::fixture::{World, fields, post};

/// What is chosen of a collection's documents: paths, with what is chosen behind a reference.
type Paths<'a> = &'a [(&'a str, Option<Spec<'a>>)];

/// A [`Paths`] one level below.
#[derive(Clone, Copy)]
struct Spec<'a>(Paths<'a>);

fn selection(world: &World, collection: &str, paths: Paths<'_>) -> Selection {
    let registry = world.repository().registry();
    let mut selection = Selection::of(registry.collection(collection).expect("a collection"));
    choose(registry, &mut selection, Selection::ROOT, paths);
    selection
}

fn choose(registry: &Registry, selection: &mut Selection, branch: Branch, paths: Paths<'_>) {
    for (path, inner) in paths {
        let Some(Spec(inner)) = inner else {
            selection.show(branch, path).expect("a field");
            continue;
        };
        let target = selection.target(branch, path).expect("a reference");
        let target = Arc::clone(registry.collection(target).expect("a collection"));
        let next = selection.follow(branch, path, &target).expect("a reference");
        choose(registry, selection, next, inner);
    }
}

/// A document with what is shown of it: its id, and its fields.
pub(crate) fn rendered(place: &Place<'_>) -> Json {
    serde_json::from_str(&text_of(place)).expect("JSON")
}

fn text_of(place: &Place<'_>) -> String {
    let mut text = format!("{{\"id\":\"{}\",\"fields\":", place.document().id);
    for piece in place.pieces() {
        match piece {
            Piece::Text(stored) => text.push_str(stored),
            Piece::Document(inner) => text.push_str(&text_of(&inner)),
            Piece::Above(id) => text.push_str(&format!("\"{id}\"")),
            Piece::Nothing => text.push_str("null"),
        }
    }
    text.push('}');
    text
}

async fn populated(
    world: &World,
    scope: &Scope,
    documents: Vec<Document>,
    state: State,
    selection: &Selection,
) -> Result<Populated, DocumentError> {
    world.repository().reading(scope).populate(documents, state, selection).await
}

/// The fields of one document, read and populated in one session.
async fn shown(world: &World, scope: &Scope, id: &str, state: State, selection: &Selection) -> Json {
    let reading = world.repository().reading(scope);
    let view = View { state, locale: None };
    let collection = selection.collection(Selection::ROOT).name();
    let document = reading.get(collection, id, &view).await.expect("a document");
    let populated = reading.populate(vec![document], state, selection).await.expect("documents");
    let shown = populated.roots().next().map(|it| rendered(&it)).expect("a document");
    shown["fields"].clone()
}

/// `links`, a collection of the public that refers to itself; `hidden`, which an editor reads.
fn links() -> Vec<CollectionDefinition> {
    let editor: Principal = "role:editor".parse().expect("a role");
    let links = CollectionDefinition::new("links")
        .field("name", FieldDefinition::new(FieldType::Text))
        .field("next", FieldDefinition::reference("links", Strength::Weak))
        .field("all", FieldDefinition::references("links", Strength::Weak))
        .field("hidden", FieldDefinition::reference("hidden", Strength::Weak))
        .field("secret", FieldDefinition::new(FieldType::Text).private())
        .allow(Principal::Public, [Action::Read]);
    let hidden = CollectionDefinition::new("hidden")
        .field("name", FieldDefinition::new(FieldType::Text))
        .field("link", FieldDefinition::reference("links", Strength::Weak))
        .allow(editor, [Action::Read, Action::Update]);
    vec![links, hidden]
}

/// A public document of [`links`].
async fn link(world: &World, collection: &str, content: Json) -> String {
    world.create(collection, &Input { publish: true, ..fields(content) }).await.document.id
}

/// Links of which each is the `next` of the one before it.
async fn chain(world: &World, length: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for n in 0..length {
        let next = ids.last().map_or(Json::Null, |it| it.as_str().into());
        ids.push(link(world, "links", json!({ "name": n.to_string(), "next": next })).await);
    }
    ids.reverse();
    ids
}

fn nested(depth: usize, build: &mut dyn FnMut(Paths<'_>)) {
    fn go(depth: usize, inner: Paths<'_>, build: &mut dyn FnMut(Paths<'_>)) {
        match depth {
            0 => build(inner),
            depth => go(depth - 1, &[("name", None), ("next", Some(Spec(inner)))], build),
        }
    }
    go(depth, &[("name", None)], build);
}

#[tokio::test]
async fn a_level_is_one_round_trip() {
    let world = World::of(links()).await;
    let ids = chain(&world, 25).await;
    for depth in 0..=5 {
        let mut chosen = None;
        nested(depth, &mut |paths| chosen = Some(selection(&world, "links", paths)));
        let chosen = chosen.expect("a selection");
        // Of a list, the documents that it has itself are not looked up again.
        let query = ListQuery::parse(
            world.repository().registry(),
            &TenantId::default(),
            chosen.collection(Selection::ROOT),
            &ListParams::default(),
            world.repository().cursor_key(),
        );
        let scope = world.public();
        for is_list in [false, true] {
            world.database.reset();
            let reading = world.repository().reading(&scope);
            let documents = if is_list {
                reading.list("links", query.as_ref().expect("a query")).await.expect("a page").documents
            } else {
                vec![reading.get("links", &ids[0], &View::default()).await.expect("a document")]
            };
            assert_eq!(documents.len(), if is_list { 20 } else { 1 });
            let populated = reading.populate(documents, State::Published, &chosen).await.expect("documents");
            let counts = world.database.counts();
            assert_eq!(counts.round_trips, 1 + depth as u64, "{is_list}");
            assert_eq!(counts.statements, counts.round_trips);
            let first = rendered(&populated.roots().next().expect("a document"));
            assert!(first.pointer(&("/fields/next".repeat(depth) + "/fields/name")).is_some(), "{first}");
        }
    }
}

#[tokio::test]
async fn a_list_with_a_reference_is_two_statements() {
    let world = World::demo().await;
    for n in 0..20 {
        let author = world.author(&format!("Author {n}")).await;
        let category = world.create("categories", &fields(json!({ "name": format!("C{n}") }))).await;
        let mut input = post(&format!("Post {n}"), &author);
        input.publish = true;
        let content = input.fields.as_mut().expect("fields");
        content.insert("categories".into(), json!([category.document.id]));
        world.create("posts", &input).await;
    }
    let name: Paths<'_> = &[("name", None)];
    let chosen = selection(
        &world,
        "posts",
        &[("title", None), ("author", Some(Spec(name))), ("categories", Some(Spec(name)))],
    );
    for (scope, state) in [(world.public(), State::Published), (world.admin(), State::Draft)] {
        world.database.reset();
        let params = ListParams { state: Some(state.name().into()), ..ListParams::default() };
        let query = ListQuery::parse(
            world.repository().registry(),
            &TenantId::default(),
            chosen.collection(Selection::ROOT),
            &params,
            world.repository().cursor_key(),
        );
        let reading = world.repository().reading(&scope);
        let page = reading.list("posts", &query.expect("a query")).await.expect("a page");
        let populated = reading.populate(page.documents, state, &chosen).await.expect("documents");
        let counts = world.database.counts();
        assert_eq!((counts.round_trips, counts.statements), (2, 2));
        // Two hundred steps a document would be a walk through something.
        assert!(counts.work < 20 * 400, "{} steps", counts.work);
        for place in populated.roots() {
            let shown = rendered(&place);
            assert!(shown.pointer("/fields/author/fields/name").is_some(), "{shown}");
            let category = &shown["fields"]["categories"][0];
            assert_eq!(category.is_null(), state == State::Published, "{shown}");
        }
    }
}

#[tokio::test]
async fn nothing_to_look_for_is_no_round_trip() {
    let world = World::of(links()).await;
    let (lone, own) = (link(&world, "links", json!({})).await, link(&world, "links", json!({})).await);
    let own_next = fields(json!({ "next": own, "all": [own, lone], "secret": "s" }));
    let any = Precondition::Any;
    world.service.patch(&world.admin(), "links", &own, &any, &own_next).await.expect("a link");
    world.service.publish(&world.admin(), "links", &own, &any).await.expect("a link");
    let name: Paths<'_> = &[("name", None), ("next", None)];
    let chosen = selection(&world, "links", &[("next", Some(Spec(name))), ("all", Some(Spec(name)))]);
    world.database.reset();
    assert_eq!(shown(&world, &world.public(), &lone, State::Published, &chosen).await, json!({}));
    assert_eq!(world.database.reset().round_trips, 1);
    // Nor is what stands above looked for.
    let next = selection(&world, "links", &[("next", Some(Spec(name)))]);
    assert_eq!(shown(&world, &world.public(), &own, State::Published, &next).await, json!({ "next": own }));
    assert_eq!(world.database.reset().round_trips, 1);
    let both = shown(&world, &world.public(), &own, State::Published, &chosen).await;
    assert_eq!(both, json!({ "next": own, "all": [own, { "id": lone, "fields": {} }] }));
    assert_eq!(world.database.reset().round_trips, 2);
}

#[tokio::test]
async fn plans_seek() {
    let world = World::of(links()).await;
    let ids = chain(&world, 3).await;
    let name: Paths<'_> = &[("name", None)];
    let chosen = selection(&world, "links", &[("next", Some(Spec(name)))]);
    world.recording.take();
    let many: Vec<_> = (0..101).map(missing).collect();
    let many = link(&world, "links", json!({ "next": ids[0], "all": many })).await;
    let all = selection(&world, "links", &[("all", Some(Spec(name)))]);
    for state in [State::Published, State::Draft] {
        shown(&world, &world.admin(), &ids[0], state, &chosen).await;
        shown(&world, &world.admin(), &many, state, &all).await;
    }
    let recorded = world.recording.take();
    let recorded: Vec<_> = recorded.iter().filter(|it| it.sql.contains("json_each(?1) AS w")).collect();
    assert_eq!(recorded.len(), 4);
    for statement in recorded {
        let explain =
            Statement::new(format!("EXPLAIN QUERY PLAN {}", &*statement.sql), statement.params.clone());
        let plan = world.database.session(Consistency::Any).query(&explain).await.expect("a plan");
        let steps: Vec<_> = plan.iter().map(|row| row.text(3).expect("a step").to_owned()).collect();
        for step in &steps {
            let scans = step.starts_with("SCAN")
                && !["VIRTUAL TABLE", "SCAN weight", "SCAN (subquery"].iter().any(|it| step.contains(it));
            assert!(!scans && !step.contains("TEMP B-TREE"), "{steps:?}");
        }
        let seeks = steps.iter().filter(|it| it.starts_with("SEARCH d USING INDEX documents_")).count();
        assert!(seeks > 0 && steps.iter().any(|it| it.contains("(root_id=?)")), "{steps:?}");
    }
}

/// The n-th of ids that no document has.
pub(crate) fn missing(n: usize) -> String {
    format!("01890000-0000-7000-8000-{n:012x}")
}

#[tokio::test]
async fn more_than_a_few_thousand_documents_are_refused() {
    let world = World::of(links()).await;
    let (full, public) = (MAX_POPULATED / 1_000, world.public());
    let mut documents = Vec::new();
    for n in 0..full {
        let all: Vec<_> = (n * 1_000..(n + 1) * 1_000).map(missing).collect();
        documents.push(link(&world, "links", json!({ "all": all })).await);
    }
    // What is referred to twice is looked up once.
    documents.push(link(&world, "links", json!({ "all": [missing(0)] })).await);
    let one_more = link(&world, "links", json!({ "next": missing(MAX_POPULATED) })).await;
    let name: Paths<'_> = &[("name", None)];
    let all = selection(&world, "links", &[("all", Some(Spec(name))), ("next", Some(Spec(name)))]);
    let mut read = Vec::new();
    for id in &documents {
        read.push(world.repository().get(&public, "links", id, &View::default()).await.expect("a link"));
    }
    let shown = populated(&world, &public, read.clone(), State::Published, &all).await.expect("documents");
    assert_eq!(rendered(&shown.roots().last().expect("a document"))["fields"], json!({ "all": [null] }));
    read.push(world.repository().get(&public, "links", &one_more, &View::default()).await.expect("a link"));
    world.database.reset();
    let refused = populated(&world, &public, read, State::Published, &all).await;
    assert!(matches!(refused, Err(DocumentError::TooMuchToPopulate { .. })));
    assert_eq!(world.database.counts().round_trips, 0);
    // The documents of all levels count.
    let path = link(&world, "links", json!({ "all": documents, "next": one_more })).await;
    let inner = [("all", Some(Spec(name)))];
    let deep = selection(&world, "links", &[("all", Some(Spec(&inner)))]);
    let path = world.repository().get(&public, "links", &path, &View::default()).await.expect("a link");
    let refused = populated(&world, &public, vec![path], State::Published, &deep).await;
    assert!(matches!(refused, Err(DocumentError::TooMuchToPopulate { .. })));
}

#[tokio::test]
async fn many_documents_are_weighed_before_they_are_read() {
    let world = World::of(links()).await;
    let (long, mut all) = ("x".repeat(300_000), Vec::new());
    for n in 0..120 {
        all.push(
            link(&world, "links", json!({ "name": if n < 113 { long.as_str() } else { "short" } })).await,
        );
    }
    let id = link(&world, "links", json!({ "all": all })).await;
    let next: Paths<'_> = &[("next", None)];
    let chosen = selection(&world, "links", &[("all", Some(Spec(next)))]);
    for (scope, state) in [(world.public(), State::Published), (world.admin(), State::Draft)] {
        let read = world.repository().reading(&scope);
        let document = read.get("links", &id, &View { state, locale: None }).await.expect("a link");
        let refused = read.populate(vec![document], state, &chosen).await;
        assert!(matches!(refused, Err(DocumentError::TooMuchToPopulate { .. })), "{refused:?}");
    }
    // What the caller does not see weighs nothing.
    let (admin, any) = (world.admin(), Precondition::Any);
    for id in &all[..3] {
        world.service.unpublish(&admin, "links", id, &any).await.expect("a draft");
    }
    world.database.reset();
    let seen = shown(&world, &world.public(), &id, State::Published, &chosen).await;
    assert_eq!(world.database.counts().statements, 2);
    let nothing = seen["all"].as_array().expect("a list").iter().filter(|it| it.is_null()).count();
    assert_eq!(nothing, 3);
}

/// All levels share what may be held, and few documents may be many bytes too.
#[tokio::test]
async fn the_levels_of_an_answer_are_weighed_together() {
    let world = World::of(links()).await;
    for (levels, count, bytes) in [(2, 60, 300_000), (4, 10, 900_000)] {
        let (long, mut below) = ("x".repeat(bytes), Vec::new());
        for _ in 0..levels {
            let mut level = Vec::new();
            for n in 0..count {
                // The first of a level refers to the next one.
                let all = if n == 0 { std::mem::take(&mut below) } else { Vec::new() };
                level.push(link(&world, "links", json!({ "name": long, "all": all })).await);
            }
            below = level;
        }
        let root = link(&world, "links", json!({ "all": below })).await;
        let populate = async |depth: usize| {
            let collection = world.repository().registry().collection("links").expect("links");
            let (mut chosen, mut branch) = (Selection::of(collection), Selection::ROOT);
            for _ in 0..depth {
                branch = chosen.follow(branch, "all", collection).expect("a reference");
            }
            chosen.show(branch, "next").expect("a field");
            let scope = world.public();
            let reading = world.repository().reading(&scope);
            let document = reading.get("links", &root, &View::default()).await.expect("a link");
            reading.populate(vec![document], State::Published, &chosen).await.map(drop)
        };
        assert!(populate(levels - 1).await.is_ok());
        let refused = populate(levels).await;
        assert!(matches!(refused, Err(DocumentError::TooMuchToPopulate { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_target_is_of_the_collection_and_the_tenant() {
    let world = World::of(links()).await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let elsewhere = Scope::new("other".parse::<TenantId>().expect("a tenant"), admin.caller.clone());
    let input = Input { publish: true, ..fields(json!({ "name": "of another tenant" })) };
    let foreign = world.service.create(&elsewhere, "links", &input).await.expect("a link").document.id;
    let near = link(&world, "links", json!({ "name": "near" })).await;
    let hidden = link(&world, "hidden", json!({ "name": "hidden", "link": near })).await;
    let all = json!([foreign, hidden, near, missing(1)]);
    let id = link(&world, "links", json!({ "all": all, "hidden": hidden, "next": hidden })).await;
    let name: Paths<'_> = &[("name", None)];
    let chosen = selection(
        &world,
        "links",
        &[("all", Some(Spec(name))), ("hidden", Some(Spec(name))), ("next", Some(Spec(name)))],
    );
    let near = json!({ "id": near, "fields": { "name": "near" } });
    let seen = json!({ "id": hidden, "fields": { "name": "hidden" } });
    let expected = |hidden: Json| json!({ "all": [null, null, near, null], "hidden": hidden, "next": null });
    for state in [State::Published, State::Draft] {
        assert_eq!(shown(&world, &admin, &id, state, &chosen).await, expected(seen.clone()));
    }
    let nobody = shown(&world, &world.public(), &id, State::Published, &chosen).await;
    assert_eq!(nobody, expected(Json::Null));
    // One document alone, for everyone.
    let entry = Entry { principal: Principal::Public, action: Action::Read, effect: Effect::Allow };
    let permitted = world.service.replace_permissions(&admin, "hidden", &hidden, &any, &[entry]).await;
    permitted.expect("permissions");
    let public = shown(&world, &world.public(), &id, State::Published, &chosen).await;
    assert_eq!(public, expected(seen));
}

#[tokio::test]
async fn an_older_definition_is_shown_through_todays() {
    let world = World::of(links()).await;
    let target = link(&world, "links", json!({ "name": "old", "next": missing(1) })).await;
    let id = link(&world, "links", json!({ "next": target, "all": [target] })).await;
    // `all` is gone, and `name` is private by now.
    let today = CollectionDefinition::new("links")
        .field("name", FieldDefinition::new(FieldType::Text).private())
        .field("next", FieldDefinition::reference("links", Strength::Weak))
        .allow(Principal::Public, [Action::Read]);
    let world = world.redefined(vec![today]).await;
    let next: Paths<'_> = &[("next", None)];
    let chosen = selection(&world, "links", &[("next", Some(Spec(next)))]);
    let seen = shown(&world, &world.public(), &id, State::Published, &chosen).await;
    assert_eq!(seen, json!({ "next": { "id": target, "fields": { "next": missing(1) } } }));
}

#[tokio::test]
async fn drafts_beside_drafts_and_what_is_public_beside_what_is_public() {
    let world = World::of(links()).await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let target = link(&world, "links", json!({ "name": "public" })).await;
    let newer = fields(json!({ "name": "draft" }));
    world.service.patch(&admin, "links", &target, &any, &newer).await.expect("a draft");
    let id = link(&world, "links", json!({ "next": target })).await;
    let name: Paths<'_> = &[("name", None)];
    let chosen = selection(&world, "links", &[("next", Some(Spec(name)))]);
    let editor = Scope::new(
        TenantId::default(),
        Caller::signed_in(["role:editor".parse::<Principal>().expect("a role")]),
    );
    for (scope, state, name) in [
        (&admin, State::Published, "public"),
        (&admin, State::Draft, "draft"),
        (&editor, State::Published, "public"),
    ] {
        let seen = shown(&world, scope, &id, state, &chosen).await;
        assert_eq!(seen["next"]["fields"]["name"], name);
    }
    // The editor may update the one and not the other.
    let entry = Entry {
        principal: "role:editor".parse().expect("a role"),
        action: Action::Update,
        effect: Effect::Allow,
    };
    world.service.replace_permissions(&admin, "links", &id, &any, &[entry]).await.expect("permissions");
    let seen = shown(&world, &editor, &id, State::Draft, &chosen).await;
    assert_eq!(seen["next"]["fields"]["name"], "public");
    // What is in the trash refers to what is alive.
    world.service.trash(&admin, "links", &id, &any).await.expect("in the trash");
    let trashed = shown(&world, &admin, &target, State::Draft, &chosen).await;
    assert_eq!(trashed, json!({}));
    let params = ListParams { state: Some("trashed".into()), ..ListParams::default() };
    let page = world.list(&admin, "links", &params).await.expect("a page");
    let shown = populated(&world, &admin, page.documents, State::Trashed, &chosen).await.expect("documents");
    let shown: Vec<_> = shown.roots().map(|it| rendered(&it)).collect();
    assert_eq!(shown[0]["fields"]["next"]["fields"]["name"], "draft");
    assert_eq!(shown.len(), 1);
}
