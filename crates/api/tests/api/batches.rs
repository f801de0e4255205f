//! `POST /batch`: several writes, all or nothing.

use std::sync::Arc;

use serde_json::{Value, json};
use stratus_storage::Error;
use stratus_testkit::Fault;

use super::app::{Answer, App, Ask, ask, delete, get, patch, post};

pub(super) fn batch(operations: &[Value]) -> Ask {
    post("/batch", json!({ "operations": operations })).admin()
}

/// A world with an author, a page in each state, and what they are called.
pub(super) async fn world() -> (App, String, [String; 4]) {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let mut pages = Vec::new();
    for title in ["one", "two", "three", "four"] {
        pages.push(app.make("pages", json!({"slug": title, "fields": {"title": title}})).await);
    }
    app.done(delete(&format!("/api/pages/{}", pages[3]))).await;
    (app, author, pages.try_into().unwrap())
}

/// Checks that a batch is refused by its `at`-th operation, at `pointer` in it, and that nothing of
/// it is written.
pub(super) async fn check_refused(
    app: &App,
    operations: &[Value],
    (status, code): (u16, &str),
    (at, pointer): (usize, &str),
) {
    let before = app.dump();
    let answer = app.ask(batch(operations)).await;
    answer.refuses(status, code);
    let pointers: Vec<_> = pointers(&answer);
    let place = format!("/operations/{at}");
    assert!(pointers.iter().all(|it| it.starts_with(&place)), "{answer:?}");
    assert!(pointers.contains(&format!("{place}{pointer}")), "{pointer} in {answer:?}");
    assert_eq!(app.dump(), before, "{answer:?}");
}

pub(super) fn pointers(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap().to_owned()).collect()
}

fn made(title: &str) -> Value {
    json!({"op": "create", "collection": "pages", "document": {"fields": {"title": title}}})
}

#[tokio::test]
async fn each_operation_is_answered_as_alone() {
    let (app, author, [one, two, three, four]) = world().await;
    let seen = app.dump()["events"].len();
    let post = json!({"fields": {"title": "On engines", "body": "b", "author": author}});
    let answer = app
        .ask(batch(&[
            json!({"op": "create", "collection": "posts", "document": post}),
            json!({"op": "create", "collection": "posts", "document": post}),
            json!({"op": "patch", "collection": "pages", "id": one, "ifMatch": "\"r1-000000000000\"",
                   "document": {"fields": {"title": "1"}}}),
            json!({"op": "replace", "collection": "pages", "id": two, "ifMatch": "*",
                   "document": {"publish": true, "fields": {"title": "2"}}}),
            json!({"op": "trash", "collection": "pages", "id": three}),
            json!({"op": "recover", "collection": "pages", "id": four, "ifMatch": "*"}),
            json!({"op": "publish", "collection": "authors", "id": author}),
        ]))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let data = json["data"].as_array().unwrap();
    let statuses: Vec<_> = data.iter().map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 200, 200, 204, 200, 200]);
    // The second one sees the first.
    assert_eq!(
        (&data[0]["data"]["slug"], &data[1]["data"]["slug"]),
        (&json!("on-engines"), &json!("on-engines-2"))
    );
    for (at, collection) in [(0, "posts"), (2, "pages"), (3, "pages"), (5, "pages"), (6, "authors")] {
        let id = data[at]["data"]["id"].as_str().unwrap();
        let read = app.done(get(&format!("/api/{collection}/{id}?state=draft"))).await;
        assert_eq!(read.json()["data"], data[at]["data"]);
        assert_eq!(read.header("etag"), data[at]["etag"].as_str().unwrap());
    }
    assert_eq!(data[0]["location"], format!("/api/posts/{}", data[0]["data"]["id"].as_str().unwrap()));
    assert!(data[4].get("data").is_none() && data[4]["etag"].as_str().unwrap().starts_with("\"r2-"));
    app.ask(get(&format!("/api/pages/{three}")).admin()).await.refuses(404, "trashed");
    // One event each, but for what was public already, and the bookmark is that of the last.
    let dump = app.dump();
    assert_eq!(dump["events"].len(), seen + 6);
    let bookmark = answer.header("stratus-bookmark");
    app.done(get("/api/pages").with("stratus-bookmark", bookmark)).await;
    let latest = app.done(patch(&format!("/api/pages/{one}"), "*", json!({"fields": {"title": "x"}}))).await;
    assert_ne!(latest.header("stratus-bookmark"), bookmark);
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let copies = app
        .ask(batch(&[
            json!({"op": "duplicate", "collection": "pages", "id": two}),
            json!({"op": "duplicate", "collection": "pages", "id": two, "document": {"slug": "copy"}}),
            json!({"op": "restore", "collection": "pages", "id": one, "ifMatch": "*", "version": 1}),
            json!({"op": "unpublish", "collection": "pages", "id": two}),
            json!({"op": "erase", "collection": "pages", "id": four}),
        ]))
        .await;
    assert_eq!(copies.status, 200, "{copies:?}");
    assert_eq!(copies.at("/data/1/data/slug"), "copy");
    assert_eq!(copies.at("/data/2/data/fields/title"), "one");
    assert_eq!(copies.json()["data"][4], json!({"status": 204}));
    app.ask(get(&format!("/api/pages/{four}")).admin()).await.refuses(404, "not_found");
}

