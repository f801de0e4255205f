//! Names of documents that are made in a batch: `"ref": "ada"`, and `"$ada"` after it.

use serde_json::{Value, json};

use super::{
    app::get,
    batches::{batch, check_refused, pointers, world},
};

#[tokio::test]
async fn what_is_made_before_is_referred_to_by_its_name() {
    let (app, _, [one, two, ..]) = world().await;
    let named = |name: &str, collection: &str, document: Value| json!({"op": "create", "collection": collection, "ref": name, "document": document});
    let written = |author: &str| json!({"op": "create", "collection": "posts", "document": {"fields": {"title": "$ada", "body": "$ada", "author": author}}});
    let operations = [
        named("ada", "authors", json!({"publish": true, "fields": {"name": "Ada"}})),
        written("$ada"),
        named("top", "pages", json!({"fields": {"title": "top"}})),
        json!({"op": "create", "collection": "pages", "document": {"parent": "$top", "fields": {}}}),
        json!({"op": "patch", "collection": "pages", "id": one, "ifMatch": "*", "document": {"parent": "$top"}}),
        json!({"op": "duplicate", "collection": "pages", "id": two, "ref": "copy", "document": {"parent": "$top", "slug": "copy"}}),
    ];
    let asked = || batch(&operations).with("idempotency-key", "k");
    let answer = app.ask(asked()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.at("/data/1/data/fields/author"), answer.at("/data/0/data/id"));
    // Nothing but references is a name.
    assert_eq!(
        (answer.at("/data/1/data/fields/title"), answer.at("/data/1/data/fields/body")),
        ("$ada".into(), "$ada".into())
    );
    for at in [3, 4, 5] {
        assert_eq!(answer.at(&format!("/data/{at}/data/parent")), answer.at("/data/2/data/id"));
    }
    assert_eq!(app.ask(asked()).await.text(), answer.text());
    let ada = named("ada", "authors", json!({"fields": {"name": "Ada"}}));
    let invalid = (422, "validation_failed");
    // Unknown, too late, of another collection, below another one's failure.
    check_refused(&app, &[ada.clone(), written("$eve")], invalid, (1, "/document/fields/author")).await;
    check_refused(&app, &[written("$ada"), ada.clone()], invalid, (0, "/document/fields/author")).await;
    let page = named("page", "pages", json!({"fields": {}}));
    check_refused(&app, &[ada.clone(), page, written("$page")], invalid, (2, "/document/fields/author"))
        .await;
    let below = json!({"op": "create", "collection": "pages", "document": {"parent": "$ada", "fields": {}}});
    check_refused(&app, &[ada.clone(), below], invalid, (1, "/document/parent")).await;
    let twice = app.ask(batch(&[ada.clone(), ada.clone()])).await;
    assert_eq!(pointers(twice.refuses(400, "bad_request")), ["/operations/1/ref"]);
    for name in ["", "$a", "a b", &"a".repeat(65)] {
        let answer = app.ask(batch(&[named(name, "pages", json!({}))])).await;
        assert_eq!(pointers(answer.refuses(400, "bad_request")), ["/operations/0/ref"]);
    }
}

#[tokio::test]
async fn what_is_made_before_has_translations() {
    let (app, _, [one, two, three, _]) = world().await;
    let page = |name: &str, document: Value| json!({"op": "create", "collection": "pages", "ref": name, "document": document});
    let of =
        |locale: &str, original: &str| json!({"locale": locale, "translationOf": original, "fields": {}});
    let operations = [
        page("en", json!({"locale": "en", "publish": true, "fields": {}})),
        page("de", of("de", "$en")),
        // Of a translation, which is of the same group then.
        page("fr", of("fr", "$de")),
        // Of what joins a group that is there.
        page("es", of("es", &two)),
        page("pt", of("pt", "$es")),
        json!({"op": "duplicate", "collection": "pages", "id": one, "ref": "copy", "document": {"locale": "it"}}),
        page("pl", of("pl", "$copy")),
        json!({"op": "patch", "collection": "pages", "id": three, "ifMatch": "*", "document": {"translationOf": "$pl"}}),
        page("alone", json!({"locale": "en", "fields": {}})),
    ];
    let answer = app.ask(batch(&operations)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let group = |at: usize| answer.at(&format!("/data/{at}/data/translationGroup"));
    assert_eq!([group(0), group(2), group(4), group(6), group(7)], [1, 1, 3, 5, 5].map(group));
    assert!(group(0) != group(3) && group(3) != group(5), "{answer:?}");
    // Nobody is to be its translation, so it begins no group.
    assert!(answer.json()["data"][8]["data"].get("translationGroup").is_none(), "{answer:?}");
    // What is answered is what is there: the original was written once.
    for at in [0, 1, 2, 6] {
        let id = answer.at(&format!("/data/{at}/data/id"));
        let seen = app.done(get(&format!("/api/pages/{id}?state=draft"))).await;
        assert_eq!(seen.header("etag"), answer.at(&format!("/data/{at}/etag")));
        assert_eq!(seen.at("/data/translationGroup"), group(at));
    }
    let english = format!("/api/pages/{}/translations", answer.at("/data/0/data/id"));
    assert_eq!(app.done(get(&english)).await.each("/locale"), ["de", "en", "fr"]);

    let invalid = (422, "validation_failed");
    let place = "/document/translationOf";
    // Unknown, too late, of another collection.
    check_refused(&app, &[page("en", of("en", "$de"))], invalid, (0, place)).await;
    check_refused(&app, &[page("de", of("de", "$en")), page("en", json!({}))], invalid, (0, place)).await;
    let ada =
        json!({"op": "create", "collection": "authors", "ref": "ada", "document": {"fields": {"name": "A"}}});
    check_refused(&app, &[ada, page("de", of("de", "$ada"))], invalid, (1, place)).await;
    // One of each locale, as always.
    let twice =
        [page("en", json!({"locale": "en"})), page("de", of("de", "$en")), page("en2", of("en", "$de"))];
    check_refused(&app, &twice, (409, "not_unique"), (2, place)).await;
}
