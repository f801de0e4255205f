//! The doctor finds what was damaged, and nothing else; repairs what has one answer, and nothing
//! else.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::json;
use stratus_document::{
    Answer, Change,
    FindingKind::{
        self, Content, Definition, Duplicate, Facets, Generation, Head, Key, Log, MissingReference, Name,
        Orphan, Parent, Privacy, Published, References, Revision, Schema, Setting, Split, TooLarge, Trash,
        UnknownCollection, Version,
    },
    Input, Keyed, Member, Operation, Outcome, Precondition, Repaired, examine, repair,
};
use stratus_testkit::SeededEntropy;

use crate::fixture::{World, fields, post};

async fn findings(world: &World) -> BTreeSet<FindingKind> {
    let registry = world.repository().registry();
    let found = examine(&*world.database, registry).await.expect("an examination");
    found.into_iter().map(|it| it.kind).collect()
}

async fn repaired(world: &World) -> Repaired {
    let registry = world.repository().registry();
    // Two repairs at one time must not mint the same ids.
    static SEED: AtomicU64 = AtomicU64::new(11);
    let entropy = SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed));
    let mut steps = 0;
    let mut progress = |done: &Repaired| {
        steps += 1;
        assert!(steps < 1000, "it ends: {done:?}");
    };
    repair(&*world.database, registry, &*world.clock, &entropy, &mut progress).await.expect("a repair")
}

/// A world with something of everything: history, a draft beside a public row, a child, trash,
/// private values, permissions, a setting, writes under a key.
async fn lived_in() -> World {
    let world = World::demo().await;
    let (admin, any) = (world.admin(), Precondition::Any);
    let ada = fields(json!({ "name": "Ada", "email": "ada@example.org" }));
    let author = world.create("authors", &Input { publish: true, ..ada }).await.document.id;
    let tagged = fields(json!({ "title": "One", "body": "text", "author": author, "tags": ["a", "b"] }));
    let one = world.create("posts", &Input { publish: true, ..tagged }).await.document.id;
    for title in ["Two", "Three"] {
        let patch = fields(json!({ "title": title, "tags": [title] }));
        world.service.patch(&admin, "posts", &one, &any, &patch).await.expect("a patch");
    }
    let child = Input { parent: Member::Value(one.clone()), ..post("Child", &author) };
    world.create("posts", &child).await;
    let gone = world.create("posts", &post("Gone", &author)).await.document.id;
    world.service.trash(&admin, "posts", &gone, &any).await.expect("trash");
    let connection = world.connection();
    let permission = "INSERT INTO document_permissions (tenant_id, root_id, type_id, principal_type, \
         principal_id, permission, effect, created_at) VALUES ('default', ?1, 'posts', 'role', 'editor', 'read', 'deny', 1)";
    connection.execute(permission, [&one]).expect("a permission");
    let setting =
        "INSERT INTO settings (category, key, value, updated_at) VALUES ('site', 'name', '\"S\"', 1)";
    connection.execute(setting, []).expect("a setting");
    for (key, answer) in [("told", Some("{}")), ("untold", None)] {
        let answer = |_: &[Outcome]| {
            let body = answer?.to_owned();
            Some(Answer { status: 201, headers: String::new(), body })
        };
        let keyed = Keyed { key, request: "a digest", answer: &answer };
        let input = fields(json!({ "name": key }));
        let operation = Operation::new("categories", Change::Create(&input));
        world.service.write(&admin, &[operation], Some(&keyed)).await.expect("a write under a key");
    }
    world
}

/// Everything that is stored, as text.
fn dump(world: &World) -> String {
    let connection = world.connection();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect(sql);
        let rows = statement.query_map([], |row| row.get(0)).expect(sql);
        rows.collect::<Result<_, _>>().expect(sql)
    };
    let mut all = texts("SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name");
    for table in texts(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    ) {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"));
        let cells: Vec<_> = columns.iter().map(|it| format!("quote({it})")).collect();
        all.extend(texts(&format!("SELECT concat_ws('|', {}) FROM {table} ORDER BY 1", cells.join(", "))));
    }
    all.join("\n")
}

