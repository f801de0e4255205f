//! The door: what a program builds once and hands every request to.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use stratus_document::DocumentsService;
use stratus_storage::{Clock, Database, Entropy};

use crate::{
    auth::Authenticator,
    layers::{self, Edge},
    openapi::Descriptions,
    problem::{Code, Problem},
    routes,
    tenants::Tenants,
};

/// Whether a program has everything that its requests need: migrations, columns, first content.
pub trait Readiness: Send + Sync {
    /// Whether it has.
    fn is_ready(&self) -> bool;
}

/// Ready once it is set.
impl Readiness for AtomicBool {
    fn is_ready(&self) -> bool {
        self.load(Ordering::Acquire)
    }
}

/// What an [`Api`] is made of.
pub struct ApiParts {
    /// What documents are written and read through.
    pub service: DocumentsService,
    /// The database below it, which `/ready` asks for a sign of life.
    pub database: Arc<dyn Database>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the ids of requests come from.
    pub entropy: Arc<dyn Entropy>,
    /// Who the callers are.
    pub authenticator: Authenticator,
    /// Which tenant a host belongs to.
    pub tenants: Tenants,
    /// How many bytes a body may have, such as [`DEFAULT_BODY_LIMIT`](crate::DEFAULT_BODY_LIMIT).
    pub body_limit: usize,
    /// Whether the program is ready.
    pub readiness: Arc<dyn Readiness>,
}

impl fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiParts").finish_non_exhaustive()
    }
}

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) service: DocumentsService,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) body_limit: usize,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) descriptions: Descriptions,
}

/// The HTTP contract of Stratus. Clones are the same one.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    edge: Edge,
    router: Router,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Builds the routes.
    pub fn new(parts: ApiParts) -> Self {
        let ApiParts { service, database, clock, entropy, authenticator, tenants, body_limit, readiness } =
            parts;
        let descriptions = Descriptions::default();
        let shared = Shared { service, database, body_limit, readiness, descriptions };
        let router = routes::router(Arc::new(shared));
        Self(Arc::new(Inner { edge: Edge { clock, entropy, authenticator, tenants }, router }))
    }

    /// Answers a request, whatever it is.
    pub async fn serve(&self, request: http::Request<Body>) -> Response {
        layers::serve(&self.0.edge, &self.0.router, request).await
    }
}

/// What a program answers when the time that it gives a request is over: 503, with a request id of
/// its own. Deadlines need a timer, which is the program's.
pub fn timeout_response(clock: &dyn Clock, entropy: &dyn Entropy) -> Response {
    let problem = Problem::new(Code::Timeout, "the answer took longer than this server waits");
    layers::finish_unasked(problem.into_response(), clock, entropy)
}

/// What a program answers when it failed before it had an answer: 500, with a request id of its own.
/// For programs in which a panic ends more than the request.
pub fn failure_response(clock: &dyn Clock, entropy: &dyn Entropy) -> Response {
    layers::finish_unasked(Problem::internal().into_response(), clock, entropy)
}

/// What a program answers to what is no request: 400, with a request id of its own.
pub fn malformed_response(clock: &dyn Clock, entropy: &dyn Entropy) -> Response {
    let problem = Problem::new(Code::BadRequest, "the request is not what HTTP allows");
    layers::finish_unasked(problem.into_response(), clock, entropy)
}
