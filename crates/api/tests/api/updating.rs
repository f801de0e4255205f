//! `PATCH` and `PUT`.

use serde_json::json;

use super::app::{App, ask, check_refusals, patch, put};

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = App::new().await;
    let fields = json!({"title": "T", "code": "c", "seo": {"title": "s"}});
    let id = app.make("pages", json!({"slug": "a", "fields": fields})).await;
    let uri = format!("/api/pages/{id}");
    let steps = [
        (json!({"fields": {"title": "U"}}), r#"{"title":"U","code":"c","seo":{"title":"s"}}"#, "2"),
        (json!({"fields": {"code": null, "seo": {"title": null}}}), r#"{"title":"U","seo":{}}"#, "3"),
        (json!({"slug": "b"}), r#"{"title":"U","seo":{}}"#, "4"),
        (json!({"fields": {"title": "U"}}), r#"{"title":"U","seo":{}}"#, "4"),
        (json!({}), r#"{"title":"U","seo":{}}"#, "4"),
        (json!({"publishAt": "2030-01-01T00:00:00Z"}), r#"{"title":"U","seo":{}}"#, "4"),
        (json!({"publishAt": null, "slug": null}), r#"{"title":"U","seo":{}}"#, "5"),
    ];
    for (body, fields, version) in steps {
        let tag = app.tag("pages", &id).await;
        let answer = app.done(patch(&uri, &tag, body.clone())).await;
        assert_eq!(
            (answer.status, answer.at("/data/fields"), answer.at("/data/version")),
            (200, fields.into(), version.into()),
            "{body}"
        );
        assert_eq!(answer.header("etag"), app.tag("pages", &id).await, "{body}");
    }
}

#[tokio::test]
async fn a_save_that_changes_nothing_writes_nothing() {
    let app = App::new().await;
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let tag = app.tag("pages", &id).await;
    let before = app.dump();
    let answer = app.done(patch(&format!("/api/pages/{id}"), &tag, json!({"fields": {"title": "T"}}))).await;
    assert_eq!((answer.header("etag"), answer.header("stratus-bookmark")), (tag.as_str(), ""));
    assert_eq!(app.dump(), before);
    let stale = patch(&format!("/api/pages/{id}"), "\"r9-x\"", json!({"fields": {"title": "T"}}));
    app.ask(stale.admin()).await.refuses(412, "stale_revision");
}

#[tokio::test]
async fn a_put_replaces_all_fields() {
    let app = App::new().await;
    let id =
        app.make("authors", json!({"fields": {"name": "Ada", "bio": "b", "email": "a@b.example"}})).await;
    let uri = format!("/api/authors/{id}");
    let answer = app.done(put(&uri, "*", json!({"fields": {"name": "Eve"}}))).await;
    assert_eq!(answer.at("/data/fields"), r#"{"name":"Eve"}"#);
    assert_eq!(answer.at("/data/slug"), "ada");
    let kept = app.dump()["documents"].iter().any(|row| row.contains("Eve") && row.contains("a@b.example"));
    assert!(kept, "a private field that is not mentioned stays");
    app.ask(put(&uri, "*", json!({})).admin()).await.refuses(422, "validation_failed");
    app.ask(put(&uri, "*", json!({"fields": {}})).admin()).await.refuses(422, "validation_failed");
}

#[tokio::test]
async fn a_write_says_what_it_is_meant_for() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let uri = format!("/api/authors/{author}");
    let body = json!({"fields": {"bio": "x"}});
    let tag = app.tag("authors", &author).await;
    let cases = vec![
        (ask("PATCH", &uri).json(&body), 401, "unauthorized"),
        (ask("PATCH", &uri).json(&body).admin(), 428, "precondition_required"),
        (ask("PUT", &uri).json(&body).admin(), 428, "precondition_required"),
        (ask("PATCH", &uri).raw("{").admin(), 428, "precondition_required"),
        (ask("PATCH", "/api/authors/x").json(&body).admin(), 428, "precondition_required"),
        (patch("/api/authors/x", "*", body.clone()).admin(), 404, "not_found"),
        (patch(&uri, "r1", body.clone()).admin(), 400, "invalid_header"),
        (patch(&uri, "\"r0-x\"", body.clone()).admin(), 412, "stale_revision"),
        (patch(&uri, "\"l-0123456789abcdef\"", body.clone()).admin(), 412, "stale_revision"),
        (patch(&format!("{uri}?state=draft"), &tag, body.clone()).admin(), 400, "unknown_parameter"),
    ];
    check_refusals(&app, cases).await;
    app.done(patch(&uri, &format!("W/{tag}"), body.clone())).await;
    app.ask(patch(&uri, &tag, body.clone()).admin()).await.refuses(412, "stale_revision");
    app.done(patch(&uri, "\"r2-whatever\"", body)).await;
    app.done(patch(&uri, "*", json!({"fields": {"bio": "y"}}))).await;
    let several = "\"r1-x\", W/\"r3-y\"";
    app.done(patch(&uri, several, json!({"fields": {"bio": "z"}}))).await;
}

#[tokio::test]
async fn publishing_in_the_same_write() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {"title": "T"}})).await;
    let uri = format!("/api/pages/{id}");
    let answer = app.done(patch(&uri, "*", json!({"publish": true, "fields": {"title": "U"}}))).await;
    assert_eq!((answer.at("/data/status"), answer.at("/data/version")), ("published".into(), "2".into()));
    let answer = app.done(patch(&uri, "*", json!({"fields": {"title": "V"}}))).await;
    assert_eq!(answer.at("/data/status"), "draft");
    assert_ne!(answer.at("/data/publishedAt"), "null");
    let hiding = json!({"publish": true, "publishAt": "2030-01-01T00:00:00Z"});
    app.ask(patch(&uri, "*", hiding).admin()).await.refuses(409, "would_hide");
}
