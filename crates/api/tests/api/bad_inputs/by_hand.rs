//! What a case says in prose, as a check.

use serde_json::json;

use super::{
    super::app::{Answer, App, Setup, ask, get, post},
    bodies::Generated,
    case::{Case, World},
};

/// Makes the world that a case speaks of.
pub(crate) async fn before(case: &Case, world: &World) {
    match case.id.as_str() {
        "cache-001" => {
            world.app.done(get("/api/posts?state=draft")).await;
            world.app.done(get("/api/posts")).await;
        }
        "cache-025" => {
            let uri = world.named("/api/posts/{doc}");
            assert_eq!(world.app.ask(get(&uri)).await.status, 200);
            world.app.done(ask("POST", &format!("{uri}/unpublish"))).await;
        }
        "abuse-045" => drop(world.app.counted.reset()),
        _ => {}
    }
}

/// Looks at what a case leaves behind.
pub(crate) async fn after(case: &Case, world: &World, answers: &[Answer]) {
    let answer = &answers[0];
    match case.id.as_str() {
        "query-017" => assert!(answer.each("/id").is_empty(), "{answer:?}"),
        "json-006" => longer_bodies_end_at_the_row().await,
        "json-009" => assert_eq!(answer.header("connection"), "close"),
        "json-040" => {
            let mut statuses: Vec<_> = answers.iter().map(|it| it.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [vec![201], vec![409; 19]].concat());
        }
        "cache-001" => {
            assert_eq!(answer.each("/slug"), ["a-post", "another-post"]);
            assert_eq!(answer.header("cache-control"), "public, no-cache");
        }
        "cache-017" => {
            assert_eq!(answer.header("cache-control"), "no-store");
            world.app.make("pages", json!({"slug": "late", "publish": true, "fields": {}})).await;
            assert_eq!(world.app.ask(get("/api/pages/slug/late")).await.status, 200);
        }
        "cache-020" => {
            assert!(answer.body.is_empty());
            assert_eq!(world.app.ask(get("/api/posts")).await.each("/id").len(), 2);
        }
        "cache-021" | "cache-022" => {
            assert!(!answer.headers.contains_key("set-cookie"));
            assert_eq!(answer.header("cache-control"), "private, no-store");
        }
        id if id.starts_with("cache-0") && answer.status == 200 => {
            let plain = world.app.ask(get("/api/posts")).await;
            assert_eq!((plain.status, &plain.body), (200, &answer.body), "{id}");
            assert_eq!(plain.header("etag"), answer.header("etag"), "{id}");
        }
        "abuse-009" | "abuse-010" => assert_eq!(answer.header("allow"), "GET,HEAD,POST"),
        "abuse-045" => {
            assert_eq!((world.app.counted.counts().round_trips, answer.text()), (0, r#"{"status":"ok"}"#));
        }
        "abuse-018" | "abuse-019" | "abuse-020" | "abuse-021" | "abuse-022" | "abuse-025" | "abuse-030" => {
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(Some(answer.at("/data/fields/body")), case.body_text());
        }
        _ => {}
    }
}

/// Where longer bodies are taken, a document ends where the storage does.
async fn longer_bodies_end_at_the_row() {
    let app = App::with(Setup { body_limit: 8 * 1024 * 1024, ..Setup::default() }).await;
    let author = app.author("An author").await;
    let before = app.dump();
    let body = Generated::FieldOf { field: "body".to_owned(), char: '漢', len: 800_000 }.body(&author);
    let asked = ask("POST", "/api/posts").with("content-type", "application/json").raw(body);
    app.ask(asked.admin()).await.refuses(413, "row_too_large");
    assert_eq!(app.dump(), before);
    let fields = json!({"title": "x", "body": "漢".repeat(400_000), "author": author});
    assert_eq!(app.ask(post("/api/posts", json!({ "fields": fields })).admin()).await.status, 201);
}
