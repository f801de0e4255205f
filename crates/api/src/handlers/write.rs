//! Making and changing documents.

use axum::{body::Body, response::Response};
use http::StatusCode;
use stratus_access::Action;
use stratus_document::{Input, Written};

use crate::{answer, body, call::Call, input, problem::Problem};

/// `POST /api/{collection}`: makes a document.
pub(crate) async fn create(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Create).await?;
    call.no_params()?;
    let given = input::document(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let written = call.service().create(call.scope(), collection.name(), &given).await;
    made(&call, &written.map_err(|it| call.refuse(it))?)
}

/// `PATCH /api/{collection}/{id}`: changes what a merge patch names.
pub(crate) async fn patch(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let given = input::document(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let (scope, name) = (call.scope(), collection.name());
    let written = call.service().patch(scope, name, call.id(), &precondition, &given).await;
    answer::written(&call, StatusCode::OK, &written.map_err(|it| call.refuse(it))?)
}

/// `PUT /api/{collection}/{id}`: replaces all fields.
pub(crate) async fn replace(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let given = input::document(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let (scope, name) = (call.scope(), collection.name());
    let written = call.service().replace(scope, name, call.id(), &precondition, &given).await;
    answer::written(&call, StatusCode::OK, &written.map_err(|it| call.refuse(it))?)
}

/// `POST /api/{collection}/{id}/restore`: makes the fields of an old version the head again.
pub(crate) async fn restore(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let version = input::version(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let (scope, name) = (call.scope(), collection.name());
    let written = call.service().restore(scope, name, call.id(), &precondition, version).await;
    answer::written(&call, StatusCode::OK, &written.map_err(|it| call.refuse(it))?)
}

/// `POST /api/{collection}/{id}/duplicate`: makes a copy, over which a body is applied like a patch.
pub(crate) async fn duplicate(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Create).await?;
    call.no_params()?;
    let body = body::read_optional_json(call.headers(), body, call.body_limit()).await?;
    let given = body.map_or_else(|| Ok(Input::default()), input::document)?;
    let written = call.service().duplicate(call.scope(), collection.name(), call.id(), &given).await;
    made(&call, &written.map_err(|it| call.refuse(it))?)
}

fn made(call: &Call, written: &Written) -> Result<Response, Problem> {
    let mut answer = answer::written(call, StatusCode::CREATED, written)?;
    answer::locate(answer.headers_mut(), &written.document);
    Ok(answer)
}
