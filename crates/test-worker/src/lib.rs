//! The test app on workerd: what is proven of it there holds for the API on D1.
//!
//! # Invariants
//!
//! - Nothing of what is asked is changed on the way in, nor of what is answered on the way out.
//! - A panic goes to the console: it is a failure of the test.

mod http;

use std::sync::Arc;

use stratus_d1::D1Database;
use stratus_test_app::TestApp;
use worker::{Context, Env, Result, console_error, event, worker_sys::web_sys};

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

#[event(fetch, respond_with_errors)]
async fn fetch(request: web_sys::Request, env: Env, _: Context) -> Result<web_sys::Response> {
    let request = http::request(&request)?;
    let app = TestApp::new(Arc::new(D1Database::new(env.d1("DB")?)));
    http::response(app.serve(request).await).await
}
