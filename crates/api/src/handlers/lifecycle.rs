//! Publish, unpublish, trash, recover, erase.

use axum::{body::Body, response::Response};
use stratus_document::{Change, Operation, Step};

use crate::{call::Call, idempotency, input, problem::Problem, reply};

/// `POST /api/{collection}/{id}/publish` and its like: a change of state that is a `POST` of nothing.
pub(crate) async fn step(call: Call, body: Body, step: Step) -> Result<Response, Problem> {
    let collection = call.collection_for(step.right()).await?;
    call.no_params()?;
    let precondition = call.precondition()?;
    let (body, keying) = idempotency::read_optional_json(&call, body).await?;
    input::nothing(body)?;
    let change = Change::Step { id: call.id(), precondition: &precondition, step };
    reply::one(&call, keying.as_ref(), Operation::new(collection.name(), change)).await
}

/// `DELETE /api/{collection}/{id}`: puts a document in the trash. A body means nothing.
pub(crate) async fn trash(call: Call) -> Result<Response, Problem> {
    let collection = call.collection_for(Step::Trash.right()).await?;
    call.no_params()?;
    let precondition = call.precondition()?;
    let change = Change::Step { id: call.id(), precondition: &precondition, step: Step::Trash };
    reply::one(&call, None, Operation::new(collection.name(), change)).await
}
