//! Hosts and their tenants.

use serde_json::json;
use stratus_api::Tenants;

use super::app::{App, Setup, get, post};

async fn two() -> App {
    let tenants = Tenants::by_host(r#"{"a.example": "a", "b.example": "b"}"#).unwrap();
    App::with(Setup { tenants, ..Setup::default() }).await
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let app = two().await;
    let made = post("/api/pages", json!({"slug": "x", "publish": true, "fields": {"title": "of a"}}));
    let made = app.ask(made.with("host", "a.example").admin()).await;
    let uri = format!("/api/pages/{}", made.at("/data/id"));
    for address in [uri.as_str(), "/api/pages/slug/x"] {
        assert_eq!(app.ask(get(address).with("host", "a.example:8080")).await.status, 200);
        app.ask(get(address).with("host", "b.example").admin()).await.refuses(404, "not_found");
    }
    assert!(app.ask(get("/api/pages").with("host", "b.example")).await.each("/id").is_empty());
    let b = [("host", "b.example"), ("if-match", "*")];
    let intrusions = [
        super::app::ask("PATCH", &uri).json(&json!({"fields": {"title": "of b"}})),
        super::app::ask("DELETE", &uri),
        post(&format!("{uri}/unpublish"), json!({})),
        post(&format!("{uri}/restore"), json!({"version": 1})),
        get(&format!("{uri}/versions")),
        get(&format!("{uri}/referrers")),
    ];
    let before = app.dump();
    for asked in intrusions {
        let asked = b.iter().fold(asked, |asked, (name, value)| asked.with(name, value));
        app.ask(asked.admin()).await.refuses(404, "not_found");
    }
    assert_eq!(app.dump(), before);
    let twin = post("/api/pages", json!({"slug": "x", "fields": {"title": "of b"}}));
    assert_eq!(app.ask(twin.with("host", "b.example").admin()).await.status, 201);
}

/// It would tell where the other tenant's documents lie, however little.
#[tokio::test]
async fn a_cursor_is_of_one_tenant() {
    let app = two().await;
    for slug in ["x", "y"] {
        let made = post("/api/pages", json!({"slug": slug, "publish": true, "fields": {"title": slug}}));
        assert_eq!(app.ask(made.with("host", "a.example").admin()).await.status, 201);
    }
    let first = app.ask(get("/api/pages?limit=1").with("host", "a.example")).await;
    let next = format!("/api/pages?limit=1&after={}", first.at("/page/next"));
    assert_eq!(app.ask(get(&next).with("host", "a.example")).await.status, 200);
    app.ask(get(&next).with("host", "b.example")).await.refuses(400, "invalid_cursor");
}

#[tokio::test]
async fn an_unknown_host_comes_first() {
    let app = two().await;
    let wrong = get("/api/nothing?limit=x").with("host", "c.example").with("authorization", "Bearer x");
    app.ask(wrong).await.refuses(421, "unknown_host");
    app.ask(get("/api/pages")).await.refuses(400, "invalid_header");
    for header in ["x-forwarded-host", "x-tenant-id", "x-tenant", "forwarded"] {
        let asked = get("/api/pages").with("host", "c.example").with(header, "a.example");
        app.ask(asked).await.refuses(421, "unknown_host");
    }
    for probe in ["/health", "/ready"] {
        assert_eq!(app.ask(get(probe).with("host", "c.example")).await.status, 200, "{probe}");
    }
}
