//! `fields=title,author(name)`: documents in the place of the ids that refer to them.

use serde_json::{Value, json};
use stratus_api::Tenants;
use stratus_document::CollectionDefinition;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::app::{App, Ask, Setup, copied, delete, get, open, patch, post, prepared, put};

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// A database with the schema of [`definitions`], closed.
static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();

/// Stories by people with pictures, and secrets.
pub(crate) fn definitions() -> Vec<CollectionDefinition> {
    let one = |to: &str| json!({"type": "reference", "to": to, "strength": "weak"});
    let many = |to: &str| json!({"type": "reference", "to": to, "many": true, "strength": "weak"});
    let read = json!({"public": ["read"]});
    [
        json!({"name": "stories", "grants": read, "slug": {"from": "title"}, "fields": {
            "title": {"type": "text", "index": true}, "body": {"type": "json"},
            "author": one("people"), "readers": many("people"), "secret": one("secrets"),
            "editor": {"type": "reference", "to": "people", "private": true},
            "shelf": {"type": "array", "items": one("people")},
            "seo": {"type": "object", "fields": {"image": one("pictures"), "alt": {"type": "text"}}},
            "strips": {"type": "array", "items": {"type": "object", "fields": {
                "picture": one("pictures"), "caption": {"type": "text"}
            }}}
        }}),
        json!({"name": "people", "grants": read, "fields": {
            "name": {"type": "text", "index": true}, "bio": {"type": "markdown"},
            "email": {"type": "email", "private": true}, "friend": one("people"), "avatar": one("pictures"),
            "rivals": many("people")
        }}),
        json!({"name": "pictures", "grants": read, "fields": {"url": {"type": "text"}, "of": one("people")}}),
        json!({"name": "secrets", "grants": {}, "slug": {"from": "title"}, "fields": {
            "title": {"type": "text"}, "about": one("stories")
        }}),
    ]
    .map(|it| CollectionDefinition::parse(&it.to_string()).unwrap())
    .to_vec()
}

/// An empty program with these collections.
pub(crate) async fn world_with(setup: Setup) -> App {
    let folder = copied(TEMPLATE.get_or_init(|| prepared(definitions())).await);
    let database = open(folder.path());
    App::over(folder, database, definitions(), setup)
}

async fn world() -> App {
    world_with(Setup::default()).await
}

/// Makes a public document.
async fn public(app: &App, collection: &str, fields: Value) -> String {
    app.make(collection, json!({"publish": true, "fields": fields})).await
}

async fn change(app: &App, collection: &str, id: &str, body: Value) {
    app.done(patch(&format!("/api/{collection}/{id}"), "*", body)).await;
}

async fn deny(app: &App, collection: &str, id: &str, principal: &str) {
    let entries = json!({"permissions": [{"principal": principal, "action": "read", "effect": "deny"}]});
    app.done(put(&format!("/api/{collection}/{id}/permissions"), "*", entries)).await;
}

