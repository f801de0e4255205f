//! References inside of blocks.

use serde_json::json;
use stratus_access::{Action, Principal};
use stratus_document::{CollectionDefinition, Selection, State};

use super::{Spec, chain, link, links, missing, selection, shown};
use crate::fixture::World;

#[tokio::test]
async fn references_in_blocks_are_followed_by_kind() {
    let block = json!({ "hero": { "fields": { "words": { "type": "text" },
        "link": { "type": "reference", "to": "links" },
        "more": { "type": "blocks", "blocks": { "item": { "fields": { "links": {
            "type": "reference", "to": "links", "many": true } } } } } } },
        "quote": { "fields": { "words": { "type": "text" } } } });
    let blocks = json!({ "type": "blocks", "blocks": block });
    let pages = CollectionDefinition::new("pages")
        .field("parts", serde_json::from_value(blocks).expect("a field"))
        .allow(Principal::Public, [Action::Read]);
    let world = World::of(links().into_iter().chain([pages]).collect()).await;
    let ids = chain(&world, 2).await;
    let (first, second) = (&ids[0], &ids[1]);
    let parts = json!([
        { "type": "quote", "words": "Q" },
        { "type": "hero", "words": "H", "link": first, "more": [
            { "type": "item", "links": [second, missing(1)] }, { "type": "item" } ] },
        { "type": "hero", "link": second },
    ]);
    let page = link(&world, "pages", json!({ "parts": parts })).await;
    let name = Some(Spec(&[("name", None)]));
    let named = |id: &str, name: &str| json!({ "id": id, "fields": { "name": name } });

    world.database.reset();
    let chosen =
        selection(&world, "pages", &[("parts.hero.link", name), ("parts.hero.more.item.links", name)]);
    assert_eq!(
        shown(&world, &world.public(), &page, State::Published, &chosen).await,
        json!({ "parts": [
            { "type": "quote" },
            { "type": "hero", "link": named(first, "1"), "more": [
                { "type": "item", "links": [named(second, "0"), null] }, { "type": "item" } ] },
            { "type": "hero", "link": named(second, "0") },
        ] })
    );
    assert_eq!(world.database.reset().round_trips, 2);
    let chosen = selection(&world, "pages", &[("parts.hero.link", name), ("parts", None)]);
    let mut whole = parts;
    (whole[1]["link"], whole[2]["link"]) = (named(first, "1"), named(second, "0"));
    assert_eq!(
        shown(&world, &world.public(), &page, State::Published, &chosen).await,
        json!({ "parts": whole })
    );
    let chosen = Selection::of(world.repository().registry().collection("pages").expect("pages"));
    for unknown in
        ["parts.link", "parts.other.link", "parts.hero", "parts.hero.nothing", "parts.hero.more.links"]
    {
        let found = chosen.target(Selection::ROOT, unknown);
        assert!(found.is_err(), "{unknown}: {found:?}");
    }
}