#[tokio::test]
async fn nothing_to_do_is_done() {
    let (app, author, _) = world().await;
    let before = app.dump();
    let answer = app.ask(batch(&[json!({"op": "publish", "collection": "authors", "id": author})])).await;
    assert_eq!((answer.status, answer.header("stratus-bookmark")), (200, ""));
    assert_eq!(app.dump(), before);
}

#[tokio::test]
async fn the_first_operation_that_fails_is_told() {
    let (app, author, [one, two, three, four]) = world().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let title = |it: &str| json!({"fields": {"title": it}});
    let change = |id: &str, tag: &str, document: Value| json!({"op": "patch", "collection": "pages", "id": id, "ifMatch": tag, "document": document});
    let step = |op: &str, id: &str| json!({"op": op, "collection": "pages", "id": id});
    let cases: Vec<(Value, (u16, &str), &str)> = vec![
        (step("publish", unknown), (404, "not_found"), ""),
        (step("publish", "no"), (404, "not_found"), ""),
        (step("publish", &four), (404, "trashed"), ""),
        (step("recover", &three), (409, "not_trashed"), ""),
        (json!({"op": "publish", "collection": "no", "id": three}), (404, "not_found"), ""),
        (change(&three, "\"r7\"", title("x")), (412, "stale_revision"), ""),
        (change(&three, "*", json!({"slug": "one"})), (409, "slug_taken"), "/document/slug"),
        (
            change(&three, "*", json!({"fields": {"seo": {"title": "too long"}}})),
            (422, "validation_failed"),
            "/document/fields/seo/title",
        ),
        (change(&three, "*", json!({"parent": unknown})), (422, "validation_failed"), "/document/parent"),
        (change(&three, "*", json!({"parent": &three})), (422, "validation_failed"), "/document/parent"),
        (change(&three, "*", json!({"no": 1})), (400, "unknown_member"), "/document/no"),
        (change(&three, "no", title("x")), (400, "invalid_header"), "/ifMatch"),
        (
            json!({"op": "patch", "collection": "pages", "id": three, "document": {}}),
            (428, "precondition_required"),
            "/ifMatch",
        ),
        (
            json!({"op": "restore", "collection": "pages", "id": three, "version": 1}),
            (428, "precondition_required"),
            "/ifMatch",
        ),
        (
            json!({"op": "restore", "collection": "pages", "id": three, "ifMatch": "*", "version": 0}),
            (422, "validation_failed"),
            "/version",
        ),
        (
            json!({"op": "restore", "collection": "pages", "id": three, "ifMatch": "*", "version": 9}),
            (404, "not_found"),
            "",
        ),
        (
            json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "t", "body": "b", "author": unknown}}}),
            (422, "validation_failed"),
            "/document/fields/author",
        ),
        (change(&one, "*", title("x")), (409, "repeated_document"), ""),
        (
            json!({"op": "create", "collection": "pages", "document": {"locale": "pl", "translationOf": &one}}),
            (409, "repeated_document"),
            "",
        ),
        // What it would copy is no longer what was looked at.
        (step("duplicate", &one), (409, "repeated_document"), ""),
    ];
    for (failing, refusal, pointer) in cases {
        // Wherever it stands, whatever else would have been done, and whatever fails behind it.
        let first = change(&one, "*", title("done"));
        let mut operations = vec![first, made("new"), step("publish", &two), failing];
        check_refused(&app, &operations, refusal, (3, pointer)).await;
        operations.extend([made("newer"), step("publish", &author)]);
        check_refused(&app, &operations, refusal, (3, pointer)).await;
    }
    // An author who is referred to can't go.
    app.post("On engines", &author).await;
    let trash = json!({"op": "trash", "collection": "authors", "id": author});
    check_refused(&app, &[made("new"), trash], (409, "referenced"), (1, "")).await;
}