#[tokio::test]
async fn references_on_the_wire() {
    let app = world().await;
    let picture = public(&app, "pictures", json!({"url": "/a.png"})).await;
    let ada = public(&app, "people", json!({"name": "Ada", "email": "a@b.cd", "avatar": picture})).await;
    let bob = public(&app, "people", json!({"name": "Bob", "bio": "\"x\"\n", "friend": ada})).await;
    let fields = json!({
        "title": "T", "author": ada, "readers": [bob, ada], "body": {"z": 1.0, "a": [1, 2]},
        "shelf": [ada, ada], "seo": {"image": picture, "alt": "a"},
        "strips": [{"picture": picture, "caption": "c"}, {"caption": "d"}]
    });
    let story = public(&app, "stories", fields).await;
    let named = |text: &str| {
        let ids = [(&picture, "<picture>"), (&ada, "<ada>"), (&bob, "<bob>"), (&story, "<story>")];
        ids.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id.as_str(), name))
    };
    let asked = [
        "title,author(name)",
        "author(name,avatar(url)),readers(name,friend(name))",
        "body,readers(bio)",
        "shelf(name),seo.image(url)",
        "seo,seo.image(url),strips.picture(url)",
        "strips,strips.picture(url)",
    ];
    let mut shown = Vec::new();
    for fields in asked {
        let read = app.ask(get(&format!("/api/stories/{story}?fields={fields}"))).await;
        assert_eq!(read.status, 200, "{read:?}");
        assert_eq!(read.header("cache-control"), "public, no-cache");
        assert!(read.header("etag").starts_with("\"r1-"), "{read:?}");
        shown.push(format!("{fields}\n{}\n", named(&read.json()["data"]["fields"].to_string())));
        let by_slug = app.ask(get(&format!("/api/stories/slug/t?fields={fields}"))).await;
        assert_eq!((by_slug.header("etag"), &by_slug.body), (read.header("etag"), &read.body));
        let listed = app.ask(get(&format!("/api/stories?fields={fields}"))).await;
        assert_eq!(listed.json()["data"][0], read.json()["data"]);
        assert!(listed.header("etag").starts_with("\"l-"), "{listed:?}");
    }
    let whole = app.ask(get(&format!("/api/stories/{story}?fields=author(name)"))).await;
    shown.push(named(whole.text()));
    insta::assert_snapshot!(shown.join("\n"));
}

#[tokio::test]
async fn what_nobody_may_see_is_null() {
    let app = world().await;
    let person = |name: &str| json!({"fields": {"name": name}, "publish": true});
    let seen = public(&app, "people", json!({"name": "seen"})).await;
    let trashed = public(&app, "people", json!({"name": "trashed"})).await;
    app.done(delete(&format!("/api/people/{trashed}"))).await;
    let draft = app.make("people", json!({"fields": {"name": "draft"}})).await;
    let mut soon = person("soon");
    soon["publishAt"] = json!("2027-01-01T00:00:00Z");
    let soon = app.make("people", soon).await;
    let mut over = person("over");
    over["expireAt"] = json!("2026-09-21T20:00:00Z");
    let over = app.make("people", over).await;
    let denied = public(&app, "people", json!({"name": "denied"})).await;
    deny(&app, "people", &denied, "public").await;
    let secret = public(&app, "secrets", json!({"title": "s"})).await;
    app.clock.set(stratus_document::parse_time("2026-09-21T21:00:00Z").unwrap());
    let readers = json!([NOBODY, trashed, seen, draft, soon, over, denied, secret]);
    let story = public(&app, "stories", json!({"title": "T", "readers": readers, "secret": secret})).await;
    let uri = format!("/api/stories/{story}?fields=readers(name)");
    let names = |answer: super::app::Answer| {
        let json = answer.json();
        let readers = json.pointer("/data/fields/readers").and_then(Value::as_array).unwrap().clone();
        readers.iter().map(|it| it.pointer("/fields/name").cloned().unwrap_or_default()).collect::<Value>()
    };
    let nobody = names(app.ask(get(&uri)).await);
    assert_eq!(nobody, json!([null, null, "seen", null, null, null, null, null]));
    let admin = names(app.done(get(&uri)).await);
    assert_eq!(admin, json!([null, null, "seen", null, null, null, "denied", null]));
    let drafts = names(app.done(get(&format!("{uri}&state=draft"))).await);
    assert_eq!(drafts, json!([null, null, "seen", "draft", "soon", "over", "denied", null]));
    deny(&app, "people", &seen, "role:admin").await;
    let bound = names(app.done(get(&uri)).await);
    assert_eq!(bound, json!([null, null, null, null, null, null, "denied", null]));
    app.clock.set(stratus_document::parse_time("2027-01-01T00:00:00Z").unwrap());
    let later = names(app.ask(get(&uri)).await);
    assert_eq!(later, json!([null, null, "seen", null, "soon", null, null, null]));
    // References that are not followed stay ids.
    let plain = app.ask(get(&format!("/api/stories/{story}?fields=readers"))).await;
    assert_eq!(plain.json()["data"]["fields"]["readers"], readers);
}

