//! The log and the generations, alone: over the migration set `EVENTS` and nothing else.

use serde_json::json;
use stratus_access::{Principal, TenantId};
use stratus_events::{
    Event, EventKind, Generation, GuardKind, NewEvent, Reach, Stamp, advance, append, generations,
    guard_changed, guard_when, read_after, receipt,
};
use stratus_migrations::{EVENTS, apply};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_storage::{Committed, Consistency, Database, Error, OpId, Statement, commit};
use stratus_testkit::{SeededEntropy, SettableClock};
use tempfile::TempDir;

struct Log {
    _folder: TempDir,
    database: SqliteDatabase,
    clock: SettableClock,
    entropy: SeededEntropy,
    tenant: TenantId,
}

impl Log {
    async fn open() -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = SqliteOptions::default().d1_strict();
        let database = SqliteDatabase::open(folder.path().join("log.db"), options).expect("a database");
        let clock = SettableClock::new(1_790_000_000_000);
        apply(&database, &clock, &[&EVENTS]).await.expect("the log");
        Self { _folder: folder, database, clock, entropy: SeededEntropy::new(1), tenant: TenantId::default() }
    }

    /// The two statements that a write adds to its batch.
    fn statements(&self, op_id: &OpId, collection: &str, kind: EventKind, reach: Reach) -> [Statement; 2] {
        let event = NewEvent {
            op_id,
            at: stratus_storage::Clock::now(&self.clock),
            tenant: &self.tenant,
            collection,
            document: Some("0192f0c1-2345-7000-8000-0123456789ab"),
            version: Some(2),
            kind,
            actor: &Principal::admin(),
            data: json!({ "fields": ["title"] }),
        };
        [append(&event), advance(op_id, reach, &Stamp::draw(&self.entropy))]
    }

    async fn write(&self, collection: &str, kind: EventKind, reach: Reach) -> u64 {
        let op_id = OpId::mint(&self.clock, &self.entropy);
        let session = self.database.session(Consistency::Primary);
        let batch = self.statements(&op_id, collection, kind, reach);
        match commit(&self.database, &*session, &batch, &receipt(&op_id)).await.expect("a write") {
            Committed::Answered(rows) => {
                rows[0].first().expect("a row").integer(0).expect("seq").unsigned_abs()
            }
            Committed::Found(_) => panic!("nothing was lost"),
        }
    }

    async fn query(&self, statement: Statement) -> stratus_storage::Rows {
        self.database.session(Consistency::Primary).query(&statement).await.expect("an answer")
    }
}

#[tokio::test]
async fn positions_grow_and_events_come_back_in_order() {
    let log = Log::open().await;
    assert_eq!(log.write("posts", EventKind::Created, Reach::Private).await, 1);
    assert_eq!(log.write("posts", EventKind::Published, Reach::Public).await, 2);
    assert_eq!(log.write("authors", EventKind::Erased, Reach::Private).await, 3);
    let events = Event::all(&log.query(read_after(&log.tenant, 0, 2)).await).expect("events");
    assert_eq!(events.iter().map(|it| it.seq).collect::<Vec<_>>(), [1, 2]);
    let events = Event::all(&log.query(read_after(&log.tenant, 2, 10)).await).expect("events");
    insta::assert_debug_snapshot!(events);
    let other: TenantId = "other".parse().expect("a tenant");
    assert!(log.query(read_after(&other, 0, 10)).await.is_empty());
}

#[tokio::test]
async fn the_public_part_of_a_generation_moves_with_public_writes_only() {
    let log = Log::open().await;
    let read = async || {
        let rows = log.query(generations(&log.tenant, ["authors", "posts", "none"])).await;
        Generation::all(&rows).expect("generations")
    };
    assert_eq!(read().await, []);
    log.write("posts", EventKind::Created, Reach::Private).await;
    let first = read().await.remove(0);
    assert_eq!((first.collection.as_str(), first.seq, first.public_seq), ("posts", 1, 0));
    log.write("posts", EventKind::Published, Reach::Public).await;
    let second = read().await.remove(0);
    assert_eq!((second.seq, second.public_seq), (2, 2));
    assert_ne!(second.stamp, first.stamp);
    log.write("posts", EventKind::Updated, Reach::Private).await;
    let third = read().await.remove(0);
    assert_eq!((third.seq, third.public_seq, third.stamp), (3, 2, second.stamp));
}

#[tokio::test]
async fn an_op_id_is_written_once() {
    let log = Log::open().await;
    let op_id = OpId::mint(&log.clock, &log.entropy);
    let batch = log.statements(&op_id, "posts", EventKind::Created, Reach::Public);
    let session = log.database.session(Consistency::Primary);
    session.batch(&batch).await.expect("the first time");
    let again = session.batch(&batch).await;
    assert!(matches!(&again, Err(Error::NotUnique { columns }) if columns == "events.op_id"), "{again:?}");
}

#[tokio::test]
async fn every_guard_undoes_its_batch_by_name() {
    let log = Log::open().await;
    let session = log.database.session(Consistency::Primary);
    for kind in GuardKind::ALL {
        let op_id = OpId::mint(&log.clock, &log.entropy);
        for guard in [guard_when(kind, "?2 = 7", [7.into()]), guard_changed(kind)] {
            let [append, advance] = log.statements(&op_id, "posts", EventKind::Created, Reach::Public);
            let nothing = Statement::bare("UPDATE generations SET seq = seq WHERE collection = 'nothing'");
            let refused = session.batch(&[append, advance, nothing, guard]).await;
            let Err(Error::Guard { guard }) = refused else { panic!("{kind:?}: {refused:?}") };
            assert_eq!(GuardKind::from_name(&guard), Some(kind));
        }
        assert!(log.query(receipt(&op_id)).await.is_empty());
    }
    let held = session.batch(&[guard_when(GuardKind::StaleAppend, "?2 = 8", [7.into()])]).await;
    assert!(held.is_ok(), "{held:?}");
}
