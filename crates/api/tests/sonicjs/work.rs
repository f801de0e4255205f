//! What reads and writes cost: round trips, work, plans, and rows of indexes.

use std::collections::BTreeMap;

use serde_json::json;
use stratus_document::format_time;

use super::world::{World, encoded, step};
use crate::app::{Ask, NOW, ask, get, patch, post, put};

/// Reads that an index answers, each with one kind of thing in its way in SonicJS.
const READS: [&str; 12] = [
    "/api/things",
    "/api/things?limit=20&state=published",
    "/api/things?sort=publishedAt",
    "/api/things?sort=title",
    "/api/things?sort=-title",
    "/api/things?sort=price,-stock",
    "/api/things?sort=title&filter[title]=thing 00250",
    "/api/things?sort=title&filter[title]=nobody",
    "/api/things?filter[parent]=&filter[slug]=thing-00250",
    "/api/things?filter[good]=true&sort=-publishedAt",
    "/api/things/slug/thing-00250",
    "/api/things/slug/nobody",
];

fn read(address: &str) -> Ask {
    get(&encoded(address))
}

/// 500 things, of which one in seven is good; and a draft on top of one in ten.
async fn stocked() -> World {
    let world = World::new().await;
    for n in 0..500 {
        let fields = json!({
            "title": format!("thing {n:05}"), "price": n % 5, "stock": n, "good": n % 7 == 0, "tags": ["x", "y"]
        });
        let one = world.publish("things", fields).await;
        if n % 10 == 0 {
            world.done(patch(&one, "*", json!({"fields": {"a": "later"}}))).await;
        }
    }
    world
}

