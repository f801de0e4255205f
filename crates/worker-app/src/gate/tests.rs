//! Isolates that wake up over databases in every state.

use stratus_document::{CollectionDefinition, CursorKey, Registry, install, stored_definitions};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply, split};
use stratus_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use stratus_testkit::{CountingDatabase, SeededEntropy, SettableClock};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::chores;

const NOW: i64 = 1_790_000_000_000;

/// A database file and the collections that are served from it.
struct World {
    folder: TempDir,
    registry: Arc<Registry>,
}

/// What one isolate has.
struct Isolate {
    database: Arc<GatedDatabase>,
    counted: Arc<CountingDatabase>,
    schema: Arc<Schema>,
    key: CursorKey,
    clock: Arc<SettableClock>,
}

impl World {
    /// With migrations, and without anything that collections need.
    async fn migrated() -> Self {
        let world = Self::empty();
        apply(&*world.open(), &SettableClock::new(NOW), &[&CORE, &EVENTS, &DOCUMENTS]).await.unwrap();
        world
    }

    /// With all that collections need.
    async fn fit() -> Self {
        let world = Self::migrated().await;
        install(&*world.open(), &SettableClock::new(NOW), &world.registry).await.unwrap();
        // The first isolate makes the key of cursors.
        world.isolate(1).schema.look().await.unwrap();
        world
    }

    fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), registry: Arc::new(demo()) }
    }

    /// With two documents that have one value in a field that the collection wants unique.
    async fn with_twins() -> Self {
        let definition = r#"{"name": "things", "fields": {"code": {"type": "text", "unique": true}}}"#;
        let definition = CollectionDefinition::parse(definition).unwrap();
        let mut world = Self::migrated().await;
        world.registry = Arc::new(Registry::new(vec![definition]).unwrap());
        world.fill_with("things", r#"{"code":"a"}"#, 2).await;
        world
    }

    fn open(&self) -> Arc<dyn Database> {
        let options = SqliteOptions::default().d1_strict().synchronous(Synchronous::Normal);
        Arc::new(SqliteDatabase::open(self.folder.path().join("stratus.db"), options).unwrap())
    }

    fn isolate(&self, seed: u64) -> Isolate {
        let counted = Arc::new(CountingDatabase::new(self.open()));
        let key = CursorKey::awaited();
        let clock = Arc::new(SettableClock::new(NOW));
        let schema = Arc::new(Schema::new(
            counted.clone(),
            Arc::clone(&self.registry),
            clock.clone(),
            Arc::new(SeededEntropy::new(seed)),
            key.clone(),
        ));
        let database = Arc::new(GatedDatabase::new(counted.clone(), Arc::clone(&schema)));
        Isolate { database, counted, schema, key, clock }
    }

    /// A read that an index of a collection serves.
    fn list(&self) -> Statement {
        let posts = self.registry.collection("posts").unwrap();
        let index = posts.indexes().iter().find(|it| it.name.contains("published")).unwrap();
        let condition = index.sql.split_once(" WHERE ").unwrap().1;
        Statement::bare(format!(
            "SELECT count(*) AS documents FROM documents INDEXED BY {} WHERE tenant_id = 'default' AND {condition}",
            index.name
        ))
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let rows = self.open().session(Consistency::Primary).query(&Statement::bare(sql)).await.unwrap();
        rows.first().unwrap().integer(0).unwrap()
    }

    async fn fill(&self, rows: u32) {
        self.fill_with("posts", "{}", rows).await;
    }

    async fn fill_with(&self, collection: &str, data: &str, rows: u32) {
        let types = "INSERT INTO document_types (id, display_name, schema, schema_version, created_at, updated_at) \
             VALUES (?1, '', '{}', 1, 1, 1)";
        let fill = "INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, \
             type_version, version_number, revision, created_at, updated_at, data) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             SELECT 'r' || i, 'r' || i, ?2, 'default', 1, 0, 1, 1, 1, 1, 1, ?3 FROM n";
        let fill = Statement::new(fill, vec![rows.into(), collection.into(), data.into()]);
        let batch = [Statement::new(types, vec![collection.into()]), fill];
        self.open().session(Consistency::Primary).batch(&batch).await.unwrap();
    }
}

