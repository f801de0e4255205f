//! The headers that every answer has.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::Asked;
use crate::cors;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// What a handler may decide otherwise.
const DEFAULTS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Adds what is missing, and takes back what must not be.
pub(super) fn complete(answer: &mut Response, asked: &Asked) {
    let status = answer.status();
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if asked.has_credential {
        keep_private(headers);
    }
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // Required even where the router knows of none (RFC 9110 §15.5.6).
        headers.entry(header::ALLOW).or_insert(HeaderValue::from_static(""));
    } else {
        // The router also tells the methods of what the caller may not know of.
        headers.remove(header::ALLOW);
    }
    if asked.is_open {
        cors::open(headers);
    }
}

/// Nothing that was asked for with a credential is for a shared cache, whatever a handler says.
fn keep_private(headers: &mut HeaderMap) {
    headers.remove(CDN_CACHE_CONTROL);
    let mut said = headers.get_all(header::CACHE_CONTROL).iter();
    let is_shared = |it: &HeaderValue| {
        let text = String::from_utf8_lossy(it.as_bytes()).to_ascii_lowercase();
        text.contains("public") || text.contains("s-maxage")
    };
    if said.any(is_shared) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}
