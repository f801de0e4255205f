//! A storage that fails: what the client hears, and what it doesn't.

use serde_json::json;
use stratus_storage::Error;
use stratus_testkit::Fault;

use super::app::{App, get, patch, post};

fn secret() -> String {
    "/data/stratus.db: near \"SELECT secret\"".to_owned()
}

#[tokio::test]
async fn a_failing_read_tells_nothing() {
    let app = App::new().await;
    let author = app.author("Ada").await;
    let uri = format!("/api/authors/{author}");
    let errors = || {
        [
            (Error::Unavailable { reason: secret() }, 503, "unavailable"),
            (Error::MissingSchema { what: secret() }, 503, "unavailable"),
            (Error::Corrupt { reason: secret() }, 500, "internal"),
            (Error::Refused { what: secret() }, 500, "internal"),
            (Error::Unexpected { what: secret() }, 500, "internal"),
            (Error::backend(secret()), 500, "internal"),
        ]
    };
    for address in [uri.as_str(), "/api/authors", "/api/authors/slug/ada", &format!("{uri}/versions")] {
        for (error, status, code) in errors() {
            app.faulty.then(Fault::Fail(error));
            let answer = app.ask(get(address).admin()).await;
            answer.refuses(status, code);
            assert!(!answer.text().contains("secret") && !answer.text().contains("stratus.db"), "{answer:?}");
            assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{answer:?}");
        }
        assert_eq!(app.ask(get(address).admin()).await.status, 200, "{address}");
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_the_askers() {
    let app = App::new().await;
    let slow = || Error::TooSlow { reason: secret() };
    for (uri, status, code) in [
        ("/api/posts", 503, "unavailable"),
        ("/api/posts?filter[author.name]=Ada", 422, "query_too_costly"),
        ("/api/posts?count=exact", 422, "query_too_costly"),
    ] {
        app.faulty.then(Fault::Fail(slow()));
        let answer = app.ask(get(uri)).await;
        answer.refuses(status, code);
        assert!(!answer.text().contains("secret"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_failing_write_leaves_nothing() {
    let app = App::new().await;
    let id = app.make("pages", json!({"slug": "a", "fields": {"title": "T"}})).await;
    let before = app.dump();
    let errors = [
        (Error::Unavailable { reason: secret() }, 503, "unavailable", "1"),
        (Error::Full { reason: secret() }, 503, "unavailable", "60"),
        (Error::ReadOnly { reason: secret() }, 503, "unavailable", "60"),
        (Error::TooLarge { what: secret() }, 413, "row_too_large", ""),
        (Error::backend(secret()), 500, "internal", ""),
    ];
    for (error, status, code, retry) in errors {
        // The first call looks at what is there, the second writes.
        app.faulty.then(Fault::Pass).then(Fault::Fail(error));
        let write = patch(&format!("/api/pages/{id}"), "*", json!({"fields": {"title": "U"}}));
        let answer = app.ask(write.admin()).await;
        answer.refuses(status, code);
        assert_eq!(answer.header("retry-after"), retry, "{answer:?}");
        assert!(!answer.text().contains("secret"), "{answer:?}");
        assert_eq!(app.dump(), before);
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    let app = App::new().await;
    app.faulty.then(Fault::LoseAnswer);
    let made = app.ask(post("/api/pages", json!({"slug": "a", "fields": {}})).admin()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.header("stratus-bookmark").is_empty());
    app.faulty.then(Fault::LoseAnswer).then(Fault::LoseAnswer);
    let unknown = app.ask(post("/api/pages", json!({"slug": "b", "fields": {}})).admin()).await;
    assert!(unknown.refuses(503, "unavailable").text().contains("not known"));
}
