//! Runs the conformance cases inside workerd, because D1 exists nowhere else.
//!
//! `GET /` lists the cases; `GET /<case>` empties the database and runs one, and answers `ok`. A
//! broken promise is a panic: it goes to the console, where `cargo xtask probe` reads it.
//!
//! # Invariants
//!
//! - Every case of `stratus-testkit` is run; there is no list of exceptions here.
//! - A case meets an empty database, whatever the one before it left behind.

use std::sync::Arc;

use stratus_d1::D1Database;
use stratus_testkit::database::{CASES, check};
use worker::{Context, Env, Request, Response, Result, console_error, event};

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    match request.path().trim_start_matches('/') {
        "" => Response::from_json(&CASES.iter().map(|case| case.name).collect::<Vec<_>>()),
        case => {
            drop_everything(&env.d1("DB")?).await?;
            check(case, Arc::new(D1Database::new(env.d1("DB")?))).await;
            Response::ok("ok")
        }
    }
}

/// A virtual table takes its shadow tables with it, so virtual ones come first, and each is
/// dropped only if it is still there.
async fn drop_everything(database: &worker::D1Database) -> Result<()> {
    const DROPS: &str = "SELECT format('DROP %s IF EXISTS \"%w\"', type, name) AS text FROM sqlite_schema \
         WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
           AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' \
         ORDER BY type = 'view' DESC, sql LIKE 'CREATE VIRTUAL%' DESC";
    let drops: Vec<String> = database.prepare(DROPS).raw::<String>().await?.into_iter().flatten().collect();
    if drops.is_empty() {
        return Ok(());
    }
    // Tables refer to each other in any order, which counts only when all of them are gone.
    let mut batch = vec![database.prepare("PRAGMA defer_foreign_keys = on")];
    batch.extend(drops.into_iter().map(|drop| database.prepare(drop)));
    database.batch(batch).await.map(drop)
}
