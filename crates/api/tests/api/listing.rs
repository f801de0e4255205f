//! `GET /api/{collection}`.

use serde_json::json;

use super::app::{App, check_refusals, get};

async fn numbered(count: usize) -> App {
    let app = App::new().await;
    let author = app.author("Ada").await;
    for number in 1..=count {
        let fields = json!({
            "title": format!("Post {number}"), "body": "b", "author": author, "featured": number % 2 == 0,
            "rating": number, "tags": [if number % 3 == 0 { "fizz" } else { "plain" }]
        });
        app.make("posts", json!({"publish": number % 5 != 0, "fields": fields})).await;
    }
    app
}

#[tokio::test]
async fn pages_go_on_and_back() {
    let app = numbered(9).await;
    let first = app.ask(get("/api/posts?limit=3")).await;
    assert_eq!(first.each("/fields/title"), ["Post 9", "Post 8", "Post 7"]);
    assert_eq!((first.at("/page/prev"), first.at("/meta")), ("null".into(), "{}".into()));
    let second = app.ask(get(&format!("/api/posts?limit=3&after={}", first.at("/page/next")))).await;
    assert_eq!(second.each("/fields/title"), ["Post 6", "Post 4", "Post 3"]);
    let third = app.ask(get(&format!("/api/posts?limit=3&after={}", second.at("/page/next")))).await;
    assert_eq!(third.each("/fields/title"), ["Post 2", "Post 1"]);
    assert_eq!(third.at("/page/next"), "null");
    let back = app.ask(get(&format!("/api/posts?limit=3&before={}", third.at("/page/prev")))).await;
    assert_eq!(back.text(), second.text());
    // A page that is exactly full is the last one.
    assert_eq!(app.ask(get("/api/posts?limit=8")).await.at("/page/next"), "null");
    let cursor = first.at("/page/next");
    let cases = vec![
        (get(&format!("/api/posts?limit=3&sort=title&after={cursor}")), 400, "invalid_cursor"),
        (get(&format!("/api/posts?filter[featured]=true&after={cursor}")), 400, "invalid_cursor"),
        (get(&format!("/api/authors?after={cursor}")), 400, "invalid_cursor"),
        (get(&format!("/api/posts?after={}x", &cursor[1..])), 400, "invalid_cursor"),
        (get("/api/posts?after="), 400, "invalid_cursor"),
        (get("/api/posts?after=eyJpZCI6IicgT1IgMT0xLS0ifQ"), 400, "invalid_cursor"),
        (get(&format!("/api/posts?after={cursor}&before={cursor}")), 400, "invalid_parameter"),
    ];
    check_refusals(&app, cases).await;
}

#[tokio::test]
async fn filters_and_sorts() {
    let app = numbered(9).await;
    let cases = [
        ("filter[featured]=true", "8 6 4 2"),
        ("filter[featured][eq]=true", "8 6 4 2"),
        ("filter[tags]=fizz", "9 6 3"),
        ("filter[tags]=fizz&filter[featured]=false", "9 3"),
        ("filter%5Brating%5D=4.0", "4"),
        ("sort=rating&limit=2", "1 2"),
        ("sort=-rating&limit=2", "9 8"),
        ("sort=title&limit=2&count=none", "1 2"),
        ("filter[slug]=post-4", "4"),
        ("filter[title]=' OR '1'='1", ""),
        ("filter[type]=posts&limit=1", "9"),
        ("filter[status]=draft", ""),
        ("locale=pl", ""),
        ("state=published&limit=1", "9"),
    ];
    for (query, expected) in cases {
        let listed = app.ask(get(&format!("/api/posts?{}", query.replace(' ', "%20")))).await;
        let titles = listed.each("/fields/title").join(" ").replace("Post ", "");
        assert_eq!((listed.status, titles.as_str()), (200, expected), "{query}");
    }
    let drafts = app.done(get("/api/posts?state=draft&limit=2")).await;
    assert_eq!(drafts.each("/fields/title"), ["Post 9", "Post 8"]);
    let only = app.done(get("/api/posts?state=draft&filter[status]=draft")).await;
    assert_eq!(only.each("/fields/title"), ["Post 5"]);
}

