//! What there is at which address.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    api::Shared,
    call::Call,
    handlers::{collections, history, lifecycle, list, permissions, probes, single, write},
    problem::{Code, Problem},
};

/// Every route.
///
/// A collection's routes say 404 before 405: what the caller may not read is not there, whatever
/// the method.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    use lifecycle::Step;
    Router::new()
        .route("/health", get(probes::health))
        .route("/ready", get(probes::ready))
        .route("/batch", post(async || not_yet()))
        .route("/api", get(collections::all))
        .route("/api/{collection}", get(list::list).post(write::create).fallback(refuse_method))
        .route("/api/{collection}/query", post(list::query).fallback(refuse_method))
        .route("/api/{collection}/slug/{slug}", get(single::by_slug).fallback(refuse_method))
        .route(
            "/api/{collection}/{id}",
            get(single::by_id)
                .patch(write::patch)
                .put(write::replace)
                .delete(lifecycle::trash)
                .fallback(refuse_method),
        )
        .route("/api/{collection}/{id}/publish", step(Step::Publish))
        .route("/api/{collection}/{id}/unpublish", step(Step::Unpublish))
        .route("/api/{collection}/{id}/recover", step(Step::Recover))
        .route("/api/{collection}/{id}/duplicate", post(write::duplicate).fallback(refuse_method))
        .route("/api/{collection}/{id}/erase", post(lifecycle::erase).fallback(refuse_method))
        .route("/api/{collection}/{id}/restore", post(write::restore).fallback(refuse_method))
        .route("/api/{collection}/{id}/versions", get(history::versions).fallback(refuse_method))
        .route("/api/{collection}/{id}/versions/{version}", get(history::version).fallback(refuse_method))
        .route("/api/{collection}/{id}/translations", get(history::translations).fallback(refuse_method))
        .route("/api/{collection}/{id}/referrers", get(history::referrers).fallback(refuse_method))
        .route(
            "/api/{collection}/{id}/permissions",
            get(permissions::read).put(permissions::replace).fallback(refuse_method),
        )
        .with_state(shared)
}

fn step(step: lifecycle::Step) -> axum::routing::MethodRouter<Arc<Shared>> {
    post(move |call, body| lifecycle::step(call, body, step)).fallback(refuse_method)
}

async fn refuse_method(call: Call) -> Problem {
    match call.collection().await {
        Ok(_) => Problem::new(Code::MethodNotAllowed, "this address does not take this method"),
        Err(problem) => problem,
    }
}

/// What clients of later versions may ask for. It is a mistake of theirs here, not a failure of ours.
fn not_yet() -> Problem {
    Problem::new(Code::BadRequest, "this call is not available yet")
}