#[tokio::test]
async fn a_sound_database_is_clean_and_left_as_it_is() {
    let world = lived_in().await;
    assert_eq!(findings(&world).await, BTreeSet::new());
    assert_eq!(world.sqlite.integrity_check().expect("a check"), Vec::<String>::new());
    let before = dump(&world);
    assert_eq!(repaired(&world).await, Repaired::default());
    assert_eq!(dump(&world), before);
}

/// The rows of `one`: version 1 is public, 2 is history, 3 is the head.
const ONE: &str = "(root_id = (SELECT root_id FROM documents WHERE slug = 'one' AND version_number = 1))";
const ADA: &str = "(type_id = 'authors')";

async fn check(damage: &str, found: &[FindingKind], left: &[FindingKind]) {
    let damage = damage.replace("{one}", ONE).replace("{ada}", ADA);
    let world = lived_in().await;
    world.connection().execute_batch(&format!("PRAGMA foreign_keys = off; {damage}")).expect(&damage);
    let set = |kinds: &[FindingKind]| kinds.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(findings(&world).await, set(found), "{damage}");
    let done = repaired(&world).await;
    assert_eq!(findings(&world).await, set(left), "{damage}: {done:?}");
    assert_eq!(done == Repaired::default(), found == left, "{damage}: {done:?}");
    let before = dump(&world);
    repaired(&world).await;
    assert_eq!(dump(&world), before, "repaired twice: {damage}");
}

#[tokio::test]
async fn derived_rows_are_derived_again() {
    check("UPDATE document_facets SET value_text = 'x' WHERE value_text = 'a'", &[Facets], &[]).await;
    check("DELETE FROM document_facets WHERE value_text = 'b'", &[Facets], &[]).await;
    check("UPDATE document_facets SET tenant_id = 'evil'", &[Facets], &[]).await;
    check("UPDATE document_facets SET type_id = 'authors'", &[Facets], &[]).await;
    check("UPDATE document_facets SET field_name = 'nothing' WHERE ordinal = 0", &[Facets], &[]).await;
    check(
        "INSERT INTO document_facets SELECT pk, 'tags', 7, tenant_id, type_id, 'x', NULL FROM documents \
         WHERE {one} AND version_number = 3",
        &[Facets],
        &[],
    )
    .await;
    let of_history = "SELECT pk, 'tags', 0, tenant_id, type_id, 'x', NULL FROM documents \
         WHERE {one} AND version_number = 2";
    check(&format!("INSERT INTO document_facets {of_history}"), &[Facets], &[]).await;
    check("DELETE FROM document_references WHERE field_name = 'author'", &[References], &[]).await;
    check("UPDATE document_references SET tenant_id = 'evil'", &[References, MissingReference], &[]).await;
    check("UPDATE document_references SET ref_strength = 'weak'", &[References], &[]).await;
}

#[tokio::test]
async fn what_belongs_to_nothing_is_deleted() {
    check("UPDATE document_facets SET document_id = document_id + 1000", &[Facets, Orphan], &[]).await;
    check(
        "INSERT INTO document_references SELECT 999, 'author', 0, tenant_id, to_root_id, 'strong' \
         FROM document_references LIMIT 1",
        &[Orphan],
        &[],
    )
    .await;
    check("UPDATE document_permissions SET root_id = 'nothing'", &[Orphan], &[]).await;
    check("UPDATE document_permissions SET tenant_id = 'other'", &[Orphan], &[]).await;
    check("UPDATE document_permissions SET type_id = 'authors'", &[Orphan], &[]).await;
    for column in ["version_number", "revision", "deleted_at", "created_at", "sort_order", "scheduled_at"] {
        let damage = format!("UPDATE documents SET {column} = 'x' WHERE slug = 'gone'");
        check(&damage, &[FindingKind::Type], &[FindingKind::Type]).await;
    }
}