#[tokio::test]
async fn what_is_copied_is_written_by_nothing_before() {
    let (app, _, [one, two, ..]) = world().await;
    let step = |op: &str, id: &str| json!({"op": op, "collection": "pages", "id": id});
    let copy = step("duplicate", &one);
    let repeated = (409, "repeated_document");
    for op in ["trash", "erase", "publish"] {
        check_refused(&app, &[step(op, &one), copy.clone()], repeated, (1, "")).await;
    }
    // Its group may begin with a translation, and that is a write.
    let translation = json!({"op": "create", "collection": "pages",
        "document": {"locale": "pl", "translationOf": &one, "fields": {}}});
    check_refused(&app, &[translation, copy.clone()], repeated, (1, "")).await;
    // The other order is what it says, and a document may be copied twice.
    let answer = app.ask(batch(&[copy.clone(), copy, step("duplicate", &two), step("erase", &one)])).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn what_comes_before_counts() {
    let (app, author, [one, two, three, _]) = world().await;
    let step = |op: &str, collection: &str, id: &str| json!({"op": op, "collection": collection, "id": id});
    let written = |author: &str| json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "t", "body": "b", "author": author}}});
    let below = |id: &str, parent: &str| json!({"op": "patch", "collection": "pages", "id": id, "ifMatch": "*", "document": {"parent": parent}});
    // Gone by then, though it is there now.
    let gone = [step("trash", "authors", &author), written(&author)];
    check_refused(&app, &gone, (422, "validation_failed"), (1, "/document/fields/author")).await;
    check_refused(&app, &[written(&author), step("trash", "authors", &author)], (409, "referenced"), (1, ""))
        .await;
    let gone = [step("erase", "pages", &one), below(&two, &one)];
    check_refused(&app, &gone, (422, "validation_failed"), (1, "/document/parent")).await;
    let circle = [below(&one, &two), below(&two, &one)];
    check_refused(&app, &circle, (422, "validation_failed"), (1, "/document/parent")).await;
    // A slug that is given up is free for the next, and one that is taken is not.
    let slug =
        |slug: &str| json!({"op": "create", "collection": "pages", "document": {"slug": slug, "fields": {}}});
    check_refused(&app, &[slug("new"), slug("new")], (409, "slug_taken"), (1, "/document/slug")).await;
    let swapped = app.ask(batch(&[step("trash", "pages", &one), slug("one")])).await;
    assert_eq!(swapped.status, 200, "{swapped:?}");
    let unique =
        |code: &str| json!({"op": "create", "collection": "pages", "document": {"fields": {"code": code}}});
    check_refused(
        &app,
        &[unique("a"), unique("b"), unique("a")],
        (409, "not_unique"),
        (2, "/document/fields/code"),
    )
    .await;
    // Two translations of one document are of one group, whoever began it.
    let translation = |locale: &str, of: &str| json!({"op": "create", "collection": "pages", "document": {"locale": locale, "translationOf": of, "fields": {}}});
    let answer = app.ask(batch(&[translation("pl", &two), translation("de", &two)])).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.at("/data/0/data/translationGroup"), answer.at("/data/1/data/translationGroup"));
    let again = [translation("fr", &three), translation("fr", &three)];
    check_refused(&app, &again, (409, "not_unique"), (1, "/document/translationOf")).await;
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused() {
    let (app, _, [one, ..]) = world().await;
    let check = async |body: Value, code: &str, pointer: &str| {
        let answer = app.ask(post("/batch", body).admin()).await;
        answer.refuses(400, code);
        assert!(pointers(&answer).contains(&pointer.to_owned()), "{answer:?}");
    };
    check(json!([]), "bad_request", "").await;
    check(json!({}), "bad_request", "/operations").await;
    check(json!({"operations": {}}), "bad_request", "/operations").await;
    check(json!({"operations": []}), "bad_request", "/operations").await;
    check(json!({"operations": vec![made("x"); 101]}), "bad_request", "/operations").await;
    check(json!({"operations": [made("x")], "atomic": true}), "unknown_member", "/atomic").await;
    let of = |item: Value| json!({"operations": [made("x"), item]});
    check(of(json!(1)), "bad_request", "/operations/1").await;
    check(of(json!({})), "bad_request", "/operations/1/op").await;
    check(of(json!({"op": "drop"})), "bad_request", "/operations/1/op").await;
    check(of(json!({"op": "create", "document": {}})), "bad_request", "/operations/1/collection").await;
    check(
        of(json!({"op": "create", "collection": 1, "document": {}})),
        "bad_request",
        "/operations/1/collection",
    )
    .await;
    check(of(json!({"op": "create", "collection": "pages"})), "bad_request", "/operations/1/document").await;
    check(
        of(json!({"op": "create", "collection": "pages", "document": 1})),
        "bad_request",
        "/operations/1/document",
    )
    .await;
    check(of(json!({"op": "publish", "collection": "pages"})), "bad_request", "/operations/1/id").await;
    check(
        of(json!({"op": "publish", "collection": "pages", "id": one, "ifMatch": 1})),
        "bad_request",
        "/operations/1/ifMatch",
    )
    .await;
    for member in ["id", "ifMatch", "version", "a/b"] {
        let mut item = made("x");
        item[member] = json!("x");
        check(of(item), "unknown_member", &format!("/operations/1/{}", member.replace('/', "~1"))).await;
    }
    let answer = app.ask(batch(&vec![made("x"); 100])).await;
    assert_eq!((answer.status, answer.each("/data/id").len()), (200, 100));
    app.ask(ask("POST", "/batch").admin()).await.refuses(415, "unsupported_media_type");
    app.ask(ask("POST", "/batch").json(&json!({})).raw("{").admin()).await.refuses(400, "malformed_json");
    app.ask(post("/batch?x=1", json!({})).admin()).await.refuses(400, "unknown_parameter");
}

