//! `GET /api/{collection}` and `POST /api/{collection}/query`: a page of documents.

use axum::{body::Body, response::Response};
use stratus_document::{Count, DocumentError, ListParams, State};

use crate::{
    answer::{self, Audience},
    body,
    call::Call,
    conditional::IfNoneMatch,
    filter,
    problem::Problem,
    query_string::Params,
    wire::{Pages, Projection},
};

/// Lists what the parameters ask for.
pub(crate) async fn list(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    let mut params = call.params()?;
    let state = call.take_state(&mut params).await?;
    let projection = Projection::take(&collection, &mut params)?;
    let asked = take_list(&mut params, state)?;
    params.finish()?;
    let query = call.repository().query(call.scope(), collection.name(), &asked).await;
    let query = query.map_err(|it| call.refuse(it))?;
    let known = call.take_freshness()?;
    let page = call.repository().list(call.scope(), collection.name(), &query).await;
    let page = page.map_err(|it| call.refuse(it))?;
    let pages = Pages { next: page.next, prev: page.prev, count: page.count };
    let audience = Audience::of(call.caller(), state);
    answer::page(&call, &page.documents, &pages, projection.as_ref(), audience, &known)
}

/// Lists what the body asks for: the same answer as to the same parameters.
pub(crate) async fn query(mut call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    call.no_params()?;
    let asked = filter::query(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let refuse = |call: &Call, error| call.refuse(in_body(error));
    let state = State::parse(asked.params.state.as_deref()).map_err(|it| refuse(&call, it))?;
    call.may_see(state).await?;
    let projection = asked.fields.map(|it| Projection::parse(&collection, &it)).transpose()?;
    let query = call.repository().query(call.scope(), collection.name(), &asked.params).await;
    let query = query.map_err(|it| refuse(&call, it))?;
    // Only what is got can be what the client has already.
    call.take_freshness()?;
    let page = call.repository().list(call.scope(), collection.name(), &query).await;
    let page = page.map_err(|it| refuse(&call, it))?;
    let pages = Pages { next: page.next, prev: page.prev, count: page.count };
    let audience = Audience::of(call.caller(), state);
    answer::page(&call, &page.documents, &pages, projection.as_ref(), audience, &IfNoneMatch::nothing())
}

fn take_list(params: &mut Params, state: State) -> Result<ListParams, Problem> {
    let count = params.take_one_of("count", &[("none", Count::None), ("exact", Count::Exact)])?;
    Ok(ListParams {
        filters: filter::take(params)?,
        sort: params.take("sort")?,
        limit: params.take("limit")?,
        after: params.take("after")?,
        before: params.take("before")?,
        state: Some(state.name().to_owned()),
        locale: params.take("locale")?,
        count: count.unwrap_or_default(),
    })
}

/// What was wrong with a parameter is wrong with the member of that name.
fn in_body(error: DocumentError) -> DocumentError {
    match error {
        DocumentError::BadParameter { parameter, message } if !parameter.starts_with('/') => {
            DocumentError::BadParameter { parameter: format!("/{parameter}"), message }
        }
        other => other,
    }
}
