//! Reading from other sites.
//!
//! A page of any origin may read what everyone may read: without a credential, and without a
//! preflight where browsers need none. Writes, and reads with a credential, stay with the same
//! origin: `Authorization` is not among the headers that are allowed.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Accept, Content-Type, If-None-Match, Stratus-Bookmark");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Cache-Status, ETag, Retry-After, Server-Timing, Stratus-Bookmark, X-Request-Id",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Whether other sites may have what is at an address. Signing in and the admin are not for them.
pub(crate) fn is_shared(uri: &Uri) -> bool {
    let path = uri.path();
    path == "/api" || path.starts_with("/api/") || path == "/openapi.json"
}

/// Whether the answer to a request may be read by a page of any origin.
pub(crate) fn is_open(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    is_read && is_shared(uri) && !headers.contains_key(header::AUTHORIZATION)
}

/// Lets a page of any origin read an answer.
pub(crate) fn open(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
}

/// Answers a preflight for a read. Any other `OPTIONS` is a request like any other.
pub(crate) fn preflight(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let is_read = wanted == Method::GET.as_str() || wanted == Method::HEAD.as_str();
    if *method != Method::OPTIONS || !is_read || !is_shared(uri) || !headers.contains_key(header::ORIGIN) {
        return None;
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    Some((StatusCode::NO_CONTENT, allowed).into_response())
}
