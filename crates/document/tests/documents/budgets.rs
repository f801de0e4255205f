//! Round trips, plans and work: what each call may cost.

use serde_json::json;
use stratus_document::{
    Answer, Change, CollectionDefinition, Count, Done, FieldDefinition, FieldType, Input, Keyed, ListParams,
    Operation, Outcome, Precondition, RawCondition, Step, Strength, View,
};
use stratus_storage::{Consistency, Database, Statement};

use crate::fixture::{World, compare, draft, fields, filter, post};

async fn trips<T>(world: &World, call: impl Future<Output = stratus_document::Result<T>>) -> u64 {
    world.database.reset();
    assert!(call.await.is_ok());
    world.database.counts().round_trips
}

#[tokio::test]
async fn reads_take_one_round_trip_and_writes_two() {
    let world = World::demo().await;
    let (admin, public) = (world.admin(), world.public());
    let author = world.author("Ada").await;
    let id = world.create("posts", &Input { publish: true, ..post("One", &author) }).await.document.id;
    let (repository, service) = (world.repository(), &world.service);
    let any = Precondition::Any;

    assert_eq!(trips(&world, repository.get(&public, "posts", &id, &View::default())).await, 1);
    assert_eq!(trips(&world, repository.get(&admin, "posts", &id, &draft())).await, 1);
    assert_eq!(
        trips(&world, repository.get_by_slug(&public, "posts", "one", None, &View::default())).await,
        1
    );
    let params = ListParams::default();
    assert_eq!(trips(&world, world.list(&public, "posts", &params)).await, 1);

    let patch = fields(json!({ "title": "Two" }));
    assert_eq!(trips(&world, service.patch(&admin, "posts", &id, &any, &patch)).await, 2);
    assert_eq!(trips(&world, service.publish(&admin, "posts", &id, &any)).await, 2);
    assert_eq!(trips(&world, service.trash(&admin, "posts", &id, &any)).await, 2);
    let next = post("Three", &author);
    assert_eq!(trips(&world, service.create(&admin, "posts", &next)).await, 1);
    let copied = Input::default();
    let id = world.create("posts", &post("Copied", &author)).await.document.id;
    assert_eq!(trips(&world, service.duplicate(&admin, "posts", &id, &copied)).await, 2);
    let bare = Input { slug: stratus_document::Member::Value("bare".into()), ..Input::default() };
    assert_eq!(trips(&world, service.duplicate(&admin, "posts", &id, &bare)).await, 2);
    let order = Input { order: stratus_document::Member::Value(3), ..Input::default() };
    assert_eq!(trips(&world, service.patch(&admin, "posts", &id, &any, &order)).await, 2);
    // What it is a translation of is looked at beside the document itself.
    let original = stratus_document::Member::Value(id.clone());
    let translation = Input { translation_of: original, locale: Some("pl".into()), ..post("Pl", &author) };
    assert_eq!(trips(&world, service.create(&admin, "posts", &translation)).await, 2);
    let other = world.create("posts", &Input { locale: Some("de".into()), ..post("De", &author) }).await;
    let joins = Input { translation_of: translation.translation_of, ..Input::default() };
    let other = other.document.id;
    assert_eq!(trips(&world, service.patch(&admin, "posts", &other, &any, &joins)).await, 2);
    assert_eq!(trips(&world, repository.translations(&admin, "posts", &id)).await, 1);
    assert_eq!(trips(&world, service.erase(&admin, "posts", &id, &any)).await, 2);
    // A slug is found where it is written: to be given one saves no round trip.
    let named = Input { slug: stratus_document::Member::Value("four".into()), ..post("Four", &author) };
    assert_eq!(trips(&world, service.create(&admin, "posts", &named)).await, 1);
    let id = world.create("posts", &post("Restored", &author)).await.document.id;
    world.service.patch(&admin, "posts", &id, &any, &patch).await.expect("a patch");
    assert_eq!(trips(&world, service.restore(&admin, "posts", &id, &any, 1)).await, 2);
}