#[tokio::test]
async fn rights_and_windows_hold_at_every_level() {
    let app = world().await;
    let mut ids = vec![public(&app, "people", json!({"name": "0"})).await];
    for n in 1..6 {
        ids.push(public(&app, "people", json!({"name": n.to_string(), "friend": ids[n - 1]})).await);
    }
    let story = public(&app, "stories", json!({"title": "T", "author": ids[5]})).await;
    let nested = "friend(name,".repeat(3);
    let uri = format!("/api/stories/{story}?fields=author(name,{nested}friend{}", "))))");
    let at = |level: usize| format!("/data/fields/author{}", "/fields/friend".repeat(level));
    let whole = app.ask(get(&uri)).await;
    for level in 0..4 {
        assert_eq!(whole.at(&format!("{}/fields/name", at(level))), (5 - level).to_string());
    }
    assert_eq!(whole.at(&at(4)), ids[1]);
    let deepest = format!("{}/fields/name", at(3));
    for level in 0..4 {
        let address = format!("/api/people/{}", ids[5 - level]);
        deny(&app, "people", &ids[5 - level], "public").await;
        assert_eq!(app.ask(get(&uri)).await.at(&at(level)), "null");
        assert_eq!(app.done(get(&uri)).await.at(&deepest), "2");
        app.done(put(&format!("{address}/permissions"), "*", json!({"permissions": []}))).await;
        assert_eq!(app.ask(get(&uri)).await.at(&deepest), "2");
        app.done(post(&format!("{address}/unpublish"), json!({}))).await;
        assert_eq!(app.ask(get(&uri)).await.at(&at(level)), "null");
        assert_eq!(app.done(get(&format!("{uri}&state=draft"))).await.at(&deepest), "2");
        app.done(post(&format!("{address}/publish"), json!({}))).await;
    }
}

#[tokio::test]
async fn cycles_end_at_the_id_of_what_stands_above() {
    let app = world().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(public(&app, "people", json!({ "name": name })).await);
    }
    let nested = "friend(name,friend(name,friend(name,friend(name,friend(name)))))";
    for length in 1..=3 {
        for at in 0..length {
            let friend = json!({"fields": {"friend": ids[(at + 1) % length]}, "publish": true});
            change(&app, "people", &ids[at], friend).await;
        }
        let one = format!("/api/people/{}?fields=name,{nested}", ids[0]);
        let list = format!("/api/people?sort=name&fields=name,{nested}");
        for (uri, root) in [(one, "/data"), (list, "/data/0")] {
            let read = app.ask(get(&uri)).await;
            for level in 0..length {
                let name = format!("{root}{}/fields/name", "/fields/friend".repeat(level));
                assert_eq!(read.at(&name), ["a", "b", "c"][level]);
            }
            assert_eq!(read.at(&format!("{root}{}", "/fields/friend".repeat(length))), ids[0]);
        }
    }
    // What stands beside is no cycle.
    let story = json!({"title": "T", "author": ids[0], "readers": [ids[0]], "shelf": [ids[0], ids[0]]});
    let story = public(&app, "stories", story).await;
    let read =
        app.ask(get(&format!("/api/stories/{story}?fields=author(name),readers(name),shelf(name)"))).await;
    for at in ["author", "readers/0", "shelf/0", "shelf/1"] {
        assert_eq!(read.at(&format!("/data/fields/{at}/fields/name")), "a");
    }
}