#[tokio::test]
async fn an_empty_list() {
    let app = App::new().await;
    let listed = app.ask(get("/api/posts")).await;
    assert_eq!(listed.text(), r#"{"data":[],"page":{"next":null,"prev":null},"meta":{}}"#);
    assert!(listed.header("etag").starts_with("\"l-"));
}

#[tokio::test]
async fn queries_that_are_refused() {
    let app = App::new().await;
    let bad = [
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("limit=", "invalid_parameter"),
        ("limit=1e2", "invalid_parameter"),
        ("limit[]=1", "invalid_parameter"),
        ("limit[x]=1", "invalid_parameter"),
        ("limit=1&limit=2", "repeated_parameter"),
        ("state=", "invalid_parameter"),
        ("state=all", "invalid_parameter"),
        ("count=all", "invalid_parameter"),
        ("count=", "invalid_parameter"),
        ("locale=E_N", "invalid_parameter"),
        ("sort=", "invalid_parameter"),
        ("sort=nothing", "invalid_parameter"),
        ("sort=title,title", "invalid_parameter"),
        ("filter=x", "invalid_parameter"),
        ("filter[]=x", "invalid_parameter"),
        ("filter[nothing]=x", "invalid_parameter"),
        ("filter[title][like]=x", "invalid_parameter"),
        ("filter[title][eq][eq]=x", "invalid_parameter"),
        ("filter[featured]=maybe", "invalid_parameter"),
        ("filter[title]=a&filter[title][eq]=b", "repeated_parameter"),
        ("filter[title]=a%00b", "invalid_parameter"),
        ("filter[or]=x", "invalid_parameter"),
        ("filter[or][0]=x", "invalid_parameter"),
        ("filter[or][title]=x", "invalid_parameter"),
        ("filter[or][01][title]=x", "invalid_parameter"),
        ("filter[or][+1][title]=x", "invalid_parameter"),
        ("filter[or][-1][title]=x", "invalid_parameter"),
        ("filter[or][99999999999][title]=x", "invalid_parameter"),
        ("filter[not]=x", "invalid_parameter"),
        ("filter[not][0][title]=x", "invalid_parameter"),
        ("filter[or][0][title]=x&filter[or][0][title][eq]=y", "repeated_parameter"),
        ("filter[title][starts][ends]=x", "invalid_parameter"),
        ("filter[tags][any]=", "invalid_parameter"),
        ("filter[tags][any]=a,,b", "invalid_parameter"),
        ("filter[title][any]=a", "invalid_parameter"),
        ("filter[rating][between]=1", "invalid_parameter"),
        ("filter[rating][between]=1,2,3", "invalid_parameter"),
        ("filter[rating][contains]=1", "invalid_parameter"),
        ("filter[rating][exists]=1", "invalid_parameter"),
        ("filter[author][gt]=x", "invalid_parameter"),
        ("filter[author.email]=x", "invalid_parameter"),
        ("filter[author.nothing]=x", "invalid_parameter"),
        ("filter[author.name.x]=x", "invalid_parameter"),
        ("page=2", "unknown_parameter"),
        ("offset=2", "unknown_parameter"),
        ("q=x", "unknown_parameter"),
        ("expand=author", "unknown_parameter"),
        ("where[x]=1", "unknown_parameter"),
        ("filter[title]=%ff", "invalid_query"),
        ("%", "invalid_query"),
    ];
    for (query, code) in bad {
        let answer = app.ask(get(&format!("/api/posts?{query}"))).await;
        answer.refuses(400, code);
        assert!(!answer.at("/errors/0/pointer").is_empty(), "{query}");
    }
    let unindexed =
        ["filter[author.bio]=x", "sort=cover", "filter[cover]=x", "filter[body]=x", "sort=title,-rating"];
    for query in unindexed {
        app.ask(get(&format!("/api/posts?{query}"))).await.refuses(422, "unindexed_query");
    }
    let cases = vec![
        (get("/api/posts?state=draft"), 401, "unauthorized"),
        (get("/api/posts?state=trashed&limit=0"), 401, "unauthorized"),
        (get("/api/secrets?limit=0"), 404, "not_found"),
        (get("/api/posts?state=draft&limit=0").admin(), 400, "invalid_parameter"),
    ];
    check_refusals(&app, cases).await;
}

#[tokio::test]
async fn names_that_are_guessed_are_not_repeated() {
    let app = App::new().await;
    app.make("authors", json!({"publish": true, "fields": {"name": "Ada", "email": "ada@example.org"}}))
        .await;
    let guesses = [
        ("filter[email]=ada@example.org", "filter[email]=eve@example.org"),
        ("filter[email][starts]=a", "filter[email][starts]=z"),
        ("sort=email", "sort=-email"),
        ("fields=email", "fields=name,email"),
        ("filter[email]=ada@example.org", "filter[nothing]=x"),
        ("sort=email", "sort=nothing"),
    ];
    for (right, wrong) in guesses {
        let right = app.ask(get(&format!("/api/authors?{right}"))).await;
        let wrong = app.ask(get(&format!("/api/authors?{wrong}"))).await;
        right.refuses(400, "invalid_parameter");
        assert_eq!(right.json()["detail"], wrong.json()["detail"], "{right:?}");
        assert_eq!(right.json()["errors"], wrong.json()["errors"], "{right:?}");
        assert!(!right.text().contains("email"), "{right:?}");
    }
}

#[tokio::test]
async fn a_list_is_one_round_trip() {
    let app = numbered(2).await;
    for address in ["/api/posts", "/api/posts/slug/post-1", "/api/posts?filter[tags]=plain"] {
        app.counted.reset();
        assert_eq!(app.ask(get(address)).await.status, 200);
        assert_eq!(app.counted.counts().round_trips, 1, "{address}");
    }
    // Whether anything was shared of the collections that are closed to this caller.
    app.counted.reset();
    app.ask(get("/api")).await;
    assert_eq!(app.counted.counts().round_trips, 1);
    for address in ["/health", "/api/nothing", "/api/posts?limit=0"] {
        app.counted.reset();
        app.ask(get(address)).await;
        assert_eq!(app.counted.counts().round_trips, 0, "{address}");
    }
}
