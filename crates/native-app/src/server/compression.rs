//! Answers in gzip (RFC 9110 §8.4), for clients that take it and where it pays.
//!
//! It is for what stands between this program and the client, so it is not the API's: on Cloudflare
//! the edge does it.

use std::io::Write as _;

use axum::{
    body::{Body, Bytes, HttpBody as _, to_bytes},
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// What fits into one segment of TCP arrives no sooner for being shorter.
const WORTH: u64 = 1_400;

/// More than this is compressed on a thread that nobody else waits for.
const LONG: usize = 128 * 1024;

const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// What of a request decides whether its answer is compressed.
pub(super) struct Wish {
    takes_gzip: bool,
    is_head: bool,
}

impl Wish {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self { takes_gzip: takes_gzip(headers), is_head: *method == Method::HEAD }
    }

    /// The answer, compressed or as it is. A tag of bytes that differ by their coding is weak.
    pub(super) async fn grant(self, mut answer: Response) -> Response {
        let is_unchanged = answer.status() == StatusCode::NOT_MODIFIED;
        if !is_unchanged && !is_json(answer.headers()) {
            return answer;
        }
        // Also where it is not compressed: a cache must not hand this answer to everyone. How long the
        // answer would be that is unchanged is not known, so this is said of short ones, too.
        answer.headers_mut().append(header::VARY, ACCEPT_ENCODING);
        if is_unchanged || !self.takes_gzip || length(&answer) < WORTH {
            return answer;
        }
        let (mut head, body) = answer.into_parts();
        if self.is_head {
            say_compressed(&mut head.headers);
            return Response::from_parts(head, body);
        }
        let plain = match to_bytes(body, usize::MAX).await {
            Ok(plain) => plain,
            // It is in memory already, so this does not happen; the connection breaks off if it does.
            Err(error) => return Response::from_parts(head, Body::from_stream(broken(error))),
        };
        let Some(short) = compressed(plain.clone()).await else {
            return Response::from_parts(head, Body::from(plain));
        };
        say_compressed(&mut head.headers);
        Response::from_parts(head, Body::from(short))
    }
}

/// Of the bytes of an answer, or of those that the answer to a GET would have.
fn length(answer: &Response) -> u64 {
    let said = answer.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    said.or_else(|| answer.body().size_hint().exact()).unwrap_or_default()
}

/// How long it is now is not known yet; its tag is that of other bytes.
fn say_compressed(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_ENCODING, GZIP);
    headers.remove(header::CONTENT_LENGTH);
    if let Some(tag) = headers.get(header::ETAG).and_then(weak) {
        headers.insert(header::ETAG, tag);
    }
}

fn broken(error: axum::Error) -> impl futures_util::Stream<Item = Result<Bytes, axum::Error>> {
    futures_util::stream::once(std::future::ready(Err(error)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    kind == "application/json" || kind == "application/problem+json"
}

/// Whether `Accept-Encoding` lists gzip, or everything, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    let mut anything = false;
    for coding in codings.flat_map(|it| it.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|it| it.parse::<f32>().ok());
        let is_wanted = weight.is_some_and(|it| it > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return is_wanted,
            "*" => anything = is_wanted,
            _ => {}
        }
    }
    anything
}

/// The bytes in gzip, unless that makes them no shorter.
async fn compressed(plain: Bytes) -> Option<Vec<u8>> {
    let length = plain.len();
    let short = if length > LONG {
        tokio::task::spawn_blocking(move || gzip(&plain)).await.ok()?
    } else {
        gzip(&plain)
    };
    short.ok().filter(|it| it.len() < length)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// The tag with `W/` in front, which clients send back and we read like the tag itself.
fn weak(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok().filter(|it| !it.starts_with("W/"))?;
    HeaderValue::try_from(format!("W/{tag}")).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn wish(accept: &str) -> Wish {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
        Wish::of(&Method::GET, &headers)
    }

    fn answer(status: u16, kind: &str, body: &str) -> Response {
        let answer =
            Response::builder().status(status).header("content-type", kind).header("etag", "\"r1-a\"");
        answer.body(Body::from(body.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn what_is_long_is_shorter_for_who_takes_it() {
        for size in [1_400, 200_000] {
            let body = format!("\"{}\"", "words ".repeat(size / 6 + 1));
            let sent = wish("br, gzip;q=0.5").grant(answer(200, "application/json", &body)).await;
            assert_eq!(sent.headers()["content-encoding"], "gzip");
            assert_eq!(sent.headers()["etag"], "W/\"r1-a\"");
            assert_eq!(sent.headers()["vary"], "accept-encoding");
            let bytes = to_bytes(sent.into_body(), usize::MAX).await.unwrap();
            assert!(bytes.len() < body.len() / 4);
            let mut text = String::new();
            GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            assert_eq!(text, body);
        }
    }

    #[tokio::test]
    async fn everything_else_stays_as_it_is() {
        let long = "words ".repeat(1_000);
        for (wish, kind, body, varies) in [
            (wish("gzip"), "application/json", "{}", true),
            (wish("gzip"), "image/png", long.as_str(), false),
            (wish("br"), "application/json", long.as_str(), true),
            (wish("gzip;q=0, *"), "application/json", long.as_str(), true),
            (wish(""), "application/problem+json", long.as_str(), true),
            (Wish::of(&Method::HEAD, &HeaderMap::new()), "application/json", long.as_str(), true),
        ] {
            let sent = wish.grant(answer(200, kind, body)).await;
            assert_eq!(sent.headers().contains_key("vary"), varies, "{kind}");
            assert!(!sent.headers().contains_key("content-encoding"));
            assert_eq!(sent.headers()["etag"], "\"r1-a\"");
            assert_eq!(to_bytes(sent.into_body(), usize::MAX).await.unwrap(), body);
        }
        let unchanged = wish("gzip").grant(answer(304, "application/json", "")).await;
        assert_eq!(unchanged.headers()["vary"], "accept-encoding");
    }

    #[tokio::test]
    async fn a_head_has_the_headers_of_the_body_that_it_has_not() {
        let mut head = wish("gzip");
        head.is_head = true;
        let mut bare = answer(200, "application/json", "");
        bare.headers_mut().insert("content-length", HeaderValue::from(70_000));
        let sent = head.grant(bare).await;
        assert_eq!(sent.headers()["content-encoding"], "gzip");
        assert_eq!(sent.headers()["etag"], "W/\"r1-a\"");
        assert_eq!(sent.headers()["vary"], "accept-encoding");
        assert!(!sent.headers().contains_key("content-length"));
    }

    #[test]
    fn gzip_is_taken_where_it_is_listed() {
        for (accept, taken) in [
            ("gzip", true),
            ("GZIP;q=0.1", true),
            ("deflate, gzip;q=1.0", true),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0", false),
            ("gzip;q=none", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(wish(accept).takes_gzip, taken, "{accept}");
        }
    }
}