/// The collections of the demo, whichever ones are compiled in.
fn demo() -> Registry {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/demo/collections");
    let files = std::fs::read_dir(folder).unwrap();
    let parse = |path| CollectionDefinition::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    Registry::new(files.map(|it| parse(it.unwrap().path())).collect::<Vec<_>>()).unwrap()
}

fn note(key: &str) -> Statement {
    Statement::new(
        "INSERT INTO settings (category, key, value, updated_at) VALUES ('note', ?1, '1', 1)",
        vec![key.into()],
    )
}

#[tokio::test]
async fn a_first_query_costs_one_round_trip() {
    let world = World::fit().await;
    let isolate = world.isolate(2);
    isolate.database.session(Consistency::Any).query(&world.list()).await.unwrap();
    let first = isolate.counted.reset();
    assert_eq!((first.round_trips, first.statements), (1, 2));
    isolate.database.session(Consistency::Any).query(&world.list()).await.unwrap();
    let second = isolate.counted.reset();
    assert_eq!((second.round_trips, second.statements), (1, 1));
    assert!(isolate.schema.is_fit() && isolate.key.bytes().is_some());
}

#[tokio::test]
async fn a_first_write_costs_one_round_trip() {
    let world = World::fit().await;
    let isolate = world.isolate(2);
    let results =
        isolate.database.session(Consistency::Primary).batch(&[note("a"), note("b")]).await.unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(isolate.counted.reset().round_trips, 1);
    assert!(isolate.schema.is_fit());
}

