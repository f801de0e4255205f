//! `GET /api/{collection}` and `POST /api/{collection}/query`: a page of documents.

use axum::{body::Body, response::Response};
use stratus_document::{Count, DocumentError, ListParams, ListQuery, State};

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
    let projection = Projection::take(&call, &collection, &mut params).await?;
    let asked = take_list(&mut params, state)?;
    params.finish()?;
    let query = call.repository().query(call.scope(), collection.name(), &asked).await;
    let query = query.map_err(|it| call.refuse(it))?;
    let known = call.take_freshness()?;
    show(&call, &query, projection.as_ref(), &known, |it| call.refuse(it)).await
}

/// Lists what the body asks for: the same answer as to the same parameters.
pub(crate) async fn query(mut call: Call, body: Body) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    call.no_params()?;
    let asked = filter::query(body::read_json(call.headers(), body, call.body_limit()).await?)?;
    let refuse = |call: &Call, error| call.refuse(in_body(error));
    let state = State::parse(asked.params.state.as_deref()).map_err(|it| refuse(&call, it))?;
    call.may_see(state).await?;
    let projection = match asked.fields {
        Some(text) => {
            Some(Projection::parse(&call, &collection, &text, |why| filter::wrong("/fields", why)).await?)
        }
        None => None,
    };
    let query = call.repository().query(call.scope(), collection.name(), &asked.params).await;
    let query = query.map_err(|it| refuse(&call, it))?;
    // Only what is got can be what the client has already.
    call.take_freshness()?;
    show(&call, &query, projection.as_ref(), &IfNoneMatch::nothing(), |it| refuse(&call, it)).await
}

/// Reads a page, and answers with it, or in the words of `refuse`.
async fn show(
    call: &Call,
    query: &ListQuery,
    projection: Option<&Projection>,
    known: &IfNoneMatch,
    refuse: impl Fn(DocumentError) -> Problem,
) -> Result<Response, Problem> {
    let reading = call.repository().reading(call.scope());
    let page = reading.list(call.segment("collection"), query).await.map_err(&refuse)?;
    let pages = Pages { next: page.next, prev: page.prev, count: page.count };
    let audience = Audience::of(call.caller(), query.state());
    let Some(selection) = projection.and_then(Projection::population) else {
        return answer::page(call, &page.documents, &pages, projection, audience, known);
    };
    // Boxed: most requests have none, and would carry its room along.
    let populated = Box::pin(reading.populate(page.documents, query.state(), selection)).await;
    answer::populated_page(call, &populated.map_err(&refuse)?, &pages, audience, known)
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
    let member = |name: String| if name.starts_with('/') { name } else { format!("/{name}") };
    match error {
        DocumentError::BadParameter { parameter, message } => {
            DocumentError::BadParameter { parameter: member(parameter), message }
        }
        DocumentError::BadCursor { parameter } => DocumentError::BadCursor { parameter: member(parameter) },
        DocumentError::Unindexed { parameter, message } => {
            DocumentError::Unindexed { parameter: member(parameter), message }
        }
        other => other,
    }
}
