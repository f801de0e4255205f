//! What the program around the instance, `index.js`, calls.

use axum::body::Body;
use stratus_api::{failure_response, malformed_response};
use stratus_d1::{WorkerClock, WorkerEntropy, request_of_worker, response_for_worker};
use stratus_storage::Clock as _;
use worker::{
    Env,
    js_sys::Function,
    wasm_bindgen::{JsValue, prelude::wasm_bindgen},
    web_sys::{Request, Response},
};

use crate::{
    app, chores, collections,
    watch::{self, Watched},
};

/// Called once, before anything else: `on_panic` gets the number of the request that a panic ends.
#[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen, js_sys = worker::js_sys)]
pub fn begin(on_panic: Function) {
    watch::report_panics(on_panic);
}

/// The number of the request that is being worked on: in an instance that has stopped, the one that
/// it stopped at. 0 for none.
#[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen)]
pub fn polled() -> u32 {
    watch::polled()
}

/// Answers a request. Its number is any but 0.
///
/// # Errors
///
/// What JavaScript throws when it refuses an answer; that is a fault of this program.
#[wasm_bindgen(
    wasm_bindgen = worker::wasm_bindgen,
    wasm_bindgen_futures = worker::wasm_bindgen_futures,
    js_sys = worker::js_sys
)]
pub async fn fetch(number: u32, request: Request, env: Env) -> Result<Response, JsValue> {
    Watched::new(number, answer(request, env)).await.map_err(JsValue::from)
}

/// Does what is due from time to time.
///
/// # Errors
///
/// What went wrong, for people: the platform counts the event as failed.
#[wasm_bindgen(
    wasm_bindgen = worker::wasm_bindgen,
    wasm_bindgen_futures = worker::wasm_bindgen_futures,
    js_sys = worker::js_sys
)]
pub async fn tick(number: u32, env: Env) -> Result<(), JsValue> {
    let work = async { app::of_isolate(&env).map_err(|it| it.to_string())?.tick().await };
    Watched::new(number, work).await.map_err(JsValue::from)
}

/// Brings the database up to date and says what that took, as JSON.
///
/// # Errors
///
/// What went wrong, for people.
#[wasm_bindgen(
    wasm_bindgen = worker::wasm_bindgen,
    wasm_bindgen_futures = worker::wasm_bindgen_futures,
    js_sys = worker::js_sys
)]
pub async fn migrate(number: u32, env: Env) -> Result<String, JsValue> {
    let work = async { app::of_isolate(&env).map_err(|it| it.to_string())?.migrate().await };
    Watched::new(number, work).await.map_err(JsValue::from)
}

/// What the collections need of a database, as JSON. It asks nothing of the runtime.
///
/// # Errors
///
/// What is wrong with the definitions.
#[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen, js_sys = worker::js_sys)]
pub fn plan() -> Result<String, JsValue> {
    let plan = collections::registry().and_then(|it| chores::plan(&it, WorkerClock.now()));
    plan.map_err(JsValue::from)
}

/// Answers in the place of a request that a panic ended, in an instance that is sound.
///
/// # Errors
///
/// As [`fetch`].
#[wasm_bindgen(
    js_name = answerPanic,
    wasm_bindgen = worker::wasm_bindgen,
    wasm_bindgen_futures = worker::wasm_bindgen_futures,
    js_sys = worker::js_sys
)]
pub async fn answer_panic(message: String) -> Result<Response, JsValue> {
    fail(&message).await.map_err(JsValue::from)
}

async fn answer(request: Request, env: Env) -> worker::Result<Response> {
    let Ok(request) = request_of_worker(&request) else {
        return response_for_worker(malformed_response(&WorkerClock, &WorkerEntropy)).await;
    };
    let app = match app::of_isolate(&env) {
        Ok(app) => app,
        Err(error) => return fail(&error.to_string()).await,
    };
    response_for_worker(app.serve(request.map(Body::new)).await).await
}

async fn fail(reason: &str) -> worker::Result<Response> {
    let response = failure_response(&WorkerClock, &WorkerEntropy);
    let id = response.headers().get("x-request-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    worker::console_error!("ERROR request{{id={id}}}: {reason}");
    response_for_worker(response).await
}