#[tokio::test]
async fn flags_follow_from_the_version_numbers() {
    let twice = "DROP INDEX documents_head; UPDATE documents SET is_current_draft = 1, slug = NULL \
         WHERE {one} AND version_number = 2";
    check(twice, &[Schema, Head, Facets, References], &[]).await;
    check("UPDATE documents SET is_current_draft = 0 WHERE {one}", &[Head, Facets, References], &[]).await;
    check("UPDATE documents SET is_current_draft = 0 WHERE slug = 'gone'", &[Head, References], &[]).await;
    check(
        "UPDATE documents SET is_current_draft = 0 WHERE {one}; \
         UPDATE documents SET is_current_draft = 1, slug = 'two' WHERE {one} AND version_number = 2",
        &[Head, Facets, References],
        &[],
    )
    .await;
    let twice_public = "DROP INDEX documents_published; UPDATE documents SET is_published = 1, slug = 'two' \
         WHERE {one} AND version_number = 2";
    check(twice_public, &[Schema, Published, Facets, References], &[]).await;
    check("UPDATE documents SET published_at = NULL", &[Published], &[]).await;
    check("UPDATE documents SET deleted_at = 1 WHERE {one} AND is_published = 1", &[Trash], &[]).await;
    check("UPDATE documents SET deleted_at = 1 WHERE {one} AND is_current_draft = 1", &[Trash], &[]).await;
    check("UPDATE documents SET revision = 0 WHERE slug = 'gone'", &[Revision], &[]).await;
    check("UPDATE documents SET revision = -1 WHERE {one}", &[Revision], &[]).await;
}

#[tokio::test]
async fn what_has_no_one_answer_is_left() {
    check(
        "UPDATE documents SET version_number = 0 WHERE {one} AND version_number = 1",
        &[Version],
        &[Version],
    )
    .await;
    check(
        "DROP INDEX documents_version; UPDATE documents SET version_number = 1 WHERE {one} AND version_number = 2",
        &[Schema, Version],
        &[Schema, Version],
    )
    .await;
    check("UPDATE documents SET tenant_id = 'other' WHERE {one} AND version_number = 2", &[Split], &[Split])
        .await;
    check("UPDATE documents SET created_at = 1 WHERE {one} AND version_number = 2", &[Split], &[Split]).await;
    let two_heads = "DROP INDEX documents_head; UPDATE documents SET is_current_draft = 1, slug = NULL, \
         type_id = 'authors' WHERE {one} AND version_number = 2";
    check(two_heads, &[Schema, Split, Head], &[Schema, Split, Head]).await;
    check("UPDATE documents SET data_private = '{' WHERE {one} AND is_published = 1", &[Content], &[Content])
        .await;
    check("UPDATE documents SET data = '[]' WHERE {ada}", &[Content], &[Content]).await;
    check(
        "UPDATE documents SET data_private = x'00ff' WHERE {one} AND version_number = 2",
        &[Content],
        &[Content],
    )
    .await;
    let unknown = "UPDATE documents SET data = json_set(data, '$.secret', 1) WHERE {ada}";
    check(unknown, &[Content], &[Content]).await;
    check("UPDATE documents SET slug = 'Not A Slug' WHERE {ada}", &[Name], &[Name]).await;
    check("UPDATE documents SET locale = 'EN_us' WHERE slug = 'gone'", &[Name], &[Name]).await;
    check("UPDATE documents SET id = 'x' WHERE slug = 'gone'", &[Name], &[Name]).await;
    let cyclic = "UPDATE documents SET parent_root_id = (SELECT root_id FROM documents WHERE slug = 'child') \
         WHERE {one}";
    check(cyclic, &[Parent], &[Parent]).await;
    check("UPDATE documents SET parent_root_id = root_id WHERE slug = 'gone'", &[Parent], &[Parent]).await;
    check("UPDATE documents SET parent_root_id = 'nothing' WHERE slug = 'gone'", &[Parent], &[Parent]).await;
    check("UPDATE documents SET deleted_at = 1 WHERE {ada}", &[MissingReference], &[MissingReference]).await;
    check("UPDATE settings SET value = 'S'", &[Setting], &[Setting]).await;
    check("UPDATE documents SET type_id = 'nothing' WHERE {ada}", &[UnknownCollection], &[UnknownCollection])
        .await;
}

