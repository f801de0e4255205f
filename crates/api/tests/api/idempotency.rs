//! `Idempotency-Key`: a write is done once, however often it is asked for.

use std::sync::Arc;

use serde_json::json;
use stratus_storage::Error;
use stratus_testkit::Fault;

use super::app::{
    Answer, App, Ask, NOW, Setup, copied, definitions, delete, get, patch, post, prepared, put,
};

const DAY: i64 = 86_400_000;

impl Ask {
    fn under(self, key: &str) -> Self {
        self.with("idempotency-key", key)
    }
}

/// Checks that an answer is another one again, byte for byte.
#[track_caller]
fn assert_again(first: &Answer, again: &Answer) {
    assert_eq!(again.header("idempotency-replayed"), "true", "{again:?}");
    assert!(!first.headers.contains_key("idempotency-replayed"), "{first:?}");
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    for name in ["etag", "location", "content-type", "cache-control", "stratus-bookmark"] {
        assert_eq!(again.headers.get(name), first.headers.get(name), "{name} of {again:?}");
    }
}

async fn count(app: &App, table: &str) -> usize {
    app.dump()[table].len()
}

#[tokio::test]
async fn every_write_is_done_once() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let fields = json!({"title": "On engines", "body": "b", "author": author});
    let taken = app.post("On engines", &author).await;
    let made = async |n: usize| {
        let ask = || post("/api/posts", json!({"fields": fields})).admin().under(&format!("made-{n}"));
        let (first, again) = (app.ask(ask()).await, app.ask(ask()).await);
        assert_eq!(first.status, 201, "{first:?}");
        // It was found in the statement that wrote it.
        assert_eq!(first.at("/data/slug"), format!("on-engines-{}", n + 2));
        assert_again(&first, &again);
        first.at("/data/id")
    };
    let id = made(0).await;
    let other = made(1).await;
    assert_ne!(id, other);
    let uri = format!("/api/posts/{id}");
    let asks: Vec<Box<dyn Fn() -> Ask>> = vec![
        Box::new(|| patch(&uri, "\"r1\"", json!({"fields": {"title": "Two"}}))),
        Box::new(|| post(&format!("{uri}/publish"), json!({}))),
        Box::new(|| super::app::ask("POST", &format!("{uri}/unpublish"))),
        Box::new(|| post(&format!("{uri}/duplicate"), json!({"fields": {"title": "Copy"}}))),
        Box::new(|| post(&format!("{uri}/restore"), json!({"version": 1})).with("if-match", "*")),
        // Nothing is left to do, and that is an answer as well.
        Box::new(|| post(&format!("{uri}/unpublish"), json!({}))),
        Box::new(|| patch(&uri, "*", json!({}))),
    ];
    for (n, ask) in asks.iter().enumerate() {
        let before = count(&app, "events").await;
        let first = app.ask(ask().admin().under(&format!("\"key-{n}\""))).await;
        assert!(first.status < 300, "{first:?}");
        let written = count(&app, "events").await;
        assert!(written <= before + 1);
        // With and without quotes it is the same key.
        let again = app.ask(ask().admin().under(&format!("key-{n}"))).await;
        assert_again(&first, &again);
        assert_eq!(count(&app, "events").await, written, "{again:?}");
    }
    app.done(delete(&uri)).await;
    let recover = || post(&format!("{uri}/recover"), json!({})).admin().under("recover");
    assert_again(&app.ask(recover()).await, &app.ask(recover()).await);
    let erase = || post(&format!("{uri}/erase"), json!({})).admin().under("erase");
    let (first, again) = (app.ask(erase()).await, app.ask(erase()).await);
    assert_eq!((first.status, first.text()), (204, ""));
    assert_again(&first, &again);
    app.done(get(&format!("/api/posts/{taken}"))).await;
}

