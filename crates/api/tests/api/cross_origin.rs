//! Pages of other sites.

use serde_json::json;

use super::app::{App, ask, get, post};

const ORIGIN: (&str, &str) = ("origin", "https://elsewhere.example");

#[tokio::test]
async fn other_sites_read_what_everyone_may() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let uri = format!("/api/authors/{author}");
    for address in [uri.as_str(), "/api/authors", "/api", "/openapi.json", "/api/nothing"] {
        let read = app.ask(get(address).with(ORIGIN.0, ORIGIN.1)).await;
        assert_eq!(read.header("access-control-allow-origin"), "*", "{address}");
        assert!(read.header("access-control-expose-headers").contains("ETag"), "{address}");
        let own = app.ask(get(address).with(ORIGIN.0, ORIGIN.1).admin()).await;
        assert_eq!(own.header("access-control-allow-origin"), "", "{address}");
    }
    let written =
        app.ask(post("/api/inbox", json!({"fields": {"text": "x"}})).with(ORIGIN.0, ORIGIN.1)).await;
    assert_eq!(written.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_preflight_is_for_reads() {
    let app = App::new().await;
    let preflight = |uri: &str, method: &str| {
        ask("OPTIONS", uri).with(ORIGIN.0, ORIGIN.1).with("access-control-request-method", method)
    };
    let read = app.ask(preflight("/api/posts", "GET")).await;
    assert_eq!((read.status, read.header("access-control-allow-methods")), (204, "GET, HEAD"));
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let answer = app.ask(preflight("/api/posts", method)).await;
        answer.refuses(405, "method_not_allowed");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method}");
    }
}