/// Makes nine more of each row, as if they had been written before.
fn multiply(world: &World) {
    let connection = world.connection();
    let columns = |sql: &str| -> Vec<String> {
        let mut found = connection.prepare(sql).unwrap();
        found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    // What is generated can't be written.
    let own =
        columns("SELECT name FROM pragma_table_info('documents') WHERE name NOT LIKE 'q\\_%' ESCAPE '\\'");
    let copied = own.iter().map(|name| match name.as_str() {
        "pk" => "d.pk + n.value * 10000".to_owned(),
        "id" | "root_id" => {
            format!("substr(d.{name}, 1, 8) || '-' || printf('%04x', n.value) || substr(d.{name}, 14)")
        }
        "slug" => "d.slug || '-copy-' || n.value".to_owned(),
        "published_at" => "d.published_at - n.value * 10000".to_owned(),
        "data" => "json_set(d.data, '$.title', d.data ->> '$.title' || ' copy ' || n.value)".to_owned(),
        name => format!("d.{name}"),
    });
    let (own, copied) = (own.join(", "), copied.collect::<Vec<_>>().join(", "));
    let each = "CROSS JOIN json_each('[1,2,3,4,5,6,7,8,9]') AS n";
    let sql = format!(
        "INSERT INTO documents ({own}) SELECT {copied} FROM documents AS d {each};
         INSERT INTO document_facets SELECT document_id + n.value * 10000, field_name, ordinal, tenant_id, type_id,
             value_text, value_number FROM document_facets {each};"
    );
    connection.execute_batch(&sql).unwrap();
}

/// Lists, filters and slug looks of SonicJS walk all rows of all collections, because neither the
/// tenant nor what is published is in their conditions in a form that an index takes. Here the work
/// of a read is the same among 500 documents and among 5,000, and no plan walks a table or sorts. It
/// is so where one index answers both condition and order; other conditions are looked at row by row,
/// within a bound.
#[tokio::test]
async fn p1_a_read_costs_the_same_however_much_there_is() {
    let world = stocked().await;
    let mut few = BTreeMap::new();
    for many in [false, true] {
        if many {
            multiply(&world);
            assert_eq!(world.number("SELECT count(*) FROM documents WHERE is_published = 1"), 5_000);
        }
        for address in READS {
            for statement in statements(&world, read(address)).await {
                world.assert_seeks(&statement);
                let plan = world.plan(&statement);
                assert!(!plan.iter().any(|it| it.contains("TEMP B-TREE")), "{address} sorts: {plan:?}");
            }
            world.counted.reset();
            let answer = world.ask(read(address)).await;
            assert!([200, 404].contains(&answer.status), "{answer:?}");
            let costs = world.counted.counts();
            assert_eq!((costs.round_trips, costs.statements), (1, 1), "{address}");
            let before = *few.entry(address).or_insert(costs.work) as f64;
            let now = costs.work as f64;
            assert!(now <= before * 1.05 + 5.0, "{address}: {before} steps among 500, {now} among 5,000");
            assert!(now <= 2_400.0, "{address}: {now} steps");
        }
    }
}

/// What was asked of the database, whatever came of it.
async fn statements(world: &World, ask: Ask) -> Vec<stratus_storage::Statement> {
    world.recording.take();
    world.ask(ask).await;
    world.recording.take()
}

/// Reads of SonicJS take `*`, and so compute each generated column of each row. Here they name what
/// they show, and no generated column but those that the list is sorted by.
#[tokio::test]
async fn p2_reads_name_their_columns() {
    let world = World::new().await;
    let fields = json!({"title": "one", "price": 1, "stock": 2, "good": true, "tags": ["x"]});
    let one = world.publish("things", fields).await;
    let check = async |address: &str, sort_keys: &[&str]| {
        let recorded = statements(&world, read(address).admin()).await;
        assert!(!recorded.is_empty(), "{address}");
        for statement in recorded {
            let sql = &*statement.sql;
            assert!(!sql.contains('*'), "{address}: {sql}");
            for select in sql.split("SELECT ").skip(1) {
                let list = select.split(" FROM ").next().unwrap();
                let words = list.split(|it: char| !it.is_alphanumeric() && it != '_');
                let mut generated: Vec<_> = words.filter(|it| it.starts_with("q_")).collect();
                generated.dedup();
                assert!(generated.is_empty() || generated == sort_keys, "{address}: {list}");
            }
        }
    };
    check("/api/things", &[]).await;
    check("/api/things?state=draft", &[]).await;
    check("/api/things?filter[price]=1&filter[good]=true&filter[tags]=x", &[]).await;
    check("/api/things?sort=title", &["q_title_t"]).await;
    check("/api/things?sort=price,-stock&filter[title]=one", &["q_price_r", "q_stock_i"]).await;
    check("/api/things/slug/one", &[]).await;
    check(&one, &[]).await;
    check(&format!("{one}?state=draft"), &[]).await;
    check(&format!("{one}/versions"), &[]).await;
    check(&format!("{one}/versions/1"), &[]).await;
    check(&format!("{one}/referrers"), &[]).await;
    check(&format!("{one}/permissions"), &[]).await;
}

/// A row of SonicJS is entered into 51 indexes, and logs and mails are rows beside the content. Here
/// an index is of one collection and holds its rows alone, history is in none of them, and the log
/// is a table of its own.
#[tokio::test]
async fn p3_indexes_hold_the_rows_of_their_collection() {
    let world = World::new().await;
    let entries = || -> BTreeMap<String, i64> {
        let connection = world.connection();
        let sql = "SELECT i.name, coalesce(sum(s.ncell), 0) FROM sqlite_schema AS i LEFT JOIN dbstat AS s \
                   ON s.name = i.name AND s.pagetype = 'leaf' \
                   WHERE i.type = 'index' AND i.tbl_name = 'documents' GROUP BY i.name";
        let mut found = connection.prepare(sql).unwrap();
        let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        found.map(Result::unwrap).collect()
    };
    let partial = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'ix\\_%' ESCAPE '\\' \
                   AND sql NOT LIKE '% WHERE type_id = ''%'";
    assert_eq!(world.number(partial), 0);
    world.publish("things", json!({"title": "thing", "price": 1})).await;
    let before = entries();
    assert!(before.len() > 20, "{before:?}");
    let mut addresses = Vec::new();
    for n in 0..10 {
        addresses.push(world.publish("brief", json!({"title": n.to_string(), "tags": ["x"]})).await);
    }
    let grown = |before: &BTreeMap<String, i64>| -> BTreeMap<String, i64> {
        let after = entries().into_iter().map(|(name, count)| (count - before[&name], name));
        after.filter(|(by, _)| *by != 0).map(|(by, name)| (name, by)).collect()
    };
    let by_ten = grown(&before);
    for (name, by) in &by_ten {
        let of_all = !name.starts_with("ix_");
        assert!((of_all || name.starts_with("ix_brief_")) && *by == 10, "{name} by {by}");
    }
    // The id, the version, the head, the public row; the lists of heads and of public rows.
    assert_eq!(by_ten.len(), 6, "{by_ten:?}");
    // What becomes history leaves the indexes of its collection.
    let before = entries();
    for one in &addresses {
        world.done(patch(one, "*", json!({"publish": true, "fields": {"tags": ["y"]}}))).await;
    }
    let names: Vec<_> = grown(&before).into_keys().filter(|it| it.starts_with("ix_")).collect();
    assert!(names.is_empty(), "{names:?}");
    assert_eq!(world.number("SELECT count(*) FROM events"), 21);
    let strange = "SELECT count(*) FROM documents WHERE type_id NOT IN ('things', 'brief')";
    assert_eq!((world.number("SELECT count(*) FROM documents"), world.number(strange)), (21, 0));
}

/// SonicJS makes a session of every request, that for its health as well, and sets a cookie on each,
/// so that nothing may be cached. Here an anonymous read is one statement, no answer sets a cookie,
/// and every cache may keep what is public as long as it asks.
#[tokio::test]
async fn p4_an_anonymous_read_is_one_statement_without_a_cookie() {
    let world = World::new().await;
    let one = world.publish("things", json!({"title": "one"})).await;
    let check = async |ask: Ask, round_trips: u64, status: u16, cache: &str| {
        world.counted.reset();
        let ask = ask.with("cookie", "session=x; csrf=y").with("user-agent", "x");
        let answer = world.ask(ask).await;
        let counts = world.counted.counts();
        assert_eq!((counts.round_trips, counts.statements), (round_trips, round_trips), "{answer:?}");
        assert_eq!((answer.status, answer.header("cache-control")), (status, cache), "{answer:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
        assert!(!answer.header("vary").to_lowercase().contains("cookie"), "{answer:?}");
    };
    let public = "public, no-cache";
    check(get("/health"), 0, 200, "no-store").await;
    for address in [
        "/api/things",
        "/api/things/slug/one",
        &one,
        "/api/things?filter[title]=one",
        "/api/things?filter[title]=two",
    ] {
        check(get(address), 1, 200, public).await;
        check(ask("HEAD", address), 1, 200, public).await;
        check(get(address).with("if-none-match", "*"), 1, 304, public).await;
    }
    check(get("/api/things/slug/two"), 1, 404, "no-store").await;
    check(get("/api/nothing"), 0, 404, "no-store").await;
    check(get("/api/things?limit=0"), 0, 400, "no-store").await;
}

/// SonicJS asks the database about each document of a list whether the caller may see it. Here the
/// rights of all are part of the one statement, before the limit, and they hold.
#[tokio::test]
async fn p5_rights_of_a_list_are_of_its_one_statement() {
    let world = World::new().await;
    let entry = |principal: &str, action: &str, effect: &str| json!({"principal": principal, "action": action, "effect": effect});
    let mut shown = Vec::new();
    for n in 0..30 {
        let one = world.publish("blog-posts", json!({"title": format!("{n:02}")})).await;
        let mut entries =
            vec![entry("user:someone", "update", "deny"), entry("role:editor", "read", "allow")];
        if n % 3 == 0 {
            entries.push(entry("public", "read", "deny"));
        } else {
            shown.push(format!("{n:02}"));
        }
        world.done(put(&format!("{one}/permissions"), "*", json!({ "permissions": entries }))).await;
    }
    for (limit, count) in [(19, 19), (20, 20), (21, 20), (100, 20)] {
        world.counted.reset();
        let listed = world.ask(get(&format!("/api/blog-posts?sort=title&limit={limit}"))).await;
        let counts = world.counted.counts();
        assert_eq!((counts.round_trips, counts.statements), (1, 1), "{limit}");
        assert_eq!(listed.each("/fields/title"), shown[..count], "{limit}");
        assert_eq!(listed.at("/page/next") == "null", count == 20, "{limit}");
    }
    let all = world.cost(get("/api/blog-posts?state=draft&limit=100").admin()).await;
    assert_eq!((all.round_trips, all.statements), (1, 1));
    // In a collection that grants nothing, a document's own entries open it, and it alone; whether
    // there is any is asked once, however many there are.
    let mut shown = Vec::new();
    for n in 0..40 {
        let title = format!("{n:02}");
        let id = world.make("closed", json!({"publish": true, "fields": {"title": title}})).await;
        let opens = n % 4 == 0;
        let entries =
            if opens { entry("public", "read", "allow") } else { entry("public", "update", "deny") };
        let entries = json!({ "permissions": [entries] });
        world.done(put(&format!("/api/closed/{id}/permissions"), "*", entries)).await;
        shown.splice(0..0, opens.then_some(title));
        if n % 20 == 19 {
            world.counted.reset();
            assert_eq!(world.titles("/api/closed?limit=100").await, shown);
            assert_eq!(world.counted.counts().statements, 2);
        }
    }
}

/// Each write to SonicJS goes through all keys of its cache and makes JSON of what is under them.
/// The cache is to come here; what a write costs is the same however much there is.
#[tokio::test]
async fn p6_a_write_costs_the_same_however_much_there_is() {
    let world = stocked().await;
    let mut few = BTreeMap::new();
    for round in ["few", "many"] {
        if round == "many" {
            multiply(&world);
        }
        let title = |n: usize| format!("{round} {n}");
        let one = world.publish("things", json!({"title": title(0)})).await;
        let fields = |n| json!({"fields": {"title": title(n), "price": 2, "tags": ["x"]}});
        let writes = [
            ("create", post("/api/things", fields(1))),
            ("patch", patch(&one, "*", fields(2))),
            ("publish", step(&one, "publish")),
            ("put", put(&one, "*", json!({"publish": true, "fields": {"title": title(3)}}))),
            ("unpublish", step(&one, "unpublish")),
            ("trash", crate::app::delete(&one)),
            ("recover", step(&one, "recover")),
        ];
        for (name, write) in writes {
            for statement in statements_of_write(&world, write).await.0 {
                world.assert_seeks(&statement);
            }
            let work = world.counted.counts().work as f64;
            let before = *few.entry(name).or_insert(work);
            assert!(work <= before * 1.05 + 20.0, "{name}: {before} steps among 500, {work} among 5,000");
        }
    }
}

/// What a write asked of the database, and how often.
async fn statements_of_write(world: &World, write: Ask) -> (Vec<stratus_storage::Statement>, u64) {
    world.counted.reset();
    let statements = world.statements(write.admin()).await;
    (statements, world.counted.counts().round_trips)
}

/// SonicJS reads definitions, roles and settings from the database again for each request. Here they
/// are read at the start: no request asks for any of it, and none asks about the schema.
#[tokio::test]
async fn p7_no_request_reads_definitions() {
    let world = World::new().await;
    let one = world.publish("things", json!({"title": "one"})).await;
    world.recording.take();
    for address in ["/api/things", &one, "/api/things/slug/one", "/health", "/api", "/api/nothing"] {
        world.ask(get(address)).await;
        world.ask(get(address).admin()).await;
    }
    world.done(post("/api/things", json!({"fields": {"title": "two"}}))).await;
    world.done(patch(&one, "*", json!({"fields": {"title": "three"}}))).await;
    world.done(step(&one, "publish")).await;
    let recorded = world.recording.take();
    assert!(recorded.len() > 20, "only {}", recorded.len());
    for statement in recorded {
        let sql = statement.sql.to_lowercase();
        for table in
            ["document_types", "schema_state", "settings", "migrations", "sqlite_", "pragma", "auth_"]
        {
            assert!(!sql.contains(table), "{table}: {sql}");
        }
    }
}

/// A create of SonicJS looks for its slug in every row of the collection, and a PUT of a public
/// document takes eleven round trips. Here the look is a seek in an index and a part of the insert, so
/// that a create takes one round trip, and every change takes two at most.
#[tokio::test]
async fn p8_a_write_is_a_look_and_a_batch() {
    let world = World::new().await;
    let one = world.publish("things", json!({"title": "one"})).await;
    let title = |it: &str| json!({"fields": {"title": it}});
    let public = |it: &str| json!({"publish": true, "fields": {"title": it, "tags": ["x"]}});
    let writes = [
        ("create", post("/api/things", title("two")), 1),
        ("create of a derived slug that is taken", post("/api/things", title("one")), 1),
        ("create with a slug", post("/api/things", json!({"slug": "x", "fields": {"title": "x"}})), 1),
        ("create in public", post("/api/things", public("three")), 1),
        ("draft on what is public", put(&one, "*", title("four")), 2),
        ("publish", step(&one, "publish"), 2),
        ("replace what is public", put(&one, "*", public("five")), 2),
        ("patch what is public", patch(&one, "*", public("six")), 2),
        ("window", patch(&one, "*", json!({"expireAt": format_time(NOW * 2)})), 2),
        ("permissions", put(&format!("{one}/permissions"), "*", json!({"permissions": []})), 2),
        ("unpublish", step(&one, "unpublish"), 2),
        ("trash", crate::app::delete(&one), 2),
        ("recover", step(&one, "recover"), 2),
    ];
    for (name, write, expected) in writes {
        let (statements, round_trips) = statements_of_write(&world, write).await;
        assert!(round_trips <= expected, "{name}: {round_trips} round trips");
        let looks: Vec<_> = statements.iter().filter(|it| it.sql.contains("?11 || '-' || n.value")).collect();
        assert_eq!(looks.len(), usize::from(name.starts_with("create") && !name.contains("with")), "{name}");
        for look in looks {
            let plan = world.plan(look);
            let seeks: Vec<_> = plan.iter().filter(|it| it.starts_with("SEARCH d USING")).collect();
            // Among heads and among public rows: the slug itself, and those with a number.
            assert_eq!(seeks.len(), 4, "{plan:?}");
            for seek in seeks {
                assert!(seek.contains("INDEX ix_things_unique_") && seek.contains("slug=?"), "{plan:?}");
            }
            world.assert_seeks(look);
        }
    }
}

/// SonicJS gives no tags, pages by offset, and has no order where none is asked for. Here every read
/// has a tag and a 304, pages hold while others write, equal times are in one order, and the last
/// page says that it is.
#[tokio::test]
async fn p9_reads_have_tags_and_pages_hold() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..8 {
        // All at one moment: their ids tell which is the later one.
        world.clock.set(NOW);
        let title = n.to_string();
        made.push((world.publish("blog-posts", json!({ "title": title })).await, title));
    }
    made.sort_by(|a, b| b.cmp(a));
    let titles: Vec<_> = made.into_iter().map(|(_, title)| title).collect();
    world.clock.set(NOW + 1_000);
    let one = format!("/api/blog-posts/{}", world.ask(get("/api/blog-posts")).await.each("/id")[0]);
    for address in
        ["/api/blog-posts", "/api/blog-posts/slug/7", &one, "/api/blog-posts?limit=8&sort=title", "/api"]
    {
        let first = world.ask(get(address)).await;
        let tag = first.header("etag").to_owned();
        assert!(first.status == 200 && tag.len() > 4, "{first:?}");
        let again = world.ask(get(address).with("if-none-match", &tag)).await;
        assert_eq!((again.status, again.text(), again.header("etag")), (304, "", tag.as_str()));
        assert_eq!(world.ask(get(address)).await.body, first.body, "the same twice: {address}");
    }
    assert_eq!(world.titles("/api/blog-posts").await, titles);
    // A last page that is exactly full is the last one.
    for limit in [1, 2, 4, 8] {
        let (mut seen, mut address) = (Vec::new(), format!("/api/blog-posts?limit={limit}"));
        for page in 1..=8 / limit {
            let listed = world.ask(get(&address)).await;
            seen.extend(listed.each("/fields/title"));
            let next = listed.json()["page"]["next"].as_str().map(str::to_owned);
            assert_eq!(next.is_some(), page < 8 / limit, "page {page} of {limit}");
            address = format!("/api/blog-posts?limit={limit}&after={}", next.unwrap_or_default());
        }
        assert_eq!(seen, titles);
    }
    // Others come and go between two pages: nothing that stays is repeated or left out.
    let first = world.ask(get("/api/blog-posts?limit=4")).await;
    world.publish("blog-posts", json!({"title": "new"})).await;
    world.done(crate::app::delete(&one)).await;
    let second = world.ask(get(&format!("/api/blog-posts?limit=4&after={}", first.at("/page/next")))).await;
    assert_eq!([first.each("/fields/title"), second.each("/fields/title")].concat(), titles);
}
