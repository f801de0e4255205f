//! `POST /api/{collection}`.

use serde_json::json;

use super::app::{App, Ask, ask, check_refusals, get, post};

#[tokio::test]
async fn a_document_is_made() {
    let app = App::new().await;
    let made = app.done(post("/api/categories", json!({"fields": {"name": "Zürich & Umland"}}))).await;
    let id = made.at("/data/id");
    assert_eq!((made.status, made.at("/data/slug")), (201, "zurich-umland".to_owned()));
    assert_eq!(made.header("location"), format!("/api/categories/{id}"));
    assert!(made.header("etag").starts_with("\"r1-"), "{made:?}");
    assert!(!made.header("stratus-bookmark").is_empty());
    assert_eq!(made.header("cache-control"), "private, no-store");
    assert_eq!((made.at("/data/status"), made.at("/data/publishedAt")), ("draft".into(), "null".into()));
    let read = app.done(get(&format!("/api/categories/{id}?state=draft"))).await;
    assert_eq!((read.text(), read.header("etag")), (made.text(), made.header("etag")));
    let twin = app.done(post("/api/categories", json!({"fields": {"name": "Zürich & Umland"}}))).await;
    assert_eq!(twin.at("/data/slug"), "zurich-umland-2");
    let public = app.done(post("/api/categories", json!({"publish": true, "fields": {"name": "P"}}))).await;
    assert_eq!(public.at("/data/status"), "published");
    assert_eq!(public.at("/data/publishedAt"), public.at("/data/createdAt"));
    let nameless = app.done(post("/api/pages", json!({}))).await;
    assert_eq!((nameless.at("/data/slug"), nameless.at("/data/fields")), ("null".into(), "{}".into()));
}

