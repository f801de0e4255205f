//! Who sees what, and when.

use serde_json::json;
use stratus_document::format_time;

use super::world::{World, step};
use crate::app::{NOW, delete, get, patch};

const HOUR: i64 = 3_600_000;

/// SonicJS shows documents to everyone before their time and after it. Here no way of reading does:
/// by id, by slug, in lists however they are filtered, as the referrer of another, as the target of
/// a look for referrers, or by a tag that was once given.
#[tokio::test]
async fn c9_nothing_is_public_outside_its_window() {
    let world = World::new().await;
    let plain = world.publish("things", json!({"title": "plain"})).await;
    let plain_id = plain.rsplit('/').next().unwrap();
    let (from, to) = (NOW + HOUR, NOW + 2 * HOUR);
    let body = json!({
        "publish": true, "publishAt": format_time(from), "expireAt": format_time(to),
        "fields": {"title": "timed", "price": 4, "tags": ["x"], "kin": plain_id}
    });
    let timed = format!("/api/things/{}", world.make("things", body).await);
    let mut tag = String::new();
    let lists = [
        "",
        "?sort=title",
        "?filter[price]=4",
        "?filter[price][gte]=1&sort=price",
        "?filter[tags]=x",
        "?filter[title]=timed",
        "?filter[slug]=timed",
    ];
    // `ask` moves the clock by one before it is read.
    for (now, visible) in [(from - 1, false), (from, true), (to - 1, true), (to, false), (to + HOUR, false)] {
        let at = |it: i64| world.clock.set(it - 1);
        for address in [timed.clone(), "/api/things/slug/timed".to_owned(), format!("{timed}/referrers")] {
            at(now);
            let read = world.ask(get(&address)).await;
            assert_eq!(read.status, if visible { 200 } else { 404 }, "{} {read:?}", now - NOW);
            if visible && address == timed {
                read.header("etag").clone_into(&mut tag);
            }
        }
        if !tag.is_empty() {
            at(now);
            let known = world.ask(get(&timed).with("if-none-match", &tag)).await;
            assert_eq!(known.status, if visible { 304 } else { 404 }, "{} {known:?}", now - NOW);
        }
        for query in lists {
            at(now);
            let titles = world.titles(&format!("/api/things{query}")).await;
            assert_eq!(titles.iter().any(|it| it == "timed"), visible, "{} {query}", now - NOW);
        }
        at(now);
        let referrers = world.ask(get(&format!("{plain}/referrers"))).await;
        assert_eq!(referrers.each("/id").len(), usize::from(visible), "{} {referrers:?}", now - NOW);
        // Those who edit see it at any time; nobody else sees its versions at all.
        at(now);
        assert_eq!(world.ask(get(&format!("{timed}?state=draft")).admin()).await.status, 200);
        assert_eq!(world.ask(get(&format!("{timed}/versions")).admin()).await.status, 200);
        world.ask(get(&format!("{timed}/versions"))).await.refuses(401, "unauthorized");
    }
}

/// A document with a draft on top of its public version, deleted by an editor of SonicJS, stays
/// public: only one of its rows is marked. Here it is gone from every public read at once, and so
/// is every row of it.
#[tokio::test]
async fn c10_what_is_deleted_is_not_public() {
    let world = World::new().await;
    let target = world.publish("things", json!({"title": "target"})).await;
    let target_id = target.rsplit('/').next().unwrap();
    for draft_on_top in [false, true] {
        let fields = json!({"title": "gone", "tags": ["x"], "price": 1, "kin": target_id});
        let gone = world.publish("things", fields).await;
        if draft_on_top {
            world.done(patch(&gone, "*", json!({"slug": "newer", "fields": {"title": "newer"}}))).await;
        }
        let lists = ["", "?filter[tags]=x", "?filter[price]=1", "?sort=title", "?filter[slug]=gone"];
        for query in lists {
            assert!(
                world.titles(&format!("/api/things{query}")).await.contains(&"gone".to_owned()),
                "{query}"
            );
        }
        assert_eq!(world.done(delete(&gone)).await.status, 204);
        for query in lists {
            assert!(
                !world.titles(&format!("/api/things{query}")).await.contains(&"gone".to_owned()),
                "{query}"
            );
        }
        let referrers = format!("{gone}/referrers");
        for address in [gone.as_str(), "/api/things/slug/gone", "/api/things/slug/newer", &referrers] {
            world.ask(get(address)).await.refuses(404, "not_found");
        }
        assert!(world.ask(get(&format!("{target}/referrers"))).await.each("/id").is_empty());
        let shown =
            world.number("SELECT count(*) FROM documents WHERE is_published = 1 AND deleted_at IS NULL");
        assert_eq!(shown, 1, "the target alone");
        world.ask(step(&gone, "publish").admin()).await.refuses(404, "trashed");
        // It comes back whole, and goes again for the next round.
        world.done(step(&gone, "recover")).await;
        assert_eq!(world.ask(get(&gone)).await.at("/data/fields/title"), "gone");
        world.done(delete(&gone)).await;
    }
}
