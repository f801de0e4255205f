//! Requests from the outside in, and answers back.

use axum::{
    extract::Path,
    routing::{get, post},
};
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use stratus_access::{Caller, TenantId};

use super::*;
use crate::{
    auth::AdminToken,
    body,
    test_support::{CountingEntropy, SteppingClock, now, text_of},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn edge() -> Edge {
    Edge {
        clock: Arc::new(SteppingClock::new(7)),
        entropy: Arc::new(CountingEntropy::default()),
        authenticator: Authenticator::with_admin(&AdminToken::new(SECRET).unwrap()),
        tenants: Tenants::by_host(r#"{"a.example": "a", "b.example": "b"}"#).unwrap(),
    }
}

async fn who(request: Request) -> String {
    let tenant = request.extensions().get::<TenantId>().map_or("-", TenantId::as_str);
    let caller = request.extensions().get::<Caller>().unwrap();
    format!("{tenant} {}", caller.actor())
}

async fn write(request: Request) -> Result<String, Problem> {
    let (parts, body) = request.into_parts();
    body::read_json(&parts.headers, body, 1_000).await.map(|it| it.to_string())
}

async fn number(Path(number): Path<u32>) -> String {
    number.to_string()
}

async fn cached() -> Response {
    let headers = [("cache-control", "public, max-age=0, s-maxage=60"), ("cdn-cache-control", "max-age=60")];
    (headers, "shared").into_response()
}

#[expect(clippy::panic, reason = "to see what becomes of it")]
async fn panics() -> String {
    panic!("SQLITE at src/secret.rs")
}

fn router() -> Router {
    Router::new()
        .route("/health", get(who))
        .route("/api/who", get(who))
        .route("/api/write", post(write))
        .route("/api/number/{number}", get(number))
        .route("/api/cached", get(cached))
        .route("/api/panic", get(panics))
        .route("/api/unchanged", get(async || crate::conditional::not_modified("x".into_response())))
}

/// A request for the host `a.example`, unless another is named.
fn ask(method: &str, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut request = http::Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "a.example");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    now(serve(&edge(), &router(), request.body(body.into()).unwrap()))
}

fn check(method: &str, uri: &str, headers: &[(&str, &str)], status: u16, code: &str) -> HeaderMap {
    let answer = ask(method, uri, headers, Body::empty());
    let shown = format!("{method} {} {headers:?}", problem::shorten(uri));
    assert_eq!(answer.status().as_u16(), status, "{shown}");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{shown}");
    let headers = answer.headers().clone();
    if method != "HEAD" {
        let body: Value = serde_json::from_str(&text_of(answer)).unwrap();
        assert_eq!(body["code"], code, "{shown}");
        assert_eq!(body["status"], status, "{shown}");
        assert_eq!(body["requestId"], headers["x-request-id"].to_str().unwrap(), "{shown}");
    }
    headers
}

#[test]
fn serving_can_move_between_threads() {
    fn is_send(_: &impl Send) {}
    let (edge, router) = (edge(), router());
    is_send(&serve(&edge, &router, Request::default()));
}

#[test]
fn handlers_know_tenant_and_caller() {
    let answer = ask("GET", "/api/who", &[("x-request-id", "theirs")], Body::empty());
    stratus_storage::parse_uuid(answer.headers()["x-request-id"].to_str().unwrap()).unwrap();
    assert_eq!(text_of(answer), "a public");
    let bearer = format!("Bearer {SECRET}");
    let answer = ask("GET", "/api/who", &[("host", "b.example"), ("authorization", &bearer)], Body::empty());
    assert_eq!(text_of(answer), "b role:admin");
}

#[test]
fn refusals_are_problems_on_every_route() {
    let wrong = [("authorization", "Bearer wrong")];
    for uri in ["/health", "/api/who", "/nowhere", "/api/panic"] {
        let headers = check("GET", uri, &wrong, 401, "unauthorized");
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer", "{uri}");
    }
    for uri in ["/", "/nowhere", "/api/%00", "/api/who/", "//api/who", "/api/../api/who", "/%ff"] {
        check("GET", uri, &[], 404, "not_found");
    }
    check("HEAD", "/nowhere", &[], 404, "not_found");
    check("GET", "/api/number/x", &[], 400, "bad_request");
    check("GET", "/api/number/%ff", &[], 400, "bad_request");
    check("GET", &format!("/api/who?{}", "a".repeat(17_000)), &[], 414, "uri_too_long");
    check("GET", &format!("/{}", "a".repeat(17_000)), &[], 414, "uri_too_long");
    for method in ["POST", "TRACE", "FOO", "OPTIONS", "DELETE"] {
        let headers = check(method, "/api/who", &[], 405, "method_not_allowed");
        assert_eq!(headers[header::ALLOW], "GET,HEAD", "{method}");
    }
    check("OPTIONS", "*", &[], 404, "not_found");
    check("CONNECT", "a.example:443", &[], 404, "not_found");
}

#[test]
fn an_unknown_host_is_refused_except_by_probes() {
    let elsewhere = [("host", "c.example"), ("x-forwarded-host", "a.example")];
    check("GET", "/api/who", &elsewhere, 421, "unknown_host");
    check("GET", "/nowhere", &elsewhere, 421, "unknown_host");
    assert!(text_of(ask("GET", "/health", &elsewhere, Body::empty())).starts_with("- public"));
}

#[test]
fn a_panic_is_an_internal_error_that_tells_nothing() {
    let answer = ask("GET", "/api/panic", &[], Body::empty());
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = text_of(answer);
    assert!(body.contains(r#""code":"internal""#), "{body}");
    assert!(!body.contains("SQLITE") && !body.contains("src/"), "{body}");
}

#[test]
fn every_answer_has_its_headers() {
    let seen = [
        ask("GET", "/api/who", &[], Body::empty()),
        ask("GET", "/nowhere", &[], Body::empty()),
        ask("POST", "/api/write", &[("content-type", "application/json")], "{}"),
        ask("GET", "/api/unchanged", &[], Body::empty()),
    ];
    let seen = seen.map(|it| format!("{}\n{}", it.status(), text_of_headers(it.headers())));
    insta::assert_snapshot!(seen.join("\n\n"));
}

fn text_of_headers(headers: &HeaderMap) -> String {
    let ours = |name: &HeaderName| name != "x-request-id";
    let lines = headers.iter().filter(|(name, _)| ours(name));
    let mut lines: Vec<_> =
        lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn nothing_with_a_credential_is_shared() {
    let bearer = format!("Bearer {SECRET}");
    let public = ask("GET", "/api/cached", &[], Body::empty());
    assert_eq!(public.headers()[header::CACHE_CONTROL], "public, max-age=0, s-maxage=60");
    assert_eq!(public.headers()["cdn-cache-control"], "max-age=60");
    let private = ask("GET", "/api/cached", &[("authorization", &bearer)], Body::empty());
    assert_eq!(private.headers()[header::CACHE_CONTROL], "private, no-store");
    assert!(!private.headers().contains_key("cdn-cache-control"));
    assert!(!private.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[test]
fn head_is_get_without_a_body() {
    for uri in ["/api/cached", "/nowhere", "/api/panic"] {
        let get = ask("GET", uri, &[], Body::empty());
        let head = ask("HEAD", uri, &[], Body::empty());
        assert_eq!(head.status(), get.status(), "{uri}");
        assert_eq!(text_of_headers(head.headers()), text_of_headers(get.headers()), "{uri}");
        assert_eq!(text_of(head), "", "{uri}");
    }
}

#[test]
fn other_sites_may_read_and_nothing_else() {
    let origin = ("origin", "https://elsewhere.example");
    let allows = |answer: &Response| answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    assert!(allows(&ask("GET", "/api/who", &[origin], Body::empty())));
    assert!(allows(&ask("GET", "/api/nowhere", &[], Body::empty())));
    assert!(!allows(&ask("GET", "/health", &[origin], Body::empty())));
    assert!(!allows(&ask("POST", "/api/write", &[origin, ("content-type", "application/json")], "1")));
    for (method, status) in [("GET", 204), ("HEAD", 204), ("POST", 405), ("PATCH", 405), ("get", 405)] {
        let answer =
            ask("OPTIONS", "/api/who", &[origin, ("access-control-request-method", method)], Body::empty());
        assert_eq!((answer.status().as_u16(), allows(&answer)), (status, status == 204), "{method}");
        assert!(!text_of_headers(answer.headers()).to_lowercase().contains("authorization"), "{method}");
    }
    let preflight = [origin, ("access-control-request-method", "GET")];
    assert!(!allows(&ask("OPTIONS", "/admin/x", &preflight, Body::empty())));
    assert_eq!(ask("OPTIONS", "/api/who", &[], Body::empty()).status(), 405);
}

#[test]
fn what_is_left_of_a_body_is_read_or_the_connection_closed() {
    let json = ("content-type", "application/json");
    let cases = [
        ("/api/write", vec![json], 2_000, 413, None),
        ("/api/write", vec![json], 17 * 1024 * 1024, 413, Some("close")),
        ("/api/write", vec![], 2_000, 415, None),
        ("/api/write", vec![json, ("expect", "100-continue")], 2_000, 413, Some("close")),
        ("/nowhere", vec![json], 2_000, 404, None),
        ("/api/write", vec![("authorization", "Basic x")], 2_000, 401, None),
    ];
    for (uri, headers, length, status, connection) in cases {
        let answer = ask("POST", uri, &headers, vec![b' '; length]);
        assert_eq!(answer.status().as_u16(), status, "{uri} {headers:?} {length}");
        let said = answer.headers().get(header::CONNECTION).map(|it| it.to_str().unwrap());
        assert_eq!(said, connection, "{uri} {headers:?} {length}");
    }
    assert_eq!(ask("GET", "/api/who", &[], "a body that means nothing").status(), 200);
}
