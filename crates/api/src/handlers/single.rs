//! `GET /api/{collection}/{id}` and `GET /api/{collection}/slug/{slug}`: one document.

use axum::response::Response;
use stratus_document::{Collection, DocumentError, View, is_slug};

use crate::{
    answer::{self, Audience},
    call::Call,
    problem::Problem,
    query_string::Params,
    wire::Projection,
};

/// Reads a document by its id.
pub(crate) async fn by_id(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    let mut params = call.params()?;
    let asked = Asked::take(&call, &collection, &mut params).await?;
    params.finish()?;
    let known = call.take_freshness()?;
    let found = call.repository().get(call.scope(), collection.name(), call.id(), &asked.view).await;
    let document = found.map_err(|it| call.refuse(it))?;
    answer::document(&call, &document, asked.projection.as_ref(), asked.audience, &known)
}

/// Reads a document by its slug, at the top or below a parent.
pub(crate) async fn by_slug(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    let mut params = call.params()?;
    let asked = Asked::take(&call, &collection, &mut params).await?;
    let parent = params.take("parent")?;
    params.finish()?;
    let known = call.take_freshness()?;
    let slug = call.segment("slug");
    if !is_slug(slug) {
        return Err(call.refuse(DocumentError::NotFound));
    }
    let (scope, name) = (call.scope(), collection.name());
    let found = call.repository().get_by_slug(scope, name, slug, parent.as_deref(), &asked.view).await;
    let document = found.map_err(|it| call.refuse(it))?;
    answer::document(&call, &document, asked.projection.as_ref(), asked.audience, &known)
}

/// How a single document is asked for.
struct Asked {
    view: View,
    projection: Option<Projection>,
    audience: Audience,
}

impl Asked {
    async fn take(call: &Call, collection: &Collection, params: &mut Params) -> Result<Self, Problem> {
        let state = call.take_state(params).await?;
        let projection = Projection::take(collection, params)?;
        let view = View { state, locale: params.take("locale")? };
        Ok(Self { view, projection, audience: Audience::of(call.caller(), state) })
    }
}