#[tokio::test]
async fn what_is_asked_again_is_the_past() {
    let app = App::new().await;
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let publish = || post(&format!("{uri}/publish"), json!({})).admin().under("p");
    let first = app.ask(publish()).await;
    app.done(post(&format!("{uri}/unpublish"), json!({}))).await;
    assert_again(&first, &app.ask(publish()).await);
    assert_eq!(app.done(get(&format!("{uri}?state=draft"))).await.at("/data/status"), "draft");
    // In the trash as well.
    app.done(delete(&uri)).await;
    assert_again(&first, &app.ask(publish()).await);
    // What it wrote is seen by whoever reads with the bookmark.
    let bookmark = app.ask(publish()).await.header("stratus-bookmark").to_owned();
    assert!(!bookmark.is_empty());
    app.done(post(&format!("{uri}/recover"), json!({}))).await;
    app.done(get(&format!("{uri}?state=draft")).with("stratus-bookmark", &bookmark)).await;
}

#[tokio::test]
async fn another_request_under_a_key_is_a_mistake() {
    let app = App::new().await;
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let body = || json!({"slug": "a", "fields": {"title": "A", "kind": "b"}});
    app.done(post("/api/pages", body()).under("k")).await;
    let reordered = r#"{ "fields": {"kind":"b", "title":"A"}, "slug":"a" }"#;
    let again = post("/api/pages", body()).raw(reordered).admin().under("k");
    assert_eq!(app.ask(again).await.header("idempotency-replayed"), "true");
    let before = app.dump();
    for other in [
        post("/api/pages", json!({"slug": "a", "fields": {"title": "B"}})),
        post("/api/pages", json!({"slug": "a", "fields": {"title": "A", "kind": "b"}, "publish": false})),
        post("/api/inbox", body()).raw(r#"{"fields": {"text": "t"}}"#),
        post(&format!("{uri}/publish"), json!({})),
        patch(&uri, "*", body()),
        patch(&uri, "\"r1\"", body()),
    ] {
        app.ask(other.admin().under("k")).await.refuses(422, "idempotency_mismatch");
    }
    assert_eq!(app.dump(), before);
    // What it is meant for is part of what was asked.
    app.done(patch(&uri, "*", json!({"fields": {"title": "U"}})).under("m")).await;
    let other = patch(&uri, "\"r1\"", json!({"fields": {"title": "U"}})).admin().under("m");
    app.ask(other).await.refuses(422, "idempotency_mismatch");
}

#[tokio::test]
async fn keys_are_a_callers_own_and_last_a_day() {
    let app = App::new().await;
    let ask = |text: &str| post("/api/inbox", json!({"fields": {"text": text}})).under("k");
    let nobodys = app.ask(ask("one")).await;
    assert_eq!(nobodys.status, 201, "{nobodys:?}");
    let admins = app.ask(ask("two").admin()).await;
    assert_eq!(admins.status, 201, "{admins:?}");
    assert_again(&nobodys, &app.ask(ask("one")).await);
    assert_again(&admins, &app.ask(ask("two").admin()).await);
    app.clock.set(NOW + DAY - 1_000);
    assert_again(&nobodys, &app.ask(ask("one")).await);
    app.clock.set(NOW + DAY + 1_000);
    // It stands for nothing by now, not even for a mistake.
    let later = app.ask(ask("three")).await;
    assert_eq!((later.status, later.header("idempotency-replayed")), (201, ""));
    assert_again(&later, &app.ask(ask("three")).await);
    assert_eq!(count(&app, "idempotency_keys").await, 2);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let app = App::new().await;
    let ask = || post("/api/pages", json!({"slug": "a", "fields": {"title": "A"}})).admin().under("k");
    let taken = app.make("pages", json!({"slug": "a", "fields": {}})).await;
    app.ask(ask()).await.refuses(409, "slug_taken");
    app.ask(post("/api/pages", json!({"fields": {"no": 1}})).admin().under("k"))
        .await
        .refuses(422, "validation_failed");
    app.ask(post("/api/pages", json!({"x": 1})).admin().under("k")).await.refuses(400, "unknown_member");
    app.ask(patch("/api/pages/no", "*", json!({})).admin().under("k")).await.refuses(404, "not_found");
    assert_eq!(count(&app, "idempotency_keys").await, 0);
    app.done(delete(&format!("/api/pages/{taken}"))).await;
    let first = app.ask(ask()).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_again(&first, &app.ask(ask()).await);
}

#[tokio::test]
async fn malformed_keys_are_refused_where_they_mean_something() {
    let app = App::new().await;
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let long = "k".repeat(256);
    for key in ["", "\"\"", "\"a", "a b", "a, b", long.as_str()] {
        app.ask(post("/api/pages", json!({"fields": {}})).admin().under(key))
            .await
            .refuses(400, "invalid_header");
        app.ask(patch(&uri, "*", json!({})).admin().under(key)).await.refuses(400, "invalid_header");
        app.ask(post(&format!("{uri}/publish"), json!({})).admin().under(key))
            .await
            .refuses(400, "invalid_header");
        app.done(get(&format!("{uri}?state=draft")).under(key)).await;
        app.done(put(&uri, "*", json!({"fields": {"title": "T"}})).under(key)).await;
    }
    let twice = post("/api/pages", json!({"fields": {}})).admin().under("a").under("a");
    app.ask(twice).await.refuses(400, "invalid_header");
    // There it means nothing.
    app.done(put(&uri, "*", json!({"fields": {"title": "U"}})).under("k")).await;
    app.done(delete(&uri).under("k")).await;
    assert_eq!(count(&app, "idempotency_keys").await, 0);
}

/// The address of a page that the public may update.
async fn page_of_everyone(app: &App) -> String {
    let id = app.make("pages", json!({"publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let allow = json!({"permissions": [{"principal": "public", "action": "update", "effect": "allow"}]});
    app.done(put(&format!("{uri}/permissions"), "*", allow)).await;
    uri
}

#[tokio::test]
async fn rights_come_before_what_was_kept() {
    let app = App::new().await;
    let uri = page_of_everyone(&app).await;
    let ask = || patch(&uri, "*", json!({"fields": {"title": "U"}})).under("k");
    let first = app.ask(ask()).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_again(&first, &app.ask(ask()).await);
    app.done(put(&format!("{uri}/permissions"), "*", json!({"permissions": []}))).await;
    app.ask(ask()).await.refuses(401, "unauthorized");
}

#[tokio::test]
async fn what_is_in_the_trash_is_told_to_those_who_may_recover_it() {
    let app = App::new().await;
    let uri = page_of_everyone(&app).await;
    let ask = || patch(&uri, "*", json!({"fields": {"title": "U"}})).under("k");
    let (first, of_admin) = (app.ask(ask()).await, app.ask(ask().admin()).await);
    assert_eq!((first.status, of_admin.status), (200, 200), "{first:?}");
    app.done(delete(&uri)).await;
    app.ask(ask()).await.refuses(404, "not_found");
    assert_again(&of_admin, &app.ask(ask().admin()).await);
}

#[tokio::test]
async fn what_is_erased_is_not_told_again() {
    let app = App::new().await;
    let ask = || post("/api/pages", json!({"slug": "a", "fields": {"title": "Secret"}})).admin().under("k");
    let first = app.ask(ask()).await;
    let uri = format!("/api/pages/{}", first.at("/data/id"));
    app.done(post(&format!("{uri}/erase"), json!({}))).await;
    let again = app.ask(ask()).await;
    again.refuses(409, "answer_not_kept");
    assert!(!app.dump().values().flatten().any(|row| row.contains("Secret")));
    assert_eq!(count(&app, "documents").await, 0);
}

#[tokio::test]
async fn what_is_private_by_now_is_not_told_again() {
    let template = prepared(definitions()).await;
    let folder = copied(&template);
    let ask = || post("/api/pages", json!({"fields": {"title": "Secret"}})).admin().under("k");
    let database = super::app::open(folder.path());
    let app = App::over(Arc::clone(&folder), database, definitions(), Setup::default());
    let first = app.ask(ask()).await;
    assert_again(&first, &app.ask(ask()).await);
    let mut changed = definitions();
    let pages = changed.iter_mut().find(|it| it.name == "pages").unwrap();
    pages.fields.get_mut("title").unwrap()["private"] = json!(true);
    let app = App::over(Arc::clone(&folder), super::app::open(folder.path()), changed, Setup::default());
    let again = app.ask(ask()).await;
    again.refuses(409, "answer_not_kept");
    assert!(!again.text().contains("Secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_is_done() {
    let folder = copied(&prepared(definitions()).await);
    // Two programs over one file, as far as they know.
    let app = || {
        let database = super::app::open(folder.path());
        Arc::new(App::over(Arc::clone(&folder), database, definitions(), Setup::default()))
    };
    let apps = [app(), app()];
    // Both count up from one seed; at other times they mint other ids.
    apps[1].clock.set(NOW + 1_000_000);
    let id = apps[0].make("pages", json!({"fields": {"title": "T"}})).await;
    let asks: [Box<dyn Fn() -> Ask>; 4] = [
        Box::new(|| post("/api/pages", json!({"slug": "s", "fields": {"title": "A"}}))),
        Box::new(|| post("/api/authors", json!({"fields": {"name": "Ada"}}))),
        Box::new(|| patch(&format!("/api/pages/{id}"), "*", json!({"fields": {"title": "U"}}))),
        Box::new(|| patch(&format!("/api/pages/{id}"), "\"r2\"", json!({"fields": {"title": "V"}}))),
    ];
    for (n, ask) in asks.iter().enumerate() {
        let before = count(&apps[0], "events").await;
        let tasks: Vec<_> = (0..16)
            .map(|at| {
                let app = Arc::clone(&apps[at % 2]);
                let ask = ask().admin().under(&format!("k{n}"));
                tokio::spawn(async move { app.ask(ask).await })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers.sort_by_key(|it| it.headers.contains_key("idempotency-replayed"));
        assert!(answers[0].status < 300, "{:?}", answers[0]);
        answers[1..].iter().for_each(|it| assert_again(&answers[0], it));
        assert_eq!(count(&apps[0], "events").await, before + 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_under_a_key() {
    let app = App::new().await;
    let make = || post("/api/authors", json!({"fields": {"name": "Ada"}})).admin().under("make");
    // The look goes through; the write is committed, and nobody hears of it.
    app.faulty.then(Fault::Pass).then(Fault::LoseAnswer);
    let first = app.ask(make()).await;
    assert_eq!((first.status, first.at("/data/slug").as_str()), (201, "ada"), "{first:?}");
    assert_again(&first, &app.ask(make()).await);
    let uri = format!("/api/authors/{}", first.at("/data/id"));
    // A write of nothing but the key.
    let same = || patch(&uri, "*", json!({})).admin().under("same");
    app.faulty.then(Fault::Pass).then(Fault::LoseAnswer);
    let first = app.ask(same()).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_again(&first, &app.ask(same()).await);
    // Nobody knows, until the client asks once more.
    let publish = || post(&format!("{uri}/publish"), json!({})).admin().under("publish");
    app.faulty.then(Fault::Pass).then(Fault::LoseAnswer).then(Fault::LoseAnswer);
    app.ask(publish()).await.refuses(503, "unavailable");
    let again = app.ask(publish()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    assert_eq!(again.at("/data/status"), "published");
    // It never got there: nothing is kept.
    let patched = || patch(&uri, "*", json!({"fields": {"name": "Eve"}})).admin().under("patched");
    let lost = || Error::OutcomeUnknown { reason: "lost".into() };
    app.faulty.then(Fault::Pass).then(Fault::Fail(lost()));
    app.ask(patched()).await.refuses(503, "unavailable");
    let first = app.ask(patched()).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, ""));
    assert_again(&first, &app.ask(patched()).await);
}
