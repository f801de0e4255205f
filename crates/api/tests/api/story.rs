//! One document from its making to its second life, as a client goes through it.

use serde_json::json;

use super::app::{App, delete, get, patch, post};

#[tokio::test]
async fn a_post_lives() {
    let app = App::new().await;
    let author = app.author("Ada Lovelace").await;
    let body = json!({"fields": {"title": "On Engines", "body": "# Text", "author": author}});
    let made = app.done(post("/api/posts", body)).await;
    let id = made.at("/data/id");
    let uri = format!("/api/posts/{id}");
    assert_eq!((made.status, made.header("location")), (201, uri.as_str()));
    assert_eq!(made.at("/data/slug"), "on-engines");
    assert_eq!(made.at("/data/status"), "draft");
    app.ask(get(&uri)).await.refuses(404, "not_found");

    let published = app.done(post(&format!("{uri}/publish"), json!({}))).await;
    assert_eq!(published.at("/data/status"), "published");
    let read = app.ask(get(&uri)).await;
    assert_eq!(read.status, 200);
    let tag = read.header("etag").to_owned();
    assert_eq!(tag, published.header("etag"));
    let again = app.ask(get(&uri).with("if-none-match", &tag)).await;
    assert_eq!((again.status, again.text(), again.header("etag")), (304, "", tag.as_str()));

    let renamed = app.done(patch(&uri, &tag, json!({"fields": {"title": "On Looms"}}))).await;
    assert_eq!((renamed.at("/data/version"), renamed.at("/data/status")), ("2".into(), "draft".into()));
    let late = patch(&uri, &tag, json!({"fields": {"title": "Too late"}}));
    app.ask(late.admin()).await.refuses(412, "stale_revision");
    assert_eq!(app.ask(get(&uri)).await.at("/data/fields/title"), "On Engines");

    let refused = app.ask(delete(&format!("/api/authors/{author}")).admin()).await;
    refused.refuses(409, "referenced");
    let referrer = refused.at("/referrers/0/id");
    assert_eq!((referrer, refused.at("/referrers/0/type")), (id.clone(), "posts".to_owned()));
    assert!(refused.at("/errors/0/message").contains("`on-engines` of posts"), "{refused:?}");

    assert_eq!(app.done(delete(&uri)).await.status, 204);
    app.ask(get(&uri)).await.refuses(404, "not_found");
    app.ask(get(&uri).admin()).await.refuses(404, "trashed");
    let trash = app.done(get("/api/posts?state=trashed")).await;
    assert_eq!(trash.each("/id"), [id.as_str()]);
    app.done(post(&format!("{uri}/recover"), json!({}))).await;
    assert_eq!(app.ask(get(&uri)).await.at("/data/fields/title"), "On Engines");

    let versions = app.done(get(&format!("{uri}/versions"))).await;
    assert_eq!(versions.each("/fields/title"), ["On Looms", "On Engines"]);
    let tag = app.tag("posts", &id).await;
    let restore = post(&format!("{uri}/restore"), json!({"version": 1})).with("if-match", &tag);
    let restored = app.done(restore).await;
    assert_eq!(restored.at("/data/version"), "3");
    assert_eq!(restored.at("/data/fields/title"), "On Engines");
    assert_eq!(restored.at("/data/fields/author"), author);
}
