//! Versions, restoring, and where-used.

use serde_json::json;

use super::app::{App, ask, check_refusals, delete, get, patch, post};

#[tokio::test]
async fn versions_newest_first() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "1"}})).await;
    let uri = format!("/api/pages/{id}");
    for title in ["2", "3", "4", "5"] {
        app.done(patch(&uri, "*", json!({"fields": {"title": title}}))).await;
    }
    // Three are kept, and the public one.
    let versions = app.done(get(&format!("{uri}/versions"))).await;
    assert_eq!(versions.each("/fields/title"), ["5", "4", "3", "1"]);
    assert_eq!(versions.each("/status"), ["draft", "draft", "draft", "published"]);
    assert_eq!(versions.at("/page"), r#"{"next":null,"prev":null}"#);
    let older = app.done(get(&format!("{uri}/versions?after=4"))).await;
    assert_eq!(older.each("/fields/title"), ["3", "1"]);
    assert_eq!(app.done(get(&format!("{uri}/versions/3"))).await.at("/data/fields/title"), "3");
    let cases = vec![
        (get(&format!("{uri}/versions")), 401, "unauthorized"),
        (get(&format!("{uri}/versions/1")), 401, "unauthorized"),
        (get(&format!("{uri}/versions/2")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/01")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/0")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/-1")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/+1")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/x")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/9007199254740993")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions/99999999999999999999")).admin(), 404, "not_found"),
        (get(&format!("{uri}/versions?after=0")).admin(), 400, "invalid_parameter"),
        (get(&format!("{uri}/versions?after=x")).admin(), 400, "invalid_parameter"),
        (get(&format!("{uri}/versions?limit=1")).admin(), 400, "unknown_parameter"),
        (get("/api/pages/x/versions").admin(), 404, "not_found"),
    ];
    check_refusals(&app, cases).await;
    app.done(delete(&uri)).await;
    app.ask(get(&format!("{uri}/versions")).admin()).await.refuses(404, "trashed");
    app.ask(get(&format!("{uri}/versions/1")).admin()).await.refuses(404, "trashed");
}

#[tokio::test]
async fn restoring_a_version() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {"title": "1"}})).await;
    let uri = format!("/api/pages/{id}");
    app.done(patch(&uri, "*", json!({"slug": "b", "fields": {"title": "2"}}))).await;
    let restore = |tag: &str, body| post(&format!("{uri}/restore"), body).with("if-match", tag);
    let cases = vec![
        (restore("*", json!({"version": 1})), 401, "unauthorized"),
        (post(&format!("{uri}/restore"), json!({"version": 1})).admin(), 428, "precondition_required"),
        (restore("\"r1-x\"", json!({"version": 1})).admin(), 412, "stale_revision"),
        (restore("*", json!({"version": 9})).admin(), 404, "not_found"),
        (restore("*", json!({"version": 9_007_199_254_740_991_i64})).admin(), 404, "not_found"),
        (restore("*", json!({"version": 0})).admin(), 422, "validation_failed"),
        (restore("*", json!({"version": 9_007_199_254_740_992_i64})).admin(), 422, "validation_failed"),
        (restore("*", json!({"version": "1"})).admin(), 422, "validation_failed"),
        (restore("*", json!({})).admin(), 422, "validation_failed"),
        (restore("*", json!({"version": 1, "x": 1})).admin(), 400, "unknown_member"),
        (ask("POST", &format!("{uri}/restore")).with("if-match", "*").admin(), 415, "unsupported_media_type"),
    ];
    check_refusals(&app, cases).await;
    let answer = app.done(restore("*", json!({"version": 1}))).await;
    assert_eq!((answer.at("/data/version"), answer.at("/data/slug")), ("3".into(), "b".into()));
    assert_eq!(answer.at("/data/fields"), r#"{"title":"1"}"#);
}

#[tokio::test]
async fn where_a_document_is_used() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let public = app.post("Public", &author).await;
    let fields = json!({"title": "Draft", "body": "b", "author": author});
    let draft = app.make("posts", json!({ "fields": fields })).await;
    let uri = format!("/api/authors/{author}/referrers");
    let seen = app.ask(get(&uri)).await;
    assert_eq!(seen.each("/id"), [public.as_str()]);
    let expected = format!(
        r#"{{"data":[{{"type":"posts","id":"{public}","slug":"public","field":"author","strength":"strong"}}],"page":{{"next":null,"prev":null}},"meta":{{}}}}"#
    );
    assert_eq!(seen.text(), expected);
    let mut all = app.done(get(&uri)).await.each("/id");
    all.sort_unstable();
    let mut expected = vec![public, draft];
    expected.sort_unstable();
    assert_eq!(all, expected);
    let cases = vec![
        (get(&format!("{uri}?after=-1")), 400, "invalid_cursor"),
        (get(&format!("{uri}?before=1")), 400, "unknown_parameter"),
        (get("/api/authors/x/referrers"), 404, "not_found"),
    ];
    check_refusals(&app, cases).await;
}
