//! What is refused, and that keys and values come back as they were sent.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

fn check(query: &str, expected: &[(&[&str], &str)]) {
    let found = parse(query).unwrap_or_else(|it| panic!("{query}: {}", it.detail()));
    let found: Vec<(Vec<_>, _)> =
        found.iter().map(|it| (it.path.iter().map(String::as_str).collect(), it.value.as_str())).collect();
    let expected: Vec<_> = expected.iter().map(|(path, value)| (path.to_vec(), *value)).collect();
    assert_eq!(found, expected, "{query}");
}

fn check_refused(query: &str, code: Code, says: &str) {
    let problem = parse(query).expect_err(query);
    assert_eq!(problem.code(), code, "{query}: {}", problem.detail());
    assert!(problem.detail().contains(says), "{query}: {}", problem.detail());
}

#[test]
fn keys_are_paths() {
    check("", &[]);
    check("&&", &[]);
    check("a", &[(&["a"], "")]);
    check("a=1&b=x=y&c=", &[(&["a"], "1"), (&["b"], "x=y"), (&["c"], "")]);
    check("filter[price][gte]=10", &[(&["filter", "price", "gte"], "10")]);
    check("filter%5Bauthor.country%5D=PL", &[(&["filter", "author.country"], "PL")]);
    check("filter[or][0][a][eq]=b+c%2Bd", &[(&["filter", "or", "0", "a", "eq"], "b c+d")]);
    check("q=%E6%BC%A2%00", &[(&["q"], "漢\0")]);
    check("filter[a]=1&filter[b]=1", &[(&["filter", "a"], "1"), (&["filter", "b"], "1")]);
}

#[test]
fn hostile_queries_are_refused() {
    use Code::{InvalidParameter, InvalidQuery, RepeatedParameter};
    check_refused("q=%ff%fe", InvalidQuery, "`q` is not UTF-8");
    for bad in ["q=%", "q=%2", "q=%zz", "%=1", "q=%+1", "q=%%20", "q=%é1"] {
        check_refused(bad, InvalidQuery, "hexadecimal");
    }
    check_refused("limit[]=1", InvalidParameter, "`limit[]` has an empty part");
    for bad in ["=1", "[a]=1", "a[][b]=1", "filter[title][eq][]=a"] {
        check_refused(bad, InvalidParameter, "empty part");
    }
    let unbalanced =
        ["a[=1", "a]=1", "a[b=1", "a[b]c=1", "a[b]]=1", "a[[b]=1", "a[b][=1", "a][=1", "a[b]c[d]=1"];
    for bad in unbalanced.into_iter().chain(["filter[$[*].x][eq]=1", "a[b%5D%5D=1"]) {
        check_refused(bad, InvalidParameter, "unbalanced");
    }
    for bad in ["a%00=1", "a%0Ab=1", "a[%1b]=1", "a%7f=1", "a%C2%85=1"] {
        check_refused(bad, InvalidParameter, "control character");
    }
    check_refused("a=1&a=1", RepeatedParameter, "`a` occurs twice");
    check_refused("filter[title][eq]=a&filter%5Btitle%5D[eq]=b", RepeatedParameter, "filter[title][eq]");
    check_refused(&format!("a{}=1", "[x]".repeat(32)), InvalidParameter, "too deeply");
    check_refused(&"a".repeat(16 * 1024 + 1), InvalidQuery, "16384");
    let many = |count: usize| (0..count).map(|it| format!("p{it}=")).collect::<Vec<_>>().join("&");
    assert_eq!(parse(&many(200)).unwrap().len(), 200);
    check_refused(&many(201), InvalidQuery, "200 parameters");
    assert!(parse(&"a".repeat(16_000)).is_ok());
}

#[test]
fn control_characters_are_not_repeated() {
    let problem = parse("a%1b%5B2J=1").unwrap_err();
    assert!(!problem.detail().contains('\u{1b}'));
}

#[test]
fn known_parameters_are_taken() {
    let mut params =
        Params::parse(Some("limit=20&sort=-a,b&state=draft&filter[x]=1&filter[y][in]=2")).unwrap();
    assert_eq!(params.take_integer("limit", 1..=100).unwrap(), Some(20));
    assert_eq!(params.take("sort").unwrap().as_deref(), Some("-a,b"));
    assert_eq!(params.take_one_of("state", &[("published", 1), ("draft", 2)]).unwrap(), Some(2));
    let keys: Vec<_> = params.take_tree("filter").iter().map(Parameter::key).collect();
    assert_eq!(keys, ["filter[x]", "filter[y][in]"]);
    assert_eq!(params.take("locale").unwrap(), None);
    params.finish().unwrap();
    Params::parse(None).unwrap().finish().unwrap();
}

#[test]
fn what_nobody_takes_is_refused() {
    let mut params = Params::parse(Some("where[updatedBy][resetPasswordToken][$startsWith]=a")).unwrap();
    params.take("limit").unwrap();
    params.take("sort").unwrap();
    let problem = params.finish().unwrap_err();
    assert_eq!(problem.code(), Code::UnknownParameter);
    assert_eq!(problem.detail(), "the parameter `where` is unknown; there are `limit`, `sort`");
    let problem = Params::parse(Some("x=1")).unwrap().finish().unwrap_err();
    assert_eq!(problem.detail(), "the parameter `x` is unknown; there are none here");
}

#[test]
fn values_are_typed_and_never_clamped() {
    let limit = |query: &str| Params::parse(Some(query)).unwrap().take_integer("limit", 1..=100);
    let bad =
        ["-1", "0", "101", "1e3", "9999999999999999999", "18446744073709551616", "", "%2B5", "0x1", "1.0"];
    for bad in bad.into_iter().chain(["+5", "%D9%A1", "1%00"]) {
        let problem = limit(&format!("limit={bad}")).expect_err(bad);
        assert_eq!(problem.code(), Code::InvalidParameter, "{bad}");
        assert!(problem.detail().ends_with("from 1 to 100"), "{}", problem.detail());
    }
    assert_eq!(limit("limit=100").unwrap(), Some(100));
    for bad in ["limit[x]=1", "limit=1&limit[x]=2"] {
        assert!(limit(bad).unwrap_err().detail().contains("`limit[x]` takes no brackets"), "{bad}");
    }
    let state = Params::parse(Some("state=Draft")).unwrap().take_one_of("state", &[("draft", ())]);
    assert!(state.unwrap_err().detail().contains("one of `draft`"));
}

proptest! {
    #[test]
    fn round_trips(parameters in prop::collection::hash_map(
        prop::collection::vec(r"[^\[\]\pC]{1,8}", 1..5), any::<String>(), 0..10,
    )) {
        let parameters: Vec<_> =
            parameters.into_iter().map(|(path, value)| Parameter { path, value }).collect();
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pieces: Vec<_> =
            parameters.iter().map(|it| format!("{}={}", encode(&it.key()), encode(&it.value))).collect();
        prop_assert_eq!(parse(&pieces.join("&")).unwrap(), parameters);
    }

    #[test]
    fn never_panics(query in any::<String>(), almost in r"[a%=&\[\]+0f]{0,40}") {
        let _ = parse(&query);
        let _ = parse(&almost);
    }
}
