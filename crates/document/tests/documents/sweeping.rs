//! Sweeps: each window that opens or closes is recorded once.

use std::sync::Arc;

use serde_json::json;
use stratus_document::{Input, Member, Precondition, Swept, sweep};
use stratus_testkit::{Fault, SeededEntropy};

use crate::fixture::{NOW, World, fields};

const HOUR: i64 = 3_600_000;
/// How far a sweep stays behind the clock.
const LAG: i64 = 2_000;
const ANY: Precondition = Precondition::Any;

async fn swept(world: &World, seed: u64) -> (u64, u64) {
    let registry = world.repository().registry();
    let swept = sweep(&*world.database, registry, &*world.clock, &SeededEntropy::new(seed)).await;
    let Swept { opened, closed, .. } = swept.expect("a sweep");
    (opened, closed)
}

fn window(from: Option<i64>, to: Option<i64>) -> Input {
    let member = |it: Option<i64>| it.map_or(Member::Absent, |it| Member::Value(NOW + it));
    let input = Input { publish_at: member(from), expire_at: member(to), ..fields(json!({ "name": "Ada" })) };
    Input { publish: true, ..input }
}

async fn author(world: &World, from: Option<i64>, to: Option<i64>) -> String {
    world.create("authors", &window(from, to)).await.document.id
}

