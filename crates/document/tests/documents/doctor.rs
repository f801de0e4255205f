//! The doctor finds what was damaged, and nothing else.

use serde_json::json;
use stratus_document::{FindingKind, Input, Precondition, examine};

use crate::fixture::{World, fields, post};

async fn findings(world: &World) -> Vec<FindingKind> {
    let registry = world.repository().registry();
    let mut kinds: Vec<_> = examine(&*world.database, registry)
        .await
        .expect("an examination")
        .into_iter()
        .map(|it| it.kind)
        .collect();
    kinds.dedup();
    kinds
}

/// A world with something of everything: history, a draft beside a public row, trash.
async fn lived_in() -> World {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let author = world.author("Ada").await;
    let tagged = fields(json!({ "title": "One", "body": "text", "author": author, "tags": ["a", "b"] }));
    let one = world.create("posts", &Input { publish: true, ..tagged }).await.document.id;
    for title in ["Two", "Three"] {
        let patch = fields(json!({ "title": title, "tags": [title] }));
        world.service.patch(&admin, "posts", &one, &any, &patch).await.expect("a patch");
    }
    let gone = world.create("posts", &post("Gone", &author)).await.document.id;
    world.service.trash(&admin, "posts", &gone, &any).await.expect("trash");
    world
}

#[tokio::test]
async fn a_sound_database_is_clean() {
    let world = lived_in().await;
    assert_eq!(findings(&world).await, []);
    assert_eq!(world.sqlite.integrity_check().expect("a check"), Vec::<String>::new());
}

#[tokio::test]
async fn damage_is_found() {
    use FindingKind::{
        Content, Facets, Generation, Head, Log, MissingReference, Published, References, Schema,
        UnknownCollection,
    };
    let check = async |damage: &str, expected: &[FindingKind]| {
        let world = lived_in().await;
        world.connection().execute_batch(&format!("PRAGMA foreign_keys = off; {damage}")).expect(damage);
        assert_eq!(findings(&world).await, expected, "{damage}");
    };
    let live = "(is_current_draft = 1 AND type_id = 'posts' AND deleted_at IS NULL)";
    check("UPDATE document_facets SET value_text = 'x' WHERE value_text = 'a'", &[Facets]).await;
    check("DELETE FROM document_facets WHERE value_text = 'b'", &[Facets]).await;
    check("UPDATE document_facets SET tenant_id = 'evil'", &[Facets]).await;
    check("UPDATE documents SET published_at = NULL", &[Published]).await;
    check("UPDATE documents SET revision = 0 WHERE slug = 'gone'", &[Published]).await;
    check("DELETE FROM document_references WHERE field_name = 'author'", &[References]).await;
    check(&format!("UPDATE documents SET is_current_draft = 0 WHERE {live}"), &[Head, Facets]).await;
    check("UPDATE documents SET deleted_at = 1 WHERE is_published = 1 AND type_id = 'posts'", &[Head]).await;
    check("UPDATE documents SET deleted_at = 1 WHERE type_id = 'authors'", &[MissingReference]).await;
    check(&format!("UPDATE documents SET data_private = '[]' WHERE {live}"), &[Content]).await;
    check("UPDATE documents SET type_id = 'nothing' WHERE type_id = 'authors'", &[UnknownCollection, Log])
        .await;
    check("UPDATE generations SET seq = seq - 1 WHERE collection = 'posts'", &[Generation]).await;
    check("DELETE FROM generations WHERE collection = 'authors'", &[Generation, Log]).await;
    check(
        "DELETE FROM documents WHERE slug = 'gone'; DELETE FROM document_references \
           WHERE from_document_id NOT IN (SELECT pk FROM documents)",
        &[Log],
    )
    .await;
    let twice = "DROP INDEX documents_head; CREATE INDEX documents_head ON documents (root_id); \
         UPDATE documents SET is_current_draft = 1, slug = NULL WHERE version_number = 2";
    check(twice, &[Head, Facets, References]).await;
    let dropped = {
        let world = lived_in().await;
        let index = world.repository().registry().indexes()[0].name.clone();
        world.connection().execute_batch(&format!("DROP INDEX {index}")).expect("dropped");
        findings(&world).await
    };
    assert_eq!(dropped, [Schema]);
}
