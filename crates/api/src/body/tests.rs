//! Bodies of every length, type and manner of arrival.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::extract::Request;
use futures_util::stream;
use serde_json::json;

use super::*;
use crate::test_support::{SteppingClock, now};

const JSON: (&str, &str) = ("content-type", "application/json");

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

/// A body that arrives in pieces without saying how long it is, and counts what was taken of it.
fn streamed(pieces: usize, bytes: usize) -> (Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let piece = Bytes::from(vec![b' '; bytes]);
    let pieces = stream::iter((0..pieces).map(move |_| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece.clone())
    }));
    (Body::from_stream(pieces), taken)
}

fn check(pairs: &[(&'static str, &'static str)], body: &'static str, expected: Result<Value, Code>) {
    let headers = headers(pairs);
    let found = now(read_json(&headers, Body::from(body), 100)).map_err(|it| it.code());
    assert_eq!(found, expected, "{pairs:?} {body}");
    let optional = now(read_optional_json(&headers, Body::from(body), 100)).map_err(|it| it.code());
    if !body.is_empty() {
        assert_eq!(optional, expected.map(Some), "{pairs:?} {body}");
    }
}

#[test]
fn the_type_is_json() {
    let taken = [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json; version=1;",
        "application/merge-patch+json",
        "application/json-patch+json; charset=utf-8",
    ];
    for kind in taken {
        check(&[("content-type", kind)], "{}", Ok(json!({})));
    }
    let refused = [
        "",
        "application/xml",
        "text/plain",
        "text/json",
        "application/+json",
        "application/a/b+json",
        "application/a b+json",
        "application/merge-patch+json; charset=latin1",
        "text/merge-patch+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset",
        "application/json; charset = utf-16",
        "application/json, text/plain",
        "application/jsonp",
    ];
    for kind in refused {
        check(&[("content-type", kind)], "{}", Err(Code::UnsupportedMediaType));
    }
    check(&[], "{}", Err(Code::UnsupportedMediaType));
    check(&[JSON, JSON], "{}", Err(Code::UnsupportedMediaType));
}

#[test]
fn an_encoded_body_is_refused_whatever_it_holds() {
    for encoding in ["gzip", "br", "deflate", "", "identity", "identity, gzip", "x"] {
        check(&[JSON, ("content-encoding", encoding)], "{}", Err(Code::ContentEncoding));
    }
}

#[test]
fn the_text_is_strict_json() {
    check(&[JSON], "null", Ok(Value::Null));
    check(&[JSON], "", Err(Code::MalformedJson));
    check(&[JSON], "{} {}", Err(Code::MalformedJson));
    check(&[JSON], r#"{"a":1,"a":1}"#, Err(Code::DuplicateKey));
}

#[test]
fn a_missing_body_needs_no_type() {
    for pairs in [&[][..], &[JSON], &[("content-type", "text/plain")]] {
        assert_eq!(now(read_optional_json(&headers(pairs), Body::empty(), 10)).unwrap(), None);
        let (nothing, _) = streamed(3, 0);
        assert_eq!(now(read_optional_json(&headers(pairs), nothing, 10)).unwrap(), None);
    }
}

#[test]
fn the_limit_is_exact() {
    let read = |body: Body| now(read_json(&headers(&[JSON]), body, 8)).map_err(|it| it.code());
    assert_eq!(read(Body::from("\"abcdef\"")), Ok(json!("abcdef")));
    assert_eq!(read(Body::from("\"abcdefg\"")), Err(Code::PayloadTooLarge));
    assert_eq!(read(streamed(8, 1).0), Err(Code::MalformedJson));
    assert_eq!(read(streamed(9, 1).0), Err(Code::PayloadTooLarge));
}

#[test]
fn the_usual_limit_is_one_mebibyte() {
    let read = |length: usize| {
        let text = format!("\"{}\"", "x".repeat(length - 2));
        now(read_json(&headers(&[JSON]), Body::from(text), DEFAULT_LIMIT)).map_err(|it| it.code())
    };
    assert!(read(1_048_576).is_ok());
    assert_eq!(read(1_048_577), Err(Code::PayloadTooLarge));
}

#[test]
fn a_body_that_breaks_off_is_malformed() {
    let pieces = stream::iter([Ok(Bytes::from("{\"a\":")), Err(std::io::Error::other("reset by 10.0.0.7"))]);
    let problem = now(read_json(&headers(&[JSON]), Body::from_stream(pieces), 100)).unwrap_err();
    assert_eq!(problem.code(), Code::BadRequest);
    assert!(!problem.detail().contains("10.0.0.7"));
}

/// What becomes of a body that a handler with a limit of 1,000 bytes reads, or does not.
fn leave(body: Body, pairs: &[(&'static str, &'static str)], step: i64, is_read: Reading) -> Option<bool> {
    let mut request = Request::new(body);
    *request.headers_mut() = headers(pairs);
    let (request, leftover) = Leftover::of(request);
    let (parts, body) = request.into_parts();
    match is_read {
        Reading::Whole => drop(now(read_json(&parts.headers, body, 1_000))),
        Reading::Nothing => drop(body),
    }
    leftover.map(|it| now(it.discard(&SteppingClock::new(step))))
}

#[derive(Clone, Copy)]
enum Reading {
    Whole,
    Nothing,
}

#[test]
fn what_is_left_is_thrown_away_within_bounds() {
    use Reading::{Nothing, Whole};
    const MIB: usize = 1024 * 1024;
    assert_eq!(leave(Body::empty(), &[], 0, Nothing), None);
    for reading in [Nothing, Whole] {
        assert_eq!(leave(Body::from("{}"), &[JSON], 0, reading), Some(true));
        let (body, taken) = streamed(15, MIB);
        assert_eq!(leave(body, &[JSON], 0, reading), Some(true));
        assert_eq!(taken.load(Ordering::Relaxed), 15 * MIB as u64);
        let (endless, taken) = streamed(1_000, MIB);
        assert_eq!(leave(endless, &[JSON], 0, reading), Some(false));
        assert_eq!(taken.load(Ordering::Relaxed), 17 * MIB as u64);
    }
    // 101 ms pass at each look: 2 seconds are over after 20 pieces.
    let (slow, taken) = streamed(1_000, 1);
    assert_eq!(leave(slow, &[JSON], 101, Nothing), Some(false));
    assert_eq!(taken.load(Ordering::Relaxed), 20);
    // One that says that it is too long is not read at all, nor one that waits to be asked.
    assert_eq!(leave(Body::from(vec![b' '; 16 * MIB + 1]), &[JSON], 0, Whole), Some(false));
    let (waiting, taken) = streamed(3, 1);
    assert_eq!(leave(waiting, &[("expect", "100-continue")], 0, Nothing), Some(false));
    assert_eq!(taken.load(Ordering::Relaxed), 0);
}
