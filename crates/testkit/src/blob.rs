//! The promises of [`BlobStore`].

use std::sync::Arc;

use futures_util::future::join_all;
use stratus_storage::{Blob, BlobKey, BlobStore};

use crate::Case;

/// Calls `$callback!` with the name of every case: the only list of them.
#[doc(hidden)]
#[macro_export]
macro_rules! __blob_cases {
    ($callback:path $(, $arg:tt)*) => {
        $callback! {
            [$($arg)*]
            unknown_blob_is_none
            put_blob_is_found_with_its_type
            empty_blob_is_a_blob
            large_blob_round_trips
            put_replaces_bytes_and_type
            deleted_blob_is_none
            deleting_an_unknown_blob_is_no_error
            a_key_may_be_the_folder_of_another
            longest_key_is_taken
            racing_puts_leave_one_whole_blob
        }
    };
}

macro_rules! table {
    ([] $($case:ident)*) => {
        /// Every promise, in the order they are best read.
        pub const CASES: &[Case<Arc<dyn BlobStore>>] =
            &[$(Case { name: stringify!($case), check: |store| Box::pin($case(store)) }),*];
    };
}
__blob_cases!(table);

/// Generates one test per case.
///
/// `$test` is the test attribute of the backend's runtime; `$fresh` is an async function that
/// returns a guard to keep alive and an empty `Arc<dyn BlobStore>`.
#[macro_export]
macro_rules! blob_conformance {
    ($test:tt, $fresh:ident) => {
        mod blob_conformance {
            $crate::__blob_cases!($crate::__blob_tests, $test, $fresh);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __blob_tests {
    ([($test:meta) $fresh:ident] $($case:ident)*) => {$(
        #[$test]
        async fn $case() {
            let (_guard, store) = super::$fresh().await;
            $crate::blob::check(stringify!($case), store).await;
        }
    )*};
}

/// Checks one case by name.
///
/// # Panics
///
/// If the promise is broken, or there is no such case.
pub async fn check(name: &str, store: Arc<dyn BlobStore>) {
    crate::check_by_name(CASES, name, store).await;
}

fn key(text: &str) -> BlobKey {
    BlobKey::new(text).expect("a sound key")
}

fn blob(bytes: &[u8]) -> Blob {
    Blob { bytes: bytes.to_vec(), content_type: "image/png".to_owned() }
}

async fn unknown_blob_is_none(store: Arc<dyn BlobStore>) {
    assert_eq!(store.get(&key("a/nope.png")).await.expect("get"), None);
}

async fn put_blob_is_found_with_its_type(store: Arc<dyn BlobStore>) {
    let blob = Blob { bytes: b"a\r\n\r\n\0b".to_vec(), content_type: "text/plain; charset=utf-8".to_owned() };
    store.put(&key("a/b.txt"), &blob).await.expect("put");
    assert_eq!(store.get(&key("a/b.txt")).await.expect("get"), Some(blob));
}

async fn empty_blob_is_a_blob(store: Arc<dyn BlobStore>) {
    store.put(&key("empty"), &blob(b"")).await.expect("put");
    assert_eq!(store.get(&key("empty")).await.expect("get"), Some(blob(b"")));
}

async fn large_blob_round_trips(store: Arc<dyn BlobStore>) {
    let large = blob(&(0..=255).cycle().take(3_000_000).collect::<Vec<u8>>());
    store.put(&key("large"), &large).await.expect("put");
    assert!(store.get(&key("large")).await.expect("get") == Some(large));
}

async fn put_replaces_bytes_and_type(store: Arc<dyn BlobStore>) {
    store.put(&key("a"), &blob(b"a longer one")).await.expect("put");
    let new = Blob { bytes: b"new".to_vec(), content_type: "text/css".to_owned() };
    store.put(&key("a"), &new).await.expect("put");
    assert_eq!(store.get(&key("a")).await.expect("get"), Some(new));
}

async fn deleted_blob_is_none(store: Arc<dyn BlobStore>) {
    store.put(&key("a/b"), &blob(b"x")).await.expect("put");
    store.delete(&key("a/b")).await.expect("delete");
    assert_eq!(store.get(&key("a/b")).await.expect("get"), None);
}

async fn deleting_an_unknown_blob_is_no_error(store: Arc<dyn BlobStore>) {
    store.delete(&key("a/nope")).await.expect("delete");
}

async fn a_key_may_be_the_folder_of_another(store: Arc<dyn BlobStore>) {
    for name in ["a", "a/b", "a/b/c"] {
        store.put(&key(name), &blob(name.as_bytes())).await.expect("put");
    }
    store.delete(&key("a/b")).await.expect("delete");
    assert_eq!(store.get(&key("a")).await.expect("get"), Some(blob(b"a")));
    assert_eq!(store.get(&key("a/b")).await.expect("get"), None);
    assert_eq!(store.get(&key("a/b/c")).await.expect("get"), Some(blob(b"a/b/c")));
}

async fn longest_key_is_taken(store: Arc<dyn BlobStore>) {
    let longest = key(&"k".repeat(512));
    store.put(&longest, &blob(b"x")).await.expect("put");
    assert_eq!(store.get(&longest).await.expect("get"), Some(blob(b"x")));
    assert_eq!(store.get(&key(&"k".repeat(511))).await.expect("get"), None);
}

async fn racing_puts_leave_one_whole_blob(store: Arc<dyn BlobStore>) {
    let blobs: Vec<Blob> = (0..8).map(|byte| blob(&vec![byte; 50_000 + usize::from(byte)])).collect();
    let target = key("raced");
    for result in join_all(blobs.iter().map(|blob| store.put(&target, blob))).await {
        result.expect("put");
    }
    let found = store.get(&target).await.expect("get").expect("one of them");
    assert!(blobs.contains(&found), "torn");
}
