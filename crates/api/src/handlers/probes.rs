//! Is it alive, is it ready: for whoever runs the program.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use stratus_storage::{Consistency, Statement};

use crate::{
    answer,
    api::Shared,
    problem::{Code, Problem},
};

/// `GET /health`: the program answers. No I/O, and nothing about it.
pub(crate) async fn health() -> Response {
    answer::json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

/// `GET /ready`: what requests need is there, and the database answers.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if !shared.readiness.is_ready() {
        return not_ready();
    }
    let sign_of_life = Statement::new("SELECT 1 AS alive", vec![]);
    match shared.database.session(Consistency::Any).query(&sign_of_life).await {
        Ok(_) => answer::json(StatusCode::OK, r#"{"status":"ready"}"#.to_owned()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database does not answer");
            not_ready()
        }
    }
}

fn not_ready() -> Response {
    Problem::new(Code::Unavailable, "this server is not ready yet").into_response()
}
