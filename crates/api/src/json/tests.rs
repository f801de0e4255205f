//! What is refused and where, and agreement with serde_json on the rest.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(text: impl AsRef<[u8]>, code: Code, pointer: &str, says: &str) {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
    let error = parse(text).expect_err(&shown);
    assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{shown}: {}", error.message);
    assert!(error.message.contains(says), "{shown}: {}", error.message);
}

#[test]
fn broken_texts_are_refused_with_their_position() {
    let cases: &[(&[u8], &str, &str)] = &[
        (b"", "", "empty"),
        (b" \n\t", "", "empty"),
        (b"{\"title\":\"x", "/title", "byte 10"),
        (b"{\"title\":\"x\",}", "", "trailing comma"),
        (b"[1,]", "/1", "trailing comma"),
        (b"{/*x*/\"title\":\"x\"}", "", "byte 1 "),
        (b"{\n  \"a\": 1, // x\n}", "", "line 2 column 11"),
        (b"{\"a\":1}{\"b\":2}", "", "trailing characters"),
        (b"1 2", "", "byte 2 "),
        (b"NaN", "", "byte 0 "),
        (b"[Infinity]", "/0", "byte 1 "),
        (b"-", "", "byte 0 "),
        (b"01", "", "not JSON"),
        (b"[1e999]", "/0", "number out of range"),
        (b"\xef\xbb\xbf{}", "", "byte order mark"),
        (b"{\"a\":\"\xff\"}", "", "byte 6 (line 1 column 7)"),
        (b"{\n\"a\":\"\xc3\"}", "", "byte 7 (line 2 column 6)"),
        (b"[\"\\ud800\"]", "/0", "not JSON"),
        (b"[\"\x00\"]", "/0", "control character"),
        (b"{\"a\":{\"b/c~\":[1,{\"d\":tru}]}}", "/a/b~1c~0/1/d", "not JSON"),
        (b"{'a':1}", "", "not JSON"),
        (b"{a:1}", "", "not JSON"),
    ];
    for (text, pointer, says) in cases {
        check(text, Code::MalformedJson, pointer, says);
    }
}

#[test]
fn a_repeated_key_is_refused_at_any_depth() {
    let cases = [
        (r#"{"a":1,"a":1}"#, "/a", "`a`"),
        (r#"{"a":1,"\u0061":2}"#, "/a", "`a`"),
        (r#"{"x":[0,{"b":{"c":1,"d":2,"c":3}}]}"#, "/x/1/b/c", "`c`"),
        (r#"{"":1,"":1}"#, "/", "``"),
        // The second value is never looked at, however broken it is.
        (r#"{"a":1,"a":oops"#, "/a", "`a`"),
    ];
    for (text, pointer, says) in cases {
        check(text, Code::DuplicateKey, pointer, says);
    }
    assert!(parse(br#"[{"a":1},{"a":1},{"b":{"a":1}}]"#).is_ok());
}

#[test]
fn a_refusal_is_a_problem_with_its_place() {
    let problem = Problem::from(parse(br#"{"a":{"b":1,"b":2}}"#).unwrap_err());
    assert_eq!((problem.code(), problem.errors().len()), (Code::DuplicateKey, 1));
    assert_eq!(problem.errors()[0].pointer, "/a/b");
    assert_eq!(problem.errors()[0].code, "duplicate_key");
}

#[test]
fn nesting_ends_at_64() {
    let arrays = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    assert!(parse(arrays(64).as_bytes()).is_ok());
    assert!(parse(objects(64).as_bytes()).is_ok());
    check(arrays(65), Code::TooDeep, &"/0".repeat(64), "64");
    check(objects(65), Code::TooDeep, &"/a".repeat(64), "64");
    check(objects(100_000), Code::TooDeep, &"/a".repeat(64), "64");
    check("[".repeat(1_000_000), Code::TooDeep, &"/0".repeat(64), "64");
}

#[test]
fn keys_and_values_are_counted_in_all_objects_together() {
    let object = |keys: usize| {
        let members: Vec<_> = (0..keys).map(|it| format!(r#""k{it}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(parse(object(10_000).as_bytes()).is_ok());
    check(object(10_001), Code::TooManyKeys, "", "too many keys");
    check(format!("[{},{}]", object(6_000), object(4_001)), Code::TooManyKeys, "/1", "10000");
    check(format!("[{}0]", "0,".repeat(200_000)), Code::PayloadTooLarge, "/199999", "200000");
}

#[test]
fn a_refusal_stays_small() {
    let key = "漢".repeat(100_000);
    let error = parse(format!(r#"{{"{key}":1,"{key}":2}}"#).as_bytes()).unwrap_err();
    assert_eq!(error.code, Code::DuplicateKey);
    assert!(error.pointer.len() + error.message.len() < 1_500);
}

#[test]
fn numbers_stay_recognisable() {
    let text = "[9007199254740993, -9007199254740993, 18446744073709551615, 9223372036854775808, \
                18446744073709551616, 1.0, -0, 1e3]";
    let Value::Array(numbers) = parse(text.as_bytes()).unwrap() else { panic!("an array") };
    assert_eq!(numbers[0].as_u64(), Some(9_007_199_254_740_993));
    assert_eq!(numbers[1].as_i64(), Some(-9_007_199_254_740_993));
    assert_eq!(numbers[2].as_u64(), Some(u64::MAX));
    assert_eq!(numbers[3].as_u64(), Some(1 << 63));
    assert_eq!(numbers[4].as_f64(), Some(18_446_744_073_709_551_616.0));
    assert!(numbers[4].is_f64() && numbers[5].is_f64() && numbers[7].is_f64());
}

#[test]
fn order_and_escapes_are_kept() {
    let value = parse(r#"{"z":"\u0000\n\ud83d\ude00","a":[null,true]}"#.as_bytes()).unwrap();
    assert_eq!(value, json!({"z": "\0\n😀", "a": [null, true]}));
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["z", "a"]);
    // A key that serde_json itself gives a meaning to is a key like any other.
    let magic = r#"{"$serde_json::private::RawValue":"1"}"#;
    assert!(parse(magic.as_bytes()).unwrap().is_object());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn agree(text: &[u8]) {
    match (parse(text), serde_json::from_slice::<Value>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
        (Ok(ours), Err(error)) => panic!("took {ours}, which is {error}"),
        (Err(error), Ok(_)) => assert_ne!(error.code, Code::MalformedJson, "{error}"),
        (Err(_), Err(_)) => {}
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        prop_assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        agree(&bytes);
    }

    #[test]
    fn never_panics_on_almost_json(text in r#"[\[\]{}:,"a0\\ue1.+\- tn\n]{0,60}"#) {
        agree(text.as_bytes());
    }

    #[test]
    fn never_panics_on_damaged_json(value in any_json(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        agree(&text);
    }
}
