//! The program: parts of an [`Api`] for one request.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use stratus_api::{AdminToken, Api, ApiParts, Authenticator, DEFAULT_BODY_LIMIT, Tenants};
use stratus_document::{CursorKey, DocumentsService, Registry};
use stratus_storage::Database;

use crate::{
    definitions,
    moment::{MOMENT, Moment},
    plans::{PLANS, tell},
    reset::{RESET, reset},
};

/// The admin token.
pub const ADMIN_TOKEN: &str = "the-admin-token-of-the-test-app-0123456789";

/// The host of the tenant `default`.
pub const HOST: &str = "stratus.test";

/// The host of the tenant `second`.
pub const SECOND_HOST: &str = "second.test";

/// The header that names other collections than the program's own: `cookbook` for those of the demo
/// and of the small corpora, `queries` for those that random queries are asked of, `corpora` for
/// [`with_corpora`](crate::with_corpora).
pub const COLLECTIONS: HeaderName = HeaderName::from_static("x-test-collections");

/// The API over a database, with a time and a randomness that each request brings along.
pub struct TestApp {
    database: Arc<dyn Database>,
    registry: Arc<Registry>,
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").finish_non_exhaustive()
    }
}

impl TestApp {
    /// The program over a database, which [`RESET`] makes fit for it.
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self::of(database, definitions::registry())
    }

    /// The same with other collections.
    pub fn of(database: Arc<dyn Database>, registry: Arc<Registry>) -> Self {
        Self { database, registry }
    }

    /// Answers a request.
    pub async fn serve(&self, mut request: Request<Body>) -> Response {
        let moment = match take_moment(&mut request) {
            Ok(moment) => moment,
            Err(why) => return own(StatusCode::BAD_REQUEST, why),
        };
        match request.headers_mut().remove(COLLECTIONS).as_ref().map(definitions::named) {
            None => self.answer(&moment, request).await,
            Some(Some(registry)) => {
                Self::of(Arc::clone(&self.database), registry).answer(&moment, request).await
            }
            Some(None) => own(StatusCode::BAD_REQUEST, format!("`{COLLECTIONS}` names none")),
        }
    }

    async fn answer(&self, moment: &Moment, request: Request<Body>) -> Response {
        match request.uri().path() {
            RESET | PLANS if request.method() != Method::POST => {
                own(StatusCode::METHOD_NOT_ALLOWED, "`POST` it".to_owned())
            }
            RESET => self.reset(moment).await,
            PLANS => self.plans(moment, request).await,
            _ => self.api(Arc::clone(&self.database), moment).serve(request).await,
        }
    }

    async fn plans(&self, moment: &Moment, request: Request<Body>) -> Response {
        match tell(&self.database, request.into_body(), &|watched| self.api(watched, moment)).await {
            Ok(told) => own(StatusCode::OK, told),
            Err(error) => own(StatusCode::BAD_REQUEST, format!("{error:?}")),
        }
    }

    async fn reset(&self, moment: &Moment) -> Response {
        match reset(&*self.database, &moment.clock(), &self.registry).await {
            Ok(()) => own(StatusCode::OK, "reset".to_owned()),
            Err(error) => own(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")),
        }
    }

    /// The API for one request, over the database or over one that watches it.
    fn api(&self, database: Arc<dyn Database>, moment: &Moment) -> Api {
        let (clock, entropy) = (Arc::new(moment.clock()), Arc::new(moment.entropy()));
        let service = DocumentsService::new(
            Arc::clone(&database),
            Arc::clone(&self.registry),
            Arc::clone(&clock) as _,
            Arc::clone(&entropy) as _,
            CursorKey::new([7; 32]),
        );
        Api::new(ApiParts {
            service,
            database,
            clock,
            entropy,
            authenticator: authenticator(),
            tenants: tenants(),
            body_limit: DEFAULT_BODY_LIMIT,
            readiness: Arc::new(AtomicBool::new(true)),
        })
    }
}

fn authenticator() -> Authenticator {
    let token = AdminToken::new(ADMIN_TOKEN).unwrap_or_else(|error| panic!("{error}"));
    Authenticator::with_admin(&token)
}

fn tenants() -> Tenants {
    let hosts = format!(r#"{{"{HOST}": "default", "{SECOND_HOST}": "second"}}"#);
    Tenants::by_host(&hosts).unwrap_or_else(|error| panic!("{error}"))
}

fn take_moment(request: &mut Request<Body>) -> Result<Moment, String> {
    let found = request.headers_mut().remove(MOMENT);
    let found = found.as_ref().map(HeaderValue::to_str).ok_or_else(|| format!("`{MOMENT}` is missing"))?;
    found.unwrap_or_default().parse().map_err(|error| format!("{error}"))
}

/// An answer that is none of the API's.
fn own(status: StatusCode, text: String) -> Response {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}
