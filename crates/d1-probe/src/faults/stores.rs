//! What is made of a Workers KV and an R2 that hang, fail, or answer with anything.

use stratus_d1::{R2BlobStore, WorkersKeyValue};
use stratus_storage::{Blob, BlobKey, BlobStore as _, KeyValue as _};
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{
    Env,
    js_sys::{Object, Reflect},
};

use super::{DEADLINE, faulty_bucket, faulty_store, in_time, kind};

/// Bindings of a Worker that has but one.
fn bound(name: &str, binding: &JsValue) -> Env {
    let env = Object::new();
    Reflect::set(&env, &name.into(), binding).expect("a member");
    env.unchecked_into()
}

fn key_value(env: &Env, way: &str) -> WorkersKeyValue {
    let real = Reflect::get(env, &"KV".into()).expect("a namespace");
    let faulty = bound("KV", &faulty_store(&real, way));
    WorkersKeyValue::open(&faulty, "KV").expect("a namespace").deadline(DEADLINE)
}

fn blobs(env: &Env, way: &str) -> R2BlobStore {
    let real = env.bucket("R2").expect("a bucket");
    R2BlobStore::new(faulty_store(real.as_ref(), way).unchecked_into()).deadline(DEADLINE)
}

fn key() -> BlobKey {
    BlobKey::new("a/b").expect("a sound key")
}

fn blob() -> Blob {
    Blob { bytes: b"abc".to_vec(), content_type: "text/plain".to_owned() }
}

pub(super) async fn key_value_that_hangs_is_typed_in_time(env: &Env) {
    for way in ["hang", "late"] {
        let store = key_value(env, way);
        assert_eq!(kind(&in_time(store.get("k")).await), "unavailable", "{way}");
        assert_eq!(kind(&in_time(store.put("k", b"v", None)).await), "unknown", "{way}");
        assert_eq!(kind(&in_time(store.delete("k")).await), "unknown", "{way}");
    }
}

pub(super) async fn key_value_that_fails_is_typed(env: &Env) {
    for (message, read, write) in [
        ("Network connection lost.", "unavailable", "unknown"),
        ("KV GET failed: 503 Service Unavailable", "unavailable", "unknown"),
        ("KV PUT failed: 429 Too Many Requests", "unavailable", "unavailable"),
        ("KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.", "too large", "too large"),
        ("whatever", "backend", "unknown"),
    ] {
        for how in ["reject", "throw"] {
            let store = key_value(env, &format!("{how}:{message}"));
            assert_eq!(kind(&store.get("k").await), read, "{how} {message}");
            assert_eq!(kind(&store.put("k", b"v", Some(60)).await), write, "{how} {message}");
            assert_eq!(kind(&store.delete("k").await), write, "{how} {message}");
        }
    }
}

pub(super) async fn key_value_that_answers_with_garbage_is_unexpected(env: &Env) {
    for way in [
        "answer:undefined",
        "answer:42",
        "answer:\"text\"",
        "answer:{}",
        "answer:[1,2,3]",
        "answer:true",
        "bare:42",
        "bare:{\"then\":42}",
    ] {
        let store = key_value(env, way);
        assert_eq!(kind(&store.get("k").await), "unexpected", "{way}");
        // Nothing is read out of the answer to a write.
        assert_eq!(kind(&store.put("k", b"v", None).await), "ok", "{way}");
    }
}

pub(super) async fn key_value_that_is_not_bound_is_said_so(env: &Env) {
    for env in [env.clone(), bound("NONE", &JsValue::NULL), bound("NONE", &"text".into())] {
        assert!(WorkersKeyValue::open(&env, "NONE").is_err());
    }
    let bare = WorkersKeyValue::open(&bound("KV", &Object::new()), "KV").expect("an object");
    assert_eq!(kind(&bare.get("k").await), "backend");
}

pub(super) async fn key_value_too_large_is_typed(env: &Env) {
    let store = key_value(env, "hang");
    assert_eq!(kind(&store.put("k", &vec![0; 25 * 1024 * 1024 + 1], None).await), "too large");
    let real = key_value(env, "pass").deadline(WorkersKeyValue::DEADLINE * 10);
    assert_eq!(kind(&real.put("k", &vec![0; 25 * 1024 * 1024], Some(u64::MAX)).await), "ok");
}

pub(super) async fn blobs_that_hang_are_typed_in_time(env: &Env) {
    for way in ["hang", "late"] {
        let store = blobs(env, way);
        assert_eq!(kind(&in_time(store.get(&key())).await), "unavailable", "{way}");
        assert_eq!(kind(&in_time(store.put(&key(), &blob())).await), "unknown", "{way}");
        assert_eq!(kind(&in_time(store.delete(&key())).await), "unknown", "{way}");
    }
    let without_bytes = R2BlobStore::new(faulty_bucket("{}", "hang").unchecked_into()).deadline(DEADLINE);
    assert_eq!(kind(&in_time(without_bytes.get(&key())).await), "unavailable");
}

pub(super) async fn blobs_that_fail_are_typed(env: &Env) {
    for (message, read, write) in [
        ("Network connection lost.", "unavailable", "unknown"),
        ("get: We encountered an internal error. Please try again. (10001)", "unavailable", "unknown"),
        (
            "put: Your proposed upload exceeds the maximum allowed object size. (100100)",
            "too large",
            "too large",
        ),
        ("whatever", "backend", "unknown"),
    ] {
        for how in ["reject", "throw"] {
            let store = blobs(env, &format!("{how}:{message}"));
            assert_eq!(kind(&store.get(&key()).await), read, "{how} {message}");
            assert_eq!(kind(&store.put(&key(), &blob()).await), write, "{how} {message}");
            assert_eq!(kind(&store.delete(&key()).await), write, "{how} {message}");
        }
    }
}

pub(super) async fn blobs_answered_with_garbage_are_unexpected(env: &Env) {
    for way in ["answer:undefined", "answer:42", "answer:\"text\"", "bare:42"] {
        assert_eq!(kind(&blobs(env, way).get(&key()).await), "unexpected", "{way}");
    }
    // An object that is none of R2's.
    assert_eq!(kind(&blobs(env, "answer:{}").get(&key()).await), "backend");
    for (metadata, way, expected) in [
        ("null", "pass", "backend"),
        ("{}", "answer:42", "unexpected"),
        ("{}", "reject:Network connection lost.", "unavailable"),
        ("{\"contentType\":42}", "pass", "ok"),
    ] {
        let store = R2BlobStore::new(faulty_bucket(metadata, way).unchecked_into());
        assert_eq!(kind(&store.get(&key()).await), expected, "{metadata} {way}");
    }
}

pub(super) async fn a_blob_without_a_type_has_the_unknown_one(_: &Env) {
    let store = R2BlobStore::new(faulty_bucket("{}", "pass").unchecked_into());
    let found = store.get(&key()).await.expect("an answer").expect("a blob");
    assert_eq!((found.content_type.as_str(), found.bytes.len()), ("application/octet-stream", 3));
}
