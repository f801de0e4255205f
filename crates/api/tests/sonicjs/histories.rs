//! Writes: their history, their races, and that they do what they were told.

use std::sync::Arc;

use serde_json::{Value, json};

use super::world::{World, at_once, step};
use crate::app::{Ask, check_refusals, get, patch, post, put};

/// SonicJS never deletes an old version, because each is named by the next, and superseded versions
/// go on calling themselves published. Here as many stay as the collection says, the public one
/// besides, and one row at most is published.
#[tokio::test]
async fn c6_history_is_pruned_and_one_version_is_published() {
    for (collection, max) in [("blog-posts", 50), ("brief", 3)] {
        for (published, beside) in [(5, 1), (60, 0)] {
            let world = World::new().await;
            let body = json!({"publish": true, "fields": {"title": "1"}});
            let one = format!("/api/{collection}/{}", world.make(collection, body).await);
            for version in 2..=60 {
                let body = json!({"publish": version <= published, "fields": {"title": version.to_string()}});
                world.done(patch(&one, "*", body)).await;
            }
            let expected: Vec<String> = (61 - max..=60)
                .rev()
                .chain(Some(5).filter(|_| beside == 1))
                .map(|it| it.to_string())
                .collect();
            let versions = world.done(get(&format!("{one}/versions"))).await;
            assert_eq!(versions.each("/fields/title"), expected, "{collection}");
            let statuses = versions.each("/status");
            let public = if published == 60 { 0 } else { expected.len() - 1 };
            let all: Vec<_> =
                (0..expected.len()).map(|it| if it == public { "published" } else { "draft" }).collect();
            assert_eq!(statuses, all, "{collection}");
            let rows = world.number("SELECT count(*) FROM documents");
            assert_eq!(rows, expected.len() as i64, "{collection}");
            assert_eq!(world.titles(&format!("/api/{collection}")).await, [published.to_string()]);
            world.ask(get(&format!("{one}/versions/4")).admin()).await.refuses(404, "not_found");
        }
    }
}

/// Of eight editors of SonicJS who save at once most lose their edit to a 200, or get a 500. Here
/// those who say what they edited learn that it is no longer that, and those who name one field
/// each and no revision all get through.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c7_no_edit_is_lost() {
    let world = Arc::new(World::new().await);
    for is_public in [false, true] {
        let made = json!({"publish": is_public, "fields": {"title": "T"}});
        let id = world.make("things", made).await;
        let one = format!("/api/things/{id}");
        let tag = world.tag("things", &id).await;
        let replace =
            |n: usize| put(&one, &tag, json!({"publish": is_public, "fields": {"title": format!("{n}")}}));
        let statuses = at_once(&world, (0..8).map(replace).collect()).await;
        assert_eq!(statuses, [vec![200], vec![412; 7]].concat());
        assert!(world.tag("things", &id).await.starts_with("\"r2-"));

        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let edit = |name: &&str| patch(&one, "*", json!({"publish": is_public, "fields": {*name: "edited"}}));
        let statuses = at_once(&world, names.iter().map(edit).collect()).await;
        assert_eq!(statuses, [200; 8]);
        let read = world.done(get(&format!("{one}?state=draft"))).await;
        for name in names {
            assert_eq!(read.at(&format!("/data/fields/{name}")), "edited", "{read:?}");
        }
        assert!(read.header("etag").starts_with("\"r10-"), "{read:?}");
        let versions = world.done(get(&format!("{one}/versions"))).await;
        assert_eq!(versions.each("/id").len(), 10);
    }
}

