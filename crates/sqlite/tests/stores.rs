//! What the key-value and blob stores leave on the disk.

use std::{fs, sync::Arc};

use stratus_sqlite::{FileBlobStore, SqliteKeyValue};
use stratus_storage::{Blob, BlobKey, BlobStore, Error, KeyValue};
use stratus_testkit::SettableClock;

#[tokio::test]
async fn values_outlive_the_program_and_expired_rows_are_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kv.db");
    let clock = Arc::new(SettableClock::default());
    let store = SqliteKeyValue::open(&path, clock.clone()).expect("a store");
    store.put("stays", b"1", None).await.expect("put");
    for n in 0..100 {
        store.put(&format!("expires {n}"), b"1", Some(60)).await.expect("put");
    }
    drop(store);
    let store = SqliteKeyValue::open(&path, clock.clone()).expect("the same store");
    assert!(store.get("expires 7").await.expect("get").is_some());
    clock.advance(60_000);
    for _ in 0..300 {
        store.put("again", b"1", Some(600)).await.expect("put");
    }
    let rows = || {
        let foreign = rusqlite::Connection::open(&path).expect("a connection");
        foreign.query_row("SELECT count(*) FROM key_value", [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    assert_eq!(rows(), 2, "`stays` and `again`");
    assert_eq!(store.get("stays").await.expect("get").as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn blobs_outlive_the_program_and_stay_in_their_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("deep/blobs");
    let key = BlobKey::new("a/b.png").expect("a key");
    let blob = Blob { bytes: vec![1, 2, 3], content_type: "image/png".to_owned() };
    FileBlobStore::open(&root).expect("a store").put(&key, &blob).await.expect("put");
    let store = FileBlobStore::open(&root).expect("the same store");
    assert_eq!(store.get(&key).await.expect("get"), Some(blob.clone()));
    assert!(root.join("a/b.png=").is_file());
    assert_eq!(fs::read_dir(root.join("+unfinished")).expect("a folder").count(), 0, "nothing is left over");

    fs::write(root.join("a/b.png="), "something else").expect("a damaged file");
    assert!(matches!(store.get(&key).await, Err(Error::Corrupt { .. })));
    let two_lines = Blob { content_type: "image/png\nx".to_owned(), ..blob };
    assert!(matches!(store.put(&key, &two_lines).await, Err(Error::Refused { .. })));
}
