//! The promises of [`KeyValue`].

use std::{fmt, sync::Arc};

use stratus_storage::{Error, KeyValue, MAX_KEY_BYTES, MIN_TTL_SECONDS};

use crate::{Case, SettableClock};

/// A key-value store under test.
#[derive(Clone)]
pub struct Subject {
    /// The store, empty.
    pub store: Arc<dyn KeyValue>,
    /// The clock that the store reads. Where there is none (Workers KV keeps its own time), the
    /// cases about expiry check only that a value is not forgotten at once.
    pub clock: Option<Arc<SettableClock>>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Calls `$callback!` with the name of every case: the only list of them.
#[doc(hidden)]
#[macro_export]
macro_rules! __key_value_cases {
    ($callback:path $(, $arg:tt)*) => {
        $callback! {
            [$($arg)*]
            unknown_key_is_none
            put_value_is_found
            empty_value_is_a_value
            bytes_come_back_unchanged
            put_replaces_value_and_time_to_live
            deleted_key_is_none
            deleting_an_unknown_key_is_no_error
            expired_value_is_none
            short_time_to_live_is_raised
            value_without_time_to_live_stays
            longest_key_is_taken
            over_long_key_is_too_large
            key_length_is_counted_in_bytes
        }
    };
}

macro_rules! table {
    ([] $($case:ident)*) => {
        /// Every promise, in the order they are best read.
        pub const CASES: &[Case<Subject>] =
            &[$(Case { name: stringify!($case), check: |subject| Box::pin($case(subject)) }),*];
    };
}
__key_value_cases!(table);

/// Generates one test per case.
///
/// `$test` is the test attribute of the backend's runtime; `$fresh` is an async function that
/// returns a guard to keep alive and a [`key_value::Subject`](crate::key_value::Subject).
#[macro_export]
macro_rules! key_value_conformance {
    ($test:tt, $fresh:ident) => {
        mod key_value_conformance {
            $crate::__key_value_cases!($crate::__key_value_tests, $test, $fresh);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __key_value_tests {
    ([($test:meta) $fresh:ident] $($case:ident)*) => {$(
        #[$test]
        async fn $case() {
            let (_guard, subject) = super::$fresh().await;
            $crate::key_value::check(stringify!($case), subject).await;
        }
    )*};
}

/// Checks one case by name.
///
/// # Panics
///
/// If the promise is broken, or there is no such case.
pub async fn check(name: &str, subject: Subject) {
    crate::check_by_name(CASES, name, subject).await;
}

impl Subject {
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: Option<u64>) {
        self.store.put(key, value, ttl_seconds).await.expect("put");
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.store.get(key).await.expect("get")
    }

    /// Lets time pass, and says whether it did.
    fn pass(&self, seconds: u64) -> bool {
        let millis = i64::try_from(seconds * 1000).expect("a short time");
        self.clock.as_ref().map(|clock| clock.advance(millis)).is_some()
    }
}

async fn unknown_key_is_none(subject: Subject) {
    assert_eq!(subject.get("nope").await, None);
}

async fn put_value_is_found(subject: Subject) {
    subject.put("k", b"value", None).await;
    assert_eq!(subject.get("k").await.as_deref(), Some(&b"value"[..]));
}

async fn empty_value_is_a_value(subject: Subject) {
    subject.put("k", b"", None).await;
    assert_eq!(subject.get("k").await.as_deref(), Some(&b""[..]));
}

async fn bytes_come_back_unchanged(subject: Subject) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    subject.put("k", &bytes, None).await;
    assert_eq!(subject.get("k").await, Some(bytes));
}

async fn put_replaces_value_and_time_to_live(subject: Subject) {
    subject.put("k", b"old", Some(MIN_TTL_SECONDS)).await;
    subject.put("k", b"new", None).await;
    subject.pass(MIN_TTL_SECONDS * 10);
    assert_eq!(subject.get("k").await.as_deref(), Some(&b"new"[..]));
}

async fn deleted_key_is_none(subject: Subject) {
    subject.put("k", b"value", None).await;
    subject.store.delete("k").await.expect("delete");
    assert_eq!(subject.get("k").await, None);
}

async fn deleting_an_unknown_key_is_no_error(subject: Subject) {
    subject.store.delete("nope").await.expect("delete");
}

async fn expired_value_is_none(subject: Subject) {
    subject.put("k", b"value", Some(120)).await;
    subject.pass(119);
    assert!(subject.get("k").await.is_some(), "forgotten too early");
    if subject.pass(1) {
        assert_eq!(subject.get("k").await, None);
    }
}

async fn short_time_to_live_is_raised(subject: Subject) {
    subject.put("k", b"value", Some(1)).await;
    subject.pass(MIN_TTL_SECONDS - 1);
    assert!(subject.get("k").await.is_some(), "a time below the least is raised to it");
    if subject.pass(1) {
        assert_eq!(subject.get("k").await, None);
    }
}

async fn value_without_time_to_live_stays(subject: Subject) {
    subject.put("k", b"value", None).await;
    subject.pass(100 * 365 * 24 * 3600);
    assert!(subject.get("k").await.is_some());
}

async fn longest_key_is_taken(subject: Subject) {
    let key = "k".repeat(MAX_KEY_BYTES);
    subject.put(&key, b"value", None).await;
    assert!(subject.get(&key).await.is_some());
    subject.store.delete(&key).await.expect("delete");
}

async fn over_long_key_is_too_large(subject: Subject) {
    refuses_key(&subject, &"k".repeat(MAX_KEY_BYTES + 1)).await;
}

async fn key_length_is_counted_in_bytes(subject: Subject) {
    refuses_key(&subject, &"é".repeat(MAX_KEY_BYTES / 2 + 1)).await;
}

async fn refuses_key(subject: &Subject, key: &str) {
    assert!(matches!(subject.store.get(key).await, Err(Error::TooLarge { .. })), "get");
    assert!(matches!(subject.store.put(key, b"", None).await, Err(Error::TooLarge { .. })), "put");
    assert!(matches!(subject.store.delete(key).await, Err(Error::TooLarge { .. })), "delete");
}
