//! `GET` and `PUT …/{id}/permissions`: who may do what to one document.

use axum::{body::Body, response::Response};
use stratus_access::Action;
use stratus_document::Permissions;

use crate::{answer, body, call::Call, input, problem::Problem, wire};

/// Shows the entries of a document.
pub(crate) async fn read(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Manage).await?;
    call.no_params()?;
    let known = call.take_freshness()?;
    let found = call.service().permissions(call.scope(), collection.name(), call.id()).await;
    let Permissions { entries, revision, .. } = found.map_err(|it| call.refuse(it))?;
    Ok(answer::permissions(wire::permissions(&entries), revision, &known))
}

/// Replaces the entries of a document.
pub(crate) async fn replace(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Manage).await?;
    call.no_params()?;
    let precondition = call.required_precondition()?;
    let entries = input::permissions(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let (service, scope, name) = (call.service(), call.scope(), collection.name());
    let written = service.replace_permissions(scope, name, call.id(), &precondition, &entries).await;
    let Permissions { entries, revision, bookmark } = written.map_err(|it| call.refuse(it))?;
    Ok(answer::permissions_written(wire::permissions(&entries), revision, bookmark.as_ref()))
}
