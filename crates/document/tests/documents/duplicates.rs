//! Copies of documents.

use serde_json::json;
use stratus_access::{Action, Caller, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, Member, Precondition, Scope,
    State,
};

use crate::fixture::{NOW, World, fields};

const ANY: Precondition = Precondition::Any;

fn pages() -> CollectionDefinition {
    CollectionDefinition::new("pages")
        .field("title", FieldDefinition::new(FieldType::Text))
        .field("code", FieldDefinition::new(FieldType::Text).unique())
        .field("note", FieldDefinition::new(FieldType::Text).private())
        .allow(Principal::Public, [Action::Read])
        .allow(author_role(), [Action::Create])
}

fn author_role() -> Principal {
    Principal::Role("author".to_owned())
}

fn author() -> Scope {
    Scope::new(TenantId::default(), Caller::signed_in([author_role()]))
}

fn slug(text: &str) -> Member<String> {
    Member::Value(text.to_owned())
}

async fn world() -> World {
    World::of(vec![pages()]).await
}

fn texts(world: &World, sql: &str) -> Vec<String> {
    let connection = world.connection();
    let mut statement = connection.prepare(sql).expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

#[tokio::test]
async fn a_copy_is_a_new_draft() {
    let world = world().await;
    let admin = world.admin();
    let parent = world.create("pages", &fields(json!({}))).await.document.id;
    let input = Input {
        slug: slug("one"),
        locale: Some("de".to_owned()),
        parent: Member::Value(parent.clone()),
        order: Member::Value(4),
        publish: true,
        expire_at: Member::Value(NOW + 1_000_000),
        ..fields(json!({ "title": "One", "note": "secret" }))
    };
    let source = world.create("pages", &input).await.document;
    let english = Input { locale: Some("en".to_owned()), ..fields(json!({})) };
    let english = Input { translation_of: Member::Value(source.id.clone()), ..english };
    world.create("pages", &english).await;
    let own = "INSERT INTO document_permissions VALUES ('default', '$', 'user', 'u', 'read', 'deny', 0, NULL, 'pages')";
    world.connection().execute(&own.replace('$', &source.id), []).expect("a permission");

    let copy = world.service.duplicate(&admin, "pages", &source.id, &Input::default()).await.expect("a copy");
    let copy = copy.document;
    assert_ne!(copy.id, source.id);
    assert_eq!((copy.version, copy.revision, copy.status), (1, 1, State::Draft));
    assert_eq!((copy.locale.as_str(), copy.parent.as_ref()), ("de", Some(&parent)));
    assert_eq!((copy.slug.as_deref(), &copy.fields), (Some("one-2"), &source.fields));
    assert_eq!(
        (copy.published_at, copy.expire_at, copy.order, copy.translation_group),
        (None, None, 0, None)
    );
    let private = format!("SELECT data_private FROM documents WHERE root_id = '{}'", copy.id);
    assert_eq!(texts(&world, &private), [r#"{"note":"secret"}"#]);
    let own =
        format!("SELECT principal_id || effect FROM document_permissions WHERE root_id = '{}'", copy.id);
    assert_eq!(texts(&world, &own), ["udeny"]);
    let event = format!("SELECT kind || data FROM events WHERE document = '{}'", copy.id);
    assert_eq!(texts(&world, &event), [r#"created{"fields":["title","note"]}"#]);
    let third =
        world.service.duplicate(&admin, "pages", &source.id, &Input::default()).await.expect("a copy");
    assert_eq!(third.document.slug.as_deref(), Some("one-3"));
}

#[tokio::test]
async fn a_body_is_applied_like_a_patch() {
    let world = world().await;
    let admin = world.admin();
    let source = Input { slug: slug("one"), ..fields(json!({ "title": "One", "code": "1" })) };
    let id = world.create("pages", &source).await.document.id;
    let duplicate = async |input: &Input| world.service.duplicate(&admin, "pages", &id, input).await;
    let clash = duplicate(&Input::default()).await;
    assert!(matches!(&clash, Err(DocumentError::NotUnique { field }) if field == "code"), "{clash:?}");
    let other = duplicate(&fields(json!({ "code": "2" }))).await.expect("a copy").document;
    assert_eq!(other.fields, r#"{"title":"One","code":"2"}"#);
    let without = fields(json!({ "code": null }));
    let named = Input { slug: slug("mine"), order: Member::Value(2), ..without.clone() };
    let named = duplicate(&named).await.expect("a copy").document;
    assert_eq!((named.slug.as_deref(), named.order), (Some("mine"), 2));
    let taken = duplicate(&Input { slug: slug("mine"), ..without.clone() }).await;
    assert!(matches!(taken, Err(DocumentError::SlugTaken { .. })), "{taken:?}");
    let none = duplicate(&Input { slug: Member::Null, ..without.clone() }).await.expect("a copy").document;
    assert_eq!((none.slug, none.fields.as_str()), (None, r#"{"title":"One"}"#));
    let of_none =
        world.service.duplicate(&admin, "pages", &none.id, &Input::default()).await.expect("a copy");
    assert_eq!(of_none.document.slug, None);
    let unknown = duplicate(&fields(json!({ "nothing": 1 }))).await;
    assert!(matches!(unknown, Err(DocumentError::Invalid(_))), "{unknown:?}");
    let published = duplicate(&Input { publish: true, ..without }).await.expect("a copy").document;
    assert_eq!(published.status, State::Published);
}

#[tokio::test]
async fn whoever_may_not_update_copies_what_is_public() {
    let world = world().await;
    let admin = world.admin();
    let input = Input { publish: true, ..fields(json!({ "title": "public" })) };
    let id = world.create("pages", &input).await.document.id;
    world
        .service
        .patch(&admin, "pages", &id, &ANY, &fields(json!({ "title": "draft" })))
        .await
        .expect("a draft");
    let check = async |scope: &Scope, expected: Option<&str>| {
        let copy = world.service.duplicate(scope, "pages", &id, &Input::default()).await;
        match (copy, expected) {
            (Ok(copy), Some(title)) => assert!(copy.document.fields.contains(title), "{copy:?}"),
            (Err(DocumentError::NotFound), None) => {}
            (other, _) => panic!("{other:?}"),
        }
    };
    check(&author(), Some("public")).await;
    check(&admin, Some("draft")).await;
    let expires = Input { expire_at: Member::Value(NOW + 1_000), ..Input::default() };
    world.service.patch(&admin, "pages", &id, &ANY, &expires).await.expect("a window of the draft");
    world.service.publish(&admin, "pages", &id, &ANY).await.expect("a publish");
    check(&author(), Some("draft")).await;
    world.clock.set(NOW + 1_000);
    check(&author(), None).await;
    check(&admin, Some("draft")).await;
    let refused = world.service.duplicate(&world.public(), "pages", &id, &Input::default()).await;
    assert!(matches!(refused, Err(DocumentError::Denied { action: Action::Create })), "{refused:?}");
    world.service.trash(&admin, "pages", &id, &ANY).await.expect("trash");
    check(&author(), None).await;
    let trashed = world.service.duplicate(&admin, "pages", &id, &Input::default()).await;
    assert!(matches!(trashed, Err(DocumentError::Trashed)), "{trashed:?}");
}
