//! Where documents stand: below a parent, in an order, among translations.

use serde_json::json;

use super::app::{App, check_refusals, delete, get, patch, post};

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn the_order_is_beside_the_fields() {
    let app = App::new().await;
    let id = app.make("pages", json!({"publish": true, "fields": {}})).await;
    let uri = format!("/api/pages/{id}");
    let before = app.ask(get(&uri)).await;
    assert_eq!(before.json()["data"].get("order"), None);
    let moved = app.done(patch(&uri, "*", json!({"order": 9_007_199_254_740_991_i64}))).await;
    assert_eq!((moved.at("/data/order"), moved.at("/data/version")), ("9007199254740991".into(), "1".into()));
    let seen = app.ask(get(&uri).with("if-none-match", before.header("etag"))).await;
    assert_eq!((seen.status, seen.at("/data/order")), (200, "9007199254740991".into()));
    for order in [json!(9_007_199_254_740_992_i64), json!("1"), json!(0.5), json!(true)] {
        let refused = app.ask(patch(&uri, "*", json!({ "order": order })).admin()).await;
        refused.refuses(422, "validation_failed");
        assert_eq!(refused.at("/errors/0/pointer"), "/order");
    }
    let back = app.done(patch(&uri, "*", json!({"order": null}))).await;
    assert_eq!(back.json()["data"].get("order"), None);
}

#[tokio::test]
async fn a_parent_holds_its_children() {
    let app = App::new().await;
    let top = app.make("pages", json!({"fields": {}})).await;
    let low = app.make("pages", json!({"slug": "low", "parent": top, "fields": {}})).await;
    let (above, below) = (format!("/api/pages/{top}"), format!("/api/pages/{low}"));
    let cycle = app.ask(patch(&above, "*", json!({ "parent": low })).admin()).await;
    cycle.refuses(422, "validation_failed");
    assert_eq!(
        (cycle.at("/errors/0/pointer"), cycle.at("/errors/0/code")),
        ("/parent".into(), "cycle".into())
    );
    let refused = app.ask(delete(&above).admin()).await;
    refused.refuses(409, "referenced");
    let named = json!([{"type": "pages", "id": low, "slug": "low", "field": "parent"}]);
    assert_eq!(refused.json()["referrers"], named);
    app.done(delete(&below)).await;
    app.done(delete(&above)).await;
    app.ask(post(&format!("{below}/recover"), json!({})).admin()).await.refuses(409, "missing_reference");
}

#[tokio::test]
async fn a_document_and_its_translations() {
    let app = App::new().await;
    let english = app.make("pages", json!({"locale": "en", "publish": true, "fields": {}})).await;
    let uri = format!("/api/pages/{english}/translations");
    assert_eq!(app.ask(get(&uri)).await.each("/id"), [english.as_str()]);
    let body = json!({"locale": "de", "translationOf": english, "fields": {}});
    let german = app.make("pages", body.clone()).await;
    let group = app.done(get(&format!("/api/pages/{german}?state=draft"))).await.at("/data/translationGroup");
    assert!(group.len() == 36 && group != english && group != german, "{group}");
    let seen = app.ask(get(&uri)).await;
    assert_eq!(seen.each("/translationGroup"), [group]);
    assert_eq!(seen.header("cache-control"), "public, no-cache");
    assert_eq!(seen.at("/page"), r#"{"next":null,"prev":null}"#);
    let known = get(&uri).with("if-none-match", seen.header("etag"));
    assert_eq!(app.ask(known).await.status, 304);
    let all = app.done(get(&uri)).await;
    assert_eq!(
        (all.each("/locale"), all.each("/status")),
        (vec!["de".into(), "en".into()], vec!["draft".into(), "published".into()])
    );
    assert_eq!(all.header("cache-control"), "private, no-store");

    let clash = app.ask(post("/api/pages", body).admin()).await;
    clash.refuses(409, "not_unique");
    assert_eq!(clash.at("/errors/0/pointer"), "/translationOf");
    let missing = json!({"translationOf": NOBODY, "fields": {}});
    let missing = app.ask(post("/api/pages", missing).admin()).await;
    missing.refuses(422, "validation_failed");
    assert_eq!(
        (missing.at("/errors/0/pointer"), missing.at("/errors/0/code")),
        ("/translationOf".into(), "missing_reference".into())
    );
    let cases = vec![
        (get("/api/secrets/x/translations"), 404, "not_found"),
        (get("/api/pages/x/translations"), 404, "not_found"),
        (get(&format!("/api/pages/{german}/translations")), 404, "not_found"),
        (get(&format!("{uri}?locale=de")), 400, "unknown_parameter"),
    ];
    check_refusals(&app, cases).await;
    let out = app.done(patch(&format!("/api/pages/{german}"), "*", json!({"translationOf": null}))).await;
    assert_eq!(out.json()["data"].get("translationGroup"), None);
    assert_eq!(app.done(get(&uri)).await.each("/locale"), ["en"]);
}