/// With every revision of SonicJS a document is as old as that revision, its content gets members of
/// the envelope, a list is spread into it, what is in it stays for ever, an unknown status is
/// ignored, and a body of another shape is a 500. Here what is stored is what was sent, and whatever
/// can't be is refused with its place.
#[tokio::test]
async fn c8_what_is_stored_is_what_was_sent() {
    let world = World::new().await;
    let id = world.make("things", json!({"slug": "s", "fields": {"title": "T", "a": "1", "b": "2"}})).await;
    let one = format!("/api/things/{id}");
    let created = world.done(get(&format!("{one}?state=draft"))).await.at("/data/createdAt");
    let stored = |expected: Value| {
        let sql = "SELECT data FROM documents WHERE is_current_draft = 1";
        let text: String = world.connection().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    };
    stored(json!({"title": "T", "a": "1", "b": "2"}));
    let writes: Vec<(Ask, Value)> = vec![
        (
            patch(&one, "*", json!({"slug": "other", "fields": {"a": "3"}})),
            json!({"title": "T", "a": "3", "b": "2"}),
        ),
        (patch(&one, "*", json!({"fields": {"b": null}})), json!({"title": "T", "a": "3"})),
        (step(&one, "publish"), json!({"title": "T", "a": "3"})),
        (
            patch(&one, "*", json!({"fields": {"spec": {"maker": "m", "labels": ["l"]}}})),
            json!({"title": "T", "a": "3", "spec": {"maker": "m", "labels": ["l"]}}),
        ),
        (
            patch(&one, "*", json!({"fields": {"spec": {"labels": null}}})),
            json!({"title": "T", "a": "3", "spec": {"maker": "m"}}),
        ),
        (put(&one, "*", json!({"fields": {"title": "U"}})), json!({"title": "U"})),
        (step(&one, "publish"), json!({"title": "U"})),
        (step(&one, "unpublish"), json!({"title": "U"})),
    ];
    for (write, expected) in writes {
        let answer = world.done(write).await;
        assert_eq!(answer.at("/data/createdAt"), created, "{answer:?}");
        assert_eq!(answer.json()["data"]["fields"], expected, "{answer:?}");
        stored(expected);
    }
    let created_each = world.done(get(&format!("{one}/versions"))).await.each("/createdAt");
    assert!(created_each.len() > 3 && created_each.iter().all(|it| *it == created), "{created_each:?}");
}

/// The refusals of the same: see [`c8_what_is_stored_is_what_was_sent`].
#[tokio::test]
async fn c8_what_cannot_be_stored_is_refused_with_its_place() {
    let world = World::new().await;
    let id = world.make("things", json!({"fields": {"title": "T"}})).await;
    let one = format!("/api/things/{id}");
    let before = world.dump();
    let invalid = (422, "validation_failed");
    let unknown = (400, "unknown_member");
    let cases = [
        (json!({"fields": ["a"]}), invalid, "/fields"),
        (json!({"fields": "a"}), invalid, "/fields"),
        (json!({"fields": null}), invalid, "/fields"),
        (json!({"fields": {"title": 7}}), invalid, "/fields/title"),
        (json!({"fields": {"title": ["T"]}}), invalid, "/fields/title"),
        (json!({"fields": {"title": {"x": 1}}}), invalid, "/fields/title"),
        (json!({"fields": {"title": true}}), invalid, "/fields/title"),
        (json!({"fields": {"title": null}}), invalid, "/fields/title"),
        (json!({"fields": {"title": "T", "status": "archived"}}), invalid, "/fields/status"),
        (json!({"fields": {"title": "T", "slug": "x"}}), invalid, "/fields/slug"),
        (json!({"fields": {"title": "T", "tags": "x"}}), invalid, "/fields/tags"),
        (json!({"slug": 7, "fields": {"title": "T"}}), invalid, "/slug"),
        (json!({"status": "archived", "fields": {"title": "T"}}), unknown, "/status"),
        (json!({"title": "T", "fields": {"title": "T"}}), unknown, "/title"),
        (json!({"data": {"title": "T"}}), unknown, "/data"),
        (json!(["a"]), (400, "bad_request"), ""),
        (json!("a"), (400, "bad_request"), ""),
        (json!(null), (400, "bad_request"), ""),
    ];
    for (body, (status, code), pointer) in cases {
        let asks =
            [post("/api/things", body.clone()), put(&one, "*", body.clone()), patch(&one, "*", body.clone())];
        for ask in asks {
            let answer = world.ask(ask.admin()).await;
            answer.refuses(status, code);
            assert_eq!(answer.at("/errors/0/pointer"), pointer, "{body}: {answer:?}");
        }
    }
    for malformed in [
        "",
        "{",
        "{\"fields\": {\"title\": \"T\"}",
        "{'fields': {}}",
        "{\"fields\":{}}x",
        "\u{feff}{}",
        "NaN",
    ] {
        for (method, address) in [("POST", "/api/things"), ("PUT", &one), ("PATCH", &one)] {
            let ask = crate::app::ask(method, address)
                .with("content-type", "application/json")
                .with("if-match", "*");
            let answer = world.ask(ask.raw(malformed).admin()).await;
            assert_eq!(answer.status, 400, "{malformed}: {answer:?}");
            answer.is_problem();
        }
    }
    assert_eq!(world.dump(), before);
}

