//! Tags and the conditions on reads.

use serde_json::json;

use super::app::{App, Ask, get, patch, post};

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let addresses = [
        (uri.clone(), false),
        ("/api/pages/slug/a".to_owned(), false),
        ("/api/pages".to_owned(), false),
        ("/api/pages?fields=title&limit=1".to_owned(), false),
        ("/api".to_owned(), false),
        ("/openapi.json".to_owned(), false),
        (format!("{uri}?state=draft"), true),
        (format!("{uri}/versions"), true),
        (format!("{uri}/versions/1"), true),
        (format!("{uri}/referrers"), true),
    ];
    for (address, needs_admin) in addresses {
        let ask = || if needs_admin { get(&address).admin() } else { get(&address) };
        let first = app.ask(ask()).await;
        let tag = first.header("etag").to_owned();
        assert!(first.status == 200 && !tag.is_empty(), "{first:?}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = app.ask(ask().with("if-none-match", &known)).await;
            assert_eq!(
                (again.status, again.text(), again.header("etag")),
                (304, "", tag.as_str()),
                "{address}"
            );
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{address}");
        }
        let other = app.ask(ask().with("if-none-match", "\"r1-000000000000\"")).await;
        assert_eq!((other.status, &other.body), (200, &first.body), "{address}");
        app.ask(ask().with("if-none-match", "unquoted")).await.refuses(400, "invalid_header");
    }
}

#[tokio::test]
async fn a_tag_changes_with_what_it_stands_for() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let public = async || app.ask(get(&uri)).await.header("etag").to_owned();
    let list = async || app.ask(get("/api/pages")).await.header("etag").to_owned();
    let (first, first_list) = (public().await, list().await);
    assert!(first.starts_with("\"r1-"));
    let drafted = app.done(patch(&uri, &first, json!({"fields": {"title": "U"}}))).await;
    assert_eq!((public().await, list().await), (first.clone(), first_list.clone()));
    assert!(drafted.header("etag").starts_with("\"r2-"));
    let published = app.done(post(&format!("{uri}/publish"), json!({}))).await;
    assert_eq!(public().await, published.header("etag"));
    assert!(public().await.starts_with("\"r3-"));
    assert_ne!(list().await, first_list);
    app.ask(patch(&uri, &first, json!({"fields": {"title": "V"}})).admin())
        .await
        .refuses(412, "stale_revision");
}

#[tokio::test]
async fn a_version_has_another_tag_when_it_is_no_longer_public() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    app.done(patch(&uri, "*", json!({"fields": {"title": "U"}}))).await;
    let before = app.done(get(&format!("{uri}/versions/1"))).await;
    app.done(post(&format!("{uri}/unpublish"), json!({}))).await;
    let after = app.done(get(&format!("{uri}/versions/1"))).await;
    assert_ne!(before.text(), after.text());
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn bookmarks_come_back() {
    let app = App::new().await;
    let made = app.done(post("/api/pages", json!({"slug": "a", "publish": true, "fields": {}}))).await;
    let bookmark = made.header("stratus-bookmark").to_owned();
    let uri = format!("/api/pages/{}", made.at("/data/id"));
    let reads =
        [uri.clone(), "/api/pages/slug/a".into(), "/api/pages".into(), "/api".into(), "/openapi.json".into()];
    for address in &reads {
        assert_eq!(app.ask(get(address).with("stratus-bookmark", &bookmark)).await.status, 200, "{address}");
        for garbage in ["", "first-primary", "djEuMS4", "' OR 1=1--"] {
            let asked: Ask = get(address).with("stratus-bookmark", garbage);
            app.ask(asked).await.refuses(400, "invalid_bookmark");
        }
    }
    for step in ["publish", "unpublish", "recover"] {
        let answer = app.ask(post(&format!("{uri}/{step}"), json!({})).admin()).await;
        let wrote = step == "unpublish";
        assert_eq!(!answer.header("stratus-bookmark").is_empty(), wrote, "{step}: {answer:?}");
    }
}