#[tokio::test]
async fn the_public_makes_what_it_may() {
    let app = App::new().await;
    let made = app.ask(post("/api/inbox", json!({"fields": {"text": "hello"}}))).await;
    assert_eq!((made.status, made.at("/data/fields")), (201, r#"{"text":"hello"}"#.to_owned()));
    let uri = format!("/api/inbox/{}", made.at("/data/id"));
    app.ask(get(&uri)).await.refuses(404, "not_found");
    app.ask(get(&format!("{uri}?state=draft"))).await.refuses(401, "unauthorized");
    let window = json!({"publishAt": "2030-01-01T00:00:00Z", "fields": {"text": "x"}});
    for body in [json!({"publish": true, "fields": {"text": "x"}}), window] {
        app.ask(post("/api/inbox", body)).await.refuses(401, "unauthorized");
    }
}

#[tokio::test]
async fn bodies_are_refused_with_their_places() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let post_of = |extra: serde_json::Value| {
        let mut fields = json!({"title": "t", "body": "b", "author": author});
        for (name, value) in extra.as_object().unwrap() {
            fields[name] = value.clone();
        }
        json!({ "fields": fields })
    };
    let gone = "01890000-0000-7000-8000-000000000000";
    let cases = [
        (json!({"fields": {"name": "x"}, "title": "x"}), "categories", 400, "/title"),
        (json!({"fields": {"name": 1}}), "categories", 422, "/fields/name"),
        (json!({"fields": {}}), "categories", 422, "/fields/name"),
        (json!({}), "categories", 422, "/fields/name"),
        (json!({"fields": {"name": "x", "a~/b": 1}}), "categories", 422, "/fields/a~0~1b"),
        (json!({"slug": "No Slug", "fields": {"name": "x"}}), "categories", 422, "/slug"),
        (json!({"slug": 1, "fields": {"name": "x"}}), "categories", 422, "/slug"),
        (json!({"locale": "E_N", "fields": {"name": "x"}}), "categories", 422, "/locale"),
        (json!({"publishAt": "soon", "fields": {"name": "x"}}), "categories", 422, "/publishAt"),
        (json!({"parent": "x", "fields": {"name": "x"}}), "categories", 422, "/parent"),
        (json!({"parent": gone, "fields": {"name": "x"}}), "categories", 422, "/parent"),
        (json!({"fields": {"seo": {"title": "longer"}}}), "pages", 422, "/fields/seo/title"),
        (post_of(json!({"author": gone})), "posts", 422, "/fields/author"),
        (post_of(json!({"tags": ["a", "a"]})), "posts", 422, "/fields/tags/1"),
        (post_of(json!({"cover": "javascript:alert(1)"})), "posts", 422, "/fields/cover"),
        (post_of(json!({"title": "a\0b"})), "posts", 422, "/fields/title"),
    ];
    for (body, collection, status, pointer) in cases {
        let code = if status == 400 { "unknown_member" } else { "validation_failed" };
        let before = app.dump();
        let answer = app.ask(post(&format!("/api/{collection}"), body).admin()).await;
        answer.refuses(status, code);
        assert_eq!(answer.at("/errors/0/pointer"), pointer, "{answer:?}");
        assert_eq!(app.dump(), before, "{answer:?}");
    }
    let both = json!({
        "slug": "No", "expireAt": "2020-01-01T00:00:00Z", "publishAt": "2021-01-01T00:00:00Z", "fields": {}
    });
    let answer = app.ask(post("/api/categories", both).admin()).await;
    let pointers: Vec<_> = (0..3).map(|at| answer.at(&format!("/errors/{at}/pointer"))).collect();
    assert_eq!(pointers, ["/slug", "/expireAt", "/fields/name"]);
}

#[tokio::test]
async fn refusals_come_in_their_order() {
    let app = App::new().await;
    let broken = |uri: &str| ask("POST", uri).with("content-type", "application/json").raw("{");
    let json =
        |uri: &str, text: &'static str| ask("POST", uri).with("content-type", "application/json").raw(text);
    let cases: Vec<(Ask, u16, &str)> = vec![
        (broken("/api/nothing"), 404, "not_found"),
        (broken("/api/secrets"), 404, "not_found"),
        (broken("/api/posts"), 401, "unauthorized"),
        (ask("POST", "/api/posts?x=1").raw("{").admin(), 400, "unknown_parameter"),
        (ask("POST", "/api/posts").raw("{").admin(), 415, "unsupported_media_type"),
        (broken("/api/posts").admin(), 400, "malformed_json"),
        (json("/api/posts", r#"{"fields":{},"fields":{}}"#).admin(), 400, "duplicate_key"),
        (json("/api/posts", "[]").admin(), 400, "bad_request"),
        (json("/api/posts", r#"{"x":1,"slug":1}"#).admin(), 400, "unknown_member"),
        (json("/api/posts", r#"{"slug":1}"#).admin(), 422, "validation_failed"),
        (json("/api/posts", "{}").admin(), 422, "validation_failed"),
    ];
    check_refusals(&app, cases).await;
}

#[tokio::test]
async fn what_is_taken_is_409() {
    let app = App::new().await;
    app.make("pages", json!({"slug": "a", "fields": {"code": "x"}})).await;
    let slug = app.ask(post("/api/pages", json!({"slug": "a", "fields": {}})).admin()).await;
    assert_eq!(slug.refuses(409, "slug_taken").at("/errors/0/pointer"), "/slug");
    let code = app.ask(post("/api/pages", json!({"slug": "b", "fields": {"code": "x"}})).admin()).await;
    assert_eq!(code.refuses(409, "not_unique").at("/errors/0/pointer"), "/fields/code");
    app.make("pages", json!({"slug": "a", "locale": "pl", "fields": {"code": "x"}})).await;
}

#[tokio::test]
async fn a_body_is_as_long_as_it_may_be() {
    let app = App::with(super::app::Setup { body_limit: 200, ..Default::default() }).await;
    let body = |length: usize| {
        let text = json!({"fields": {"title": ""}}).to_string();
        let padding = length - text.len();
        text.replace("\"\"", &format!("\"{}\"", "x".repeat(padding)))
    };
    let ask =
        |length| ask("POST", "/api/pages").with("content-type", "application/json").raw(body(length)).admin();
    assert_eq!(app.ask(ask(200)).await.status, 201);
    app.ask(ask(201)).await.refuses(413, "payload_too_large");
}
