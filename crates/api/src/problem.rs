//! Refusals, as RFC 9457 `application/problem+json`.
//!
//! A handler answers with a [`Problem`]; it becomes bytes in [`render`], on the way out, where the
//! id of the request is known. The table of codes below is the only place where a code gets its
//! status.

mod code;
#[cfg(test)]
mod tests;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use code::Code;

/// Why a request was refused. Boxed, so that a `Result` with it stays small.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    detail: String,
    errors: Vec<Invalid>,
    extra: Map<String, Value>,
    headers: HeaderMap,
}

/// One of the things that are wrong, and where in the body it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Invalid {
    /// A JSON pointer into the body of the request, empty for the body itself; of what is not in
    /// the body, the name of the parameter.
    pub(crate) pointer: String,
    /// What kind of wrong, for programs.
    pub(crate) code: String,
    /// The same for people.
    pub(crate) message: String,
}

/// What a problem is on the wire, in this order.
#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    errors: &'a [Invalid],
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// The media type of a problem.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// How many seconds a client is told to wait when nothing better is known.
const RETRY_AFTER: u64 = 1;

impl Problem {
    /// A problem with a sentence about this very request.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        if code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let detail = detail.into();
        let problem = Self(Box::new(Inner { code, detail, errors: vec![], extra: Map::new(), headers }));
        if code.is_temporary() { problem.retry_after(RETRY_AFTER) } else { problem }
    }

    /// A failure of ours, about which the client learns nothing but the id to ask us with.
    pub(crate) fn internal() -> Self {
        Self::new(Code::Internal, "something went wrong on our side; the request id finds it in our log")
    }

    /// Adds one of the things that are wrong.
    #[must_use]
    pub(crate) fn at(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (pointer, code, message) = (pointer.into(), code.into(), message.into());
        self.0.errors.push(Invalid { pointer, code, message });
        self
    }

    /// Says that what is wrong stands below a place in the body.
    #[must_use]
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.0.errors.iter_mut().for_each(|it| it.pointer.insert_str(0, place));
        self
    }

    /// Names a place, if none is named yet.
    #[must_use]
    pub(crate) fn somewhere(self, place: &str) -> Self {
        if self.0.errors.is_empty() {
            let (code, message) = (self.0.code.name(), self.0.detail.clone());
            return self.at(place, code, message);
        }
        self
    }

    /// Adds a member of its own, such as the referrers that it speaks of.
    ///
    /// A name that every problem has is not overwritten.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        const TAKEN: [&str; 7] = ["type", "title", "status", "detail", "code", "requestId", "errors"];
        debug_assert!(!TAKEN.contains(&name), "every problem has a member `{name}`");
        if !TAKEN.contains(&name) {
            self.0.extra.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Says when to try again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.headers.insert(header::RETRY_AFTER, seconds.into());
        self
    }

    /// Its code.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What it says of this request.
    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Everything that is wrong.
    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[Invalid] {
        &self.0.errors
    }

    fn to_json(&self, request_id: &str) -> Result<Vec<u8>, serde_json::Error> {
        let Inner { code, detail, errors, extra, .. } = &*self.0;
        serde_json::to_vec(&Wire {
            r#type: format!("urn:stratus:problem:{}", code.name()),
            title: code.title(),
            status: code.status().as_u16(),
            detail,
            code: code.name(),
            request_id,
            errors,
            extra,
        })
    }
}

impl IntoResponse for Problem {
    /// An answer without a body, which [`render`] fills in.
    fn into_response(self) -> Response {
        let mut response = self.code().status().into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a refusal. What axum refused by itself becomes a problem as well.
///
/// Headers such as `Allow` stay. A refusal that a handler wrote in a format of its own, such as a
/// page of HTML, is left alone.
pub(crate) fn render(mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>().or_else(|| foreign(&response)) else {
        return response;
    };
    // A problem is texts and JSON values, which always serialise; an empty body is the worst case.
    let body = problem.to_json(request_id).unwrap_or_default();
    *response.status_mut() = problem.code().status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    *response.body_mut() = Body::from(body);
    response
}

/// The problem that stands for a refusal which is none: what the router and its extractors say.
fn foreign(response: &Response) -> Option<Problem> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_plain = kind.is_none_or(|it| it.starts_with(b"text/plain"));
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let problem = match Code::of_status(status) {
        Code::NotFound => Problem::new(Code::NotFound, "there is nothing at this address"),
        Code::MethodNotAllowed => {
            Problem::new(Code::MethodNotAllowed, "this address does not take this method")
        }
        Code::Internal => Problem::internal(),
        code => Problem::new(code, code.title()),
    };
    Some(problem)
}

/// A text of a client as we quote it back: never longer than a few words.
pub(crate) fn shorten(text: &str) -> String {
    const MAX_BYTES: usize = 100;
    if text.len() <= MAX_BYTES { text.to_owned() } else { cut(text, MAX_BYTES) }
}

/// The beginning of a text, with a mark that there was more.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    format!("{}…", &text[..text.floor_char_boundary(max_bytes)])
}
