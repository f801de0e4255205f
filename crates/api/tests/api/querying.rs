//! `POST /api/{collection}/query`, and what it shares with the parameters of a list.

use serde_json::{Value, json};

use super::app::{Answer, App, ask, get, post};

async fn shelf() -> App {
    let app = App::new().await;
    let (ada, bea) = (app.author("Ada").await, app.author("Bea").await);
    let kinds = app.make("categories", json!({"publish": true, "fields": {"name": "Kinds"}})).await;
    let all = [
        json!({"title": "Apple", "author": ada, "rating": 1, "featured": true, "tags": ["a", "b"]}),
        json!({"title": "Äpfel", "author": bea, "rating": 2.5, "tags": ["b", "c"], "categories": [kinds]}),
        json!({"title": "Banana", "author": ada, "featured": false, "tags": ["a"]}),
        json!({"title": "apple", "author": bea, "rating": 4, "featured": true}),
    ];
    for mut fields in all {
        fields["body"] = "text".into();
        app.make("posts", json!({"publish": true, "fields": fields})).await;
    }
    app
}

/// What a URL asks, in a body: the same bytes, tag and places.
async fn same(app: &App, query: &str, body: Value) -> Answer {
    let got = app.ask(get(&format!("/api/posts?{query}"))).await;
    let queried = app.ask(post("/api/posts/query", body)).await;
    assert_eq!((got.status, queried.status), (200, 200), "{got:?} {queried:?}");
    assert_eq!(got.text(), queried.text(), "{query}");
    for header in ["etag", "cache-control"] {
        assert_eq!(got.header(header), queried.header(header), "{query}");
    }
    queried
}

