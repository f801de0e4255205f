//! A call of the test app's own: what requests ask of the database, and at what cost.
//!
//! Several go in one call, because a Worker has a round trip to each.

use std::{error::Error, sync::Arc};

use axum::body::{Body, to_bytes};
use http::{Request, header};
use serde::Deserialize;
use serde_json::{Value, json};
use stratus_api::Api;
use stratus_storage::{Consistency, Database, Statement};
use stratus_testkit::{CountingDatabase, RecordingDatabase};

use crate::app::{ADMIN_TOKEN, HOST};

/// The address of the call: a `POST` of a list of what is got, `{"path", "admin"}`. Its answer is a
/// list of `{"status", "work", "statements", "next", "prev", "refusal"}`: `work` is what the database
/// counted (D1's rows read, SQLite's VM steps), and each statement is `{"sql", "steps"}`, where a step
/// of its plan is `[id, parent, text]`.
pub const PLANS: &str = "/test/plans";

/// The longest body that is looked into, in bytes.
const LONGEST: usize = 16 << 20;

/// What is told of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    page: Pages,
    code: Value,
    errors: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pages {
    next: Value,
    prev: Value,
}

type Told<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Serves requests over a database that is watched, and tells what it saw.
pub(crate) async fn tell(
    database: &Arc<dyn Database>,
    body: Body,
    api: &(dyn Fn(Arc<dyn Database>) -> Api + Send + Sync),
) -> Told<String> {
    let asked: Vec<Value> = serde_json::from_slice(&to_bytes(body, LONGEST).await?)?;
    let mut told = Vec::with_capacity(asked.len());
    for it in &asked {
        told.push(tell_of(database, it, api).await?);
    }
    Ok(Value::from(told).to_string())
}

async fn tell_of(
    database: &Arc<dyn Database>,
    asked: &Value,
    api: &(dyn Fn(Arc<dyn Database>) -> Api + Send + Sync),
) -> Told<Value> {
    let mut request = Request::get(asked["path"].as_str().unwrap_or_default()).header(header::HOST, HOST);
    if asked["admin"] == true {
        request = request.header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
    }
    let recording = Arc::new(RecordingDatabase::new(Arc::clone(database)));
    let counting = Arc::new(CountingDatabase::new(Arc::clone(&recording) as _));
    let answer = api(Arc::clone(&counting) as _).serve(request.body(Body::empty())?).await;
    let (status, body) = (answer.status().as_u16(), to_bytes(answer.into_body(), LONGEST).await?);
    let statements = plans(&**database, recording.take()).await;
    let Answer { page, code, errors } = serde_json::from_slice(&body).unwrap_or_default();
    Ok(json!({
        "status": status, "work": counting.counts().work, "statements": statements,
        "next": page.next, "prev": page.prev, "refusal": [code, errors],
    }))
}

/// What the database would do for each statement; nothing for those that it can't prepare, which the
/// answer tells.
async fn plans(database: &dyn Database, statements: Vec<Statement>) -> Vec<Value> {
    let explain =
        |it: &Statement| Statement::new(format!("EXPLAIN QUERY PLAN {}", &*it.sql), it.params.clone());
    let explained: Vec<_> = statements.iter().map(explain).collect();
    let rows = database.session(Consistency::Primary).batch(&explained).await.unwrap_or_default();
    let step = |row: stratus_storage::Row<'_>| {
        Some(json!([row.integer(0).ok()?, row.integer(1).ok()?, row.text(3).ok()?]))
    };
    let steps = rows.iter().map(|rows| rows.iter().filter_map(step).collect::<Vec<_>>());
    let steps = steps.chain(std::iter::repeat_with(Vec::new));
    statements.iter().zip(steps).map(|(it, steps)| json!({ "sql": &*it.sql, "steps": steps })).collect()
}
