//! From draft to public, to the trash and back.

use serde_json::json;
use stratus_document::{DocumentError, Input, ListParams, Precondition, State, View};

use crate::fixture::{World, draft, fields, post};

const ANY: Precondition = Precondition::Any;

fn at(revision: i64) -> Precondition {
    Precondition::Revisions(vec![revision])
}

#[tokio::test]
async fn a_draft_is_hidden_until_it_is_published() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    let made = world.create("posts", &post("Hello, World!", &author)).await.document;
    assert_eq!((made.version, made.revision, made.status), (1, 1, State::Draft));
    assert_eq!(made.slug.as_deref(), Some("hello-world"));

    let (public, admin) = (world.public(), world.admin());
    let hidden = world.repository().get(&public, "posts", &made.id, &View::default()).await;
    assert!(matches!(hidden, Err(DocumentError::NotFound)), "{hidden:?}");

    let published = world.service.publish(&admin, "posts", &made.id, &ANY).await.expect("publish").document;
    assert_eq!((published.version, published.revision, published.status), (1, 2, State::Published));

    let shown = world.repository().get(&public, "posts", &made.id, &View::default()).await.expect("public");
    assert_eq!(shown.fields, format!(r#"{{"title":"Hello, World!","body":"text","author":"{author}"}}"#));
    let by_slug =
        world.repository().get_by_slug(&public, "posts", "hello-world", None, &View::default()).await;
    assert_eq!(by_slug.expect("by slug").id, made.id);
}

#[tokio::test]
async fn a_patch_on_a_public_head_is_a_new_draft_beside_it() {
    let world = World::demo().await;
    let (admin, public) = (world.admin(), world.public());
    let author = world.author("Ada").await;
    let id = world.create("posts", &Input { publish: true, ..post("One", &author) }).await.document.id;

    let patched = world.service.patch(&admin, "posts", &id, &at(1), &fields(json!({"title": "Two"}))).await;
    let patched = patched.expect("patch").document;
    assert_eq!((patched.version, patched.revision, patched.status), (2, 2, State::Draft));

    let shown = world.repository().get(&public, "posts", &id, &View::default()).await.expect("public");
    assert_eq!((shown.version, shown.revision), (1, 1));
    assert!(shown.fields.contains("One"));
    let head = world.repository().get(&admin, "posts", &id, &draft()).await.expect("head");
    assert_eq!(head.version, 2);
    assert!(head.published_at.is_some());

    let stale = world.service.patch(&admin, "posts", &id, &at(1), &fields(json!({"title": "Three"}))).await;
    assert!(matches!(stale, Err(DocumentError::StaleRevision { current: 2 })), "{stale:?}");

    let restored = world.service.restore(&admin, "posts", &id, &at(2), 1).await.expect("restore").document;
    assert_eq!((restored.version, restored.revision), (3, 3));
    assert!(restored.fields.contains("One"));
    let (versions, _) = world.repository().versions(&admin, "posts", &id, None).await.expect("versions");
    assert_eq!(versions.iter().map(|it| it.version).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test]
async fn trash_hides_and_recover_brings_back() {
    let world = World::demo().await;
    let (admin, public) = (world.admin(), world.public());
    let author = world.author("Ada").await;
    let input = Input { publish: true, ..post("One", &author) };
    let id = world.create("posts", &input).await.document.id;

    world.service.trash(&admin, "posts", &id, &ANY).await.expect("trash");
    let gone = world.repository().get(&public, "posts", &id, &View::default()).await;
    assert!(matches!(gone, Err(DocumentError::NotFound)), "{gone:?}");
    let gone = world.repository().get(&admin, "posts", &id, &View::default()).await;
    assert!(matches!(gone, Err(DocumentError::Trashed)), "{gone:?}");
    let trashed = ListParams { state: Some("trashed".into()), ..ListParams::default() };
    assert_eq!(world.list(&admin, "posts", &trashed).await.expect("trash").documents.len(), 1);

    // The slug is free for another one, and then it can't come back.
    let other = world.create("posts", &post("One", &author)).await.document;
    assert_eq!(other.slug.as_deref(), Some("one"));
    let taken = world.service.recover(&admin, "posts", &id, &ANY).await;
    assert!(matches!(taken, Err(DocumentError::SlugTaken { .. })), "{taken:?}");

    world.service.trash(&admin, "posts", &other.id, &ANY).await.expect("trash");
    world.service.recover(&admin, "posts", &id, &ANY).await.expect("recover");
    let back = world.repository().get(&public, "posts", &id, &View::default()).await.expect("public again");
    assert_eq!(back.slug.as_deref(), Some("one"));
    let twice = world.service.recover(&admin, "posts", &id, &ANY).await;
    assert!(matches!(twice, Err(DocumentError::NotTrashed)), "{twice:?}");
}

#[tokio::test]
async fn where_slugs_are_derived_every_document_has_one() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    let (admin, slug) = (world.admin(), stratus_document::Member::Null);
    let signs = world.create("posts", &post("!!!", &author)).await.document;
    assert_eq!(signs.slug.as_deref(), Some("posts"));
    let null = world.create("posts", &Input { slug: slug.clone(), ..post("Null", &author) }).await.document;
    assert_eq!(null.slug.as_deref(), Some("null"));
    let taken_away = Input { slug: slug.clone(), ..Input::default() };
    let refused = world.service.patch(&admin, "posts", &null.id, &ANY, &taken_away).await;
    assert!(
        matches!(&refused, Err(DocumentError::Invalid(errors)) if errors[0].pointer == "/slug"),
        "{refused:?}"
    );
    // Elsewhere a slug is optional.
    let target = null.id;
    let comment = fields(json!({ "post": target, "name": "Bo", "body": "Yes" }));
    let comment = world.create("comments", &Input { slug, ..comment }).await.document;
    assert_eq!(comment.slug, None);
}

#[tokio::test]
async fn history_of_what_is_not_there_is_not_found() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    let admin = world.admin();
    let below =
        world.repository().versions(&admin, "authors", &author, Some(1)).await.expect("below the oldest");
    assert_eq!((below.0.len(), below.1), (0, None));
    let ghost = "0192f0c1-2345-7000-8000-0123456789ab";
    let unknown = world.repository().versions(&admin, "authors", ghost, Some(3)).await;
    assert!(matches!(unknown, Err(DocumentError::NotFound)), "{unknown:?}");
    world.service.trash(&admin, "authors", &author, &ANY).await.expect("trash");
    let trashed = world.repository().versions(&admin, "authors", &author, Some(3)).await;
    assert!(matches!(trashed, Err(DocumentError::Trashed)), "{trashed:?}");
    let malformed = View { state: State::Published, locale: Some("!!".into()) };
    let malformed = world.repository().get(&admin, "authors", &author, &malformed).await;
    assert!(matches!(malformed, Err(DocumentError::BadParameter { .. })), "{malformed:?}");
}

