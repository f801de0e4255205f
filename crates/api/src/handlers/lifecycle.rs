//! Publish, unpublish, trash, recover, erase.

use axum::{body::Body, response::Response};
use http::StatusCode;
use stratus_access::Action;

use crate::{answer, body, call::Call, input, problem::Problem};

/// A change of state that is a `POST` of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Makes the head public.
    Publish,
    /// Takes the document from the public.
    Unpublish,
    /// Takes the document out of the trash.
    Recover,
}

impl Step {
    fn right(self) -> Action {
        match self {
            Self::Publish | Self::Unpublish => Action::Publish,
            Self::Recover => Action::Delete,
        }
    }
}

/// `POST /api/{collection}/{id}/publish` and its like.
pub(crate) async fn step(call: Call, body: Body, step: Step) -> Result<Response, Problem> {
    let collection = call.collection_for(step.right()).await?;
    call.no_params()?;
    let precondition = call.precondition()?;
    input::nothing(body::read_optional_json(call.headers(), body, call.body_limit()).await?)?;
    let (service, scope, name, id) = (call.service(), call.scope(), collection.name(), call.id());
    let written = match step {
        Step::Publish => service.publish(scope, name, id, &precondition).await,
        Step::Unpublish => service.unpublish(scope, name, id, &precondition).await,
        Step::Recover => service.recover(scope, name, id, &precondition).await,
    };
    answer::written(&call, StatusCode::OK, &written.map_err(|it| call.refuse(it))?)
}

/// `DELETE /api/{collection}/{id}`: puts a document in the trash. A body means nothing.
pub(crate) async fn trash(call: Call) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Delete).await?;
    call.no_params()?;
    let precondition = call.precondition()?;
    let written = call.service().trash(call.scope(), collection.name(), call.id(), &precondition).await;
    Ok(answer::gone(&call, &written.map_err(|it| call.refuse(it))?))
}

/// `POST /api/{collection}/{id}/erase`: leaves nothing of a document.
pub(crate) async fn erase(call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Manage).await?;
    call.no_params()?;
    let precondition = call.precondition()?;
    input::nothing(body::read_optional_json(call.headers(), body, call.body_limit()).await?)?;
    let erased = call.service().erase(call.scope(), collection.name(), call.id(), &precondition).await;
    Ok(answer::erased(&erased.map_err(|it| call.refuse(it))?))
}