#[tokio::test]
async fn private_values_go_where_they_belong() {
    let leak = "UPDATE documents SET data = json_set(data, '$.email', 'ada@example.org'), data_private = '{}' \
         WHERE {ada}";
    check(leak, &[Privacy], &[]).await;
    check("UPDATE documents SET data = json_set(data, '$.email', 'x') WHERE {ada}", &[Privacy], &[]).await;
    let hidden = "UPDATE documents SET data = '{}', data_private = json_set(data_private, '$.name', 'Ada') \
         WHERE {ada}";
    check(hidden, &[Privacy], &[]).await;

    let world = lived_in().await;
    let state = "SELECT concat_ws(' ', data, data_private, revision > 1, \
         (SELECT data FROM events ORDER BY seq DESC LIMIT 1)) FROM documents WHERE type_id = 'authors'";
    let stamp = "SELECT stamp FROM generations WHERE collection = 'authors'";
    let ask = |sql: &str| world.connection().query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
    let before = ask(stamp);
    world.connection().execute_batch(&leak.replace("{ada}", ADA)).expect(leak);
    assert_eq!(repaired(&world).await.contents, 1);
    let expected = r#"{"name":"Ada"} {"email":"ada@example.org"} 1 {"repaired":["privacy"]}"#;
    assert_eq!(ask(state), expected);
    assert_ne!(ask(stamp), before, "caches let go of what was public");
}

#[tokio::test]
async fn what_is_too_large_is_named() {
    let tags = "UPDATE documents SET data = json_set(data, '$.tags', json((SELECT json_group_array(value) \
         FROM generate))) WHERE {one} AND version_number = 3";
    let thousand = format!(
        "CREATE TEMP TABLE generate AS WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n \
         WHERE value < 1200) SELECT 'tag' || value AS value FROM n; {tags}"
    );
    check(&thousand, &[TooLarge, Facets], &[TooLarge]).await;
    let long = "UPDATE documents SET data = json_set(data, '$.bio', hex(zeroblob(999000))) WHERE {ada}";
    check(long, &[TooLarge], &[TooLarge]).await;
}

#[tokio::test]
async fn the_log_is_what_generations_follow() {
    check("UPDATE generations SET seq = seq - 1 WHERE collection = 'posts'", &[Generation], &[]).await;
    check("UPDATE generations SET seq = seq + 1 WHERE collection = 'posts'", &[Generation], &[]).await;
    check("UPDATE generations SET public_seq = seq + 1", &[Generation], &[]).await;
    check("UPDATE generations SET stamp = 'FFFFFFFFFFFFFFFF'", &[Generation], &[]).await;
    check("UPDATE generations SET stamp = ''", &[Generation], &[]).await;
    check("DELETE FROM generations WHERE collection = 'authors'", &[Generation], &[]).await;
    check(
        "DELETE FROM events WHERE document = (SELECT root_id FROM documents WHERE slug = 'child')",
        &[Log],
        &[],
    )
    .await;
    check(
        "DELETE FROM document_references WHERE from_document_id = (SELECT pk FROM documents WHERE slug = 'gone'); \
         DELETE FROM documents WHERE slug = 'gone'",
        &[Log],
        &[],
    )
    .await;
    // A log that was pruned says nothing of what was before it.
    check("DELETE FROM events", &[], &[]).await;
    check("DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)", &[], &[]).await;
}

