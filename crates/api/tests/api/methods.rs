//! Methods that there are, and `HEAD`; what is alive and ready.

use std::sync::atomic::Ordering;

use serde_json::json;
use stratus_storage::Error;
use stratus_testkit::Fault;

use super::app::{App, ask, get, post};

#[tokio::test]
async fn other_methods_are_405_and_named() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let id = format!("/api/authors/{author}");
    let routes = [
        ("/health".to_owned(), "GET,HEAD"),
        ("/ready".to_owned(), "GET,HEAD"),
        ("/api".to_owned(), "GET,HEAD"),
        ("/openapi.json".to_owned(), "GET,HEAD"),
        ("/batch".to_owned(), "POST"),
        ("/api/authors".to_owned(), "GET,HEAD,POST"),
        ("/api/authors/query".to_owned(), "POST"),
        ("/api/authors/slug/ada".to_owned(), "GET,HEAD"),
        (id.clone(), "GET,HEAD,PATCH,PUT,DELETE"),
        (format!("{id}/publish"), "POST"),
        (format!("{id}/unpublish"), "POST"),
        (format!("{id}/recover"), "POST"),
        (format!("{id}/restore"), "POST"),
        (format!("{id}/erase"), "POST"),
        (format!("{id}/duplicate"), "POST"),
        (format!("{id}/translations"), "GET,HEAD"),
        (format!("{id}/versions"), "GET,HEAD"),
        (format!("{id}/versions/1"), "GET,HEAD"),
        (format!("{id}/referrers"), "GET,HEAD"),
    ];
    for (uri, allowed) in routes {
        for method in ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO", "get"] {
            if allowed.split(',').any(|it| it == method) {
                continue;
            }
            let answer = app.ask(ask(method, &uri)).await;
            answer.refuses(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), allowed, "{method} {uri}");
        }
    }
    let overridden = ask("POST", &id).with("x-http-method-override", "DELETE").admin();
    app.ask(overridden).await.refuses(405, "method_not_allowed");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let id = format!("/api/authors/{author}");
    let tag = app.ask(get(&id)).await.header("etag").to_owned();
    for uri in [
        &id,
        "/api/authors",
        "/api/authors/slug/ada",
        "/api",
        "/openapi.json",
        "/health",
        "/ready",
        "/api/nothing",
        "/api/authors?limit=0",
    ] {
        for known in ["", tag.as_str()] {
            let asked = |method: &str| {
                let asked = ask(method, uri);
                if known.is_empty() { asked } else { asked.with("if-none-match", known) }
            };
            let (read, head) = (app.ask(asked("GET")).await, app.ask(asked("HEAD")).await);
            assert_eq!((head.status, head.body.len()), (read.status, 0), "{uri}");
            for (name, value) in &read.headers {
                // Problems carry the id of the request, but are of one length.
                let is_new = name == "x-request-id";
                assert!(is_new || head.headers.get(name) == Some(value), "{name} of {uri}");
            }
            if read.status == 200 {
                assert_eq!(head.header("content-length"), read.body.len().to_string(), "{uri}");
            }
        }
    }
}

#[tokio::test]
async fn alive_and_ready() {
    let app = App::new().await;
    let health = app.ask(get("/health")).await;
    assert_eq!((health.status, health.text()), (200, r#"{"status":"ok"}"#));
    let ready = app.ask(get("/ready")).await;
    assert_eq!((ready.status, ready.text()), (200, r#"{"status":"ready"}"#));
    app.faulty.then(Fault::Fail(Error::Unavailable { reason: "gone".to_owned() }));
    app.ask(get("/ready")).await.refuses(503, "unavailable");
    app.readiness.store(false, Ordering::Release);
    let waiting = app.ask(get("/ready")).await;
    assert_eq!(waiting.refuses(503, "unavailable").header("retry-after"), "1");
    assert_eq!(app.ask(get("/health")).await.status, 200);
}

#[tokio::test]
async fn a_program_says_that_time_is_over() {
    let app = App::new().await;
    let entropy = stratus_testkit::SeededEntropy::new(1);
    let answer = stratus_api::timeout_response(&*app.clock, &entropy);
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (503.try_into().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn content_types_of_writes() {
    let app = App::new().await;
    let cases = [
        ("application/json", 201),
        ("application/merge-patch+json", 201),
        ("application/vnd.api+json; charset=utf-8", 201),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ];
    for (kind, status) in cases {
        let body = json!({"fields": {}}).to_string();
        let answer = app.ask(ask("POST", "/api/pages").with("content-type", kind).raw(body).admin()).await;
        assert_eq!(answer.status, status, "{kind}");
    }
    let encoded = post("/api/pages", json!({"fields": {}})).with("content-encoding", "gzip").admin();
    app.ask(encoded).await.refuses(415, "content_encoding");
}