/// SonicJS keeps slugs apart among drafts alone, and with a look before the write: a public document
/// may share its slug with another's new one, and of two at once both may get it. Here an index
/// decides, for drafts and for what is public.
#[tokio::test]
async fn c12_no_two_public_documents_have_one_slug() {
    let world = World::new().await;
    let make = async |slug: &str, publish: bool| {
        let body = json!({"slug": slug, "publish": publish, "fields": {"title": slug}});
        world.ask(post("/api/things", body).admin()).await
    };
    let first = format!("/api/things/{}", make("old", true).await.at("/data/id"));
    world.done(patch(&first, "*", json!({"slug": "new"}))).await;
    // It is public as `old` still, and `new` once it is published: both are its own by now.
    make("new", false).await.refuses(409, "slug_taken");
    make("new", true).await.refuses(409, "slug_taken");
    make("old", true).await.refuses(409, "slug_taken");
    // A draft may wait for `old`. It shows on publishing that it is not free yet.
    let second = make("old", false).await;
    assert_eq!(second.status, 201, "{second:?}");
    let second = format!("/api/things/{}", second.at("/data/id"));
    let third = format!("/api/things/{}", make("third", true).await.at("/data/id"));
    let cases = vec![
        (step(&second, "publish").admin(), 409, "slug_taken"),
        (patch(&second, "*", json!({"publish": true, "fields": {"a": "x"}})).admin(), 409, "slug_taken"),
        (patch(&second, "*", json!({"slug": "new"})).admin(), 409, "slug_taken"),
        (patch(&third, "*", json!({"slug": "new"})).admin(), 409, "slug_taken"),
        (patch(&third, "*", json!({"slug": "old", "publish": true})).admin(), 409, "slug_taken"),
        (put(&third, "*", json!({"slug": "new", "fields": {"title": "t"}})).admin(), 409, "slug_taken"),
    ];
    check_refusals(&world, cases).await;
    let shown = async |slug: &str| world.ask(get(&format!("/api/things/slug/{slug}"))).await.status;
    assert_eq!([shown("old").await, shown("new").await, shown("third").await], [200, 404, 200]);
    world.done(step(&first, "publish")).await;
    world.done(step(&second, "publish")).await;
    assert_eq!([shown("old").await, shown("new").await, shown("third").await], [200, 200, 200]);
}

