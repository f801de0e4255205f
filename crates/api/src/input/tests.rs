//! Bodies of the right and of every wrong shape.

use serde_json::json;

use super::*;

fn check(body: Value, code: Code, pointers: &[&str]) {
    let problem = document(body.clone()).expect_err(&body.to_string());
    let found: Vec<_> = problem.errors().iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!((problem.code(), found), (code, pointers.to_vec()), "{body}");
}

#[test]
fn members_mean_what_they_say() {
    assert_eq!(document(json!({})).unwrap(), Input::default());
    let body = json!({
        "slug": "a", "locale": "pt-BR", "publishAt": "2026-11-21T08:00:00.5Z", "expireAt": null,
        "parent": "p", "order": -3, "translationOf": "t", "publish": true, "fields": {"title": null}
    });
    let expected = Input {
        slug: Member::Value("a".to_owned()),
        locale: Some("pt-BR".to_owned()),
        publish_at: Member::Value(1_795_248_000_500),
        expire_at: Member::Null,
        parent: Member::Value("p".to_owned()),
        order: Member::Value(-3),
        translation_of: Member::Value("t".to_owned()),
        publish: true,
        fields: json!({"title": null}).as_object().cloned(),
    };
    assert_eq!(document(body).unwrap(), expected);
    let nulls = json!({"slug": null, "parent": null, "order": null, "translationOf": null, "publish": false});
    let nulls = document(nulls).unwrap();
    assert_eq!((nulls.slug, nulls.parent, nulls.publish), (Member::Null, Member::Null, false));
    assert_eq!((nulls.order, nulls.translation_of), (Member::Null, Member::Null));
}

#[test]
fn what_is_no_object_is_refused() {
    for body in [json!(null), json!([]), json!([{"op": "replace"}]), json!("x"), json!(1), json!(true)] {
        check(body, Code::BadRequest, &[""]);
    }
}

#[test]
fn unknown_members_are_named() {
    check(json!({"title": "x", "fields": {}, "a/b~c": 1}), Code::UnknownMember, &["/title", "/a~1b~0c"]);
    check(json!({"tenantId": "b", "slug": 1}), Code::UnknownMember, &["/tenantId"]);
    for system in
        ["id", "translationGroup", "type", "status", "version", "createdAt", "updatedAt", "publishedAt"]
    {
        check(json!({ system: "x" }), Code::UnknownMember, &[&format!("/{system}")]);
    }
    let many: Map<String, Value> =
        (0..1_000).map(|it| (format!("{it}{}", "x".repeat(2_000)), json!(0))).collect();
    assert_eq!(document(Value::Object(many)).unwrap_err().errors().len(), MAX_NAMED);
}

#[test]
fn wrong_types_are_all_named() {
    let body = json!({
        "slug": 1, "locale": null, "publishAt": "tomorrow", "expireAt": 1_790_000_000_000_i64,
        "parent": {}, "order": 1.5, "translationOf": 1, "publish": "true", "fields": null
    });
    let all = [
        "/slug",
        "/locale",
        "/publishAt",
        "/expireAt",
        "/parent",
        "/order",
        "/translationOf",
        "/publish",
        "/fields",
    ];
    check(body, Code::ValidationFailed, &all);
    for time in ["", "2026-02-30T00:00:00Z", "2026-11-21", "2026-11-21T25:00:00Z", "2026-11-21T08:00:00"] {
        check(json!({ "publishAt": time }), Code::ValidationFailed, &["/publishAt"]);
    }
    check(json!({"publish": null}), Code::ValidationFailed, &["/publish"]);
    check(json!({"fields": []}), Code::ValidationFailed, &["/fields"]);
}

#[test]
fn a_version_is_a_positive_number() {
    assert_eq!(version(json!({"version": 3})).unwrap(), 3);
    for bad in
        [json!(0), json!(-1), json!(1.0), json!(1.5), json!("1"), json!(null), json!(u64::MAX), json!([1])]
    {
        let problem = version(json!({ "version": bad })).expect_err(&bad.to_string());
        assert_eq!(
            (problem.code(), problem.errors()[0].pointer.as_str()),
            (Code::ValidationFailed, "/version")
        );
    }
    assert_eq!(version(json!({})).unwrap_err().code(), Code::ValidationFailed);
    assert_eq!(version(json!({"version": 1, "x": 1})).unwrap_err().code(), Code::UnknownMember);
    assert_eq!(version(json!(3)).unwrap_err().code(), Code::BadRequest);
}

#[test]
fn a_call_of_nothing_takes_nothing() {
    assert!(nothing(None).is_ok() && nothing(Some(json!({}))).is_ok());
    assert_eq!(nothing(Some(json!({"force": true}))).unwrap_err().code(), Code::UnknownMember);
    assert_eq!(nothing(Some(json!(null))).unwrap_err().code(), Code::BadRequest);
}
