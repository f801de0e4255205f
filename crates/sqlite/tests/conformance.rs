//! The adapters keep every promise of their ports.

use std::sync::Arc;

use stratus_sqlite::{FileBlobStore, SqliteDatabase, SqliteKeyValue, SqliteOptions};
use stratus_storage::{BlobStore, Database};
use stratus_testkit::{SettableClock, key_value::Subject};
use tempfile::TempDir;

async fn open(options: SqliteOptions) -> (TempDir, Arc<dyn Database>) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = SqliteDatabase::open(folder.path().join("test.db"), options).expect("a database");
    (folder, Arc::new(database))
}

mod ordinary {
    use super::*;

    async fn fresh() -> (TempDir, Arc<dyn Database>) {
        open(SqliteOptions::default()).await
    }

    stratus_testkit::database_conformance!((tokio::test), fresh);
}

mod d1_strict {
    use super::*;

    async fn fresh() -> (TempDir, Arc<dyn Database>) {
        open(SqliteOptions::default().d1_strict()).await
    }

    stratus_testkit::database_conformance!((tokio::test), fresh);
}

async fn fresh_key_value() -> (TempDir, Subject) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SettableClock::default());
    let store = SqliteKeyValue::open(folder.path().join("kv.db"), clock.clone()).expect("a store");
    (folder, Subject { store: Arc::new(store), clock: Some(clock) })
}

stratus_testkit::key_value_conformance!((tokio::test), fresh_key_value);

async fn fresh_blobs() -> (TempDir, Arc<dyn BlobStore>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileBlobStore::open(folder.path().join("blobs")).expect("a store");
    (folder, Arc::new(store))
}

stratus_testkit::blob_conformance!((tokio::test), fresh_blobs);

#[tokio::test]
async fn a_database_can_be_cleared_for_the_next_case() {
    let (_folder, database) = open(SqliteOptions::default()).await;
    for case in stratus_testkit::database::CASES {
        (case.check)(Arc::clone(&database)).await;
        stratus_testkit::database::clear(&*database).await.expect("clear");
    }
}