#[tokio::test]
async fn isolates_that_wake_at_once_migrate_once() {
    let world = World::migrated().await;
    let list = world.list();
    let mut tasks = JoinSet::new();
    let isolates: Vec<_> = (1..=8).map(|seed| world.isolate(seed)).collect();
    for (number, isolate) in isolates.iter().enumerate() {
        let (database, list) = (Arc::clone(&isolate.database), list.clone());
        tasks.spawn(async move {
            let session = database.session(Consistency::Any);
            if number % 2 == 0 {
                session.query(&list).await.map(drop)
            } else {
                session.batch(&[note(&format!("k{number}"))]).await.map(drop)
            }
        });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    let needed = world.registry.columns().len() + world.registry.indexes().len();
    assert_eq!(world.number("SELECT count(*) AS n FROM schema_state").await, needed as i64);
    assert_eq!(world.number("SELECT count(*) AS n FROM settings WHERE category = 'note'").await, 4);
    assert_eq!(world.number("SELECT count(*) AS n FROM guards").await, 0);
    let keys: std::collections::BTreeSet<_> = isolates.iter().map(|it| *it.key.bytes().unwrap()).collect();
    assert_eq!(keys.len(), 1, "isolates make one key");
}

#[tokio::test]
async fn what_is_dropped_later_is_added_again() {
    let world = World::fit().await;
    let isolate = world.isolate(2);
    let session = isolate.database.session(Consistency::Any);
    session.query(&world.list()).await.unwrap();
    let list = world.list();
    let index = list.sql.split_once("INDEXED BY ").unwrap().1.split(' ').next().unwrap().to_owned();
    let drop = Statement::bare(format!("DROP INDEX {index}"));
    world.open().session(Consistency::Primary).batch(&[drop]).await.unwrap();
    session.query(&list).await.unwrap();
}

#[tokio::test]
async fn what_takes_long_is_left_to_migrate() {
    let world = World::migrated().await;
    let isolate = world.isolate(1);
    world.fill(10_001).await;
    let session = isolate.database.session(Consistency::Any);
    // What needs no index is answered, cursors included; what needs one waits, and so does every write.
    session.query(&Statement::bare("SELECT 1 AS one")).await.unwrap();
    assert!(isolate.key.bytes().is_some());
    let failed = session.query(&world.list()).await.unwrap_err();
    assert!(matches!(failed, Error::MissingSchema { .. }), "{failed}");
    let failed = session.batch(&[note("a")]).await.unwrap_err();
    assert!(matches!(failed, Error::MissingSchema { .. }), "{failed}");
    assert_eq!(world.number("SELECT count(*) AS n FROM settings WHERE category = 'note'").await, 0);
    assert_eq!(world.number("SELECT count(*) AS n FROM schema_state").await, 0);
    assert!(!isolate.schema.is_fit());
}

#[tokio::test]
async fn what_cannot_be_added_is_left_to_somebody_and_not_tried_by_each_request() {
    let world = World::with_twins().await;
    let isolate = world.isolate(1);
    let one = Statement::bare("SELECT 1 AS one");
    let session = isolate.database.session(Consistency::Any);
    session.query(&one).await.unwrap();
    assert!(isolate.counted.reset().round_trips > 3, "it was tried");
    for _ in 0..3 {
        session.query(&one).await.unwrap();
        let with = Statement::bare("-- a comment\nWITH n AS (SELECT 1 AS one) SELECT one FROM n");
        session.batch(&[one.clone(), with]).await.unwrap();
        let failed = session.batch(&[note("a")]).await.unwrap_err();
        assert!(matches!(failed, Error::MissingSchema { .. }), "{failed}");
        assert_eq!(isolate.counted.reset().round_trips, 3, "nothing but the calls themselves");
    }
    assert!(!isolate.schema.is_fit() && isolate.key.bytes().is_some());
    // Somebody makes them differ; the isolate finds out by itself.
    let cure = Statement::bare("UPDATE documents SET data = '{\"code\":\"b\"}' WHERE root_id = 'r2'");
    world.open().session(Consistency::Primary).batch(&[cure]).await.unwrap();
    isolate.clock.advance(10_001);
    session.batch(&[note("a")]).await.unwrap();
    assert!(isolate.schema.is_fit());
}

#[tokio::test]
async fn a_damaged_key_of_cursors_costs_nothing_else() {
    let world = World::fit().await;
    let damage = Statement::bare("UPDATE settings SET value = '\"short\"' WHERE key = 'cursor_key'");
    world.open().session(Consistency::Primary).batch(&[damage]).await.unwrap();
    let isolate = world.isolate(2);
    let session = isolate.database.session(Consistency::Any);
    session.query(&world.list()).await.unwrap();
    session.batch(&[note("a")]).await.unwrap();
    assert!(!isolate.schema.is_fit() && isolate.key.bytes().is_none());
}

#[tokio::test]
async fn a_few_rows_are_indexed_while_the_request_waits() {
    let world = World::migrated().await;
    world.fill(10_000).await;
    world.isolate(1).database.session(Consistency::Any).query(&world.list()).await.unwrap();
}

#[tokio::test]
async fn without_migrations_everything_waits() {
    let world = World::empty();
    let isolate = world.isolate(1);
    let session = isolate.database.session(Consistency::Any);
    let failed = session.query(&Statement::bare("SELECT 1 AS one")).await.unwrap_err();
    assert!(matches!(failed, Error::MissingSchema { .. }), "{failed}");
    // Once somebody has migrated, nothing of the failure is left.
    let clock = SettableClock::new(NOW);
    apply(&*world.open(), &clock, &[&CORE, &EVENTS, &DOCUMENTS]).await.unwrap();
    install(&*world.open(), &clock, &world.registry).await.unwrap();
    assert_eq!(isolate.schema.look().await.unwrap(), Fitness::Fit);
    session.batch(&[note("a")]).await.unwrap();
}

#[tokio::test]
async fn what_is_planned_for_a_database_far_away_makes_it_fit() {
    let world = World::migrated().await;
    let plan: serde_json::Value = serde_json::from_str(&chores::plan(&world.registry, NOW).unwrap()).unwrap();
    let session = world.open().session(Consistency::Primary);
    for part in plan.as_array().unwrap() {
        let statements = split(part["sql"].as_str().unwrap()).unwrap();
        let statements: Vec<_> = statements.into_iter().map(|it| Statement::bare(it.to_owned())).collect();
        session.batch(&statements).await.unwrap();
    }
    let added = install(&*world.open(), &SettableClock::new(NOW), &world.registry).await.unwrap();
    assert!(added.columns.is_empty() && added.indexes.is_empty(), "{added:?}");
    let stored = stored_definitions(&*world.open()).await.unwrap();
    let wanted = world.registry.collections().map(|it| it.definition().clone()).collect::<Vec<_>>();
    assert_eq!(stored, wanted);
}
