//! `GET /openapi.json`: who is told what. What it says is held against answers by the test app.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::api::app::{App, get, post, put};

/// The collections that a document has paths of.
async fn told(app: &App, is_admin: bool) -> Vec<String> {
    let asked = get("/openapi.json");
    let answer = app.ask(if is_admin { asked.admin() } else { asked }).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
    let json = answer.json();
    let paths = json["paths"].as_object().unwrap().keys();
    let named = paths.filter_map(|it| it.strip_prefix("/api/").filter(|it| !it.contains('/')));
    named.map(str::to_owned).collect()
}

#[tokio::test]
async fn only_what_the_caller_may_read_is_described() {
    let app = App::new().await;
    let open = ["authors", "categories", "comments", "inbox", "pages", "posts"];
    assert_eq!(told(&app, false).await, open);
    assert_eq!(told(&app, true).await, [&open[..], &["secrets"]].concat());
    let seen = app.ask(get("/openapi.json")).await;
    assert!(!seen.text().contains("secrets") && !seen.text().contains("rank"), "{seen:?}");
    // One document that is shown to everyone makes the collection known.
    let secret = app.make("secrets", json!({"publish": true, "fields": {"title": "S"}})).await;
    assert_eq!(told(&app, false).await, open);
    let shown = json!({"permissions": [{"principal": "public", "action": "read", "effect": "allow"}]});
    let permissions = format!("/api/secrets/{secret}/permissions");
    app.done(put(&permissions, "*", shown)).await;
    assert_eq!(told(&app, false).await, [&open[..], &["secrets"]].concat());
    app.done(put(&permissions, "*", json!({"permissions": []}))).await;
    assert_eq!(told(&app, false).await, open);
    assert_eq!(app.ask(get("/openapi.json")).await.header("etag"), seen.header("etag"));
}

#[tokio::test]
async fn it_takes_no_database_and_no_parameter() {
    let app = App::new().await;
    app.counted.reset();
    let first = app.ask(get("/openapi.json").admin()).await;
    let again = app.ask(get("/openapi.json").admin().with("if-none-match", first.header("etag"))).await;
    assert_eq!((first.status, again.status, again.body.len()), (200, 304, 0));
    assert_eq!(app.counted.counts().round_trips, 0);
    app.ask(get("/openapi.json?x=1")).await.refuses(400, "unknown_parameter");
    app.ask(post("/openapi.json", json!({})).admin()).await.refuses(405, "method_not_allowed");
    // Of what is described, nothing depends on what is there.
    app.readiness.store(false, Ordering::Release);
    assert_eq!(app.ask(get("/openapi.json").admin()).await.header("etag"), first.header("etag"));
}
