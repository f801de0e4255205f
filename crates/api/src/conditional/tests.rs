//! Conditions as they arrive, well formed and not.

use super::*;
use axum::response::IntoResponse;

fn headers(name: HeaderName, lines: &[&[u8]]) -> HeaderMap {
    lines.iter().map(|it| (name.clone(), HeaderValue::from_bytes(it).unwrap())).collect()
}

fn check(lines: &[&[u8]], expected: Option<Option<Precondition>>) {
    let found = if_match(&headers(header::IF_MATCH, lines));
    let shown: Vec<_> = lines.iter().map(|it| String::from_utf8_lossy(it)).collect();
    match (found, expected) {
        (Err(problem), None) => assert_eq!(problem.code(), Code::InvalidHeader, "{shown:?}"),
        (Ok(found), Some(expected)) => assert_eq!(found, expected, "{shown:?}"),
        (found, expected) => panic!("{shown:?}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn writes_compare_the_number_alone() {
    let any_of = |revisions: &[i64]| Some(Some(Precondition::Revisions(revisions.to_vec())));
    check(&[], Some(None));
    check(&[b"*"], Some(Some(Precondition::Any)));
    check(&[br#""r7-0123456789ab""#], any_of(&[7]));
    check(&[br#"W/"r7-0123456789ab""#], any_of(&[7]));
    check(&[br#""r7-0123456789ab-gzip", "r8-x"  ,W/"r0-y""#], any_of(&[7, 8, 0]));
    check(&[br#""r7-a""#, br#""r9""#], any_of(&[7, 9]));
    for foreign in
        ["\"l-0123456789abcdef\"", "\"\"", "\"r\"", "\"r-1\"", "\"r+1-a\"", "\"r01-a\"", "\"R1-a\""]
    {
        check(&[foreign.as_bytes()], any_of(&[]));
    }
    check(&[br#""a,b", "r9223372036854775808-a", "r2-a""#], any_of(&[2]));
}

#[test]
fn malformed_conditions_are_refused() {
    let bad: [&[u8]; 14] = [
        b"",
        b" ",
        b"7",
        b"r7-0123456789ab",
        b"\"r7",
        b"\"r7-a\" \"r8-a\"",
        b"\"r7-a\",",
        b",\"r7-a\"",
        b"\"r7-a\",,\"r8-a\"",
        b"*, \"r7-a\"",
        b"**",
        b"w/\"r7-a\"",
        b"\"r7 a\"",
        b"\"\xff\"",
    ];
    for bad in bad {
        check(&[bad], None);
    }
    check(&[b"*", b"*"], None);
    let tags = |count: usize| vec!["\"x\""; count].join(",");
    check(&[tags(100).as_bytes()], Some(Some(Precondition::Revisions(vec![]))));
    check(&[tags(101).as_bytes()], None);
}

#[test]
fn reads_compare_the_whole_tag() {
    let tag = EntityTag::new(7, "244bae55d97f");
    let list = BodyTag::new(b"[]");
    let has = |text: &str, tag: &dyn AsRef<str>| {
        IfNoneMatch::of(&headers(header::IF_NONE_MATCH, &[text.as_bytes()])).unwrap().has(&tag)
    };
    assert!(has(tag.as_ref(), &tag));
    assert!(has(&format!("\"x\", W/{}", tag.as_ref()), &tag));
    assert!(has("*", &tag) && has("*", &list));
    assert!(has(list.as_ref(), &list));
    assert!(!has(EntityTag::new(7, "000000000000").as_ref(), &tag));
    assert!(!has(list.as_ref(), &tag));
    assert!(!IfNoneMatch::of(&HeaderMap::new()).unwrap().has(&tag));
    assert!(IfNoneMatch::of(&headers(header::IF_NONE_MATCH, &[b"abc"])).is_err());
}

#[test]
fn tags_have_their_form() {
    insta::assert_snapshot!(EntityTag::new(7, "244bae55d97f").as_ref(), @r#""r7-244bae55d97f""#);
    insta::assert_snapshot!(BodyTag::new(b"[]").as_ref(), @r#""l-4f53cda18c2baa0c""#);
}

#[test]
fn a_304_keeps_what_caches_need() {
    let mut answer = "body".into_response();
    set_tag(answer.headers_mut(), &EntityTag::new(1, ""));
    for (name, value) in [("cache-control", "public"), ("vary", "Authorization"), ("content-language", "en")]
    {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let answer = not_modified(answer);
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    let mut names: Vec<_> = answer.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "etag", "vary"]);
    assert_eq!(crate::test_support::text_of(answer), "");
}