#[tokio::test]
async fn a_write_under_a_key_takes_two_round_trips_and_one_to_be_repeated() {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let id = world.create("posts", &post("One", &author)).await.document.id;
    let (new, patch) = (post("Two", &author), fields(json!({ "title": "Three" })));
    let answer = |_: &[Outcome]| Some(Answer { status: 200, headers: String::new(), body: "{}".to_owned() });
    let step = |step| Change::Step { id: &id, precondition: &any, step };
    let changes = [
        Change::Create(&new),
        Change::Duplicate { id: &id, input: &new },
        Change::Patch { id: &id, precondition: &any, input: &patch },
        Change::Restore { id: &id, precondition: &any, version: 1 },
        step(Step::Publish),
        // Nothing to do, but to keep that.
        step(Step::Publish),
        step(Step::Trash),
        step(Step::Recover),
        step(Step::Trash),
        step(Step::Erase),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let key = n.to_string();
        let keyed = Keyed { key: &key, request: "the same", answer: &answer };
        let operations = [Operation::new("posts", change)];
        for expected in [2, 1] {
            world.database.reset();
            let done = world.service.write(&admin, &operations, Some(&keyed)).await.expect("a write");
            // What is not seen is gone, or is no longer for the caller to see: one more look tells.
            let is_gone = matches!(change, Change::Step { step: Step::Erase, .. });
            let trips = if is_gone { 2 } else { expected };
            assert_eq!(world.database.counts().round_trips, trips, "{change:?}");
            assert_eq!(matches!(done, Done::Before { .. }), expected == 1, "{change:?}");
        }
    }
}

#[tokio::test]
async fn to_repeat_a_batch_of_erasures_takes_two_round_trips() {
    let world = World::demo().await;
    let any = Precondition::Any;
    let answer = |_: &[Outcome]| Some(Answer { status: 200, headers: String::new(), body: "{}".to_owned() });
    let keyed = Keyed { key: "k", request: "the same", answer: &answer };
    let mut ids = Vec::new();
    for name in ["Ada", "Eve", "Joe", "Max", "Zoe"] {
        ids.push(world.author(name).await);
    }
    let erase = |id| Change::Step { id, precondition: &any, step: Step::Erase };
    let operations: Vec<_> = ids.iter().map(|id| Operation::new("authors", erase(id))).collect();
    for is_repeated in [false, true] {
        world.database.reset();
        let done = world.service.write(&world.admin(), &operations, Some(&keyed)).await.expect("a write");
        assert_eq!(matches!(done, Done::Before { .. }), is_repeated);
        assert_eq!(world.database.counts().round_trips, 2);
    }
}

#[tokio::test]
async fn work_does_not_grow_with_the_collection() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    let mut measured = Vec::new();
    for size in [200, 1_000] {
        for n in world_size(&world).await..size {
            let input = fields(json!({
                "title": format!("Post {n:05}"), "body": "text", "author": author,
                "featured": n % 7 == 0, "rating": n % 5, "tags": ["a", "b"],
            }));
            world.create("posts", &Input { publish: true, ..input }).await;
        }
        measured.push(works(&world).await);
    }
    for (small, large) in measured[0].iter().zip(&measured[1]) {
        let (name, small, large) = (&small.0, small.1 as f64, large.1 as f64);
        assert!(
            large <= small * 1.05 + 5.0,
            "{name}: {small} steps among 200 documents, {large} among 1,000"
        );
        assert!(large <= 2_400.0, "{name}: {large} steps for 20 documents");
    }
}

async fn world_size(world: &World) -> i64 {
    let count = Statement::bare("SELECT count(*) AS n FROM documents WHERE type_id = 'posts'");
    let rows = world.database.session(Consistency::Any).query(&count).await.expect("a count");
    rows.first().expect("a row").integer(0).expect("a number")
}