/// The race of the same: see [`c12_no_two_public_documents_have_one_slug`].
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c12_one_of_sixteen_gets_the_slug() {
    let world = Arc::new(World::new().await);
    for publish in [false, true] {
        let slug = format!("same-{publish}");
        let make =
            |_| post("/api/things", json!({"slug": slug, "publish": publish, "fields": {"title": "t"}}));
        let statuses = at_once(&world, (0..16).map(make).collect()).await;
        assert_eq!(statuses, [vec![201], vec![409; 15]].concat());
        assert_eq!(world.number("SELECT count(*) FROM documents"), 1 + i64::from(publish));
    }
    // A slug that is derived is anyone's wish, not anyone's word: each gets one of its own.
    let make = |_| post("/api/things", json!({"publish": true, "fields": {"title": "Wanted"}}));
    assert_eq!(at_once(&world, (0..16).map(make).collect()).await, [201; 16]);
    let sql = "SELECT count(DISTINCT slug) FROM documents WHERE slug LIKE 'wanted%'";
    assert_eq!(world.number(sql), 16);
}

/// SonicJS runs the hooks before a write for one request at a time and skips them for whoever comes
/// meanwhile. There are no hooks here; what must hold before a write is looked at for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c13_what_must_hold_before_a_write_is_looked_at_for_each() {
    let world = Arc::new(World::new().await);
    let id = world.make("things", json!({"fields": {"title": "T"}})).await;
    let before = world.dump();
    let bad = |n: usize| match n % 3 {
        0 => post("/api/things", json!({"fields": {"title": n}})),
        1 => patch(&format!("/api/things/{id}"), "*", json!({"fields": {"unheard": n}})),
        _ => put(&format!("/api/things/{id}"), "*", json!({"fields": {"price": "dear"}})),
    };
    assert_eq!(at_once(&world, (0..24).map(bad).collect()).await, [422; 24]);
    assert_eq!(world.dump(), before);
}

/// Restoring in SonicJS lays the old content over the new, so that what was added since stays; and a
/// condition that it doesn't know is ignored, so that everything is answered. Here a restore is what
/// was, and nobody gets more than they asked for.
#[tokio::test]
async fn c15_a_restore_replaces_and_no_condition_is_ignored() {
    let world = World::new().await;
    let old = json!({"title": "old", "a": "1", "spec": {"maker": "m"}});
    let one = world.publish("things", old.clone()).await;
    let new = json!({"title": "new", "b": "2", "tags": ["x"], "spec": {"labels": ["l"]}});
    world.done(put(&one, "*", json!({"publish": true, "fields": new}))).await;
    let restored =
        world.done(post(&format!("{one}/restore"), json!({"version": 1})).with("if-match", "*")).await;
    assert_eq!((&restored.json()["data"]["fields"], restored.at("/data/version")), (&old, "3".into()));
    world.done(step(&one, "publish")).await;
    assert_eq!(world.ask(get(&one)).await.json()["data"]["fields"], old);
    assert!(world.titles("/api/things?filter[tags]=x").await.is_empty(), "facets go with their values");
    let addresses = [
        "/api/things",
        "/api",
        "/api/things/slug/old",
        &one,
        &format!("{one}/versions"),
        &format!("{one}/referrers"),
        &format!("{one}/permissions"),
    ];
    let queries = [
        "where={\"and\":[]}",
        "where[title][equals]=x",
        "unheard=1",
        "Filter[title]=x",
        "filters[title]=x",
        "status=draft",
        "offset=1",
        "include=kin",
    ];
    for address in addresses {
        assert_eq!(world.ask(get(address).admin()).await.status, 200, "{address}");
        for query in queries {
            let asked = super::world::encoded(&format!("{address}?{query}"));
            world.ask(get(&asked).admin()).await.refuses(400, "unknown_parameter");
        }
    }
    let before = world.dump();
    let empty = || json!({"fields": {"title": "x"}});
    let writes = [
        post("/api/things?where=x", empty()),
        put(&format!("{one}?where=x"), "*", empty()),
        patch(&format!("{one}?where=x"), "*", empty()),
        crate::app::delete(&format!("{one}?where=x")),
        step(&one, "publish?where=x"),
        post(&format!("{one}/restore?where=x"), json!({"version": 1})).with("if-match", "*"),
    ];
    for write in writes {
        world.ask(write.admin()).await.refuses(400, "unknown_parameter");
    }
    assert_eq!(world.dump(), before);
}
