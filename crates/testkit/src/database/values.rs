//! Values go in and come back.

use std::sync::Arc;

use stratus_storage::{Database, Error, MAX_SAFE_INTEGER, Value};

use super::{bare, rows, session_with, with};

/// Sends a value through a query, through a batch and through a table.
async fn round_trip(database: &Arc<dyn Database>, value: Value, check: impl Fn(&Value)) {
    let session = session_with(database, &["CREATE TABLE IF NOT EXISTS t (v)", "DELETE FROM t"]).await;
    let insert = with("INSERT INTO t VALUES (?1)", [value.clone()]);
    session.batch(&[insert]).await.expect("insert");
    let echo = with("SELECT ?1 AS v", [value]);
    let echoed = rows(&*session, echo.clone()).await;
    let batched = session.batch(&[echo]).await.expect("batch");
    let stored = rows(&*session, bare("SELECT v FROM t")).await;
    for found in [&echoed, &batched[0], &stored] {
        check(found.first().expect("a row").value(0).expect("a cell"));
    }
}

pub(super) async fn integers_up_to_2_pow_53_round_trip(database: Arc<dyn Database>) {
    for n in [0, 1, -1, 1 << 31, 1 << 32, MAX_SAFE_INTEGER - 1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER] {
        let value = Value::integer(n).expect("a safe integer");
        round_trip(&database, value, |found| assert_eq!(found.as_integer(), Some(n))).await;
    }
    assert!(matches!(Value::integer(MAX_SAFE_INTEGER + 1), Err(Error::TooLarge { .. })));
}

pub(super) async fn text_blob_real_null_round_trip(database: Arc<dyn Database>) {
    for value in
        [Value::Text("text".to_owned()), Value::Blob(vec![0, 1, 254, 255]), Value::Real(0.5), Value::Null]
    {
        let expected = value.clone();
        round_trip(&database, value, |found| assert_eq!(*found, expected)).await;
    }
}

pub(super) async fn utf8_text_round_trips(database: Arc<dyn Database>) {
    let texts = [
        "Zażółć gęślą jaźń",
        "日本語",
        "👩‍👩‍👧‍👦 🇵🇱",
        "e\u{301}",
        "\u{feff}x",
        "a\r\n\t\u{1}b",
        "\u{10ffff}",
        "it's \"so\"",
    ];
    for text in texts {
        round_trip(&database, text.into(), |found| assert_eq!(found.as_text(), Some(text))).await;
    }
}

pub(super) async fn empty_text_and_blob_are_not_null(database: Arc<dyn Database>) {
    for value in [Value::Text(String::new()), Value::Blob(Vec::new())] {
        let expected = value.clone();
        round_trip(&database, value, |found| assert_eq!(*found, expected)).await;
    }
}

pub(super) async fn bytes_round_trip(database: Arc<dyn Database>) {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let expected = Value::Blob(bytes.clone());
    round_trip(&database, Value::Blob(bytes), |found| assert!(*found == expected)).await;
}

pub(super) async fn reals_round_trip(database: Arc<dyn Database>) {
    // A whole number may come back as an integer, JavaScript having one kind of number.
    for n in [0.1, -0.1, 3.0, 1e-300, 1.7976931348623157e308, 5e-324, 0.30000000000000004] {
        round_trip(&database, Value::Real(n), |found| assert_eq!(found.as_real(), Some(n))).await;
    }
}

pub(super) async fn large_text_round_trips(database: Arc<dyn Database>) {
    let text = "0123456789żółć".repeat(30_000);
    round_trip(&database, text.as_str().into(), |found| assert!(found.as_text() == Some(&text))).await;
}