#[tokio::test]
async fn keys_are_those_of_writes() {
    let faults = [
        "tenant_id = 'No Tenant'",
        "tenant_id = ''",
        "principal = 'admin'",
        "principal = 'role:'",
        "key = ''",
        "request = ''",
        "op_id = 'x'",
        "definitions = 'x'",
        "status = 404",
        "status = 0",
        "slugs = '{'",
        "slugs = '[]'",
        "expires_at = created_at",
        "expires_at = created_at + 86400001",
        "created_at = -1, expires_at = 9007199254740991",
    ];
    for fault in faults {
        check(&format!("UPDATE idempotency_keys SET {fault} WHERE key = 'told'"), &[Key], &[]).await;
    }
    check("UPDATE idempotency_documents SET key_id = key_id + 1000", &[Orphan], &[]).await;
    // What is erased by hand is told by what was kept.
    let erased = "DELETE FROM events WHERE document IN (SELECT root_id FROM documents WHERE slug = 'told'); \
         DELETE FROM documents WHERE slug = 'told'";
    check(erased, &[Key], &[]).await;
    let world = lived_in().await;
    world.connection().execute_batch(&format!("PRAGMA foreign_keys = off; {erased}")).expect("damage");
    assert_eq!(repaired(&world).await.keys, 1);
    let kept = "SELECT group_concat(key || ' ' || coalesce(body, 'nothing'), ', ') FROM idempotency_keys";
    let kept: String = world.connection().query_row(kept, [], |row| row.get(0)).expect("keys");
    assert_eq!(kept, "told nothing, untold nothing");
}

#[tokio::test]
async fn the_schema_is_put_right() {
    let world = lived_in().await;
    let indexes = world.repository().registry().indexes();
    let index = |part: &str| indexes.iter().find(|it| it.name.contains(part)).expect(part).clone();
    let plain = index("ix_posts_draft_title");
    check(&format!("DROP INDEX {}", plain.name), &[Schema], &[]).await;
    let other = format!("DROP INDEX {0}; CREATE INDEX {0} ON documents (slug)", plain.name);
    check(&other, &[Schema], &[]).await;
    check("DELETE FROM schema_state", &[Schema], &[]).await;
    check("INSERT INTO schema_state VALUES ('ix_gone', 'index', 'x', 1)", &[Schema], &[]).await;
    check("DROP INDEX documents_children; DROP INDEX document_references_to", &[Schema], &[]).await;
    let over: String = indexes
        .iter()
        .filter(|it| it.sql.contains("q_title_t"))
        .map(|it| format!("DROP INDEX {}; ", it.name))
        .collect();
    check(&format!("{over} ALTER TABLE documents DROP COLUMN q_title_t"), &[Schema], &[]).await;
    check("UPDATE document_types SET schema = '{' WHERE id = 'posts'", &[Definition], &[]).await;
    check("UPDATE document_types SET schema = '[]' WHERE id = 'posts'", &[Definition], &[]).await;
}

#[tokio::test]
async fn what_cannot_be_indexed_is_in_nobodys_way() {
    let world = lived_in().await;
    let registry = world.repository().registry();
    let indexes = registry.indexes().into_iter().filter(|it| it.sql.contains("q_"));
    let columns = registry.columns().into_iter();
    let drops: String = indexes
        .map(|it| format!("DROP INDEX {}; ", it.name))
        .chain(columns.map(|it| format!("ALTER TABLE documents DROP COLUMN {}; ", it.name)))
        .collect();
    let broken = "UPDATE documents SET data = '{\"x' WHERE {one} AND version_number = 3";
    let damage = format!("{drops}{broken}; DELETE FROM document_facets WHERE value_text = 'a'");
    world.connection().execute_batch(&damage.replace("{one}", ONE)).expect("damage");
    assert_eq!(findings(&world).await, BTreeSet::from([Schema, Content, Facets]));
    let done = repaired(&world).await;
    assert!(done.schema.contains(&"q_title_t".to_owned()) && done.derived == 1, "{done:?}");
    assert_eq!(findings(&world).await, BTreeSet::from([Schema, Content]));
    let history = broken.replace("= 3", "= 2");
    check(&format!("{drops}{history}"), &[Schema, Content], &[Content]).await;
}

