//! `GET /api/{collection}/{id}` and `GET /api/{collection}/slug/{slug}`: one document.

use std::sync::Arc;

use axum::response::Response;
use stratus_document::{Collection, Document, DocumentError, Reading, View, is_slug};

use crate::{
    answer::{self, Audience},
    call::Call,
    conditional::IfNoneMatch,
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
    let reading = call.repository().reading(call.scope());
    let found = reading.get(collection.name(), call.id(), &asked.view).await;
    asked.answer(&call, &reading, found.map_err(|it| call.refuse(it))?, &known).await
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
    let reading = call.repository().reading(call.scope());
    let found = reading.get_by_slug(collection.name(), slug, parent.as_deref(), &asked.view).await;
    asked.answer(&call, &reading, found.map_err(|it| call.refuse(it))?, &known).await
}

/// How a single document is asked for.
struct Asked {
    view: View,
    projection: Option<Projection>,
    audience: Audience,
}

impl Asked {
    async fn take(call: &Call, collection: &Arc<Collection>, params: &mut Params) -> Result<Self, Problem> {
        let state = call.take_state(params).await?;
        let projection = Projection::take(call, collection, params).await?;
        let view = View { state, locale: params.take("locale")? };
        Ok(Self { view, projection, audience: Audience::of(call.caller(), state) })
    }

    /// Shows what was found, and what it refers to if that is asked for.
    async fn answer(
        &self,
        call: &Call,
        reading: &Reading<'_>,
        document: Document,
        known: &IfNoneMatch,
    ) -> Result<Response, Problem> {
        let projection = self.projection.as_ref();
        let Some(selection) = projection.and_then(Projection::population) else {
            return answer::document(call, &document, projection, self.audience, known);
        };
        let populated = Box::pin(reading.populate(vec![document], self.view.state, selection)).await;
        answer::populated(call, &populated.map_err(|it| call.refuse(it))?, self.audience, known)
    }
}