fn texts(world: &World, sql: &str) -> Vec<String> {
    let connection = world.connection();
    let mut statement = connection.prepare(sql).expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

fn recorded(world: &World, id: &str) -> Vec<String> {
    let sql = format!(
        "SELECT kind || ' ' || actor || ' ' || version || ' ' || data FROM events \
         WHERE document = '{id}' AND instr(data, 'window') ORDER BY seq"
    );
    texts(world, &sql)
}

fn public_seq(world: &World) -> String {
    texts(world, "SELECT CAST(public_seq AS TEXT) FROM generations WHERE collection = 'authors'").concat()
}

async fn is_sound(world: &World) {
    let registry = world.repository().registry();
    assert_eq!(stratus_document::examine(&*world.database, registry).await.expect("findings"), vec![]);
}

#[tokio::test]
async fn keys_that_have_expired_are_forgotten() {
    let world = World::demo().await;
    let id = author(&world, None, None).await;
    {
        let connection = world.connection();
        // So many that one batch does not do.
        let sql = "INSERT INTO idempotency_keys (tenant_id, principal, key, request, op_id, definitions, status, \
             headers, body, created_at, expires_at) SELECT 'default', 'public:*', CAST(n.value AS TEXT), '', '', '', \
             201, '{}', '', 0, ?1 + 1000 + n.value FROM json_each(?2) AS n";
        let numbers = serde_json::Value::from((1..=2_500).collect::<Vec<i64>>()).to_string();
        connection.execute(sql, rusqlite::params![NOW, numbers]).expect("keys");
        let sql = "INSERT INTO idempotency_documents SELECT ?1, id FROM idempotency_keys";
        connection.execute(sql, [&id]).expect("their documents");
    }
    let forgotten = async || {
        let registry = world.repository().registry();
        let swept = sweep(&*world.database, registry, &*world.clock, &SeededEntropy::new(1)).await;
        swept.expect("a sweep").forgotten
    };
    let left = || {
        let count =
            |table: &str| texts(&world, &format!("SELECT CAST(count(*) AS TEXT) FROM {table}")).concat();
        (count("idempotency_keys"), count("idempotency_documents"))
    };
    assert_eq!(forgotten().await, 0);
    world.clock.set(NOW + 3_400);
    assert_eq!((forgotten().await, left()), (2_400, ("100".into(), "100".into())));
    assert_eq!(forgotten().await, 0);
    world.clock.set(NOW + HOUR);
    // Whatever becomes of the windows.
    world.faulty.then(Fault::Fail(stratus_storage::Error::Unavailable { reason: "gone".into() }));
    let registry = world.repository().registry();
    let failed = sweep(&*world.database, registry, &*world.clock, &SeededEntropy::new(1)).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!((forgotten().await, left()), (0, ("0".into(), "0".into())));
    is_sound(&world).await;
}

#[tokio::test]
async fn each_transition_is_recorded_once() {
    let world = World::demo().await;
    let id = author(&world, Some(HOUR), Some(2 * HOUR)).await;
    let always = author(&world, None, None).await;
    assert_eq!(swept(&world, 1).await, (0, 0));
    let before = public_seq(&world);

    world.clock.set(LAG + NOW + HOUR);
    assert_eq!(swept(&world, 2).await, (1, 0));
    let opened = r#"published role:system 1 {"window":"opened"}"#;
    assert_eq!(recorded(&world, &id), [opened]);
    assert_ne!(public_seq(&world), before);
    assert_eq!(swept(&world, 3).await, (0, 0));

    let before = public_seq(&world);
    world.clock.set(LAG + NOW + 3 * HOUR);
    assert_eq!(swept(&world, 4).await, (0, 1));
    assert_eq!(recorded(&world, &id), [opened, r#"unpublished role:system 1 {"window":"closed"}"#]);
    assert_ne!(public_seq(&world), before);
    assert_eq!((swept(&world, 5).await, recorded(&world, &always).len()), ((0, 0), 0));
    let position = texts(&world, "SELECT value FROM settings WHERE category = 'windows' AND key = 'swept'");
    assert_eq!(position, [format!(r#"{{"swept":{}}}"#, NOW + 3 * HOUR)]);
    is_sound(&world).await;
}

#[tokio::test]
async fn the_first_sweep_misses_nothing() {
    let world = World::demo().await;
    let id = author(&world, Some(HOUR), Some(2 * HOUR)).await;
    world.clock.set(LAG + NOW + 9 * HOUR);
    assert_eq!(swept(&world, 1).await, (1, 1));
    assert_eq!(recorded(&world, &id).len(), 2);
    assert_eq!(swept(&world, 2).await, (0, 0));
}

#[tokio::test]
async fn what_a_write_has_recorded_is_not_recorded_again() {
    let world = World::demo().await;
    let admin = world.admin();
    // Open from the start; a draft; one that goes to the trash; one that is written once it is open.
    author(&world, Some(-HOUR), None).await;
    world.create("authors", &Input { publish: false, ..window(Some(HOUR), None) }).await;
    let named = Input { slug: Member::Value("trashed".to_owned()), ..window(Some(HOUR), None) };
    let trashed = world.create("authors", &named).await.document.id;
    world.service.trash(&admin, "authors", &trashed, &ANY).await.expect("trash");
    let written = author(&world, Some(HOUR), None).await;
    world.clock.set(LAG + NOW + HOUR + 1);
    let order = Input { order: Member::Value(1), ..Input::default() };
    world.service.patch(&admin, "authors", &written, &ANY, &order).await.expect("a move");
    world.service.recover(&admin, "authors", &trashed, &ANY).await.expect("recover");
    assert_eq!(swept(&world, 1).await, (0, 0));
}

#[tokio::test]
async fn a_public_version_beside_its_draft_is_recorded() {
    let world = World::demo().await;
    let id = author(&world, Some(HOUR), None).await;
    let edit = fields(json!({ "name": "Draft" }));
    world.clock.set(LAG + NOW + HOUR + 1);
    world.service.patch(&world.admin(), "authors", &id, &ANY, &edit).await.expect("a draft");
    assert_eq!(swept(&world, 1).await, (1, 0));
    assert_eq!(recorded(&world, &id), [r#"published role:system 1 {"window":"opened"}"#]);
}

#[tokio::test]
async fn many_at_one_moment_are_recorded_in_steps() {
    let world = World::demo().await;
    for n in 0..230 {
        author(&world, Some(HOUR), Some(HOUR + 1 + i64::from(n % 2 == 0))).await;
    }
    world.clock.set(LAG + NOW + 2 * HOUR);
    assert_eq!(swept(&world, 1).await, (230, 230));
    let events =
        "SELECT count(*) || ' ' || count(DISTINCT document || kind) FROM events WHERE instr(data, 'window')";
    assert_eq!(texts(&world, events), ["460 460"]);
    assert_eq!(swept(&world, 2).await, (0, 0));
    is_sound(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sweeps_at_once_each_transition_is_recorded_by_one() {
    let world = Arc::new(World::demo().await);
    for _ in 0..250 {
        author(&world, Some(HOUR), None).await;
    }
    world.clock.set(LAG + NOW + 2 * HOUR);
    let racing = [1, 2, 3].map(|seed| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { swept(&world, seed).await.0 })
    });
    let mut opened = 0;
    for it in racing {
        opened += it.await.expect("a task");
    }
    assert_eq!(opened, 250);
    let events = "SELECT count(*) || ' ' || count(DISTINCT document) FROM events WHERE instr(data, 'opened')";
    assert_eq!(texts(&world, events), ["250 250"]);
    is_sound(&world).await;
}

#[tokio::test]
async fn a_sweep_reads_by_its_indexes() {
    let world = World::demo().await;
    author(&world, Some(HOUR), None).await;
    world.clock.set(LAG + NOW + HOUR);
    world.recording.take();
    swept(&world, 1).await;
    let pages = world.recording.take();
    let pages = pages.iter().filter(|it| it.sql.contains("FROM generations AS g"));
    for (page, index) in pages.zip(["documents_publish_at", "documents_expire_at"]) {
        let sql = format!("EXPLAIN QUERY PLAN {}", &*page.sql);
        let connection = world.connection();
        let mut plan = connection.prepare(&sql).expect("a plan");
        let parameters = plan.parameter_count();
        let nothing = rusqlite::params_from_iter(std::iter::repeat_n(rusqlite::types::Null, parameters));
        let steps = plan.query_map(nothing, |row| row.get::<_, String>(3)).expect("steps");
        let steps: Vec<_> = steps.map(|it| it.expect("a step")).collect();
        assert!(steps.iter().any(|it| it.contains(index)), "{steps:#?}");
        assert!(!steps.iter().any(|it| it.contains("TEMP B-TREE")), "{steps:#?}");
    }
}

#[tokio::test]
async fn what_is_written_in_between_is_looked_at_again() {
    let world = World::demo().await;
    let id = author(&world, Some(HOUR), None).await;
    let other = Input { slug: Member::Value("b".into()), ..window(Some(HOUR), None) };
    let stays = world.create("authors", &other).await.document.id;
    world.clock.set(LAG + NOW + HOUR);
    let (service, admin, gone) = (world.service.clone(), world.admin(), id.clone());
    let trash = async move {
        service.trash(&admin, "authors", &gone, &ANY).await.expect("trash");
    };
    // The position, the page, then the batch.
    world.faulty.then(Fault::Pass).then(Fault::Pass).then(Fault::Delay(Box::pin(trash)));
    assert_eq!(swept(&world, 1).await, (1, 0));
    assert_eq!((recorded(&world, &id).len(), recorded(&world, &stays).len()), (0, 1));
    is_sound(&world).await;
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_is_not_taken_twice() {
    let world = World::demo().await;
    let id = author(&world, Some(HOUR), None).await;
    world.clock.set(LAG + NOW + HOUR);
    world.faulty.then(Fault::Pass).then(Fault::Pass).then(Fault::LoseAnswer);
    assert_eq!(swept(&world, 1).await, (1, 0));
    assert_eq!(recorded(&world, &id).len(), 1);

    world.clock.set(LAG + NOW + 2 * HOUR);
    // The last step has no event to find it by: it fails, and the next sweep goes on.
    world.faulty.then(Fault::Pass).then(Fault::Pass).then(Fault::Pass).then(Fault::LoseAnswer);
    let registry = world.repository().registry();
    let lost = sweep(&*world.database, registry, &*world.clock, &SeededEntropy::new(2)).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!((swept(&world, 3).await, recorded(&world, &id).len()), ((0, 0), 1));
}