#[tokio::test]
async fn a_batch_holds_so_much_at_most() {
    let (app, author, _) = world().await;
    let body = "b".repeat(900_000);
    let mut restored = Vec::new();
    for at in 0..10 {
        let document = json!({"fields": {"title": format!("t{at}"), "body": body, "author": author}});
        let id = app.make("posts", document).await;
        restored
            .push(json!({"op": "restore", "collection": "posts", "id": id, "ifMatch": "*", "version": 1}));
        let small = json!({"fields": {"body": "small"}});
        app.done(patch(&format!("/api/posts/{id}"), "*", small)).await;
    }
    // Each is seen and written: nine of them pass what the tenth does not.
    check_refused(&app, &restored, (413, "row_too_large"), (9, "")).await;
    let answer = app.ask(batch(&restored[..9])).await;
    assert_eq!(answer.status, 200, "{}", answer.status);
}

#[tokio::test]
async fn each_operation_needs_its_own_right() {
    let (app, _, [one, ..]) = world().await;
    let note = json!({"op": "create", "collection": "inbox", "document": {"fields": {"text": "t"}}});
    let anonymous = |operations: &[Value]| post("/batch", json!({ "operations": operations }));
    assert_eq!(app.ask(anonymous(std::slice::from_ref(&note))).await.status, 200);
    let before = app.dump();
    for (operation, status, code) in [
        (made("x"), 401, "unauthorized"),
        (json!({"op": "trash", "collection": "pages", "id": one}), 401, "unauthorized"),
        (json!({"op": "create", "collection": "secrets", "document": {}}), 404, "not_found"),
        (json!({"op": "create", "collection": "nothing", "document": {}}), 404, "not_found"),
    ] {
        let answer = app.ask(anonymous(&[note.clone(), operation])).await;
        answer.refuses(status, code);
        assert_eq!(pointers(&answer), ["/operations/1"]);
    }
    assert_eq!(app.dump(), before);
}

