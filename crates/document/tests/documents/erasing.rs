//! Erasing: nothing is left of a document but its places in the log.

use serde_json::{Value as Json, json};
use stratus_document::{DocumentError, Input, Member, Precondition, State, View};

use crate::fixture::{World, draft, fields, post};

const ANY: Precondition = Precondition::Any;

/// Every row of every table that a text occurs in, as `table: column=value`.
fn mentions(world: &World, text: &str) -> Vec<String> {
    let connection = world.connection();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("a statement");
        let names = statement.query_map([], |row| row.get(0)).expect("rows");
        names.collect::<Result<_, _>>().expect("names")
    };
    let mut found = Vec::new();
    for table in names("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
        for column in names(&format!("SELECT name FROM pragma_table_xinfo('{table}')")) {
            let sql = format!(
                "SELECT \"{column}\" FROM \"{table}\" WHERE instr(CAST(\"{column}\" AS TEXT), '{text}')"
            );
            found.extend(names(&sql).into_iter().map(|value| format!("{table}: {column}={value}")));
        }
    }
    found
}

fn number(world: &World, sql: &str) -> i64 {
    world.connection().query_row(sql, [], |row| row.get(0)).expect("a number")
}

fn public_seq(world: &World) -> i64 {
    number(world, "SELECT public_seq FROM generations WHERE collection = 'posts'")
}

#[tokio::test]
async fn nothing_is_left_of_it() {
    let check = async |trashed: bool, published: bool| {
        let world = World::demo().await;
        let admin = world.admin();
        let author = world.author("Ada").await;
        let keep = world.create("posts", &post("Keep", &author)).await.document.id;
        let tagged = Input { publish: published, ..post("One", &author) };
        let id = world.create("posts", &tagged).await.document.id;
        let tags = fields(json!({ "title": "Two", "tags": ["a", "b"] }));
        world.service.patch(&admin, "posts", &id, &ANY, &tags).await.expect("a patch");
        world.service.duplicate(&admin, "posts", &id, &Input::default()).await.expect("a copy");
        let connection = world.connection();
        let rows = [
            "INSERT INTO document_permissions VALUES ('default', '$', 'user', 'u', 'read', 'allow', 0, NULL, 'posts')",
            "INSERT INTO settings VALUES ('site', 'home', '\"$\"', 0)",
            "INSERT INTO settings VALUES ('site', 'menu', '{\"items\":[\"$\",\"other\"]}', 0)",
            "INSERT INTO settings VALUES ('site', 'name', '\"Stratus\"', 0)",
        ];
        for row in rows {
            connection.execute(&row.replace('$', &id), []).expect("a row");
        }
        if trashed {
            world.service.trash(&admin, "posts", &id, &ANY).await.expect("trash");
        }
        let (events, public) = (number(&world, "SELECT count(*) FROM events"), public_seq(&world));

        world.service.erase(&admin, "posts", &id, &ANY).await.expect("erased");

        let left = mentions(&world, &id);
        let of_the_log = |it: &String| it.starts_with("events: document=");
        assert!(left.iter().all(of_the_log), "{left:#?}");
        let data = format!("SELECT count(*) FROM events WHERE document = '{id}' AND data IS NOT NULL");
        assert_eq!(number(&world, &data), 0);
        assert_eq!(number(&world, "SELECT count(*) FROM events"), events + 1);
        let last =
            "SELECT count(*) FROM events WHERE kind = 'erased' AND seq = (SELECT max(seq) FROM events)";
        assert_eq!(number(&world, last), 1);
        assert_eq!(public_seq(&world) > public, published, "the public sees it if it was public");
        let menu: String = world
            .connection()
            .query_row("SELECT group_concat(value, ' ') FROM settings", [], |row| row.get(0))
            .expect("settings");
        assert_eq!(menu, r#"{"items":[null,"other"]} "Stratus""#);
        for table in ["document_facets", "document_references"] {
            let column = if table == "document_facets" { "document_id" } else { "from_document_id" };
            let orphans =
                format!("SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT pk FROM documents)");
            assert_eq!(number(&world, &orphans), 0, "{table}");
        }
        for state in [State::Published, State::Draft, State::Trashed] {
            let read = world.repository().get(&admin, "posts", &id, &View { state, locale: None }).await;
            assert!(matches!(read, Err(DocumentError::NotFound)), "{read:?}");
        }
        let again = world.service.erase(&admin, "posts", &id, &ANY).await;
        assert!(matches!(again, Err(DocumentError::NotFound)), "{again:?}");
        world.repository().get(&admin, "posts", &keep, &draft()).await.expect("the other one");
        let registry = world.repository().registry();
        assert_eq!(stratus_document::examine(&*world.database, registry).await.expect("findings"), vec![]);
    };
    for trashed in [false, true] {
        for published in [false, true] {
            check(trashed, published).await;
        }
    }
}

#[tokio::test]
async fn what_is_referred_to_is_not_erased() {
    let world = World::demo().await;
    let admin = world.admin();
    let author = world.author("Ada").await;
    let first = world.create("posts", &post("One", &author)).await.document.id;
    let refused = world.service.erase(&admin, "authors", &author, &ANY).await;
    assert!(
        matches!(&refused, Err(DocumentError::Referenced { referrers }) if referrers[0].id == first),
        "{refused:?}"
    );
    // Weakly it is: the comment keeps a reference to nothing.
    let comment = fields(json!({ "post": first, "name": "Bo", "body": "Yes" }));
    let comment = world.create("comments", &comment).await.document.id;
    world.service.erase(&admin, "posts", &first, &ANY).await.expect("erased");
    world.service.erase(&admin, "authors", &author, &ANY).await.expect("nobody refers any more");
    let comment = world.repository().get(&admin, "comments", &comment, &draft()).await.expect("a comment");
    assert!(comment.fields.contains(&first));
}

#[tokio::test]
async fn erasing_takes_the_right_revision_and_right() {
    let world = World::demo().await;
    let author = world.author("Ada").await;
    let stale = Precondition::Revisions(vec![9]);
    let refused = world.service.erase(&world.admin(), "authors", &author, &stale).await;
    assert!(matches!(refused, Err(DocumentError::StaleRevision { current: 1 })), "{refused:?}");
    let refused = world.service.erase(&world.public(), "authors", &author, &ANY).await;
    assert!(matches!(refused, Err(DocumentError::Denied { .. })), "{refused:?}");
    let elsewhere = world.service.erase(&world.admin(), "posts", &author, &ANY).await;
    assert!(matches!(elsewhere, Err(DocumentError::NotFound)), "{elsewhere:?}");
    let right = Precondition::Revisions(vec![1]);
    world.service.erase(&world.admin(), "authors", &author, &right).await.expect("erased");
}

#[tokio::test]
async fn a_parent_is_not_erased_before_its_children() {
    let world = World::demo().await;
    let admin = world.admin();
    let parent = world.author("Ada").await;
    let child = Input { parent: Member::Value(parent.clone()), ..fields(json!({ "name": "Bo" })) };
    let child = world.create("authors", &child).await.document.id;
    let refused = world.service.erase(&admin, "authors", &parent, &ANY).await;
    let named: Json = match refused {
        Err(DocumentError::Referenced { referrers }) => {
            referrers.iter().map(|it| json!([it.id, it.field])).collect()
        }
        other => panic!("expected a child, got {other:?}"),
    };
    assert_eq!(named, json!([[child, "parent"]]));
    world.service.erase(&admin, "authors", &child, &ANY).await.expect("the child");
    world.service.erase(&admin, "authors", &parent, &ANY).await.expect("the parent");
}
