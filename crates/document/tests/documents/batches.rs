//! Several writes at once: what is told of the one that fails, and what it costs to ask.

use serde_json::json;
use stratus_document::{CollectionDefinition, DocumentError, FieldDefinition, FieldType, Strength};

use crate::fixture::{World, fields};

#[tokio::test]
async fn an_id_of_another_collection_is_no_target() {
    let things = CollectionDefinition::new("things").field("name", FieldDefinition::new(FieldType::Text));
    let pairs = CollectionDefinition::new("pairs")
        .field("thing", FieldDefinition::reference("things", Strength::Strong))
        .field("pair", FieldDefinition::reference("pairs", Strength::Strong));
    let world = World::of(vec![things, pairs]).await;
    let thing = world.create("things", &fields(json!({ "name": "a" }))).await.document.id;
    let input = fields(json!({ "thing": thing, "pair": thing }));
    let refused = world.service.create(&world.admin(), "pairs", &input).await;
    let Err(DocumentError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!((errors.len(), errors[0].pointer.as_str()), (1, "/fields/pair"), "{errors:?}");
}
