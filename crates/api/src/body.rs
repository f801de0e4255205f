//! The body of a request: JSON, not encoded, and not too long.
//!
//! A body that is refused is simply dropped here; [`Leftover`] reads on, so that the client gets
//! to see why.

mod leftover;
#[cfg(test)]
mod tests;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    json,
    problem::{Code, Problem},
};

pub(crate) use leftover::Leftover;

/// How many bytes a body may have, unless the configuration says otherwise.
pub const DEFAULT_LIMIT: usize = 1024 * 1024;

/// Reads a body that must be one JSON value.
///
/// # Errors
///
/// 415 for another media type or an encoded body, 413 for more than `limit` bytes, 400 for what is
/// not strict JSON or did not arrive.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limit: usize) -> Result<Value, Problem> {
    refuse_encoding(headers)?;
    require_json(headers)?;
    Ok(json::parse(&read(body, limit).await?)?)
}

/// Reads a body that may be missing; one that is there must be one JSON value.
///
/// # Errors
///
/// Those of [`read_json`]. A missing body needs no `Content-Type`.
pub(crate) async fn read_optional_json(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Option<Value>, Problem> {
    refuse_encoding(headers)?;
    // A body of unknown length may turn out to be empty, so it is read before its type is judged.
    let bytes = read(body, limit).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    require_json(headers)?;
    Ok(Some(json::parse(&bytes)?))
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("the body is longer than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Problem::new(Code::BadRequest, "the body broke off before its end")
        })?;
        // Trailers are of no interest.
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > limit {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

fn refuse_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    Err(Problem::new(Code::ContentEncoding, "`Content-Encoding` is not taken; send the body as it is"))
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let only = kinds.next().filter(|_| kinds.next().is_none());
    if only.and_then(|it| it.to_str().ok()).is_some_and(is_json) {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "the body needs `Content-Type: application/json`")
        .with("accepts", vec!["application/json"]))
}

/// Whether a media type is JSON in UTF-8, by name or by suffix (RFC 6839). Other parameters say
/// nothing about it.
fn is_json(kind: &str) -> bool {
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let is_token = |it: &str| {
        !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    (subtype == "json" || subtype.strip_suffix("+json").is_some_and(is_token))
        && parts.filter(|it| !it.is_empty()).all(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        })
}

/// Whether a request waits for `100 Continue` before it sends its body.
fn waits_for_continue(headers: &HeaderMap) -> bool {
    let expect = headers.get(header::EXPECT).map(HeaderValue::as_bytes);
    expect.is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"))
}
