//! `GET /api/{collection}`: a page of documents.

use axum::response::Response;
use stratus_document::{ListParams, ListQuery, RawFilter, State};

use crate::{
    answer::{self, Audience},
    call::Call,
    problem::{Code, Problem},
    query_string::{Parameter, Params, about},
    wire::{Pages, Projection},
};

/// Lists what the query asks for.
pub(crate) async fn list(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    let mut params = call.params()?;
    let state = call.take_state(&mut params).await?;
    let projection = Projection::take(&call, &collection, &mut params).await?;
    params.take_one_of("count", &[("none", ())])?;
    let asked = take_list(&mut params, state)?;
    params.finish()?;
    let query = ListQuery::parse(&collection, &asked, call.repository().cursor_key());
    let query = query.map_err(|it| call.refuse(it))?;
    let known = call.take_freshness()?;
    let reading = call.repository().reading(call.scope());
    let page = reading.list(collection.name(), &query).await;
    let page = page.map_err(|it| call.refuse(it))?;
    let pages = Pages { next: page.next, prev: page.prev };
    let audience = Audience::of(call.caller(), state);
    if let Some(selection) = projection.as_ref().and_then(Projection::population) {
        let populated = Box::pin(reading.populate(page.documents, state, selection)).await;
        let populated = populated.map_err(|it| call.refuse(it))?;
        return answer::populated_page(&call, &populated, &pages, audience, &known);
    }
    answer::page(&call, &page.documents, &pages, projection.as_ref(), audience, &known)
}

fn take_list(params: &mut Params, state: State) -> Result<ListParams, Problem> {
    Ok(ListParams {
        filters: take_filters(params)?,
        sort: params.take("sort")?,
        limit: params.take("limit")?,
        after: params.take("after")?,
        before: params.take("before")?,
        state: Some(state.name().to_owned()),
        locale: params.take("locale")?,
    })
}

/// Takes `filter[<field>]=<value>` and `filter[<field>][<operator>]=<value>`.
///
/// Nothing of what is in the brackets is repeated to a client who may be guessing.
fn take_filters(params: &mut Params) -> Result<Vec<RawFilter>, Problem> {
    let mut filters: Vec<RawFilter> = Vec::new();
    for Parameter { path, value } in params.take_tree("filter") {
        let (field, operator) = match path.as_slice() {
            [_, field] => (field, "eq"),
            [_, field, operator] => (field, operator.as_str()),
            _ => {
                let why = "is written `filter[<field>]=<value>` or `filter[<field>][<operator>]=<value>`";
                return Err(about(Code::InvalidParameter, "filter", why));
            }
        };
        if filters.iter().any(|it| it.field == *field && it.operator == operator) {
            return Err(about(Code::RepeatedParameter, "filter", "has the same condition twice"));
        }
        filters.push(RawFilter { field: field.clone(), operator: operator.to_owned(), value });
    }
    Ok(filters)
}