/// The work of each kind of read that has no conditions to look at row by row.
async fn works(world: &World) -> Vec<(String, u64)> {
    let page = |params: ListParams| async move {
        world.database.reset();
        let page = world.list(&world.public(), "posts", &params).await.expect("a page");
        assert_eq!(
            page.documents.len(),
            params.limit.as_deref().map_or(20, |it| it.parse().expect("a number"))
        );
        (world.database.counts().work, page.next)
    };
    let sorted = |sort: &str| ListParams { sort: Some(sort.to_owned()), ..ListParams::default() };
    let mut works = Vec::new();
    for sort in ["-publishedAt", "publishedAt", "title", "-title", "rating", "-rating"] {
        let (work, next) = page(sorted(sort)).await;
        works.push((sort.to_owned(), work));
        let (work, _) = page(ListParams { after: next, ..sorted(sort) }).await;
        works.push((format!("{sort} after a cursor"), work));
    }
    let featured = ListParams {
        filters: vec![filter("featured", "true")],
        limit: Some("8".into()),
        ..ListParams::default()
    };
    works.push(("featured".to_owned(), page(featured).await.0));
    for (operator, value) in
        [("between", "Post 00010,Post 00060"), ("starts", "Post 000"), ("gte", "Post 00020")]
    {
        let filters = vec![compare("title", operator, value)];
        let (work, next) = page(ListParams { filters: filters.clone(), ..sorted("title") }).await;
        works.push((format!("title {operator}"), work));
        let (work, _) = page(ListParams { filters, after: next, ..sorted("title") }).await;
        works.push((format!("title {operator} after a cursor"), work));
    }
    works
}

#[tokio::test]
async fn no_plan_scans_or_sorts() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    world.create("posts", &Input { publish: true, ..post("One", &author) }).await;
    world.recording.take();
    let (admin, public) = (world.admin(), world.public());
    for sort in ["-publishedAt", "title", "-rating", "featured,-publishedAt"] {
        for filters in
            [vec![], vec![filter("featured", "true")], vec![filter("tags", "a"), filter("author", &author)]]
        {
            let params = ListParams {
                sort: Some(sort.into()),
                filters,
                limit: Some("1".into()),
                ..ListParams::default()
            };
            let Ok(page) = world.list(&public, "posts", &params).await else { continue };
            let after = ListParams { after: page.next, ..params };
            world.list(&public, "posts", &after).await.expect("a page");
        }
    }
    for state in ["draft", "trashed"] {
        let params = ListParams { state: Some(state.into()), ..ListParams::default() };
        world.list(&admin, "posts", &params).await.expect("a page");
    }
    world.repository().get_by_slug(&public, "posts", "one", None, &View::default()).await.expect("a post");
    world.repository().referrers(&admin, "authors", &author, None).await.expect("referrers");

    let recorded = world.recording.take();
    assert!(recorded.len() > 12, "only {} statements", recorded.len());
    check_plans(&world, recorded).await;
}

