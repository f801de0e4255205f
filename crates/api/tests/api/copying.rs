//! Copies of documents.

use serde_json::json;

use super::app::{App, ask, check_refusals, delete, post};

#[tokio::test]
async fn a_copy_is_made_and_located() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let id = app.post("One", &author).await;
    let copy = app.ask(ask("POST", &format!("/api/posts/{id}/duplicate")).admin()).await;
    assert_eq!(copy.status, 201, "{copy:?}");
    assert_eq!(copy.header("location"), format!("/api/posts/{}", copy.at("/data/id")));
    assert!(copy.header("etag").starts_with("\"r1-"), "{copy:?}");
    assert_eq!((copy.at("/data/slug"), copy.at("/data/status")), ("one-2".into(), "draft".into()));
    assert_eq!((copy.at("/data/version"), copy.at("/data/publishedAt")), ("1".into(), "null".into()));
    let body = json!({"slug": "mine", "publish": true, "fields": {"title": "Mine"}});
    let changed = app.done(post(&format!("/api/posts/{id}/duplicate"), body)).await;
    assert_eq!((changed.at("/data/slug"), changed.at("/data/status")), ("mine".into(), "published".into()));
    assert_eq!(
        (changed.at("/data/fields/title"), changed.at("/data/fields/body")),
        ("Mine".into(), "text".into())
    );
}

#[tokio::test]
async fn copying_is_refused() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {"code": "1"}})).await;
    let uri = format!("/api/pages/{id}/duplicate");
    let fields = |fields| json!({ "fields": fields });
    let cases = vec![
        (post("/api/secrets/x/duplicate", json!({})), 404, "not_found"),
        (post(&uri, json!({})), 401, "unauthorized"),
        (post(&format!("{uri}?x=1"), json!({})).admin(), 400, "unknown_parameter"),
        (post(&uri, json!({"id": id})).admin(), 400, "unknown_member"),
        (ask("POST", &uri).raw("{}").admin(), 415, "unsupported_media_type"),
        (post(&uri, json!({})).admin(), 409, "not_unique"),
        (post(&uri, json!({"slug": "a", "fields": {"code": "2"}})).admin(), 409, "slug_taken"),
        (post(&uri, fields(json!({"code": null, "kind": "c"}))).admin(), 422, "validation_failed"),
        (post("/api/pages/x/duplicate", json!({})).admin(), 404, "not_found"),
    ];
    check_refusals(&app, cases).await;
    // Anyone may write to the inbox; what is not public of it is not theirs to copy.
    let note = app.make("inbox", fields(json!({"text": "t"}))).await;
    let copied = format!("/api/inbox/{note}/duplicate");
    app.ask(post(&copied, json!({}))).await.refuses(404, "not_found");
    app.done(post(&format!("/api/inbox/{note}/publish"), json!({}))).await;
    assert_eq!(app.ask(post(&copied, json!({}))).await.status, 201);
    app.done(delete(&format!("/api/pages/{id}"))).await;
    app.ask(post(&uri, fields(json!({"code": "3"}))).admin()).await.refuses(404, "trashed");
}
