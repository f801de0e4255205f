//! Requests and answers between JavaScript and Rust.
//!
//! `worker`'s own conversion refuses header values that are not ASCII, which are for the API to
//! refuse, and streams every answer, which loses its length.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use worker::{Error, Result, js_sys::Array, worker_sys::web_sys};

/// The request as it came.
pub(crate) fn request(request: &web_sys::Request) -> Result<Request<Body>> {
    let body = request.body().map_or_else(Body::empty, |it| Body::new(worker::Body::new(it)));
    let mut made = Request::builder().method(request.method().as_str()).uri(request.url()).body(body)?;
    for entry in request.headers().entries().into_iter() {
        let entry: Array = entry?.into();
        let text = |at| entry.get(at).as_string().unwrap_or_default();
        let (name, value) = (text(0), text(1));
        made.headers_mut().append(HeaderName::try_from(name)?, HeaderValue::from_bytes(value.as_bytes())?);
    }
    Ok(made)
}

/// The answer in one piece: all that the API answers is short.
pub(crate) async fn response(answer: Response<Body>) -> Result<web_sys::Response> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| Error::RustError(error.to_string()))?.to_bytes();
    let headers = web_sys::Headers::new()?;
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers(&headers);
    if body.is_empty() && parts.headers.get(CONTENT_LENGTH).is_none_or(|it| it == "0") {
        return Ok(web_sys::Response::new_with_opt_str_and_init(None, &init)?);
    }
    Ok(web_sys::Response::new_with_opt_u8_array_and_init(Some(&mut body.to_vec()), &init)?)
}
