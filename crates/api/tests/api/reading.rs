//! One document, and what there is.

use serde_json::json;

use super::app::{App, SECRET, check_refusals, get, patch, post};

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_document_on_the_wire() {
    let app = App::new().await;
    let body = json!({
        "slug": "ada", "publish": true, "publishAt": "2026-01-01T00:00:00Z", "expireAt": "2030-01-01T00:00:00+01:00",
        "fields": {"email": "ada@example.org", "bio": "\"x\"\n\u{1f600}", "name": "Ada"}
    });
    let id = app.make("authors", body).await;
    let read = app.ask(get(&format!("/api/authors/{id}"))).await;
    insta::assert_snapshot!(read.text().replace(&id, "<id>"));
    assert_eq!(read.header("content-type"), "application/json");
    assert_eq!(read.header("cache-control"), "public, no-cache");
    let plain = app.make("pages", json!({"fields": {}})).await;
    let read = app.ask(get(&format!("/api/pages/{plain}?state=draft")).admin()).await;
    insta::assert_snapshot!(read.text().replace(&plain, "<id>"));
    let child = app.make("pages", json!({"slug": "c", "parent": plain, "fields": {"title": "C"}})).await;
    let read = app.ask(get(&format!("/api/pages/{child}?state=draft")).admin()).await;
    insta::assert_snapshot!(read.text().replace(&plain, "<parent>").replace(&child, "<id>"));
    let body = json!({"parent": plain, "order": -2, "translationOf": child, "locale": "pl", "fields": {}});
    let polish = app.make("pages", body).await;
    let read = app.ask(get(&format!("/api/pages/{polish}?state=draft")).admin()).await;
    let group = read.at("/data/translationGroup");
    let text = read.text().replace(&plain, "<parent>").replace(&group, "<group>").replace(&polish, "<id>");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_document_by_its_slug() {
    let app = App::new().await;
    let root = app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "top"}})).await;
    let child = json!({"slug": "a", "parent": root, "publish": true, "fields": {"title": "below"}});
    app.make("pages", child).await;
    app.make(
        "pages",
        json!({"slug": "a", "locale": "pl", "publish": true, "fields": {"title": "po polsku"}}),
    )
    .await;
    app.make("pages", json!({"slug": "d", "fields": {"title": "draft"}})).await;
    let titles = [
        ("a", "top"),
        ("a?locale=default", "top"),
        ("a?locale=pl", "po polsku"),
        ("d?state=draft", "draft"),
        (&format!("a?parent={root}"), "below"),
        ("%61", "top"),
    ];
    for (address, title) in titles {
        let read = app.ask(get(&format!("/api/pages/slug/{address}")).admin()).await;
        assert_eq!(read.at("/data/fields/title"), title, "{address}");
    }
    let nowhere = [
        "b",
        "d",
        "A",
        "a?locale=de",
        &format!("a?parent={NOBODY}"),
        "%00",
        "a%00",
        "%ff",
        "..%2f",
        "versions",
    ];
    for address in nowhere {
        app.ask(get(&format!("/api/pages/slug/{address}"))).await.refuses(404, "not_found");
    }
    let cases = vec![
        (get("/api/pages/slug/a?state=draft"), 401, "unauthorized"),
        (get("/api/pages/slug/a?state=trashed").admin(), 400, "invalid_parameter"),
        (get("/api/pages/slug/a?locale=E_N"), 400, "invalid_parameter"),
        (get("/api/pages/slug/a?limit=1"), 400, "unknown_parameter"),
    ];
    check_refusals(&app, cases).await;
}

