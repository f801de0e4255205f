//! The test app on workerd: what is proven of it there holds for the API on D1.
//!
//! # Invariants
//!
//! - Requests and answers pass the conversions that the Worker has, so these are proven along.
//! - A panic goes to the console: it is a failure of the test.

use std::sync::Arc;

use axum::body::Body;
use stratus_d1::{D1Database, request_of_worker, response_for_worker};
use stratus_test_app::TestApp;
use worker::{Context, Env, Result, console_error, event, worker_sys::web_sys};

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

#[event(fetch, respond_with_errors)]
async fn fetch(request: web_sys::Request, env: Env, _: Context) -> Result<web_sys::Response> {
    let request = request_of_worker(&request).map_err(|_| "a request that is none")?;
    let app = TestApp::new(Arc::new(D1Database::new(env.d1("DB")?)));
    response_for_worker(app.serve(request.map(Body::new)).await).await
}