/// Every operator, where it drives and where it doesn't, along references, negated, counted, in
/// every state and on a page that goes on: each is walks and look-ups.
#[tokio::test]
async fn no_plan_of_a_filter_scans_or_sorts() {
    let world = World::of(demo_with_facets()).await;
    let author = world.author("Ada").await;
    for title in ["One", "Two"] {
        let input = Input { publish: true, ..post(title, &author) };
        world.create("posts", &input).await;
    }
    let every = |paths: &[&str], operators: &[(&str, &str)]| {
        let pairs = paths.iter().flat_map(|path| operators.iter().map(move |it| (*path, *it)));
        pairs.map(|(path, (operator, value))| compare(path, operator, value)).collect::<Vec<_>>()
    };
    let words =
        [("eq", "a"), ("ne", "a"), ("in", "a,b"), ("nin", "a,b"), ("exists", "true"), ("exists", "false")];
    let ordered = [("gt", "a"), ("gte", "a"), ("lt", "z"), ("lte", "z"), ("between", "a,z")];
    let parts = [("contains", "a"), ("starts", "O"), ("ends", "a")];
    let many = [("any", "a,b"), ("all", "a,b"), ("none", "a,b")];
    let numbers =
        [("ne", "1"), ("gte", "1"), ("lt", "3"), ("between", "1,3"), ("nin", "1,2"), ("exists", "false")];
    let id = [("eq", author.as_str()), ("ne", &author), ("in", &author), ("exists", "false")];
    let mut filters =
        every(&["title", "author.name", "tags", "slug"], &[&words[..], &ordered, &parts].concat());
    filters.extend(every(&["tags"], &many));
    filters.extend(every(&["rating", "version", "score"], &numbers));
    filters.extend(every(&["author", "categories", "author.id", "parent"], &id));
    filters.extend(every(&["categories"], &[("any", &author), ("all", &author), ("none", &author)]));
    filters.extend(every(&["status", "type"], &[("eq", "published"), ("nin", "draft,trashed")]));
    filters.extend(every(&["publishedAt"], &[("gt", "2020-01-01T00:00:00Z"), ("exists", "true")]));
    let nested = [
        RawCondition::Any(vec![compare("title", "starts", "O"), compare("author.name", "eq", "Ada")]),
        RawCondition::Not(Box::new(RawCondition::All(vec![
            compare("rating", "gt", "3"),
            compare("related.related.author.name", "ends", "a"),
        ]))),
    ];
    filters.extend(nested);
    world.recording.take();
    let mut asked = 0;
    for filter in filters {
        for (state, sort) in [
            ("published", "-publishedAt"),
            ("published", "title"),
            ("published", "-rating"),
            ("draft", "-title"),
            ("trashed", "-updatedAt"),
        ] {
            let mut params = ListParams {
                filters: vec![filter.clone()],
                sort: Some(sort.into()),
                state: Some(state.into()),
                limit: Some("1".into()),
                count: Count::Exact,
                ..ListParams::default()
            };
            // The words are no values of all that they are put to: those are refused.
            let Ok(page) = world.list(&world.admin(), "posts", &params).await else { continue };
            asked += 1;
            params.after = page.next;
            if params.after.is_some() {
                world.list(&world.admin(), "posts", &params).await.expect("a page");
            }
        }
    }
    assert!(asked > 350, "only {asked} lists");
    let mut recorded = world.recording.take();
    recorded.sort_by(|a, b| a.sql.cmp(&b.sql));
    recorded.dedup_by(|a, b| a.sql == b.sql);
    check_plans(&world, recorded).await;
}

#[tokio::test]
async fn no_erasure_walks_what_others_have_kept() {
    let world = World::demo().await;
    let id = world.author("Ada").await;
    world.recording.take();
    world.service.erase(&world.admin(), "authors", &id, &Precondition::Any).await.expect("an erasure");
    let recorded = world.recording.take();
    let forget =
        recorded.into_iter().find(|it| it.sql.starts_with("UPDATE idempotency_keys")).expect("a look");
    // The port explains no writes.
    let connection = world.connection();
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", &*forget.sql)).expect("a plan");
    let steps = explain.query_map([id.as_str(), "default"], |row| row.get(3)).expect("steps");
    let steps: Vec<String> = steps.collect::<Result<_, _>>().expect("texts");
    let seeks = steps.iter().any(|it| it.contains("idempotency_keys USING INTEGER PRIMARY KEY"));
    assert!(seeks, "{steps:?}");
    assert!(steps.iter().all(|it| !it.starts_with("SCAN")), "{steps:?}");
}

/// The demo, and a post that has facets of its own and refers to others.
fn demo_with_facets() -> Vec<CollectionDefinition> {
    let with = |it: CollectionDefinition| match it.name.as_str() {
        "posts" => it
            .field("score", FieldDefinition::new(FieldType::Integer).facet())
            .field("related", FieldDefinition::references("posts", Strength::Weak)),
        _ => it,
    };
    crate::fixture::demo().into_iter().map(with).collect()
}

async fn check_plans(world: &World, statements: Vec<Statement>) {
    for statement in statements {
        let sql = format!("EXPLAIN QUERY PLAN {}", &*statement.sql);
        let explain = Statement::new(sql, statement.params.clone());
        let session = world.database.session(Consistency::Any);
        for row in session.query(&explain).await.expect("a plan").iter() {
            let step = row.text(3).expect("a step");
            let scans = step.starts_with("SCAN")
                && !step.contains("json_each")
                && !step.contains("VIRTUAL TABLE")
                && !["SCAN w", "SCAN s", "SCAN r"].contains(&step)
                && !step.contains("(subquery");
            assert!(!scans && !step.contains("TEMP B-TREE"), "{step}\nin {}", &*statement.sql);
        }
    }
}
