//! Publish, unpublish, trash, recover.

use serde_json::json;

use super::app::{App, ask, check_refusals, delete, get, patch, post};

#[tokio::test]
async fn every_step_answers_with_the_head() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {}})).await;
    let uri = format!("/api/pages/{id}");
    let steps = [
        ("publish", 200, "published", 2),
        ("publish", 200, "published", 2),
        ("unpublish", 200, "draft", 3),
        ("unpublish", 200, "draft", 3),
        ("recover", 409, "", 0),
        ("delete", 204, "", 4),
        ("delete", 404, "", 0),
        ("publish", 404, "", 0),
        ("recover", 200, "draft", 5),
    ];
    for (step, status, state, revision) in steps {
        let asked = match step {
            "delete" => delete(&uri),
            step => ask("POST", &format!("{uri}/{step}")),
        };
        let answer = app.ask(asked.admin()).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 200 {
            assert_eq!(answer.at("/data/status"), state, "{answer:?}");
        }
        if status < 300 {
            assert!(answer.header("etag").starts_with(&format!("\"r{revision}-")), "{answer:?}");
            assert_eq!(answer.header("cache-control"), "private, no-store");
        }
        if status == 204 {
            assert!(answer.body.is_empty() && answer.header("content-type").is_empty(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn every_step_accepts_a_condition() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {}})).await;
    let uri = format!("/api/pages/{id}");
    for step in ["publish", "unpublish", "delete", "recover"] {
        let asked = || match step {
            "delete" => delete(&uri).admin(),
            step => ask("POST", &format!("{uri}/{step}")).admin(),
        };
        app.ask(asked().with("if-match", "\"r99-x\"")).await.refuses(412, "stale_revision");
        app.ask(asked().with("if-match", "x")).await.refuses(400, "invalid_header");
        let tag = match step {
            "recover" => app.done(get(&format!("{uri}?state=trashed"))).await.header("etag").to_owned(),
            _ => app.tag("pages", &id).await,
        };
        assert!(app.ask(asked().with("if-match", &tag)).await.status < 300, "{step}");
    }
}

#[tokio::test]
async fn a_step_takes_nothing() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {}})).await;
    let uri = format!("/api/pages/{id}/publish");
    let json = ("content-type", "application/json");
    let cases = vec![
        (post(&uri, json!({})), 401, "unauthorized"),
        (post(&uri, json!({"force": true})).admin(), 400, "unknown_member"),
        (post(&uri, json!([])).admin(), 400, "bad_request"),
        (ask("POST", &uri).raw("{}").admin(), 415, "unsupported_media_type"),
        (ask("POST", &uri).with(json.0, json.1).raw("{").admin(), 400, "malformed_json"),
        (ask("POST", &format!("{uri}?force=1")).admin(), 400, "unknown_parameter"),
        (ask("POST", "/api/pages/x/publish").admin(), 404, "not_found"),
        (delete(&format!("/api/pages/{id}")), 401, "unauthorized"),
        (delete("/api/pages/x").admin(), 404, "not_found"),
    ];
    check_refusals(&app, cases).await;
    assert_eq!(app.ask(ask("POST", &uri).with(json.0, json.1).raw("{}").admin()).await.status, 200);
}

#[tokio::test]
async fn trash_frees_the_slug() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "publish": true, "fields": {}})).await;
    let uri = format!("/api/pages/{id}");
    app.done(delete(&uri)).await;
    app.make("pages", json!({"slug": "a", "fields": {}})).await;
    app.ask(post(&format!("{uri}/recover"), json!({})).admin()).await.refuses(409, "slug_taken");
    app.ask(patch(&uri, "*", json!({"slug": "b"})).admin()).await.refuses(404, "trashed");
    app.ask(get(&format!("{uri}?state=draft")).admin()).await.refuses(404, "trashed");
    let trashed = app.done(get(&format!("{uri}?state=trashed"))).await;
    assert_eq!(trashed.at("/data/status"), "trashed");
}

#[tokio::test]
async fn a_strong_reference_holds_both_ends() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let posts = ["One", "Two"].map(|title| (title, app.post(title, &author)));
    let mut ids = Vec::new();
    for (_, made) in posts {
        ids.push(made.await);
    }
    let refused = app.ask(delete(&format!("/api/authors/{author}")).admin()).await;
    refused.refuses(409, "referenced");
    let named = refused.json()["referrers"].as_array().unwrap().len();
    assert_eq!((named, refused.json()["errors"].as_array().unwrap().len()), (2, 2));
    assert_eq!(refused.at("/referrers/0/field"), "author");
    for id in &ids {
        app.done(delete(&format!("/api/posts/{id}"))).await;
    }
    app.done(delete(&format!("/api/authors/{author}"))).await;
    let back = post(&format!("/api/posts/{}/recover", ids[0]), json!({}));
    app.ask(back.admin()).await.refuses(409, "missing_reference");
}

#[tokio::test]
async fn a_slug_that_clashes_on_publishing() {
    let app = App::new().await;
    let first = app.make("pages", json!({"slug": "a", "publish": true, "fields": {}})).await;
    app.done(patch(&format!("/api/pages/{first}"), "*", json!({"slug": "b"}))).await;
    let second = app.make("pages", json!({"slug": "a", "fields": {}})).await;
    app.ask(post(&format!("/api/pages/{second}/publish"), json!({})).admin())
        .await
        .refuses(409, "slug_taken");
}
