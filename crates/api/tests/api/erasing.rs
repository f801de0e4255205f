//! Erasing a document.

use serde_json::json;

use super::app::{App, ask, check_refusals, delete, get, post};

#[tokio::test]
async fn nothing_is_answered_and_nothing_is_left() {
    let app = App::new().await;
    for trashed in [false, true] {
        let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"code": "1"}})).await;
        let uri = format!("/api/pages/{id}");
        let mut tag = app.tag("pages", &id).await;
        if trashed {
            tag = app.done(delete(&uri)).await.header("etag").to_owned();
        }
        let erase = || ask("POST", &format!("{uri}/erase")).admin();
        app.ask(erase().with("if-match", "\"r99-x\"")).await.refuses(412, "stale_revision");
        let answer = app.ask(erase().with("if-match", &tag)).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer:?}");
        assert_eq!((answer.header("etag"), answer.header("content-type")), ("", ""));
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert!(!answer.header("stratus-bookmark").is_empty());
        app.ask(erase()).await.refuses(404, "not_found");
        app.ask(get(&format!("{uri}?state=trashed")).admin()).await.refuses(404, "not_found");
        for (table, rows) in app.dump() {
            let left = rows.iter().filter(|it| it.contains(&id)).count();
            assert!(left == 0 || table == "events", "{left} rows of {table}");
        }
    }
}

#[tokio::test]
async fn erasing_is_refused() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    app.post("One", &author).await;
    let parent = app.make("pages", json!({"fields": {}})).await;
    let child = app.make("pages", json!({"parent": parent, "fields": {}})).await;
    let uri = format!("/api/pages/{parent}/erase");
    let cases = vec![
        (post("/api/nothing/x/erase", json!({})).admin(), 404, "not_found"),
        (post(&uri, json!({})), 401, "unauthorized"),
        (post(&format!("{uri}?x=1"), json!({})).admin(), 400, "unknown_parameter"),
        (post(&uri, json!({"force": true})).admin(), 400, "unknown_member"),
        (ask("POST", &uri).raw("{}").admin(), 415, "unsupported_media_type"),
        (ask("POST", &uri).with("if-match", "x").admin(), 400, "invalid_header"),
        (post("/api/pages/x/erase", json!({})).admin(), 404, "not_found"),
        (post(&format!("/api/authors/{author}/erase"), json!({})).admin(), 409, "referenced"),
    ];
    check_refusals(&app, cases).await;
    let refused = app.ask(post(&uri, json!({})).admin()).await;
    refused.refuses(409, "referenced");
    assert_eq!(
        refused.json()["referrers"],
        json!([{"type": "pages", "id": child, "slug": null, "field": "parent"}])
    );
}
