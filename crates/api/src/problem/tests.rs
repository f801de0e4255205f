//! The wire format of every problem.

use std::{collections::HashSet, fmt::Write};

use http_body_util::BodyExt;

use super::*;
use crate::test_support::{now, text_of};

#[test]
fn every_code_on_the_wire() {
    let mut seen = String::new();
    for code in Code::ALL {
        let problem = Problem::new(*code, "what is wrong with this request");
        let response = render(problem.into_response(), "01890000-0000-7000-8000-000000000000");
        for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::CONTENT_TYPE] {
            if let Some(value) = response.headers().get(&name) {
                writeln!(seen, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        writeln!(seen, "{}\n", text_of(response)).unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn errors_and_members_of_its_own() {
    let problem = Problem::new(Code::Referenced, "two documents refer to it")
        .at("/fields/title", "required", "`title` is required")
        .at("", "unknown_member", "`x` means nothing here")
        .with("referrers", vec!["a", "b"]);
    insta::assert_snapshot!(text_of(render(problem.into_response(), "id")));
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = Code::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn what_axum_refuses_becomes_a_problem() {
    let cases = [
        (StatusCode::NOT_FOUND, "not_found"),
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (StatusCode::BAD_REQUEST, "bad_request"),
        (StatusCode::IM_A_TEAPOT, "bad_request"),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        (StatusCode::BAD_GATEWAY, "internal"),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    ];
    for (status, code) in cases {
        let response = render((status, "secret of the framework").into_response(), "id");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{status}");
        let length = response.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse::<usize>().unwrap();
        let body = text_of(response);
        assert_eq!(body.len(), length, "{status}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], code, "{status}");
        assert!(!body.to_string().contains("secret"), "{status}");
    }
}

#[test]
fn answers_and_pages_are_left_alone() {
    for response in [
        StatusCode::NO_CONTENT.into_response(),
        StatusCode::NOT_MODIFIED.into_response(),
        (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html")], "<p>").into_response(),
    ] {
        let (status, kind) = (response.status(), response.headers().get(header::CONTENT_TYPE).cloned());
        let rendered = render(response, "id");
        assert_eq!(
            (rendered.status(), rendered.headers().get(header::CONTENT_TYPE)),
            (status, kind.as_ref())
        );
        let body = now(rendered.into_body().collect()).unwrap().to_bytes();
        assert!(body.is_empty() || &body[..] == b"<p>");
    }
}

#[test]
fn quotes_are_short() {
    assert_eq!(shorten("abc"), "abc");
    let long = shorten(&"漢".repeat(1000));
    assert!(long.len() <= 103 && long.ends_with('…'), "{long}");
}