#[tokio::test]
async fn chosen_fields() {
    let app = App::new().await;
    let id =
        app.make("pages", json!({"slug": "a", "publish": true, "fields": {"title": "T", "code": "c"}})).await;
    let uri = format!("/api/pages/{id}");
    let whole = app.ask(get(&uri)).await;
    let title = app.ask(get(&format!("{uri}?fields=title"))).await;
    assert_eq!(title.at("/data/fields"), r#"{"title":"T"}"#);
    assert_ne!(title.header("etag"), whole.header("etag"));
    let both = app.ask(get(&format!("{uri}?fields=title,code"))).await;
    let turned = app.ask(get(&format!("{uri}?fields=code,title"))).await;
    assert_eq!((both.header("etag"), &both.body), (turned.header("etag"), &turned.body));
    let by_slug = app.ask(get("/api/pages/slug/a?fields=title")).await;
    assert_eq!((by_slug.header("etag"), &by_slug.body), (title.header("etag"), &title.body));
    let listed = app.ask(get("/api/pages?fields=code")).await;
    assert_eq!(listed.at("/data/0/fields"), r#"{"code":"c"}"#);
    // The number of a projected tag is the revision all the same.
    app.done(patch(&uri, title.header("etag"), json!({"fields": {"title": "U"}}))).await;
    for names in ["nothing", "title,seo.title", "title,", ""] {
        app.ask(get(&format!("{uri}?fields={names}"))).await.refuses(400, "invalid_parameter");
        app.ask(get(&format!("/api/pages?fields={names}"))).await.refuses(400, "invalid_parameter");
    }
    let private = app.ask(get("/api/authors?fields=email")).await;
    let missing = app.ask(get("/api/authors?fields=nothing")).await;
    assert_eq!(private.refuses(400, "invalid_parameter").json()["detail"], missing.json()["detail"]);
    assert!(!private.text().contains("email"));
}

#[tokio::test]
async fn private_fields_never_leave() {
    let app = App::new().await;
    let fields = json!({"name": "Ada", "email": "ada@example.org"});
    let made = app.done(post("/api/authors", json!({"publish": true, "fields": fields}))).await;
    let uri = format!("/api/authors/{}", made.at("/data/id"));
    let tag = made.header("etag").to_owned();
    let mut seen = vec![made.text().to_owned()];
    let patched = app.done(patch(&uri, &tag, json!({"fields": {"email": "eve@example.org"}}))).await;
    seen.push(patched.text().to_owned());
    for address in ["", "?state=draft", "/versions", "/versions/1", "/referrers"] {
        seen.push(app.done(get(&format!("{uri}{address}"))).await.text().to_owned());
    }
    for address in ["/api/authors", "/api/authors?state=draft", "/api"] {
        seen.push(app.done(get(address)).await.text().to_owned());
    }
    for text in seen {
        assert!(!text.contains("example.org") && !text.contains("email"), "{text}");
    }
    let wrong = patch(&uri, "*", json!({"fields": {"email": "not-an-address-9f3"}})).admin();
    let refused = app.ask(wrong).await;
    assert!(!refused.refuses(422, "validation_failed").text().contains("9f3"));
}

#[tokio::test]
async fn what_is_not_there() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let secret = app.make("secrets", json!({"publish": true, "fields": {"title": "S"}})).await;
    let router = app.ask(get("/nowhere")).await;
    let addresses = [
        "/api/nothing".to_owned(),
        "/api/secrets".to_owned(),
        "/api/secrets?state=draft".to_owned(),
        format!("/api/secrets/{secret}"),
        "/api/secrets/slug/s".to_owned(),
        format!("/api/secrets/{secret}/versions"),
        format!("/api/secrets/{secret}/referrers"),
        "/api/%00".to_owned(),
        "/api/%ff".to_owned(),
        "/api/posts%2f".to_owned(),
        "/api/posts/".to_owned(),
        format!("/api/posts/{author}/erased"),
        "/api/".to_owned(),
        "/".to_owned(),
    ];
    for address in addresses {
        let answer = app.ask(get(&address)).await;
        answer.refuses(404, "not_found");
        assert_eq!(answer.json()["detail"], router.json()["detail"], "{address}");
    }
    let upper = author.to_uppercase();
    let ids = ["x", NOBODY, &upper, "%00", "slug", "query%00", "..", "%2e%2e", &"a".repeat(5_000)];
    for id in ids {
        app.ask(get(&format!("/api/authors/{id}"))).await.refuses(404, "not_found");
    }
    app.ask(get(&format!("/api/posts/{author}"))).await.refuses(404, "not_found");
    assert_eq!(app.ask(get("/api/secrets").admin()).await.status, 200);
}

#[tokio::test]
async fn who_may_keep_an_answer() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let token = format!("Bearer {SECRET}");
    let addresses = [
        format!("/api/authors/{author}"),
        "/api/authors/slug/ada".into(),
        "/api/authors".into(),
        "/api".into(),
        "/openapi.json".into(),
    ];
    for address in &addresses {
        assert_eq!(app.ask(get(address)).await.header("cache-control"), "public, no-cache", "{address}");
        let own = app.ask(get(address).with("authorization", &token)).await;
        assert_eq!(own.header("cache-control"), "private, no-store", "{address}");
    }
    let draft = app.done(get(&format!("/api/authors/{author}?state=draft"))).await;
    assert_eq!(draft.header("cache-control"), "private, no-store");
    let referrers = app.ask(get(&format!("/api/authors/{author}/referrers"))).await;
    assert_eq!(referrers.header("cache-control"), "public, no-cache");
    for address in ["/health", "/ready", "/api/nothing", "/api/authors?limit=0"] {
        assert_eq!(app.ask(get(address)).await.header("cache-control"), "no-store", "{address}");
    }
    for address in addresses {
        let read = app.ask(get(&address)).await;
        assert!(!read.headers.contains_key("set-cookie"), "{address}");
    }
}

#[tokio::test]
async fn the_collections() {
    let app = App::new().await;
    let public = app.ask(get("/api")).await;
    let list = public.each("/name");
    assert_eq!(list, ["authors", "categories", "comments", "inbox", "pages", "posts"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&public.json()).unwrap());
    for hidden in ["secrets", "email", "rank", "grants", "private"] {
        assert!(!public.text().contains(hidden), "{hidden}");
    }
    let own = app.done(get("/api")).await;
    assert!(own.each("/name").contains(&"secrets".to_owned()));
    assert!(own.text().contains(r#""to":"secrets""#));
    let tag = public.header("etag").to_owned();
    assert_eq!(app.ask(get("/api").with("if-none-match", &tag)).await.status, 304);
    app.ask(get("/api?x=1")).await.refuses(400, "unknown_parameter");
}

#[tokio::test]
async fn windows_open_and_close() {
    let app = App::new().await;
    let body = json!({
        "slug": "w", "publish": true, "publishAt": "2027-01-01T00:00:00Z", "expireAt": "2028-01-01T00:00:00Z",
        "fields": {"title": "W"}
    });
    let id = app.make("pages", body).await;
    let addresses = [format!("/api/pages/{id}"), "/api/pages/slug/w".to_owned()];
    for (year, status) in [
        (1_798_761_599_000, 404),
        (1_798_761_600_000, 200),
        (1_830_297_599_000, 200),
        (1_830_297_600_000, 404),
    ] {
        app.clock.set(year - 1);
        for address in &addresses {
            app.clock.set(year - 1);
            for ask in [get(address), get(address).admin()] {
                app.clock.set(year - 1);
                assert_eq!(app.ask(ask).await.status, status, "{year} {address}");
            }
        }
        app.clock.set(year - 1);
        let listed = app.ask(get("/api/pages")).await.each("/id").len();
        assert_eq!(listed, usize::from(status == 200), "{year}");
        assert_eq!(app.ask(get(&format!("/api/pages/{id}?state=draft")).admin()).await.status, 200);
    }
}