#[tokio::test]
async fn tags_follow_what_is_shown() {
    let app = world().await;
    let picture = public(&app, "pictures", json!({"url": "/1.png"})).await;
    let other = public(&app, "pictures", json!({"url": "/other.png"})).await;
    let ada = public(&app, "people", json!({"name": "Ada", "avatar": picture})).await;
    let eve = public(&app, "people", json!({"name": "Eve", "avatar": other})).await;
    let story = public(&app, "stories", json!({"title": "T", "author": ada, "readers": [eve]})).await;
    let uris = [
        format!("/api/stories/{story}?fields=author(avatar(url))"),
        "/api/stories/slug/t?fields=author(avatar(url))".to_owned(),
        "/api/stories?fields=author(avatar(url))".to_owned(),
    ];
    for (n, uri) in uris.into_iter().enumerate() {
        let tag = app.ask(get(&uri)).await.header("etag").to_owned();
        let again = |tag: &str| app.ask(get(&uri).with("if-none-match", tag));
        let same = again(&tag).await;
        assert_eq!((same.status, same.header("etag"), same.body.len()), (304, tag.as_str(), 0));
        assert_eq!(app.ask(get(&uri).admin().with("if-none-match", &tag)).await.status, 304);
        // Nothing of this is shown.
        change(&app, "pictures", &other, json!({"fields": {"url": format!("/x{n}.png")}, "publish": true}))
            .await;
        change(&app, "people", &eve, json!({"fields": {"name": format!("E{n}")}, "publish": true})).await;
        change(&app, "pictures", &picture, json!({"fields": {"url": format!("/draft{n}.png")}})).await;
        assert_eq!(again(&tag).await.status, 304);
        // The deepest changes, and what is above it does not.
        app.done(post(&format!("/api/pictures/{picture}/publish"), json!({}))).await;
        let changed = again(&tag).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag);
        let tag = changed.header("etag").to_owned();
        app.done(post(&format!("/api/pictures/{picture}/unpublish"), json!({}))).await;
        let gone = again(&tag).await;
        assert_eq!(gone.status, 200);
        app.done(post(&format!("/api/pictures/{picture}/publish"), json!({}))).await;
    }
    // The number of the tag is the revision of the document itself.
    let read = app.ask(get(&format!("/api/stories/{story}?fields=author(name)"))).await;
    app.done(patch(&format!("/api/stories/{story}"), read.header("etag"), json!({"fields": {"title": "U"}})))
        .await;
}

#[tokio::test]
async fn a_choice_that_means_nothing_is_refused() {
    let app = world().await;
    let secret = public(&app, "secrets", json!({"title": "hush"})).await;
    let story = public(&app, "stories", json!({"title": "T", "secret": secret})).await;
    let hundred = vec!["title"; 101].join(",");
    let deep = format!("author({}name{}", "friend(".repeat(5), "))))))");
    for fields in [
        "author()",
        "author(name",
        "author(name))",
        "author(name)title",
        "author(,name)",
        "(name)",
        "author(",
        "title(x)",
        "author(email)",
        "author(nothing)",
        "author(name,name)",
        "author,author(name)",
        "editor(name)",
        "seo(alt)",
        "seo.alt",
        "seo.alt(x)",
        "author.name",
        "body.x(y)",
        "secret(title)",
        "author%00(name)",
        "author(name)%20",
        &hundred,
        &deep,
    ] {
        for uri in [format!("/api/stories/{story}"), "/api/stories".into(), "/api/stories/slug/t".into()] {
            let refused = app.ask(get(&format!("{uri}?fields={fields}"))).await;
            refused.refuses(400, "invalid_parameter");
            assert_eq!(refused.at("/errors/0/pointer"), "fields");
            for name in ["email", "editor", "nothing", "hush"] {
                assert!(!refused.text().contains(name), "{refused:?}");
            }
        }
    }
    let uri = format!("/api/stories/{story}?fields=");
    let detail = |answer: super::app::Answer| answer.refuses(400, "invalid_parameter").at("/detail");
    let missing = detail(app.ask(get(&format!("{uri}nothing(title)"))).await);
    // What is private, and what leads to where the caller may not know of, is as if it were not there.
    for same in ["editor(name)", "secret(title)", "secret(nothing)"] {
        assert_eq!(detail(app.ask(get(&format!("{uri}{same}"))).await), missing);
    }
    assert_eq!(
        app.done(get(&format!("{uri}secret(title)"))).await.at("/data/fields/secret/fields/title"),
        "hush"
    );
    // One document of the collection is enough to know of it.
    let allow = json!({"permissions": [{"principal": "public", "action": "read", "effect": "allow"}]});
    app.done(put(&format!("/api/secrets/{secret}/permissions"), "*", allow)).await;
    let read = app.ask(get(&format!("{uri}secret(title)"))).await;
    assert_eq!(read.at("/data/fields/secret/fields/title"), "hush");
    app.ask(get(&format!("/api/stories/{story}/versions?fields=author(name)")).admin())
        .await
        .refuses(400, "unknown_parameter");
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    let app = world().await;
    let bio = "x".repeat(900_000);
    let ada = public(&app, "people", json!({"name": "Ada", "bio": bio})).await;
    let mut first = String::new();
    for _ in 0..3 {
        let shelf = vec![ada.as_str(); 7];
        first = public(&app, "stories", json!({"title": "T", "shelf": shelf})).await;
    }
    let refused = app.ask(get("/api/stories?fields=shelf(bio)")).await;
    refused.refuses(422, "too_much_to_populate");
    assert!(refused.at("/detail").contains("16 MiB"), "{refused:?}");
    assert!(refused.at("/detail").contains("limit"), "{refused:?}");
    assert_eq!(app.ask(get("/api/stories?fields=shelf(bio)&limit=2")).await.status, 200);
    assert_eq!(app.ask(get(&format!("/api/stories/{first}?fields=shelf(bio)"))).await.status, 200);
    let missing: Vec<_> = (0..1_000).map(|n| format!("01890000-0000-7000-8001-{n:012x}")).collect();
    for n in 0..6 {
        let missing: Vec<_> = missing.iter().map(|it| it.replace("8001", &format!("900{n}"))).collect();
        public(&app, "people", json!({"name": "P", "rivals": missing})).await;
    }
    let refused = app.ask(get("/api/people?fields=rivals(name)")).await;
    refused.refuses(422, "too_much_to_populate");
    assert!(refused.at("/detail").contains("5000 documents"), "{refused:?}");
    assert_eq!(app.ask(get("/api/people?fields=rivals(name)&limit=5")).await.status, 200);
}

