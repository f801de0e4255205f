//! Runs the conformance cases inside workerd, because D1, Workers KV and R2 exist nowhere else.
//!
//! `GET /` lists the cases as `<port>/<case>`; `GET /<port>/<case>` empties the stores and runs one,
//! and answers `ok`. A broken promise is a panic: it goes to the console, where
//! `cargo xtask probe` reads it. Besides those of the ports there are cases of bindings that
//! misbehave, `faults/<case>`.
//!
//! # Invariants
//!
//! - Every case of `stratus-testkit` is run; there is no list of exceptions here.
//! - A case meets empty stores, whatever the one before it left behind.

mod faults;
mod fresh;
mod machine;

use std::sync::Arc;

use stratus_d1::{D1Database, R2BlobStore, WorkersKeyValue};
use stratus_testkit::{Case, blob, database, key_value, machine as machine_cases};
use worker::{Context, Env, Request, Response, Result, console_error, event};

/// Checked here and not in the testkit: only a Worker has requests that end.
const OUTLIVES: &str = "work_outlives_its_request";

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let path = request.path();
    match path.trim_start_matches('/').split_once('/') {
        Some((port, case)) => run(port, case, &env, context).await?,
        None if path == "/" => return Response::from_json(&cases()),
        None if path == "/trace" => machine::leave_a_trace(&env, context)?,
        None => return Response::error("no such case", 404),
    }
    Response::ok("ok")
}

fn cases() -> Vec<String> {
    fn named<S>(port: &str, cases: &[Case<S>]) -> Vec<String> {
        cases.iter().map(|case| format!("{port}/{}", case.name)).collect()
    }
    let mut all = named("database", database::CASES);
    all.extend(named("key_value", key_value::CASES));
    all.extend(named("blob", blob::CASES));
    all.extend(named("machine", machine_cases::CASES));
    all.push(format!("machine/{OUTLIVES}"));
    all.extend(faults::CASES.iter().map(|case| format!("faults/{case}")));
    all
}

async fn run(port: &str, case: &str, env: &Env, context: Context) -> Result<()> {
    fresh::empty_database(env).await?;
    fresh::empty_key_value(env).await?;
    fresh::empty_blobs(env).await?;
    match port {
        "database" => database::check(case, Arc::new(D1Database::new(env.d1("DB")?))).await,
        "key_value" => {
            let store = Arc::new(WorkersKeyValue::open(env, "KV").expect("a namespace"));
            key_value::check(case, key_value::Subject { store, clock: None }).await;
        }
        "blob" => blob::check(case, Arc::new(R2BlobStore::new(env.bucket("R2")?))).await,
        "machine" if case == OUTLIVES => machine::work_outlives_its_request(env).await?,
        "machine" => machine_cases::check(case, machine::subject(context)).await,
        "faults" => faults::check(case, env).await,
        _ => panic!("no port is called `{port}`"),
    }
    Ok(())
}
