//! Whatever arrives, the answer is no failure of ours.

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use super::app::{Answer, App, Ask, ask, get};

/// Names of documents that every world has, to be replaced by their ids.
const AUTHOR: &str = "the-author";
const POST: &str = "the-post";
const PAGE: &str = "the-page";

/// Runs cases against one program: what one of them writes, the next one meets.
fn against_one_app<S: Strategy<Value = Vec<(Ask, String)>>>(asks: &S) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (app, names) = runtime.block_on(async {
        let app = App::new().await;
        let author = app.author("Ada").await;
        let post = app.post("Post", &author).await;
        let page = app.make("pages", json!({"slug": "page", "publish": true, "fields": {}})).await;
        (app, [(AUTHOR, author), (POST, post), (PAGE, page)])
    });
    let named = |text: &str| names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
    let mut runner = TestRunner::default();
    let outcome = runner.run(asks, |asks| {
        for (mut ask, body) in asks {
            ask.uri = named(&ask.uri);
            ask = ask.raw(named(&body));
            if ask.uri.parse::<Uri>().is_err() {
                continue;
            }
            let answer: Answer = runtime.block_on(app.ask(ask));
            prop_assert!(answer.status < 500, "{answer:?}");
            if answer.status >= 400 {
                answer.is_problem();
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(runtime.block_on(app.ask(get("/api/posts"))).status, 200);
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "-?[0-9]{1,20}(\\.[0-9]{1,3})?",
        Just("2026-11-21T08:00:00Z".to_owned()),
        prop_oneof![AUTHOR, POST, PAGE, "01890000-0000-7000-8000-000000000000"],
        prop_oneof!["title", "-rating", "id", "slug,-title", "cover", "email", "draft", "true"]
            .prop_map(String::from),
    ]
}

fn parameter() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        prop_oneof![
            "title",
            "author",
            "categories",
            "tags",
            "rating",
            "featured",
            "id",
            "slug",
            "status",
            "type"
        ],
        prop_oneof!["createdAt", "publishedAt", "version", "parent", "locale", "cover", "a.b"],
        any::<String>(),
    ];
    let operator = prop_oneof![Just("[eq]".to_owned()), Just(String::new()), "\\[[a-z]{0,3}\\]"];
    let filter =
        (field, operator).prop_map(|(field, operator)| format!("filter[{}]{operator}", encoded(&field)));
    let name = prop_oneof![
        4 => filter,
        4 => prop_oneof!["sort", "limit", "after", "before", "state", "locale", "fields", "count", "parent"],
        1 => any::<String>().prop_map(|it| encoded(&it)),
    ];
    (name, value()).prop_map(|(name, value)| format!("{name}={}", encoded(&value)))
}

#[test]
fn queries() {
    let path =
        prop_oneof!["/api/posts", "/api/authors", "/api/posts/slug/post", "/api/posts/x/versions", "/api"];
    let query = prop_oneof![
        prop::collection::vec(parameter(), 0..4).prop_map(|it| it.join("&")),
        "[a-z\\[\\]=&%0-9+.,-]{0,40}",
    ];
    let asks = (path, query, any::<bool>()).prop_map(|(path, query, is_admin)| {
        let asked = get(&format!("{path}?{query}"));
        vec![(if is_admin { asked.admin() } else { asked }, String::new())]
    });
    against_one_app(&asks);
}

#[test]
fn addresses() {
    let segment = prop_oneof![
        prop_oneof![
            "api",
            "posts",
            "authors",
            "slug",
            "query",
            "publish",
            "restore",
            "versions",
            "referrers",
            "batch"
        ],
        prop_oneof![AUTHOR, POST, PAGE, "01890000-0000-7000-8000-000000000000"],
        any::<String>().prop_map(|it| encoded(&it)),
        "(%[0-9a-f]{2}){1,4}",
        "[!-~]{0,8}",
    ];
    let start = prop_oneof![
        "/api/(posts|authors|pages|secrets)/",
        "/api/(posts/the-post|authors/the-author|pages/the-page)/",
        "/api/pages/slug/",
        "/(api/)?",
    ];
    let method = prop_oneof!["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "[A-Z]{1,10}"];
    let asks = (method, start, prop::collection::vec(segment, 0..3)).prop_map(|(method, start, path)| {
        let path = path.join("/").replace(['#', '?'], "");
        let uri = format!("{start}{path}");
        let asked = ask(&method, uri.trim_end_matches('/')).with("if-match", "*");
        vec![(asked.with("content-type", "application/json").admin(), "{}".to_owned())]
    });
    against_one_app(&asks);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        value().prop_map(|it| json!(it)),
    ];
    let key = prop_oneof![
        prop_oneof![
            "title",
            "body",
            "author",
            "categories",
            "tags",
            "featured",
            "rating",
            "cover",
            "seo",
            "code"
        ],
        any::<String>(),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|it| json!(it)),
            prop::collection::hash_map(key.clone(), inner, 0..5).prop_map(|it| json!(it)),
        ]
    })
}

#[test]
fn bodies() {
    let member =
        prop_oneof!["slug", "locale", "publishAt", "expireAt", "parent", "publish", "version", "[a-z]{1,5}"];
    let envelope = prop::collection::hash_map(member, any_json(), 0..3);
    let shaped = (envelope, any_json()).prop_map(|(mut members, fields)| {
        members.insert("fields".to_owned(), fields);
        json!(members).to_string()
    });
    let body = prop_oneof![3 => shaped, 1 => any_json().prop_map(|it| it.to_string()), 1 => any::<String>()];
    let call = prop_oneof![
        "POST /api/posts",
        "POST /api/pages",
        "PATCH /api/pages/the-page",
        "PUT /api/pages/the-page",
        "PATCH /api/posts/the-post",
        "PUT /api/posts/the-post",
        "PATCH /api/authors/the-author",
        "POST /api/pages/the-page/restore",
        "POST /api/pages/the-page/publish",
        "POST /api/pages/the-page/unpublish",
        "POST /api/pages/the-page/recover",
        "DELETE /api/pages/the-page",
    ];
    let ask = (call, body).prop_map(|(call, body)| {
        let (method, uri) = call.split_once(' ').unwrap();
        let asked = ask(method, uri).with("content-type", "application/json").with("if-match", "*");
        (asked.admin(), body)
    });
    let asks = prop::collection::vec(ask, 1..6);
    against_one_app(&asks);
}
