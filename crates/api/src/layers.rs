//! The one way in and out: every request passes here before it is routed, every answer after.
//!
//! On the way in: a request id, the length of the URL, the tenant, the caller. On the way out:
//! problems become bytes, headers that every answer has, what is left of the body, one line in the
//! log. It stands around the router, not on its routes, so that it also covers what the router
//! refuses.

mod headers;
#[cfg(test)]
mod tests;

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{Method, StatusCode, Uri, header};
use stratus_access::Caller;
use stratus_storage::{Clock, Entropy, mint_uuid_v7};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{
    auth::Authenticator,
    body::Leftover,
    cors,
    problem::{self, Code, Problem},
    tenants::Tenants,
};

/// The longest path and query.
const MAX_URL_BYTES: usize = 16 * 1024;

/// Answers that concern no tenant: whoever probes the program rarely knows its hosts.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// What it takes to admit a request.
pub(crate) struct Edge {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) authenticator: Authenticator,
    pub(crate) tenants: Tenants,
}

/// What is still needed of a request when it has been answered.
struct Asked {
    /// A header of the answer, and a member of its problem. It is always ours: one that a client
    /// or a proxy sends along could be anything.
    id: String,
    method: Method,
    uri: Uri,
    /// Whether a page of any origin may read the answer.
    is_open: bool,
    has_credential: bool,
}

/// Answers a request.
///
/// A handler finds a [`Caller`] and, except where the address concerns none, a
/// [`TenantId`](stratus_access::TenantId) in the extensions of its request.
pub(crate) async fn serve(edge: &Edge, router: &Router, request: Request) -> Response {
    let started = edge.clock.now();
    let asked = Asked::by(&request, mint_uuid_v7(&*edge.clock, &*edge.entropy));
    let (mut request, leftover) = Leftover::of(request);
    let answer = match edge.admit(&mut request) {
        // Whatever is logged on the way is found by the id.
        Ok(None) => {
            let span = tracing::error_span!("request", id = asked.id);
            route(router, request, &asked).instrument(span).await
        }
        Ok(Some(answer)) => answer,
        Err(problem) => problem.into_response(),
    };
    let mut answer = finish(answer, &asked);
    if let Some(leftover) = leftover
        && !leftover.discard(&*edge.clock).await
    {
        answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    let (path, status) = (asked.uri.path(), answer.status().as_u16());
    let millis = edge.clock.now().saturating_sub(started).max(0);
    tracing::info!(method = %asked.method, path, status, request_id = asked.id, millis, "request");
    answer
}

impl Asked {
    fn by(request: &Request, id: String) -> Self {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        Self {
            id,
            method: method.clone(),
            uri: uri.clone(),
            is_open: cors::is_open(method, uri, headers),
            has_credential: headers.contains_key(header::AUTHORIZATION),
        }
    }
}

impl Edge {
    /// Finds out what every handler must know, or answers in its place.
    fn admit(&self, request: &mut Request) -> Result<Option<Response>, Problem> {
        let (uri, headers) = (request.uri(), request.headers());
        let length = uri.path_and_query().map_or(0, |it| it.as_str().len());
        if length > MAX_URL_BYTES {
            let detail = format!("the address has {length} bytes, at most {MAX_URL_BYTES} are taken");
            return Err(Problem::new(Code::UriTooLong, detail));
        }
        let tenant =
            if PROBES.contains(&uri.path()) { None } else { Some(self.tenants.resolve(uri, headers)?) };
        let caller: Caller = self.authenticator.authenticate(headers)?;
        if let Some(answer) = cors::preflight(request.method(), uri, headers) {
            return Ok(Some(answer));
        }
        request.extensions_mut().insert(caller);
        if let Some(tenant) = tenant {
            request.extensions_mut().insert(tenant);
        }
        Ok(None)
    }
}

/// Lets the router answer. A handler that panics is a failure like any other, where panics unwind;
/// on wasm they end the isolate.
async fn route(router: &Router, request: Request, asked: &Asked) -> Response {
    let answered = AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind().await;
    match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(never)) => match never {},
        Err(panic) => {
            tracing::error!(path = asked.uri.path(), panic = message(&*panic), "a handler panicked");
            Problem::internal().into_response()
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Makes of a refusal what leaves, when nothing is known of the request any more.
pub(crate) fn finish_unasked(answer: Response, clock: &dyn Clock, entropy: &dyn Entropy) -> Response {
    let id = mint_uuid_v7(clock, entropy);
    let asked = Asked { id, method: Method::GET, uri: Uri::default(), is_open: false, has_credential: false };
    finish(answer, &asked)
}

/// Makes of a handler's answer what leaves.
fn finish(answer: Response, asked: &Asked) -> Response {
    let mut answer = problem::render(answer, &asked.id);
    let status = answer.status();
    headers::complete(&mut answer, asked);
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        // The router counts the empty body, but the length of a 304 is that of what it stands for.
        answer.headers_mut().remove(header::CONTENT_LENGTH);
    } else if asked.method == Method::HEAD {
        // The length stays: it tells what GET would send.
        *answer.body_mut() = Body::empty();
    }
    answer
}