#[tokio::test]
async fn a_body_asks_what_parameters_ask() {
    let app = shelf().await;
    let cases = [
        ("", json!({}), "apple Banana Äpfel Apple"),
        ("filter[title]=Apple", json!({"filter": {"title": "Apple"}}), "Apple"),
        ("filter[rating][gte]=2.50", json!({"filter": {"rating": {"gte": 2.5}}}), "apple Äpfel"),
        (
            "filter[rating][between]=1,2.5",
            json!({"filter": {"rating": {"between": [1, 2.5]}}}),
            "Äpfel Apple",
        ),
        ("filter[rating][ne]=4", json!({"filter": {"rating": {"ne": 4.0}}}), "Banana Äpfel Apple"),
        ("filter[featured][exists]=false", json!({"filter": {"featured": {"exists": false}}}), "Äpfel"),
        ("filter[tags][all]=b,a", json!({"filter": {"tags": {"all": ["a", "b", "a"]}}}), "Apple"),
        ("filter[tags][none]=a", json!({"filter": {"tags": {"none": ["a"]}}}), "apple Äpfel"),
        ("filter[author.name]=Ada", json!({"filter": {"author.name": "Ada"}}), "Banana Apple"),
        (
            "filter[categories.name][ne]=Kinds",
            json!({"filter": {"categories.name": {"ne": "Kinds"}}}),
            "apple Banana Apple",
        ),
        (
            "sort=title&filter[title][starts]=A",
            json!({"sort": ["title"], "filter": {"title": {"starts": "A"}}}),
            "Apple",
        ),
        ("filter[title][contains]=pp", json!({"filter": {"title": {"contains": "pp"}}}), "apple Apple"),
        // What all documents of a collection have in common, told of those that are referred to.
        ("filter[author.status]=draft", json!({"filter": {"author.status": "draft"}}), ""),
        ("filter[author.type][in]=posts", json!({"filter": {"author.type": {"in": ["posts"]}}}), ""),
        (
            "filter[author.type][ne]=posts&limit=2",
            json!({"filter": {"author.type": {"ne": "posts"}}, "limit": 2}),
            "apple Banana",
        ),
        (
            "filter[not][categories.status][in]=draft,trashed&filter[rating]=4",
            json!({"filter": {"not": {"categories.status": {"in": ["draft", "trashed"]}}, "rating": 4}}),
            "apple",
        ),
        (
            "filter[author.type]=authors&limit=1",
            json!({"filter": {"author.type": "authors"}, "limit": 1}),
            "apple",
        ),
        ("filter[title][ends]=fel", json!({"filter": {"title": {"ends": "fel"}}}), "Äpfel"),
        ("filter[not][featured]=true", json!({"filter": {"not": {"featured": true}}}), "Banana Äpfel"),
        (
            "filter[or][7][rating][gte]=4&filter[or][2][featured]=true&filter[or][2][title][lt]=B&filter[tags][exists]=true",
            json!({"filter": {"tags": {"exists": true}, "or": [{"title": {"lt": "B"}, "featured": true}, {"rating": {"gte": 4}}]}}),
            "Apple",
        ),
        (
            "count=exact&limit=1&fields=title",
            json!({"count": "exact", "limit": 1, "fields": ["title"]}),
            "apple",
        ),
    ];
    for (query, body, expected) in cases {
        let answer = same(&app, query, body).await;
        assert_eq!(answer.each("/fields/title").join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_of_one_goes_on_in_the_other() {
    let app = shelf().await;
    let filter = json!({"or": [{"featured": true}, {"rating": {"in": [2.5, 1]}}]});
    let query = "filter[or][0][rating][in]=1,2.5&filter[or][1][featured]=true";
    let first = same(&app, &format!("{query}&limit=1"), json!({"filter": filter, "limit": 1})).await;
    let next = first.at("/page/next");
    let second = same(
        &app,
        &format!("{query}&limit=1&after={next}"),
        json!({"filter": filter, "limit": 1, "after": next}),
    )
    .await;
    assert_eq!(second.each("/fields/title"), ["Äpfel"]);
    let prev = second.at("/page/prev");
    let back = same(
        &app,
        &format!("{query}&limit=1&before={prev}"),
        json!({"filter": filter, "limit": 1, "before": prev}),
    )
    .await;
    assert_eq!(back.each("/fields/title"), ["apple"]);
    let other = json!({"filter": {"featured": true}, "after": next});
    let refused = app.ask(post("/api/posts/query", other)).await;
    refused.refuses(400, "invalid_cursor");
    assert_eq!(refused.at("/errors/0/pointer"), "/after");
    let refused = app.ask(get(&format!("/api/posts?before={next}"))).await;
    refused.refuses(400, "invalid_cursor");
    assert_eq!(refused.at("/errors/0/pointer"), "before");
}

#[tokio::test]
async fn what_no_index_serves_is_named() {
    let app = shelf().await;
    for (query, pointer) in [("sort=cover", "sort"), ("filter[excerpt]=a", "filter[excerpt]")] {
        let refused = app.ask(get(&format!("/api/posts?{query}"))).await;
        refused.refuses(422, "unindexed_query");
        assert_eq!(refused.at("/errors/0/pointer"), pointer);
    }
    for (body, pointer) in [
        (json!({"sort": ["-cover"]}), "/sort"),
        (json!({"filter": {"or": [{"title": "a"}, {"excerpt": "b"}]}}), "/filter/or/1/excerpt"),
    ] {
        let refused = app.ask(post("/api/posts/query", body)).await;
        refused.refuses(422, "unindexed_query");
        assert_eq!(refused.at("/errors/0/pointer"), pointer);
    }
}

/// Many doubles are those that a parser gets wrong in the last bit.
#[tokio::test]
async fn numbers_are_kept_and_found_to_the_last_bit() {
    let app = App::new().await;
    let ada = app.author("Ada").await;
    let numbers = [
        "4.964144951134918e-29",
        "1.5061642402352393",
        "1.1706591779475792e-9",
        "0.1",
        "-123456789012345.67",
    ];
    for (number, of_it) in numbers.iter().flat_map(|it| [(it, 1), (it, 2)]) {
        let rating: Value = serde_json::from_str(number).unwrap();
        let fields =
            json!({"title": format!("{number} {of_it}"), "body": "b", "author": ada, "rating": rating});
        let id = app.make("posts", json!({"publish": true, "fields": fields})).await;
        let renamed = json!({"publish": true, "fields": {"title": format!("{number} and {of_it}")}});
        app.ask(super::app::patch(&format!("/api/posts/{id}"), "*", renamed).admin()).await;
        let kept = app.ask(get(&format!("/api/posts/{id}?fields=rating"))).await;
        assert!(kept.text().contains(&format!("{{\"rating\":{number}}}")), "{number}: {}", kept.text());
    }
    for number in numbers {
        let value: Value = serde_json::from_str(number).unwrap();
        let found = same(
            &app,
            &format!("filter[rating]={number}&count=exact"),
            json!({"filter": {"rating": value}, "count": "exact"}),
        )
        .await;
        assert_eq!(found.at("/meta/count"), "2", "{number}");
    }
    let (mut seen, mut address) = (0, "/api/posts?sort=-rating&limit=1".to_owned());
    loop {
        let page = app.ask(get(&address)).await;
        seen += page.each("/id").len();
        let next = page.at("/page/next");
        if next.is_empty() || next == "null" || seen > 20 {
            break;
        }
        address = format!("/api/posts?sort=-rating&limit=1&after={next}");
    }
    assert_eq!(seen, 2 * numbers.len());
}

#[tokio::test]
async fn a_count_is_of_all_pages_and_in_the_tag() {
    let app = shelf().await;
    let count = async |query: &str| {
        app.counted.reset();
        let answer = app.ask(get(&format!("/api/posts?{query}"))).await;
        assert_eq!(app.counted.counts().round_trips, 1, "{query}");
        (
            answer.json()["meta"]["count"].to_string(),
            answer.header("etag").to_owned(),
            answer.at("/page/next"),
        )
    };
    let (all, tag, next) = count("limit=1&count=exact").await;
    assert_eq!(all, "4");
    assert_eq!(count(&format!("limit=1&count=exact&after={next}")).await.0, "4");
    assert_eq!(count("count=exact&filter[author.name][starts]=A&filter[rating][exists]=true").await.0, "1");
    assert_eq!(count("count=exact&filter[rating][gt]=1&sort=-rating").await.0, "2");
    assert_ne!(count("limit=1").await.1, tag);
    assert_eq!(
        app.ask(get("/api/posts?filter[type]=x&count=exact")).await.json()["meta"],
        json!({"count": 0})
    );
    assert_eq!(app.ask(get("/api/posts?count=none")).await.json()["meta"], json!({}));
    // One more beyond the page changes the tag of a page that looks the same.
    let before = count("filter[title][lt]=B&sort=title&limit=1&count=exact").await;
    app.make(
        "posts",
        json!({"publish": true, "fields": {"title": "Az", "body": "b", "author": app.author("C").await}}),
    )
    .await;
    let after = count("filter[title][lt]=B&sort=title&limit=1&count=exact").await;
    assert_eq!((before.0.as_str(), after.0.as_str()), ("1", "2"));
    assert_ne!(before.1, after.1);
}

#[tokio::test]
async fn bodies_that_are_refused() {
    let app = shelf().await;
    let nested = |depth: usize| {
        let inner = json!({"title": "x"});
        json!({"filter": (0..depth).fold(inner, |inner, n| if n % 2 == 0 { json!({"not": inner}) } else { json!({"or": [inner]}) })})
    };
    let many = |count: usize| json!({"filter": {"or": vec![json!({"title": "x"}); count]}});
    let long = |count: usize| json!({"filter": {"title": {"in": (0..count).map(|it| it.to_string()).collect::<Vec<_>>()}}});
    let cases = [
        (json!([]), "bad_request", ""),
        (json!({"filters": {}}), "unknown_member", "/filters"),
        (json!({"filter": []}), "bad_request", "/filter"),
        (json!({"filter": {"rating": {"gte": "10"}}}), "bad_request", "/filter/rating/gte"),
        (json!({"filter": {"rating": true}}), "bad_request", "/filter/rating"),
        (json!({"filter": {"featured": "true"}}), "bad_request", "/filter/featured"),
        (json!({"filter": {"title": 1}}), "bad_request", "/filter/title"),
        (json!({"filter": {"title": {"in": "a,b"}}}), "bad_request", "/filter/title/in"),
        (json!({"filter": {"title": {"in": ["a", 1]}}}), "bad_request", "/filter/title/in/1"),
        (json!({"filter": {"rating": {"between": [1]}}}), "bad_request", "/filter/rating/between"),
        (json!({"filter": {"rating": {"exists": "true"}}}), "bad_request", "/filter/rating/exists"),
        (json!({"filter": {"title": {"like": "x"}}}), "bad_request", "/filter/title/like"),
        (json!({"filter": {"title": {"any": ["x"]}}}), "bad_request", "/filter/title/any"),
        (json!({"filter": {"rating": {"starts": "1"}}}), "bad_request", "/filter/rating/starts"),
        (json!({"filter": {"title": {"ends": "é".repeat(26)}}}), "bad_request", "/filter/title/ends"),
        (json!({"filter": {"title": "a\u{0}b"}}), "bad_request", "/filter/title"),
        (json!({"filter": {"author": "x"}}), "bad_request", "/filter/author"),
        (json!({"filter": {"status": "x"}}), "bad_request", "/filter/status"),
        (json!({"filter": {"createdAt": {"gt": 5}}}), "bad_request", "/filter/createdAt/gt"),
        (json!({"filter": {"title": null}}), "bad_request", "/filter"),
        (json!({"filter": {"title": ["a"]}}), "bad_request", "/filter"),
        (json!({"filter": {"title": {}}}), "bad_request", "/filter"),
        (json!({"filter": {"or": []}}), "bad_request", "/filter/or"),
        (json!({"filter": {"or": {"title": "x"}}}), "bad_request", "/filter/or"),
        (json!({"filter": {"and": [{"title": "x"}, {}]}}), "bad_request", "/filter/and/1"),
        (json!({"filter": {"not": []}}), "bad_request", "/filter/not"),
        (json!({"filter": {"or": [{"rating": "x"}]}}), "bad_request", "/filter/or/0/rating"),
        (nested(9), "bad_request", "/filter"),
        (many(33), "bad_request", "/filter"),
        (long(1_001), "bad_request", "/filter/title/in"),
        (json!({"limit": "10"}), "bad_request", "/limit"),
        (json!({"limit": 101}), "bad_request", "/limit"),
        (json!({"limit": 1.5}), "bad_request", "/limit"),
        (json!({"limit": 1.5}), "bad_request", "/limit"),
        (json!({"sort": "nothing"}), "bad_request", "/sort"),
        (json!({"sort": [1]}), "bad_request", "/sort"),
        (json!({"count": true}), "bad_request", "/count"),
        (json!({"state": "all"}), "bad_request", "/state"),
        (json!({"locale": "E_N"}), "bad_request", "/locale"),
        (json!({"locale": 1}), "bad_request", "/locale"),
        (json!({"after": "x", "before": "y"}), "bad_request", "/before"),
        (json!({"after": "x"}), "invalid_cursor", ""),
        (json!({"fields": "nothing"}), "bad_request", "/fields"),
        (json!({"fields": ["title,"]}), "bad_request", "/fields"),
        (json!({"fields": "author("}), "bad_request", "/fields"),
    ];
    for (body, code, pointer) in cases {
        let answer = app.ask(post("/api/posts/query", body)).await;
        answer.refuses(400, code);
        if code != "invalid_cursor" {
            assert_eq!(answer.at("/errors/0/pointer"), pointer, "{answer:?}");
        }
    }
    for body in [nested(8), many(32), long(1_000)] {
        assert_eq!(app.ask(post("/api/posts/query", body)).await.status, 200);
    }
    app.ask(post("/api/posts/query?limit=1", json!({}))).await.refuses(400, "unknown_parameter");
    app.ask(post("/api/posts/query", json!({"filter": {"cover": "x"}})))
        .await
        .refuses(422, "unindexed_query");
    app.ask(post("/api/posts/query", json!({"state": "draft"}))).await.refuses(401, "unauthorized");
    app.ask(post("/api/secrets/query", json!({"limit": 0}))).await.refuses(404, "not_found");
    app.ask(ask("POST", "/api/posts/query").raw("{}")).await.refuses(415, "unsupported_media_type");
    app.ask(get("/api/posts/query")).await.refuses(405, "method_not_allowed");
    let drafts = app.ask(post("/api/posts/query", json!({"state": "draft", "limit": 1})).admin()).await;
    assert_eq!((drafts.status, drafts.header("cache-control")), (200, "private, no-store"));
}

/// A collection that the caller may not read is no place to look into, whatever is asked of it.
#[tokio::test]
async fn what_is_behind_a_closed_collection_is_not_told() {
    let app = App::new().await;
    let secret = app.make("secrets", json!({"publish": true, "fields": {"title": "S"}})).await;
    app.make("inbox", json!({"publish": true, "fields": {"text": "t", "about": secret}})).await;
    let told = async |query: &str| {
        let answer = app.ask(get(&format!("/api/inbox?{query}"))).await;
        answer.refuses(400, "invalid_parameter");
        (answer.json()["detail"].clone(), answer.json()["errors"].clone())
    };
    let nothing = told("filter[nothing]=x").await;
    for query in [
        "filter[about.title]=S",
        "filter[about.title]=T",
        "filter[about.title][like]=S",
        "filter[about.nothing]=S",
        "filter[about.createdAt]=S",
        "filter[not][about.title]=S",
        "filter[rank]=7",
        "filter[about.id]=x",
        "filter[about.about.about.about.about.about.title]=x",
    ] {
        assert_eq!(told(query).await, nothing, "{query}");
    }
    let seen = app.ask(get("/api/inbox?filter[about.title]=S").admin()).await;
    assert_eq!(seen.each("/fields/text"), ["t"]);
    // The reference itself is a public value.
    assert_eq!(app.ask(get(&format!("/api/inbox?filter[about]={secret}"))).await.each("/fields/text"), ["t"]);
}
