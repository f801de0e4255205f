//! `GET` and `PUT …/permissions`, and what they do to everyone else.

use serde_json::{Value, json};

use super::app::{App, get, put};

fn body(entries: &[(&str, &str, &str)]) -> Value {
    let entries = entries.iter().map(
        |(principal, action, effect)| json!({ "principal": principal, "action": action, "effect": effect }),
    );
    json!({ "permissions": entries.collect::<Vec<_>>() })
}

#[tokio::test]
async fn what_is_put_is_what_is_got() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}/permissions");
    let none = app.done(get(&uri)).await;
    assert_eq!(none.json(), json!({"data": {"permissions": []}}));

    let entries = body(&[("public", "read", "deny"), ("user:u", "update", "allow")]);
    let written = app.done(put(&uri, none.header("etag"), entries.clone())).await;
    assert_eq!(written.json()["data"], entries);
    assert!(written.header("etag").starts_with("\"r2-") && !written.header("stratus-bookmark").is_empty());
    let read = app.done(get(&uri)).await;
    assert_eq!((read.json(), read.header("etag")), (written.json(), written.header("etag")));
    assert_eq!(read.header("cache-control"), "private, no-store");
    let known = app.ask(get(&uri).admin().with("if-none-match", read.header("etag"))).await;
    assert_eq!(known.status, 304);
    app.ask(put(&uri, none.header("etag"), body(&[])).admin()).await.refuses(412, "stale_revision");
    // The tag of the document says the same revision.
    let head = app.done(get(&format!("/api/pages/{id}?state=draft"))).await;
    assert!(head.header("etag").starts_with("\"r2-"));
}

#[tokio::test]
async fn a_deny_on_the_public_takes_a_document_from_it() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let (one, slug) = (format!("/api/pages/{id}"), "/api/pages/slug/a".to_owned());
    let permissions = format!("{one}/permissions");
    let warm = app.ask(get(&one)).await.header("etag").to_owned();
    app.done(put(&permissions, "*", body(&[("public", "read", "deny")]))).await;
    app.ask(get(&one).with("if-none-match", &warm)).await.refuses(404, "not_found");
    app.ask(get(&slug)).await.refuses(404, "not_found");
    assert!(app.ask(get("/api/pages")).await.each("id").is_empty());
    assert_eq!(app.done(get(&one)).await.status, 200);
    app.done(put(&permissions, "*", body(&[]))).await;
    assert_eq!(app.ask(get(&one)).await.status, 200);
}

#[tokio::test]
async fn malformed_permissions_change_nothing() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}/permissions");
    app.ask(get(&uri)).await.refuses(401, "unauthorized");
    app.ask(put(&uri, "*", body(&[]))).await.refuses(401, "unauthorized");
    let before = app.dump();
    let check = async |body: Value, status: u16, code: &str, pointer: &str| {
        let answer = app.ask(put(&uri, "*", body).admin()).await;
        answer.refuses(status, code);
        assert_eq!(answer.at("/errors/0/pointer"), pointer, "{answer:?}");
    };
    let entry = |principal: Value| json!({"permissions": [{"principal": principal, "action": "read", "effect": "deny"}]});
    check(json!({}), 422, "validation_failed", "/permissions").await;
    check(json!({"permissions": {}}), 422, "validation_failed", "/permissions").await;
    check(json!({"permissions": [1]}), 422, "validation_failed", "/permissions/0").await;
    check(json!({"permissions": [], "x": 1}), 400, "unknown_member", "/x").await;
    check(entry(json!("everyone")), 422, "validation_failed", "/permissions/0/principal").await;
    check(entry(json!("user:' OR 1=1")), 422, "validation_failed", "/permissions/0/principal").await;
    check(entry(json!(7)), 422, "validation_failed", "/permissions/0/principal").await;
    let entry = |action, effect| json!({"permissions": [{"principal": "public", "action": action, "effect": effect}]});
    check(entry("eat", "deny"), 422, "validation_failed", "/permissions/0/action").await;
    check(entry("read", "maybe"), 422, "validation_failed", "/permissions/0/effect").await;
    let twice = body(&[("public", "read", "deny"), ("public", "read", "allow")]);
    check(twice, 422, "validation_failed", "/permissions/1").await;
    let many: Vec<_> = (0..201)
        .map(|n| json!({"principal": format!("user:{n}"), "action": "read", "effect": "allow"}))
        .collect();
    check(json!({ "permissions": many }), 422, "validation_failed", "/permissions").await;
    assert_eq!(app.dump(), before);
    app.ask(get(&format!("/api/pages/{}/permissions", "nothing")).admin()).await.refuses(404, "not_found");
}
