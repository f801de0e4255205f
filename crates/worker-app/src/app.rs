//! What an isolate builds on its first request and keeps: values, nothing that belongs to a request.

use std::{cell::OnceCell, rc::Rc, sync::Arc};

use axum::{body::Body, response::Response};
use stratus_api::{Api, ApiParts, DEFAULT_BODY_LIMIT, timeout_response};
use stratus_d1::{WorkerClock, WorkerEntropy};
use stratus_document::{CursorKey, DocumentsService, Registry};
use stratus_storage::{Clock, Database, Entropy};
use worker::Env;

use crate::{
    chores, collections,
    config::{self, Misconfigured},
    gate::GatedDatabase,
    log,
    patience::{in_time, patient},
    schema::Schema,
};

thread_local! {
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The API over the bindings of this Worker.
pub(crate) struct App {
    api: Api,
    ports: Ports,
    /// The database as requests have it.
    database: Arc<dyn Database>,
}

/// What everything works with.
pub(crate) struct Ports {
    pub(crate) d1: Arc<dyn Database>,
    /// The same for migrations, which take longer than a request waits.
    pub(crate) patient: Arc<dyn Database>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) schema: Arc<Schema>,
}

/// The one of this isolate. Bindings are the same for every request of it, and belong to none.
pub(crate) fn of_isolate(env: &Env) -> Result<Rc<App>, Misconfigured> {
    APP.with(|app| match app.get() {
        Some(app) => Ok(Rc::clone(app)),
        None => {
            let built = Rc::new(App::build(env)?);
            Ok(Rc::clone(app.get_or_init(|| built)))
        }
    })
}

impl Ports {
    fn new(env: &Env, key: CursorKey) -> Result<Self, Misconfigured> {
        let registry = Arc::new(collections::registry().map_err(Misconfigured::new)?);
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
            (Arc::new(WorkerClock), Arc::new(WorkerEntropy));
        let d1: Arc<dyn Database> = Arc::new(config::database(env)?);
        let patient = Arc::new(config::patient_database(env)?);
        let schema = Schema::new(
            Arc::clone(&d1),
            Arc::clone(&registry),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            key,
        );
        Ok(Self { d1, patient, clock, entropy, registry, schema: Arc::new(schema) })
    }
}

impl App {
    fn build(env: &Env) -> Result<Self, Misconfigured> {
        log::start(config::level(env)?);
        // It comes with the first answer of the database.
        let key = CursorKey::awaited();
        let ports = Ports::new(env, key.clone())?;
        let Ports { d1, clock, entropy, registry, schema, .. } = &ports;
        let database: Arc<dyn Database> = Arc::new(GatedDatabase::new(Arc::clone(d1), Arc::clone(schema)));
        let service = DocumentsService::new(
            Arc::clone(&database),
            Arc::clone(registry),
            Arc::clone(clock),
            Arc::clone(entropy),
            key,
        );
        let api = Api::new(ApiParts {
            service,
            database: Arc::clone(&database),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            authenticator: config::authenticator(env)?,
            tenants: config::tenants(env)?,
            body_limit: DEFAULT_BODY_LIMIT,
            readiness: Arc::clone(schema) as _,
        });
        Ok(Self { api, ports, database })
    }

    /// Answers a request, in its time.
    pub(crate) async fn serve(&self, request: http::Request<Body>) -> Response {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        if let Some(answer) = in_time(self.answer(request.map(patient))).await {
            return answer;
        }
        let answer = timeout_response(&*self.ports.clock, &*self.ports.entropy);
        let request_id = answer.headers().get("x-request-id").and_then(|it| it.to_str().ok());
        tracing::warn!(%method, path = uri.path(), request_id, "a request took too long");
        answer
    }

    async fn answer(&self, request: http::Request<Body>) -> Response {
        #[cfg(feature = "trials")]
        if let Some(answer) = crate::trials::run(request.uri()).await {
            return answer;
        }
        let schema = &self.ports.schema;
        if !schema.is_fit() && must_know_first(request.uri()) {
            // What it finds out is kept there. Without a key a cursor is answered 503.
            if let Err(error) = schema.look().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a look failed");
            }
        }
        self.api.serve(request).await
    }

    /// Does what is due from time to time, or says why it could not.
    pub(crate) async fn tick(&self) -> Result<(), String> {
        chores::record_windows(&self.ports, &*self.database).await
    }

    /// Brings the database up to date, and says what that took.
    pub(crate) async fn migrate(&self) -> Result<String, String> {
        chores::migrate(&self.ports).await
    }
}

/// Whether the answer depends on what is known of the schema before there is a query: `/ready`
/// tells it, and a cursor is read with the key that is kept in the database.
fn must_know_first(uri: &http::Uri) -> bool {
    let names_cursor = |query: &str| {
        let mut names = query.split('&').map(|it| decode(it.split('=').next().unwrap_or_default()));
        names.any(|it| it == b"after" || it == b"before")
    };
    uri.path() == "/ready" || uri.query().is_some_and(names_cursor)
}

/// What a percent-encoded name says.
fn decode(name: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), name.as_bytes());
    while let [first, tail @ ..] = rest {
        let encoded = tail.get(..2).filter(|_| *first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        let decoded = encoded.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_and_readiness_want_to_know_first() {
        let check = |uri: &str| must_know_first(&uri.parse().unwrap());
        assert!(check("https://a.example/ready"));
        assert!(check("/api/posts?limit=2&after=x"));
        assert!(check("/api/posts?before=x"));
        assert!(check("/api/posts?limit=2&%61fter=x"));
        assert!(check("/api/posts?%62e%66ore=x"));
        assert!(!check("/api/posts?%"));
        assert!(!check("/api/posts?limit=2"));
        assert!(!check("/api/posts/slug/after"));
    }
}
