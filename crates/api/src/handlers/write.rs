//! Making and changing documents.

use axum::{body::Body, response::Response};
use stratus_access::Action;
use stratus_document::{Change, Input, Operation};

use crate::{body, call::Call, idempotency, input, problem::Problem, reply};

/// `POST /api/{collection}`: makes a document.
pub(crate) async fn create(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Create).await?;
    call.no_params()?;
    let (body, keying) = idempotency::read_json(&call, body).await?;
    let given = input::document(body)?;
    let operation = Operation::new(collection.name(), Change::Create(&given));
    reply::one(&call, keying.as_ref(), operation).await
}

/// `PATCH /api/{collection}/{id}`: changes what a merge patch names.
pub(crate) async fn patch(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let (body, keying) = idempotency::read_json(&call, body).await?;
    let given = input::document(body)?;
    let change = Change::Patch { id: call.id(), precondition: &precondition, input: &given };
    reply::one(&call, keying.as_ref(), Operation::new(collection.name(), change)).await
}

/// `PUT /api/{collection}/{id}`: replaces all fields.
pub(crate) async fn replace(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let given = input::document(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let change = Change::Replace { id: call.id(), precondition: &precondition, input: &given };
    reply::one(&call, None, Operation::new(collection.name(), change)).await
}

/// `POST /api/{collection}/{id}/restore`: makes the fields of an old version the head again.
pub(crate) async fn restore(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let (body, keying) = idempotency::read_json(&call, body).await?;
    let version = input::version(body)?;
    let change = Change::Restore { id: call.id(), precondition: &precondition, version };
    reply::one(&call, keying.as_ref(), Operation::new(collection.name(), change)).await
}

/// `POST /api/{collection}/{id}/duplicate`: makes a copy, over which a body is applied like a patch.
pub(crate) async fn duplicate(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Create).await?;
    call.no_params()?;
    let (body, keying) = idempotency::read_optional_json(&call, body).await?;
    let given = body.map_or_else(|| Ok(Input::default()), input::document)?;
    let change = Change::Duplicate { id: call.id(), input: &given };
    reply::one(&call, keying.as_ref(), Operation::new(collection.name(), change)).await
}
