//! Credentials and rights.

use serde_json::json;

use super::app::{App, SECRET, ask, get, post};

#[tokio::test]
async fn a_wrong_credential_is_never_the_public() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let routes = [
        "/health",
        "/ready",
        "/api",
        "/openapi.json",
        "/api/authors",
        "/api/nothing",
        "/nowhere",
        &format!("/api/authors/{author}"),
    ];
    let almost = format!("Bearer {}x", &SECRET[1..]);
    for route in routes {
        for wrong in ["Bearer wrong", "Basic YTpi", "Bearer", "", &almost] {
            let answer = app.ask(get(route).with("authorization", wrong)).await;
            answer.refuses(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{route}");
        }
    }
}

#[tokio::test]
async fn the_public_may_read_and_nothing_else() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let uri = format!("/api/authors/{author}");
    let before = app.dump();
    let json = json!({"fields": {"name": "Eve"}});
    let refused = [
        post("/api/authors", json.clone()),
        ask("PATCH", &uri).json(&json).with("if-match", "*"),
        ask("PUT", &uri).json(&json).with("if-match", "*"),
        ask("DELETE", &uri),
        ask("POST", &format!("{uri}/publish")),
        ask("POST", &format!("{uri}/unpublish")),
        ask("POST", &format!("{uri}/recover")),
        post(&format!("{uri}/restore"), json!({"version": 1})),
        get(&format!("{uri}/versions")),
        get(&format!("{uri}/versions/1")),
        get(&format!("{uri}?state=draft")),
        get(&format!("{uri}?state=trashed")),
        get("/api/authors?state=draft"),
        get("/api/authors/slug/ada?state=draft"),
        get("/api/authors/slug/nobody?state=draft"),
        get("/api/authors/x?state=draft"),
    ];
    for asked in refused {
        let answer = app.ask(asked).await;
        assert_eq!(answer.refuses(401, "unauthorized").header("www-authenticate"), "Bearer");
    }
    assert_eq!(app.dump(), before);
}

#[tokio::test]
async fn a_hidden_collection_is_nowhere() {
    let app = App::new().await;
    let secret = app.make("secrets", json!({"publish": true, "fields": {"title": "S"}})).await;
    let uri = format!("/api/secrets/{secret}");
    let json = json!({"fields": {"title": "T"}});
    let asked = [
        post("/api/secrets", json.clone()),
        ask("PATCH", &uri).json(&json),
        ask("PUT", &uri).json(&json),
        ask("DELETE", &uri),
        ask("DELETE", "/api/secrets"),
        ask("FOO", &uri),
        ask("POST", &format!("{uri}/publish")),
        post(&format!("{uri}/restore"), json!({"version": 1})),
        get(&format!("{uri}/publish")),
        get(&format!("{uri}/versions")),
        get("/api/secrets/slug/s"),
        post("/api/secrets/query", json!({})),
        get("/api/secrets/query"),
    ];
    for asked in asked {
        let twin = asked.uri.replace("secrets", "nothing");
        let method = asked.method.clone();
        let hidden = app.ask(asked).await;
        hidden.refuses(404, "not_found");
        assert!(!hidden.headers.contains_key("allow"), "{hidden:?}");
        let missing = app.ask(ask(&method, &twin)).await;
        assert_eq!(hidden.json()["detail"], missing.refuses(404, "not_found").json()["detail"]);
    }
}