#[tokio::test]
async fn a_batch_is_two_round_trips() {
    let (app, author, [one, two, three, _]) = world().await;
    let trips = async |operations: &[Value], key: Option<&str>| {
        app.counted.reset();
        let asked = batch(operations);
        let answer = app
            .ask(match key {
                Some(key) => asked.with("idempotency-key", key),
                None => asked,
            })
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        app.counted.counts().round_trips
    };
    let patched = |id: &str, title: &str| json!({"op": "patch", "collection": "pages", "id": id, "ifMatch": "*", "document": {"fields": {"title": title}}});
    let all =
        [patched(&one, "a"), patched(&two, "b"), json!({"op": "trash", "collection": "pages", "id": three})];
    assert_eq!(trips(&all, None).await, 2);
    let posts = vec![
        json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "t", "body": "b", "author": author}}});
        20
    ];
    // There is nothing to look at.
    assert_eq!(trips(&posts, None).await, 1);
    assert_eq!(trips(&posts, Some("k")).await, 2);
    assert_eq!(trips(&posts, Some("k")).await, 1);
    let restored = json!({"op": "restore", "collection": "pages", "id": one, "ifMatch": "*", "version": 1});
    assert_eq!(trips(&[restored, patched(&two, "c")], Some("r")).await, 2);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_for_all() {
    let (app, author, [one, ..]) = world().await;
    let written = json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "t", "body": "b", "author": author}}});
    let operations = [written.clone(), json!({"op": "publish", "collection": "pages", "id": one}), written];
    app.faulty.then(Fault::Pass).then(Fault::LoseAnswer);
    let answer = app.ask(batch(&operations).with("idempotency-key", "k")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (answer.at("/data/0/data/slug"), answer.at("/data/2/data/slug")),
        ("t".to_owned(), "t-2".to_owned())
    );
    let again = app.ask(batch(&operations).with("idempotency-key", "k")).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(
        (again.text(), again.header("stratus-bookmark")),
        (answer.text(), answer.header("stratus-bookmark"))
    );
    // What is wrong with the storage is no operation's fault.
    let before = app.dump();
    for error in
        [Error::Unavailable { reason: "gone".into() }, Error::OutcomeUnknown { reason: "lost".into() }]
    {
        app.faulty.then(Fault::Pass).then(Fault::Fail(error));
        let answer = app
            .ask(batch(&[
                made("x"),
                json!({"op": "publish", "collection": "authors", "id": author}),
                json!({"op": "unpublish", "collection": "pages", "id": one}),
            ]))
            .await;
        answer.refuses(503, "unavailable");
        assert_eq!(pointers(&answer), [""; 0]);
    }
    // While it is found out which operation failed, the storage fails as well.
    let clash = [
        made("x"),
        json!({"op": "create", "collection": "pages", "document": {"slug": "two", "fields": {}}}),
        made("y"),
    ];
    for calls in 1..3 {
        for _ in 0..calls {
            app.faulty.then(Fault::Pass);
        }
        app.faulty.then(Fault::Fail(Error::OutcomeUnknown { reason: "lost".into() }));
        app.ask(batch(&clash)).await.refuses(503, "unavailable");
    }
    assert_eq!(app.dump(), before);
}

#[tokio::test]
async fn a_key_keeps_a_batch() {
    let (app, author, [one, two, ..]) = world().await;
    let operations = [
        json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "t", "body": "b", "author": author}}}),
        json!({"op": "patch", "collection": "pages", "id": one, "ifMatch": "\"r1\"", "document": {"fields": {"title": "x"}}}),
        json!({"op": "erase", "collection": "pages", "id": two}),
    ];
    let asked = || batch(&operations).with("idempotency-key", "k");
    let first = app.ask(asked()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let before = app.dump();
    let again = app.ask(asked()).await;
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), "true"));
    app.ask(batch(&operations[..2]).with("idempotency-key", "k")).await.refuses(422, "idempotency_mismatch");
    assert_eq!(app.dump(), before);
    // One of the documents that it tells of is erased.
    app.done(post(&format!("/api/pages/{one}/erase"), json!({}))).await;
    app.ask(asked()).await.refuses(409, "answer_not_kept");
    assert!(app.dump()["idempotency_keys"].iter().all(|row| !row.contains("\\\"x\\\"")));
}

#[tokio::test]
async fn an_answer_too_large_to_be_kept_is_given_once() {
    let app = App::new().await;
    let body = "x".repeat(900_000);
    let author = app.author("Ada").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let fields = json!({"title": format!("t{n}"), "body": body, "author": author});
        ids.push(app.make("posts", json!({ "fields": fields })).await);
    }
    let operations: Vec<_> =
        ids.iter().map(|id| json!({"op": "publish", "collection": "posts", "id": id})).collect();
    let asked = || batch(&operations).with("idempotency-key", "k");
    assert_eq!(app.ask(asked()).await.status, 200);
    let before = app.dump();
    app.ask(asked()).await.refuses(409, "answer_not_kept");
    assert_eq!(app.dump(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_at_once_are_whole() {
    let (app, _, [one, two, ..]) = world().await;
    let app = Arc::new(app);
    let write = |n: usize, tag: &str| {
        let change = |id: &str| json!({"op": "patch", "collection": "pages", "id": id, "ifMatch": tag, "document": {"fields": {"title": format!("{n}")}}});
        // In either order.
        let (first, second) = if n.is_multiple_of(2) { (&one, &two) } else { (&two, &one) };
        batch(&[change(first), change(second)])
    };
    for (tag, status) in [("\"r1\"", 412), ("*", 200)] {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (app, asked) = (Arc::clone(&app), write(n, tag));
                tokio::spawn(async move { app.ask(asked).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![200], vec![status; 7]].concat(), "{tag}");
        let title = async |id: &str| {
            app.done(get(&format!("/api/pages/{id}?state=draft"))).await.at("/data/fields/title")
        };
        assert_eq!(title(&one).await, title(&two).await, "{tag}");
    }
}
