//! `GET /openapi.json`: what there is to be asked, as far as the caller may read.

use axum::response::Response;
use stratus_document::State;

use crate::{
    answer::{self, Audience},
    call::Call,
    problem::Problem,
};

/// Describes the API.
pub(crate) async fn show(mut call: Call) -> Result<Response, Problem> {
    call.no_params()?;
    let known = call.take_freshness()?;
    let readable = call.repository().readable_collections(call.scope()).await;
    let readable = readable.map_err(|it| call.refuse(it))?;
    let description = call.descriptions().of(call.caller(), &readable);
    let audience = Audience::of(call.caller(), State::Published);
    Ok(answer::kept(&description.body, &description.tag, audience, &known))
}
