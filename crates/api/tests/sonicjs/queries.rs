//! What lists are asked, and what they answer.

use std::cmp::Ordering;

use serde_json::json;

use super::world::{World, encoded};
use crate::app::get;

/// A path in the API of SonicJS that names a collection by its slug answers no rows, because the
/// slug is taken for an id. Here a collection has one name, which is its address, and every name
/// that `GET /api` shows leads to its documents.
#[tokio::test]
async fn c3_every_collection_answers_under_the_name_that_is_shown() {
    let world = World::new().await;
    for name in ["blog-posts", "news_items", "things"] {
        world.publish(name, json!({"title": "One"})).await;
    }
    world.publish("brief", json!({"title": "One"})).await;
    let names = world.ask(get("/api")).await.each("/name");
    assert_eq!(names, ["blog-posts", "brief", "news_items", "things"]);
    for name in names {
        assert_eq!(world.titles(&format!("/api/{name}")).await, ["One"], "{name}");
    }
    let others = [
        "/api/blog_posts",
        "/api/news-items",
        "/api/Things",
        "/api/collections/blog-posts/content",
        "/api/collections/blog-posts",
    ];
    for address in others {
        world.ask(get(address)).await.refuses(404, "not_found");
    }
}

async fn priced() -> World {
    let world = World::new().await;
    let all = [
        json!({"title": "100%", "price": 3, "stock": 3, "good": true, "unitPrice": 0.5, "sizes": [1, 2.5]}),
        json!({"title": "100x", "price": 4, "stock": 4, "good": false, "unitPrice": 1, "sizes": [10, 2.5]}),
        json!({"title": "a_b", "price": 10, "stock": 10, "good": true, "sizes": [4]}),
        json!({"title": "axb", "price": 4.5, "stock": -4, "good": false}),
        json!({"title": "none"}),
    ];
    for fields in all {
        world.publish("things", fields).await;
    }
    world
}

/// SonicJS compares numbers and booleans of a query string as text with those of JSON, so that
/// `=4` finds nothing and `<3` everything; an unknown field is a 500 that quotes SQL, and `%` and
/// `_` in a value stand for anything. Here values have the type of their field, an unknown name is
/// a 400 that says what there is, and a value is what it is.
#[tokio::test]
async fn c4_values_have_the_type_of_their_field() {
    let world = priced().await;
    let check = async |filter: &str, expected: &[&str]| {
        let titles = world.titles(&format!("/api/things?sort=title&{filter}")).await;
        assert_eq!(titles, expected, "{filter}");
    };
    check("filter[price]=4", &["100x"]).await;
    check("filter[price]=4.0", &["100x"]).await;
    check("filter[price]=4e0", &["100x"]).await;
    check("filter[price]=04", &["100x"]).await;
    check("filter[price][eq]=4.5", &["axb"]).await;
    check("filter[price][gt]=4", &["a_b", "axb"]).await;
    check("filter[price][gte]=4", &["100x", "a_b", "axb"]).await;
    check("filter[price][lt]=4", &["100%"]).await;
    check("filter[price][lte]=4", &["100%", "100x"]).await;
    check("filter[price][gt]=9", &["a_b"]).await;
    check("filter[price][gte]=3&filter[price][lt]=4.5", &["100%", "100x"]).await;
    check("filter[price][lt]=3", &[]).await;
    check("filter[stock]=4", &["100x"]).await;
    check("filter[stock][gt]=3", &["100x", "a_b"]).await;
    check("filter[stock][lt]=0", &["axb"]).await;
    check("filter[unitPrice][gte]=0.5", &["100%", "100x"]).await;
    check("filter[good]=true", &["100%", "a_b"]).await;
    check("filter[good]=false", &["100x", "axb"]).await;
    check("filter[version]=1&filter[price]=4", &["100x"]).await;
    check("filter[title]=100%", &["100%"]).await;
    check("filter[title]=a_b", &["a_b"]).await;
    check("filter[title]=%", &[]).await;
    check("filter[title]=____", &[]).await;
    check("filter[title]=*", &[]).await;
    check(&format!("filter[title]={}", "%".repeat(60)), &[]).await;
    let refused = [
        "filter[unknown]=x",
        "filter[q_price_r]=4",
        "filter[price]=four",
        "filter[price]=",
        "filter[price]='4'",
        "filter[price]=4 OR 1=1",
        "filter[price]=NaN",
        "filter[price]=0x4",
        "filter[stock]=4.5",
        "filter[good]=1",
        "filter[good]=TRUE",
        "filter[good][gt]=false",
        "filter[price][like]=4",
        "filter[title][like]=100%",
        "filter[unknown][like]=1",
        "filter[title')) OR 1=1 --]=x",
    ];
    for filter in refused {
        // That no SQL is quoted is looked at by `refuses`.
        world.ask(get(&encoded(&format!("/api/things?{filter}")))).await.refuses(400, "invalid_parameter");
    }
}