#[tokio::test]
async fn two_of_one_slug_are_left() {
    let world = lived_in().await;
    let indexes = world.repository().registry().indexes();
    let slugs = indexes.iter().find(|it| it.name.contains("ix_posts_unique_draft")).expect("an index");
    let twins = format!(
        "DROP INDEX {}; UPDATE documents SET slug = 'child', parent_root_id = (SELECT parent_root_id \
         FROM documents WHERE slug = 'child') WHERE {{one}} AND is_current_draft = 1; \
         UPDATE documents SET parent_root_id = '' WHERE is_current_draft = 1",
        slugs.name
    );
    check(&twins, &[Schema, Duplicate], &[Schema, Duplicate]).await;
}

#[tokio::test]
async fn a_repair_is_a_write_like_any_other() {
    let world = lived_in().await;
    let head = "SELECT concat_ws(' ', version_number, revision) FROM documents \
         WHERE {one} AND is_current_draft = 1";
    let ask = |sql: &str| {
        let sql = sql.replace("{one}", ONE);
        world.connection().query_row(&sql, [], |row| row.get::<_, String>(0)).expect(&sql)
    };
    assert_eq!(ask(head), "3 3");
    let damage = "UPDATE documents SET is_current_draft = 0 WHERE {one}".replace("{one}", ONE);
    world.connection().execute_batch(&damage).expect("damage");
    assert_eq!(repaired(&world).await.documents, 1);
    assert_eq!(ask(head), "3 4");
    let event =
        ask("SELECT concat_ws(' ', kind, version, actor, data) FROM events ORDER BY seq DESC LIMIT 1");
    assert_eq!(event, r#"updated 3 role:admin {"repaired":["head"]}"#);
    let one = ask("SELECT root_id FROM documents WHERE {one} LIMIT 1");
    let patch = fields(json!({ "title": "Four" }));
    let written =
        world.service.patch(&world.admin(), "posts", &one, &Precondition::Revisions(vec![4]), &patch).await;
    assert_eq!(written.expect("a patch").document.revision, 5);
}

/// A server writes while it is repaired: no accepted write is lost, and nothing is left in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_during_a_repair() {
    let world = lived_in().await;
    let one = {
        let sql = format!("SELECT root_id FROM documents WHERE {ONE} LIMIT 1");
        world.connection().query_row(&sql, [], |row| row.get::<_, String>(0)).expect("a root")
    };
    let damage = "PRAGMA busy_timeout = 10000; \
         UPDATE documents SET published_at = NULL WHERE {one} AND is_published = 1; \
         UPDATE documents SET revision = 0 WHERE {one} AND is_current_draft = 0 AND is_published = 0; \
         UPDATE document_facets SET value_text = 'x' WHERE type_id = 'posts'"
        .replace("{one}", ONE);
    let (admin, any) = (world.admin(), Precondition::Any);
    let mut titles = 0;
    for _ in 0..10 {
        world.connection().execute_batch(&damage).expect("damage");
        let writes = async {
            for _ in 0..10 {
                titles += 1;
                let title = format!("Title {titles}");
                let patch = fields(json!({ "title": title, "tags": [title] }));
                let patched = world.service.patch(&admin, "posts", &one, &any, &patch).await;
                patched.expect("a patch during a repair");
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(writes, repaired(&world));
    }
    repaired(&world).await;
    assert_eq!(findings(&world).await, BTreeSet::new());
    let version = "SELECT version_number FROM documents WHERE {one} AND is_current_draft = 1";
    let version = version.replace("{one}", ONE);
    let version: i64 = world.connection().query_row(&version, [], |row| row.get(0)).expect("the head");
    assert_eq!(version, 3 + titles);
}
