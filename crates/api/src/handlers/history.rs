//! The versions of a document, its translations, and who refers to it.

use axum::response::Response;
use stratus_access::Action;
use stratus_document::{Collection, DocumentError, State};

use crate::{
    answer::{self, Audience},
    call::Call,
    problem::Problem,
    wire::{self, Pages},
};

/// `GET …/{id}/versions`: newest first; `after` goes on below a version.
pub(crate) async fn versions(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    let mut params = call.params()?;
    let after = params.take_integer("after", 1..=u64::from(u32::MAX))?;
    params.finish()?;
    let known = call.take_freshness()?;
    let before = after.and_then(|it| i64::try_from(it).ok());
    let found = call.repository().versions(call.scope(), collection.name(), call.id(), before).await;
    let (versions, next) = found.map_err(|it| call.refuse(it))?;
    let pages = Pages { next: next.map(|it| it.to_string()), ..Pages::default() };
    let body = wire::list(&versions, &pages, |body, version| wire::push_document(body, version, None))?;
    Ok(answer::body(body, Audience::Caller, &known))
}

/// `GET …/{id}/versions/{version}`: one of them.
///
/// Its tag is of its body: what a version says stays, but whether it is public changes without it.
pub(crate) async fn version(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection_for(Action::Update).await?;
    call.no_params()?;
    let known = call.take_freshness()?;
    let number = version_number(call.segment("version")).ok_or(DocumentError::NotFound);
    let number = number.map_err(|it| call.refuse(it))?;
    let found = call.repository().version(call.scope(), collection.name(), call.id(), number).await;
    let version = found.map_err(|it| call.refuse(it))?;
    Ok(answer::body(wire::one(&version, None)?, Audience::Caller, &known))
}

/// One spelling for each version.
fn version_number(text: &str) -> Option<i64> {
    let is_canonical = text.bytes().all(|it| it.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_canonical)
}

/// `GET …/{id}/referrers`: the documents that refer to it, as far as the caller may see them.
pub(crate) async fn referrers(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    let mut params = call.params()?;
    let after = params.take("after")?;
    params.finish()?;
    let known = call.take_freshness()?;
    let (scope, name) = (call.scope(), collection.name());
    let found = call.repository().referrers(scope, name, call.id(), after.as_deref()).await;
    let (referrers, next) = found.map_err(|it| call.refuse(it))?;
    let pages = Pages { next, ..Pages::default() };
    let body = wire::list(&referrers, &pages, wire::push_referrer)?;
    Ok(answer::body(body, audience(&call, &collection), &known))
}

/// `GET …/{id}/translations`: a document and its translations, as far as the caller may see them.
pub(crate) async fn translations(mut call: Call) -> Result<Response, Problem> {
    let collection = call.collection().await?;
    call.no_params()?;
    let known = call.take_freshness()?;
    let found = call.repository().translations(call.scope(), collection.name(), call.id()).await;
    let found = found.map_err(|it| call.refuse(it))?;
    let push = |body: &mut String, document: &_| wire::push_document(body, document, None);
    let body = wire::list(&found, &Pages::default(), push)?;
    Ok(answer::body(body, audience(&call, &collection), &known))
}

/// Callers who may update see drafts.
fn audience(call: &Call, collection: &Collection) -> Audience {
    let is_editor = collection.allows(call.caller(), Action::Update);
    Audience::of(call.caller(), if is_editor { State::Draft } else { State::Published })
}