/// SonicJS takes `limit=-1` for no limit at all. Here what is no number from 1 to 100 is refused,
/// and nothing is clamped in silence.
#[tokio::test]
async fn c5_no_limit_is_no_limit() {
    let world = World::new().await;
    for n in 0..103 {
        world.publish("blog-posts", json!({"title": format!("{n}")})).await;
    }
    let bad = [
        "-1",
        "0",
        "101",
        "1e3",
        "",
        "+5",
        " 5",
        "5 ",
        "0x10",
        "5.0",
        "5;",
        "٥",
        "NaN",
        "null",
        "1000",
        "4294967297",
    ];
    for limit in bad {
        let address = encoded(&format!("/api/blog-posts?limit={limit}"));
        world.ask(get(&address)).await.refuses(400, "invalid_parameter");
        world.ask(get(&format!("{address}&state=draft")).admin()).await.refuses(400, "invalid_parameter");
    }
    world.ask(get("/api/blog-posts?limit")).await.refuses(400, "invalid_parameter");
    for (query, count) in [("", 20), ("?limit=1", 1), ("?limit=100", 100)] {
        let listed = world.ask(get(&format!("/api/blog-posts{query}"))).await;
        assert_eq!(listed.each("/id").len(), count, "{query}");
        assert_ne!(listed.at("/page/next"), "null", "{query}");
    }
}

/// A thing as the oracle knows it: title, price, stock.
type Row = (String, Option<f64>, Option<i64>);

/// What compares like SQLite: what is absent comes first, equals go by age in the direction of the
/// last key.
fn sorted(rows: &[Row], sort: &str) -> Vec<String> {
    let keys: Vec<&str> = sort.split(',').collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let compare = |a: usize, b: usize, key: &str| {
        let (x, y) = (&rows[a], &rows[b]);
        let order = match key.trim_start_matches('-') {
            "title" => x.0.cmp(&y.0),
            "price" => x.1.partial_cmp(&y.1).unwrap_or(Ordering::Equal),
            "stock" => x.2.cmp(&y.2),
            _ => a.cmp(&b),
        };
        if key.starts_with('-') { order.reverse() } else { order }
    };
    order.sort_by(|&a, &b| {
        let found = keys.iter().map(|key| compare(a, b, key)).find(|it| it.is_ne());
        found.unwrap_or_else(|| {
            compare(a, b, if keys[keys.len() - 1].starts_with('-') { "-age" } else { "age" })
        })
    });
    order.into_iter().map(|at| rows[at].0.clone()).collect()
}

/// The cursor of SonicJS always means "older than", whatever the list is sorted by: the second page
/// of an ascending list repeats some documents and skips others. Here pages in either direction, in
/// any order, with ties and absent values, put together are the list.
#[tokio::test]
async fn c11_pages_put_together_are_the_list() {
    let world = World::new().await;
    let prices = [None, Some(1.0), Some(2.5), None, Some(1.0), Some(1.0), Some(-3.0), None, Some(2.5)];
    let stocks = [Some(1), None, Some(1), Some(2), None, Some(1), None, Some(1), Some(2)];
    let mut rows: Vec<Row> = Vec::new();
    for (n, (price, stock)) in prices.into_iter().zip(stocks).enumerate() {
        let title = format!("thing {}", n * 7 % 9);
        let mut fields = json!({ "title": title });
        price.into_iter().for_each(|it| fields["price"] = it.into());
        stock.into_iter().for_each(|it| fields["stock"] = it.into());
        world.publish("things", fields).await;
        rows.push((title, price, stock));
    }
    let sorts = [
        "publishedAt",
        "-publishedAt",
        "title",
        "-title",
        "price",
        "-price",
        "stock",
        "-stock",
        "price,-stock",
        "-price,stock",
    ];
    for sort in sorts {
        let expected = sorted(&rows, sort);
        for limit in 1..=4 {
            let first = format!("/api/things?sort={sort}&limit={limit}");
            let (mut pages, prev) = walk(&world, &first, "after").await;
            assert_eq!(pages.concat(), expected, "{sort} by {limit}");
            pages.pop();
            let Some(prev) = prev else { panic!("no way back from the end of {first}") };
            let (mut back, _) = walk(&world, &format!("{first}&before={prev}"), "before").await;
            back.reverse();
            assert_eq!(back, pages, "{sort} by {limit}, backwards");
        }
    }
    // A cursor says which list it belongs to.
    let next = world.ask(get("/api/things?sort=price&limit=2")).await.at("/page/next");
    for other in ["sort=-price", "sort=title", "", "sort=price&filter[good]=true", "sort=price&locale=pl"] {
        let address = format!("/api/things?limit=2&after={next}&{other}");
        world.ask(get(address.trim_end_matches('&'))).await.refuses(400, "invalid_cursor");
    }
}

