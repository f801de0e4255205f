//! The next read after a write shows it; and what can be said of the key-value tier by now.

use std::sync::Arc;

use serde_json::{Value, json};
use stratus_document::format_time;
use stratus_sqlite::SqliteKeyValue;
use stratus_storage::{Error, KeyValue, MAX_KEY_BYTES};
use stratus_testkit::SettableClock;

use super::world::{World, encoded, step};
use crate::app::{Ask, delete, get, patch, post, put};

fn permissions(entries: Value) -> Value {
    json!({ "permissions": entries })
}

/// Lists of SonicJS stay as they were for minutes after a write where the name of a collection and
/// its segment in the URL differ, and other instances are never told. Here the very next read shows
/// every kind of write, to conditional requests and to another program on the same file as well.
#[tokio::test]
async fn c1_the_next_read_shows_the_write() {
    for collection in ["blog-posts", "news_items"] {
        let world = World::new().await;
        let twin = world.twin();
        let list = format!("/api/{collection}");
        let made = world.done(post(&list, json!({"publish": true, "fields": {"title": "One"}}))).await;
        let one = format!("{list}/{}", made.at("/data/id"));
        let slug = format!("{list}/slug/one");
        let deny = json!([{"principal": "public", "action": "read", "effect": "deny"}]);
        let title = |title: &str| json!({"fields": {"title": title}});
        let public = |title: &str| json!({"publish": true, "fields": {"title": title}});
        let later = format_time(world.clock.advance(0) + 3_600_000);
        let past = format_time(world.clock.advance(0) - 3_600_000);
        let steps: Vec<(&str, Ask, Option<&str>)> = vec![
            ("nothing yet", get(&list), Some("One")),
            ("patch+publish", patch(&one, "*", public("Two")), Some("Two")),
            ("put+publish", put(&one, "*", public("Three")), Some("Three")),
            ("draft", patch(&one, "*", title("Four")), Some("Three")),
            ("publish", step(&one, "publish"), Some("Four")),
            ("unpublish", step(&one, "unpublish"), None),
            ("publish again", step(&one, "publish"), Some("Four")),
            ("trash", delete(&one), None),
            ("recover", step(&one, "recover"), Some("Four")),
            (
                "restore",
                post(&format!("{one}/restore"), json!({"version": 1})).with("if-match", "*"),
                Some("Four"),
            ),
            ("publish what was restored", step(&one, "publish"), Some("One")),
            ("deny", put(&format!("{one}/permissions"), "*", permissions(deny)), None),
            ("allow", put(&format!("{one}/permissions"), "*", permissions(json!([]))), Some("One")),
            ("not yet", patch(&one, "*", json!({ "publishAt": later })), None),
            ("no window", patch(&one, "*", json!({ "publishAt": null })), Some("One")),
            ("expired", patch(&one, "*", json!({ "expireAt": past })), None),
            ("no end", patch(&one, "*", json!({ "expireAt": null })), Some("One")),
        ];
        let mut known = [String::new(), String::new(), String::new()];
        let mut before = None;
        for (name, ask, expected) in steps {
            world.done(ask).await;
            twin.clock.set(world.clock.advance(0));
            for program in [&world, &twin] {
                for (address, known) in [&list, &one, &slug].into_iter().zip(&known) {
                    let fresh = program.ask(get(address)).await;
                    let condition = if known.is_empty() { "\"none\"" } else { known };
                    let conditional = program.ask(get(address).with("if-none-match", condition)).await;
                    let shown = match fresh.status {
                        200 if address == &list => fresh.each("/fields/title"),
                        200 => vec![fresh.at("/data/fields/title")],
                        status => {
                            assert!(status == 404 && address != &list, "{name}: {fresh:?}");
                            vec![]
                        }
                    };
                    assert_eq!(
                        shown,
                        expected.into_iter().collect::<Vec<_>>(),
                        "{collection}, {name}: {address}"
                    );
                    let same = fresh.header("etag") == known && !known.is_empty();
                    assert_eq!(
                        conditional.status,
                        if same { 304 } else { fresh.status },
                        "{name}: {address}"
                    );
                    let changed = before.is_some() && before != Some(expected);
                    assert!(!(changed && same), "{name}: {address} has the tag of what it was");
                }
            }
            before = Some(expected);
            for (address, known) in [&list, &one, &slug].into_iter().zip(&mut known) {
                let tag = world.ask(get(address)).await.header("etag").to_owned();
                *known = if tag.is_empty() { std::mem::take(known) } else { tag };
            }
        }
    }
}

/// The key-value tier of SonicJS makes keys of whole queries, fails on each of more than 512 bytes,
/// and invalidates by a listing that ends after 1,000 keys. Here a key that is too long is refused
/// for what it is, by every call and without an effect, and the port has no listing that anything
/// could lean on.
#[tokio::test]
async fn c2_a_key_over_512_bytes_is_refused_as_too_large() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(SettableClock::default());
    let store = SqliteKeyValue::open(folder.path().join("kv.db"), clock).unwrap();
    let check = async |key: String, fits: bool| {
        let says = format!("{} bytes", key.len());
        if fits {
            store.put(&key, b"v", Some(60)).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"v"[..]), "{says}");
            return store.delete(&key).await.unwrap();
        }
        let refused = [
            store.put(&key, b"v", Some(60)).await.err(),
            store.get(&key).await.err(),
            store.delete(&key).await.err(),
        ];
        for error in refused {
            let error = error.unwrap_or_else(|| panic!("{says} were taken"));
            assert!(matches!(error, Error::TooLarge { .. }), "{says}: {error:?}");
            assert!(error.to_string().contains(&MAX_KEY_BYTES.to_string()), "no limit in `{error}`");
        }
    };
    assert_eq!(MAX_KEY_BYTES, 512);
    for (letter, count) in
        [("k", 1), ("k", 511), ("k", 512), ("k", 513), ("k", 662), ("é", 256), ("é", 257), ("🦀", 129)]
    {
        let key = letter.repeat(count);
        let fits = key.len() <= 512;
        check(key, fits).await;
    }
    let rows = rusqlite::Connection::open(folder.path().join("kv.db")).unwrap();
    let left: i64 = rows.query_row("SELECT count(*) FROM key_value", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "nothing of a refused key is kept");
}

/// More keys than one listing of Workers KV names: SonicJS loses track of those beyond.
#[tokio::test]
async fn c2_the_1001st_key_is_as_good_as_the_first() {
    let folder = tempfile::TempDir::new().unwrap();
    let store =
        SqliteKeyValue::open(folder.path().join("kv.db"), Arc::new(SettableClock::default())).unwrap();
    for n in 0..1_100 {
        store.put(&format!("key {n}"), n.to_string().as_bytes(), None).await.unwrap();
    }
    for n in [0, 999, 1_000, 1_001, 1_099] {
        let key = format!("key {n}");
        assert_eq!(store.get(&key).await.unwrap(), Some(n.to_string().into_bytes()), "{key}");
        store.delete(&key).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None, "{key}");
    }
}

/// A query whose text is longer than any key is a query like others.
#[tokio::test]
async fn c2_a_long_query_is_answered() {
    let world = World::new().await;
    let title = "long ".repeat(150);
    world.publish("blog-posts", json!({"title": title.trim_end()})).await;
    let address = encoded(&format!("/api/blog-posts?filter[title]={}", title.trim_end()));
    assert!(address.len() > 700);
    for _ in 0..3 {
        let listed = world.ask(get(&address)).await;
        assert_eq!((listed.status, listed.each("/fields/title").len()), (200, 1), "{listed:?}");
    }
}