#[tokio::test]
async fn tenants_do_not_meet() {
    let tenants = Tenants::by_host(r#"{"a.example": "a", "b.example": "b"}"#).unwrap();
    let app = world_with(Setup { tenants, ..Setup::default() }).await;
    let at = |ask: Ask, host: &str| ask.with("host", host).admin();
    let person = post("/api/people", json!({"publish": true, "fields": {"name": "of a"}}));
    let person = app.ask(at(person, "a.example")).await.at("/data/id");
    for (host, expected) in [("a.example", "of a"), ("b.example", "null")] {
        let story = json!({"publish": true, "fields": {"title": "T", "author": person}});
        let story = app.ask(at(post("/api/stories", story), host)).await.at("/data/id");
        for state in ["published", "draft"] {
            let uri = format!("/api/stories/{story}?state={state}&fields=author(name)");
            let read = app.ask(at(get(&uri), host)).await;
            let json = read.json();
            let author = &json["data"]["fields"]["author"];
            let shown = author.pointer("/fields/name").unwrap_or(author);
            assert_eq!(shown.as_str().unwrap_or("null"), expected, "{read:?}");
        }
    }
}

#[tokio::test]
async fn each_level_is_one_round_trip() {
    let app = world().await;
    let picture = public(&app, "pictures", json!({"url": "/1.png"})).await;
    let ada = public(&app, "people", json!({"name": "Ada", "avatar": picture})).await;
    for n in 0..20 {
        let readers = if n == 7 { json!([ada, NOBODY]) } else { json!([]) };
        public(&app, "stories", json!({"title": n.to_string(), "author": ada, "readers": readers})).await;
    }
    for (uri, trips) in [
        ("/api/stories", 1),
        ("/api/stories?fields=title,author", 1),
        ("/api/stories?fields=seo.image(url)", 1),
        ("/api/stories?fields=author(name),readers(name)", 2),
        ("/api/stories?fields=author(name,avatar(url)),readers(name)", 3),
        ("/api/stories/slug/7?fields=author(avatar(url,of(name)))", 3),
    ] {
        app.counted.reset();
        assert_eq!(app.ask(get(uri)).await.status, 200, "{uri}");
        let counts = app.counted.counts();
        assert_eq!((counts.round_trips, counts.statements), (trips, trips), "{uri}");
    }
}
