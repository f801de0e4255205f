//! Settings are typed, told to the log by name only, and written only when they change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use stratus_access::Principal;
use stratus_document::{Settings, SettingsError, Shown};
use stratus_testkit::SeededEntropy;

use crate::fixture::{NOW, World};

fn settings(world: &World) -> Settings {
    Settings::new(world.database.clone(), world.clock.clone(), Arc::new(SeededEntropy::new(3)))
}

fn events(world: &World) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', kind, tenant_id, collection, coalesce(document, '-'), actor, data) \
         FROM events ORDER BY seq";
    let connection = world.connection();
    let mut statement = connection.prepare(sql).expect(sql);
    let rows = statement.query_map([], |row| row.get(0)).expect(sql);
    rows.collect::<Result<_, _>>().expect(sql)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Theme {
    name: String,
    dark: bool,
}

#[tokio::test]
async fn what_is_set_is_got() {
    let world = World::demo().await;
    let settings = settings(&world);
    let admin = Principal::admin();
    let theme = Theme { name: "plain".to_owned(), dark: true };
    assert_eq!(settings.get::<Theme>("site", "theme").await.expect("a look"), None);
    assert!(settings.set(&admin, "site", "theme", &theme).await.expect("a change"));
    assert_eq!(settings.get("site", "theme").await.expect("a look"), Some(theme));
    let mismatch = settings.get::<Vec<String>>("site", "theme").await.expect_err("it is no list");
    assert!(matches!(mismatch, SettingsError::Mismatch { .. }), "{mismatch}");
    assert!(settings.remove(&admin, "site", "theme").await.expect("a removal"));
    assert_eq!(settings.get::<Json>("site", "theme").await.expect("a look"), None);
}

#[tokio::test]
async fn each_change_is_an_event_without_its_value() {
    let world = World::demo().await;
    let settings = settings(&world);
    let user = Principal::User("ada".to_owned());
    let set = async |value: Json| settings.set(&user, "site", "secret", &value).await.expect("a write");
    assert!(set(json!({ "a": 1, "b": 2 })).await);
    // Equal values, whatever the order of members, are no change.
    assert!(!set(json!({ "b": 2, "a": 1 })).await);
    assert!(set(json!(null)).await);
    assert!(!settings.remove(&user, "site", "nothing").await.expect("nothing to remove"));
    assert!(!settings.set_if_absent(&user, "site", "secret", &1).await.expect("it is there"));
    assert!(settings.set_if_absent(&user, "site", "other", &1).await.expect("it is new"));
    assert!(settings.remove(&user, "site", "secret").await.expect("a removal"));
    let event = |key| format!(r#"settings default settings - user:ada {{"category":"site","key":"{key}"}}"#);
    assert_eq!(events(&world), [event("secret"), event("secret"), event("other"), event("secret")]);
    let generation = "SELECT seq = (SELECT max(seq) FROM events) AND public_seq = 0 AND length(stamp) = 16 \
         FROM generations WHERE collection = 'settings'";
    let is_last: bool = world.connection().query_row(generation, [], |row| row.get(0)).expect(generation);
    assert!(is_last);
    let findings = stratus_document::examine(&*world.database, world.repository().registry()).await;
    assert_eq!(findings.expect("an examination"), []);
}

#[tokio::test]
async fn names_and_sizes_are_checked() {
    let world = World::demo().await;
    let settings = settings(&world);
    let check = async |category: &str, key: &str, is_name: bool| {
        let set = settings.set(&Principal::admin(), category, key, "v").await;
        assert_eq!(set.is_ok(), is_name, "{category}/{key}");
        assert_eq!(settings.get::<Json>(category, key).await.is_ok(), is_name, "{category}/{key}");
    };
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    check("auth", "admin_token_digest", true).await;
    check("windows", "swept", true).await;
    check("site.mail-2", &longest, true).await;
    for name in ["", "A", "1a", "_a", "a b", "a/b", "ä", &too_long] {
        check(name, "key", false).await;
        check("site", name, false).await;
    }
    let large = settings.set(&Principal::admin(), "site", "large", &"x".repeat(65_535)).await;
    assert!(matches!(large, Err(SettingsError::Value { .. })), "{large:?}");
    let fits = settings.set(&Principal::admin(), "site", "large", &"x".repeat(65_534)).await;
    assert!(fits.is_ok(), "{fits:?}");
}

#[tokio::test]
async fn a_list_hides_what_is_internal() {
    let world = World::demo().await;
    let settings = settings(&world);
    for (category, key) in [("windows", "swept"), ("site", "name"), ("auth", "admin_token_digest")] {
        settings.set(&Principal::admin(), category, key, key).await.expect("a write");
    }
    world.connection().execute("INSERT INTO settings VALUES ('site', 'broken', '{', 1)", []).expect("damage");
    let all = settings.list(None).await.expect("a list");
    let shown: Vec<_> = all.iter().map(|it| (it.category.as_str(), it.key.as_str(), &it.value)).collect();
    let expected = [
        ("auth", "admin_token_digest", &Shown::Hidden),
        ("site", "broken", &Shown::Malformed),
        ("site", "name", &Shown::Value(json!("name"))),
        ("windows", "swept", &Shown::Hidden),
    ];
    assert_eq!(shown, expected);
    assert_eq!(all[0].updated_at, NOW);
    let site = settings.list(Some("site")).await.expect("a list");
    assert_eq!(site.len(), 2);
    assert!(settings.list(Some("No")).await.is_err());
}

#[tokio::test]
async fn of_two_that_begin_at_once_one_does() {
    let world = World::demo().await;
    let settings = settings(&world);
    let admin = Principal::admin();
    let begin = |value: i64| {
        let (settings, admin) = (settings.clone(), admin.clone());
        async move { settings.set_if_absent(&admin, "auth", "first", &value).await.expect("a write") }
    };
    let (one, two) = tokio::join!(begin(1), begin(2));
    assert!(one ^ two, "{one} {two}");
    assert_eq!(events(&world).len(), 1);
}
