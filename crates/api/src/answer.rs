//! Answers that are no refusals: a body, its tag, and who may keep it.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use stratus_access::Caller;
use stratus_document::{Document, Populated, State};
use stratus_storage::Bookmark;

use crate::{
    bookmark,
    call::Call,
    conditional::{self, BodyTag, EntityTag, IfNoneMatch, set_tag},
    problem::Problem,
    wire::{self, Pages, Projection},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PUBLIC: HeaderValue = HeaderValue::from_static("public, no-cache");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// How many headers an answer has in the end, or a few more: they are given their room at once.
const HEADERS: usize = 12;

/// Who may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// It is the same for everyone: any cache, which asks again each time.
    Everyone,
    /// The one who asked, and no cache.
    Caller,
}

impl Audience {
    /// Whom an answer about documents in a state is for.
    pub(crate) fn of(caller: &Caller, state: State) -> Self {
        match state {
            State::Published if caller.is_anonymous() => Self::Everyone,
            _ => Self::Caller,
        }
    }

    /// What tells caches so.
    pub(crate) fn cache_control(self) -> HeaderValue {
        match self {
            Self::Everyone => PUBLIC,
            Self::Caller => PRIVATE,
        }
    }
}

/// Answers a read with one document.
pub(crate) fn document(
    call: &Call,
    document: &Document,
    projection: Option<&Projection>,
    audience: Audience,
    known: &IfNoneMatch,
) -> Result<Response, Problem> {
    let tag = tag_of(call, document, projection);
    if known.has(&tag) {
        return Ok(unchanged(&tag, audience));
    }
    let body = wire::one(document, projection)?;
    Ok(tagged(json(StatusCode::OK, body), &tag, audience))
}

/// Answers a read with a page of documents. Its tag is made of theirs and of where the page goes
/// on, which takes a tenth of the time that a hash of the body would.
pub(crate) fn page(
    call: &Call,
    documents: &[Document],
    pages: &Pages,
    projection: Option<&Projection>,
    audience: Audience,
    known: &IfNoneMatch,
) -> Result<Response, Problem> {
    let mut identity = Vec::with_capacity(documents.len() * 200 + 500);
    identity.extend(call.repository().registry().fingerprint().as_bytes());
    identity.extend(projection.map(Projection::view).unwrap_or_default().as_bytes());
    documents.iter().for_each(|it| it.push_identity(&mut identity));
    for cursor in [&pages.next, &pages.prev] {
        identity.push(b'\n');
        identity.extend(cursor.as_deref().unwrap_or_default().as_bytes());
    }
    if let Some(count) = pages.count {
        identity.push(b'\n');
        identity.extend(count.to_le_bytes());
    }
    let tag = BodyTag::new(&identity);
    if known.has(&tag) {
        return Ok(unchanged(&tag, audience));
    }
    let body =
        wire::list(documents, pages, |body, document| wire::push_document(body, document, projection))?;
    Ok(tagged(json(StatusCode::OK, body), &tag, audience))
}

/// Answers a read with one document and what it refers to. The number of its tag is the revision of
/// the document, the rest is a hash of the body: what it refers to changes without it.
pub(crate) fn populated(
    call: &Call,
    populated: &Populated,
    audience: Audience,
    known: &IfNoneMatch,
) -> Result<Response, Problem> {
    let body = wire::one_populated(populated).map_err(|it| call.refuse(it))?;
    let revision = populated.roots().next().map_or(0, |it| it.document().revision);
    let tag = EntityTag::of_body(revision, body.as_bytes());
    match known.has(&tag) {
        true => Ok(unchanged(&tag, audience)),
        false => Ok(tagged(json(StatusCode::OK, body), &tag, audience)),
    }
}

/// Answers a read with a page of documents and what they refer to.
pub(crate) fn populated_page(
    call: &Call,
    populated: &Populated,
    pages: &Pages,
    audience: Audience,
    known: &IfNoneMatch,
) -> Result<Response, Problem> {
    let text = wire::list_populated(populated, pages).map_err(|it| call.refuse(it))?;
    Ok(body(text, audience, known))
}

/// Answers a read with a body whose tag it is itself.
pub(crate) fn body(body: String, audience: Audience, known: &IfNoneMatch) -> Response {
    let tag = BodyTag::new(body.as_bytes());
    match known.has(&tag) {
        true => unchanged(&tag, audience),
        false => tagged(json(StatusCode::OK, body), &tag, audience),
    }
}

/// Answers a read with a body that is kept, and so is its tag.
pub(crate) fn kept(body: &Bytes, tag: &BodyTag, audience: Audience, known: &IfNoneMatch) -> Response {
    match known.has(tag) {
        true => unchanged(tag, audience),
        false => tagged(json(StatusCode::OK, body.clone()), tag, audience),
    }
}

/// Answers a read with the permissions of a document.
pub(crate) fn permissions(body: String, revision: i64, known: &IfNoneMatch) -> Response {
    let tag = EntityTag::of_body(revision, body.as_bytes());
    match known.has(&tag) {
        true => unchanged(&tag, Audience::Caller),
        false => tagged(json(StatusCode::OK, body), &tag, Audience::Caller),
    }
}

/// Answers a write with the permissions that it left.
pub(crate) fn permissions_written(body: String, revision: i64, bookmark: Option<&Bookmark>) -> Response {
    let tag = EntityTag::of_body(revision, body.as_bytes());
    let mut answer = tagged(json(StatusCode::OK, body), &tag, Audience::Caller);
    if let Some(bookmark) = bookmark {
        bookmark::set(answer.headers_mut(), bookmark);
    }
    answer
}

/// The tag of a document as it is shown.
pub(crate) fn tag_of(call: &Call, document: &Document, projection: Option<&Projection>) -> EntityTag {
    let view = projection.map(Projection::view).unwrap_or_default();
    let hash = document.tag_hash(call.repository().registry().fingerprint(), &view);
    EntityTag::new(document.revision, &hash)
}

/// A JSON text.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, JSON);
    answer
}

fn unchanged(tag: &impl AsRef<str>, audience: Audience) -> Response {
    conditional::not_modified(tagged(StatusCode::OK.into_response(), tag, audience))
}

fn tagged(mut answer: Response, tag: &impl AsRef<str>, audience: Audience) -> Response {
    set_tag(answer.headers_mut(), tag);
    answer.headers_mut().insert(header::CACHE_CONTROL, audience.cache_control());
    answer
}