#[tokio::test]
async fn a_strong_target_can_not_be_trashed() {
    let world = World::demo().await;
    let admin = world.admin();
    let author = world.author("Ada").await;
    let first = world.create("posts", &post("One", &author)).await.document.id;

    match world.service.trash(&admin, "authors", &author, &ANY).await {
        Err(DocumentError::Referenced { referrers }) => {
            assert_eq!(referrers.len(), 1);
            assert_eq!((referrers[0].id.as_str(), referrers[0].field.as_str()), (first.as_str(), "author"));
        }
        other => panic!("expected referrers, got {other:?}"),
    }
    world.service.trash(&admin, "posts", &first, &ANY).await.expect("trash");
    world.service.trash(&admin, "authors", &author, &ANY).await.expect("nobody refers any more");
    let orphan = world.service.recover(&admin, "posts", &first, &ANY).await;
    assert!(matches!(orphan, Err(DocumentError::MissingReference)), "{orphan:?}");

    match world.service.create(&admin, "posts", &post("Two", &author)).await {
        Err(DocumentError::Invalid(errors)) => {
            assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/fields/author", "missing_reference"));
        }
        other => panic!("expected a missing reference, got {other:?}"),
    }
}

#[tokio::test]
async fn a_recovery_that_clashes_names_the_slug_that_is_taken() {
    let check = async |taken: &str| {
        let world = World::demo().await;
        let admin = world.admin();
        let id = world.author("Ada").await;
        let slug =
            |text: &str| Input { slug: stratus_document::Member::Value(text.to_owned()), ..Input::default() };
        world.service.patch(&admin, "authors", &id, &ANY, &slug("head")).await.expect("a head");
        world.service.trash(&admin, "authors", &id, &ANY).await.expect("trash");
        let other = Input { publish: true, ..fields(json!({ "name": "Bo" })) };
        world.create("authors", &Input { slug: slug(taken).slug, ..other }).await;
        match world.service.recover(&admin, "authors", &id, &ANY).await {
            Err(DocumentError::SlugTaken { slug }) => assert_eq!(slug, taken),
            other => panic!("expected a clash, got {other:?}"),
        }
    };
    check("head").await;
    check("ada").await;
}
