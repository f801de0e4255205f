//! Requests and responses of a Worker, as the `http` crate has them.
//!
//! The conversions of the crate `worker` lose what a router must see: a header that is not ASCII
//! fails the request there, a body has no length, and an answer is streamed in chunks. These don't.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use worker::{Headers, ResponseBuilder, web_sys};

/// The longest address that the `http` crate takes. A longer one is cut: it is too long for every
/// router behind it.
const MAX_URL_BYTES: usize = 65_534;

/// A request that can't be one: its method, its address or a header is not what HTTP allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRequest;

/// The body of a request: read as it arrives, as long as `Content-Length` says.
#[derive(Debug)]
pub struct Incoming {
    stream: worker::Body,
    /// How many bytes are still to come, where that is known.
    left: Option<u64>,
}

/// What the runtime hands over, as a router takes it.
///
/// # Errors
///
/// [`MalformedRequest`]: the answer is 400.
pub fn request_of_worker(request: &web_sys::Request) -> Result<http::Request<Incoming>, MalformedRequest> {
    let mut taken = http::Request::new(Incoming { stream: worker::Body::empty(), left: Some(0) });
    *taken.method_mut() = Method::from_bytes(request.method().as_bytes()).map_err(|_| MalformedRequest)?;
    *taken.uri_mut() = uri(request.url())?;
    *taken.headers_mut() = headers(&Headers(request.headers()))?;
    if let Some(stream) = request.body() {
        let length = taken.headers().get(header::CONTENT_LENGTH);
        let left = length.and_then(|it| it.to_str().ok()?.parse().ok());
        *taken.body_mut() = Incoming { stream: worker::Body::new(stream), left };
    }
    Ok(taken)
}

/// An answer as the runtime takes it, with its body whole.
///
/// # Errors
///
/// When the body breaks off, or the runtime refuses the answer.
pub async fn response_for_worker<B>(response: http::Response<B>) -> worker::Result<web_sys::Response>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let answer = ResponseBuilder::new().with_status(parts.status.as_u16()).with_headers(headers);
    // JavaScript refuses even an empty body where there can't be one.
    let has_none = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(if has_none || body.is_empty() { answer.empty() } else { answer.fixed(body.into()) }.into())
}

fn uri(url: String) -> Result<Uri, MalformedRequest> {
    let end = url.find('#').unwrap_or(url.len()).min(MAX_URL_BYTES);
    let end = url.floor_char_boundary(end);
    Uri::try_from(&url[..end]).map_err(|_| MalformedRequest)
}

fn headers(from: &Headers) -> Result<HeaderMap, MalformedRequest> {
    let mut headers = HeaderMap::new();
    for (name, value) in from.entries() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| MalformedRequest)?;
        // The runtime takes a value for UTF-8, whatever it is.
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| MalformedRequest)?;
        headers.append(name, value);
    }
    Ok(headers)
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = worker::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, worker::Error>>> {
        let frame = ready!(Pin::new(&mut self.stream).poll_frame(cx));
        let length = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref()).map(Bytes::len);
        if let (Some(left), Some(length)) = (&mut self.left, length) {
            *left = left.saturating_sub(length as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0) || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_host_and_loses_its_fragment() {
        let check = |url: &str| uri(url.to_owned()).map(|it| it.to_string());
        assert_eq!(check("https://a.example/b?c=d#e"), Ok("https://a.example/b?c=d".to_owned()));
        assert_eq!(check("http://a b/"), Err(MalformedRequest));
        let long = format!("http://a/{}", "x".repeat(100_000));
        assert_eq!(check(&long).unwrap().len(), MAX_URL_BYTES);
    }
}