/// Walks to the end: the titles of each page, and the cursor back from the last.
async fn walk(world: &World, first: &str, parameter: &str) -> (Vec<Vec<String>>, Option<String>) {
    let (mut pages, mut address) = (Vec::new(), first.to_owned());
    let base = first.split("&before").next().unwrap();
    for _ in 0..50 {
        let page = world.ask(get(&address)).await;
        let shown = page.each("/fields/title");
        assert!(page.status == 200 && !shown.is_empty(), "{page:?}");
        pages.push(shown);
        let cursor = |member: &str| page.json()["page"][member].as_str().map(str::to_owned);
        let Some(on) = cursor(if parameter == "after" { "next" } else { "prev" }) else {
            return (pages, cursor("prev"));
        };
        address = format!("{base}&{parameter}={on}");
    }
    panic!("{first} never ends: {pages:?}");
}

/// SonicJS looks at one facet filter, not at numeric ones, not at paths below the top, and columns
/// that it named itself can't be filtered by. Here all of them can be combined, by the field's path.
#[tokio::test]
async fn c11_facets_paths_and_columns_are_filtered_by_the_fields_path() {
    let world = World::new().await;
    let owner = world.publish("things", json!({"title": "owner"})).await;
    let owner = owner.rsplit('/').next().unwrap().to_owned();
    let other = "01890000-0000-7000-8000-000000000000";
    let thing = |title: &str, tags: &[&str], sizes: &[f64], maker: &str, labels: &[&str]| {
        json!({
            "title": title, "tags": tags, "sizes": sizes, "unitPrice": sizes.len(),
            "spec": {"maker": maker, "labels": labels, "owner": owner, "parts": [other, owner]}
        })
    };
    world.publish("things", thing("a", &["x", "y"], &[1.0, 2.5], "acme", &["new"])).await;
    world.publish("things", thing("b", &["x", "z"], &[2.5], "acme", &["new", "old"])).await;
    let mut loose = thing("c", &["y"], &[30.0], "Ääkkösiä", &["old"]);
    loose["spec"]["owner"] = other.into();
    loose["spec"]["parts"] = json!([]);
    world.publish("things", loose).await;
    let check = async |filters: &str, expected: &[&str]| {
        assert_eq!(world.titles(&format!("/api/things?sort=title&{filters}")).await, expected, "{filters}");
    };
    check("filter[tags]=x", &["a", "b"]).await;
    check("filter[tags]=x&filter[spec.labels]=old", &["b"]).await;
    check("filter[tags]=x&filter[sizes]=2.5&filter[spec.labels]=new", &["a", "b"]).await;
    check("filter[tags]=y&filter[sizes]=1", &["a"]).await;
    check("filter[sizes]=2.5", &["a", "b"]).await;
    check("filter[sizes]=2.50", &["a", "b"]).await;
    check("filter[sizes][gt]=9", &["c"]).await;
    check("filter[sizes][lt]=2.5", &["a"]).await;
    check("filter[sizes][gte]=2.5&filter[tags]=y", &["a", "c"]).await;
    check("filter[spec.labels]=new", &["a", "b"]).await;
    check("filter[spec.maker]=acme&filter[tags]=z", &["b"]).await;
    check("filter[spec.maker]=Ääkkösiä", &["c"]).await;
    check(&format!("filter[spec.owner]={owner}"), &["a", "b"]).await;
    check(&format!("filter[spec.owner]={other}"), &["c"]).await;
    check(&format!("filter[spec.parts]={other}&filter[unitPrice]=2"), &["a"]).await;
    check("filter[unitPrice][lt]=2", &["b", "c"]).await;
    let by_maker = world.titles("/api/things?sort=-spec.maker&limit=3").await;
    assert_eq!(by_maker, ["c", "b", "a"]);
    for column in ["q_spec_maker_t", "spec_maker", "labels", "maker", "spec.nothing"] {
        world.ask(get(&format!("/api/things?filter[{column}]=acme"))).await.refuses(400, "invalid_parameter");
    }
}

/// Addresses of SonicJS lie behind a route that takes anything for a collection, so that search,
/// events and others answer 404. Here a document may have any slug, and none hides an address.
#[tokio::test]
async fn c17_no_slug_hides_an_address() {
    let world = World::new().await;
    for slug in ["versions", "publish", "query", "slug", "permissions", "api"] {
        let body = json!({"slug": slug, "publish": true, "fields": {"title": slug}});
        let id = world.make("blog-posts", body).await;
        let found = world.ask(get(&format!("/api/blog-posts/slug/{slug}"))).await;
        assert_eq!(found.at("/data/id"), id);
        let one = format!("/api/blog-posts/{id}");
        for address in ["versions", "versions/1", "referrers", "permissions"] {
            assert_eq!(
                world.ask(get(&format!("{one}/{address}")).admin()).await.status,
                200,
                "{slug}: {address}"
            );
        }
    }
    world.ask(get("/api/blog-posts/query")).await.refuses(405, "method_not_allowed");
    world.ask(get("/api/search")).await.refuses(404, "not_found");
}
