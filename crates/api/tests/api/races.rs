//! Many clients at once.

use std::sync::Arc;

use serde_json::json;

use super::app::{App, Ask, delete, patch, post};

async fn at_once(app: &Arc<App>, asks: Vec<Ask>) -> Vec<u16> {
    let tasks = asks.into_iter().map(|ask| {
        let app = Arc::clone(app);
        tokio::spawn(async move { app.ask(ask).await.status })
    });
    let mut statuses = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_patches_of_one_revision_is_taken() {
    let app = Arc::new(App::new().await);
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let tag = app.tag("pages", &id).await;
    let write =
        |n: usize| patch(&format!("/api/pages/{id}"), &tag, json!({"fields": {"title": format!("{n}")}}));
    let statuses = at_once(&app, (0..16).map(|n| write(n).admin()).collect()).await;
    assert_eq!(statuses, [vec![200], vec![412; 15]].concat());
    assert_eq!(app.done(super::app::get(&format!("/api/pages/{id}/versions"))).await.each("/id").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_the_slug() {
    let app = Arc::new(App::new().await);
    let write = || post("/api/pages", json!({"slug": "same", "fields": {}})).admin();
    let statuses = at_once(&app, (0..20).map(|_| write()).collect()).await;
    assert_eq!(statuses, [vec![201], vec![409; 19]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_without_a_condition_all_get_through() {
    let app = Arc::new(App::new().await);
    let id = app.make("pages", json!({"fields": {"title": "T"}})).await;
    let write =
        |n: usize| patch(&format!("/api/pages/{id}"), "*", json!({"fields": {"title": format!("{n}")}}));
    let statuses = at_once(&app, (0..8).map(|n| write(n).admin()).collect()).await;
    assert_eq!(statuses, [200; 8]);
    assert_eq!(app.tag("pages", &id).await.split('-').next(), Some("\"r9"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_author_goes_or_a_post_comes() {
    let app = Arc::new(App::new().await);
    for round in 0..8 {
        let author = app.author("Ada").await;
        let fields = json!({"title": format!("Post {round}"), "body": "b", "author": author});
        let come = post("/api/posts", json!({ "fields": fields })).admin();
        let go = delete(&format!("/api/authors/{author}")).admin();
        let statuses = at_once(&app, vec![come, go]).await;
        assert!(statuses == [201, 409] || statuses == [204, 422], "{statuses:?}");
    }
}
