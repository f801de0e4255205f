//! What there is at which address: one table, of which the router is made, and what
//! `/openapi.json` tells. A route that is not described can't be written down.

mod route;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    routing::{MethodRouter, on},
};
use http::StatusCode;
use stratus_access::Action;
use stratus_document::Step;

use crate::{
    api::Shared,
    call::Call,
    handlers::{
        batch, collections, description, history, lifecycle, list, permissions, probes, single, write,
    },
    problem::{Code, Problem},
};

pub(crate) use route::{Answer, Body, Method, Parameter, Right, Route, Shape};

/// Every route.
pub(crate) static ROUTES: [Route; 25] = {
    use Parameter as P;
    use Right::{Anyone, OfEach, Probe, To};
    use lifecycle::step;
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    const AGAIN: [P; 2] = [P::IfNoneMatch, P::Bookmark];
    [
        Route {
            method: Method::Get,
            path: "/health",
            name: "health",
            summary: "Whether the program answers",
            right: Probe,
            parameters: &[],
            body: Body::Nothing,
            answer: Answer::Plain(Shape::Probe),
            refusals: &[],
            handler: |it| on(it, probes::health),
        },
        Route {
            method: Method::Get,
            path: "/ready",
            name: "ready",
            summary: "Whether everything that requests need is there",
            right: Probe,
            parameters: &[],
            body: Body::Nothing,
            answer: Answer::Plain(Shape::Probe),
            refusals: &[],
            handler: |it| on(it, probes::ready),
        },
        Route {
            method: Method::Get,
            path: "/openapi.json",
            name: "describe",
            summary: "This description: of what the caller may read",
            right: Anyone,
            parameters: &AGAIN,
            body: Body::Nothing,
            answer: Answer::Read(Shape::Description),
            refusals: &[],
            handler: |it| on(it, description::show),
        },
        Route {
            method: Method::Get,
            path: "/api",
            name: "listCollections",
            summary: "The collections that the caller may read, and their fields",
            right: Anyone,
            parameters: &AGAIN,
            body: Body::Nothing,
            answer: Answer::Read(Shape::Collections),
            refusals: &[],
            handler: |it| on(it, collections::all),
        },
        Route {
            method: Method::Post,
            path: "/batch",
            name: "batch",
            summary: "Several writes, all or nothing",
            right: OfEach,
            parameters: &[P::IdempotencyKey],
            body: Body::Needed(Shape::Batch),
            answer: Answer::Several(Shape::BatchResults),
            refusals: &[
                StatusCode::NOT_FOUND,
                CONFLICT,
                StatusCode::PRECONDITION_FAILED,
                StatusCode::PRECONDITION_REQUIRED,
            ],
            handler: |it| on(it, batch::batch),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}",
            name: "list",
            summary: "A page of documents",
            right: To(Action::Read),
            parameters: &[
                P::Filter,
                P::Sort,
                P::Limit,
                P::After,
                P::Before,
                P::Fields,
                P::Count,
                P::State,
                P::Locale,
                P::IfNoneMatch,
                P::Bookmark,
            ],
            body: Body::Nothing,
            answer: Answer::Read(Shape::Views),
            refusals: &[UNPROCESSABLE],
            handler: |it| on(it, list::list),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}",
            name: "create",
            summary: "Makes a document",
            right: To(Action::Create),
            parameters: &[P::IdempotencyKey],
            body: Body::Needed(Shape::Input),
            answer: Answer::Made(Shape::Document),
            refusals: &[CONFLICT],
            handler: |it| on(it, write::create),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/query",
            name: "query",
            summary: "A page of documents, its query in the body",
            right: To(Action::Read),
            parameters: &AGAIN,
            body: Body::Needed(Shape::Query),
            answer: Answer::Read(Shape::Views),
            refusals: &[],
            handler: |it| on(it, list::query),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/slug/{slug}",
            name: "getBySlug",
            summary: "One document, by its slug",
            right: To(Action::Read),
            parameters: &[P::Parent, P::Fields, P::State, P::Locale, P::IfNoneMatch, P::Bookmark],
            body: Body::Nothing,
            answer: Answer::Read(Shape::View),
            refusals: &[UNPROCESSABLE],
            handler: |it| on(it, single::by_slug),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}",
            name: "get",
            summary: "One document",
            right: To(Action::Read),
            parameters: &[P::Fields, P::State, P::Locale, P::IfNoneMatch, P::Bookmark],
            body: Body::Nothing,
            answer: Answer::Read(Shape::View),
            refusals: &[UNPROCESSABLE],
            handler: |it| on(it, single::by_id),
        },
        Route {
            method: Method::Patch,
            path: "/api/{collection}/{id}",
            name: "patch",
            summary: "Changes what a merge patch names",
            right: To(Action::Update),
            parameters: &[P::NeededIfMatch, P::IdempotencyKey],
            body: Body::Needed(Shape::Patch),
            answer: Answer::Written(Shape::Document),
            refusals: &[CONFLICT],
            handler: |it| on(it, write::patch),
        },
        Route {
            method: Method::Put,
            path: "/api/{collection}/{id}",
            name: "replace",
            summary: "Replaces all fields",
            right: To(Action::Update),
            parameters: &[P::NeededIfMatch],
            body: Body::Needed(Shape::Input),
            answer: Answer::Written(Shape::Document),
            refusals: &[CONFLICT],
            handler: |it| on(it, write::replace),
        },
        Route {
            method: Method::Delete,
            path: "/api/{collection}/{id}",
            name: "trash",
            summary: "Puts a document in the trash",
            right: To(Action::Delete),
            parameters: &[P::IfMatch],
            body: Body::Nothing,
            answer: Answer::Gone,
            refusals: &[CONFLICT],
            handler: |it| on(it, lifecycle::trash),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/publish",
            name: "publish",
            summary: "Makes the draft public",
            right: To(Action::Publish),
            parameters: &[P::IfMatch, P::IdempotencyKey],
            body: Body::Optional(Shape::Empty),
            answer: Answer::Written(Shape::View),
            refusals: &[CONFLICT],
            handler: |it| on(it, |call, body| step(call, body, Step::Publish)),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/unpublish",
            name: "unpublish",
            summary: "Takes a document from the public",
            right: To(Action::Publish),
            parameters: &[P::IfMatch, P::IdempotencyKey],
            body: Body::Optional(Shape::Empty),
            answer: Answer::Written(Shape::View),
            refusals: &[CONFLICT],
            handler: |it| on(it, |call, body| step(call, body, Step::Unpublish)),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/recover",
            name: "recover",
            summary: "Takes a document out of the trash",
            right: To(Action::Delete),
            parameters: &[P::IfMatch, P::IdempotencyKey],
            body: Body::Optional(Shape::Empty),
            answer: Answer::Written(Shape::View),
            refusals: &[CONFLICT],
            handler: |it| on(it, |call, body| step(call, body, Step::Recover)),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/duplicate",
            name: "duplicate",
            summary: "Makes a copy, over which the body is applied like a patch",
            right: To(Action::Create),
            parameters: &[P::IdempotencyKey],
            body: Body::Optional(Shape::Patch),
            answer: Answer::Made(Shape::Document),
            refusals: &[CONFLICT],
            handler: |it| on(it, write::duplicate),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/erase",
            name: "erase",
            summary: "Leaves nothing of a document",
            right: To(Action::Manage),
            parameters: &[P::IfMatch, P::IdempotencyKey],
            body: Body::Optional(Shape::Empty),
            answer: Answer::Erased,
            refusals: &[CONFLICT],
            handler: |it| on(it, |call, body| step(call, body, Step::Erase)),
        },
        Route {
            method: Method::Post,
            path: "/api/{collection}/{id}/restore",
            name: "restore",
            summary: "Makes the fields of an old version the draft again",
            right: To(Action::Update),
            parameters: &[P::NeededIfMatch, P::IdempotencyKey],
            body: Body::Needed(Shape::Version),
            answer: Answer::Written(Shape::Document),
            refusals: &[CONFLICT],
            handler: |it| on(it, write::restore),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}/versions",
            name: "versions",
            summary: "The versions of a document, newest first",
            right: To(Action::Update),
            parameters: &[P::AfterVersion, P::IfNoneMatch, P::Bookmark],
            body: Body::Nothing,
            answer: Answer::Read(Shape::Views),
            refusals: &[],
            handler: |it| on(it, history::versions),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}/versions/{version}",
            name: "version",
            summary: "One version of a document",
            right: To(Action::Update),
            parameters: &AGAIN,
            body: Body::Nothing,
            answer: Answer::Read(Shape::View),
            refusals: &[],
            handler: |it| on(it, history::version),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}/translations",
            name: "translations",
            summary: "A document and its translations, as far as the caller may see them",
            right: To(Action::Read),
            parameters: &AGAIN,
            body: Body::Nothing,
            answer: Answer::Read(Shape::Translations),
            refusals: &[],
            handler: |it| on(it, history::translations),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}/referrers",
            name: "referrers",
            summary: "The documents that refer to this one, as far as the caller may see them",
            right: To(Action::Read),
            parameters: &[P::After, P::IfNoneMatch, P::Bookmark],
            body: Body::Nothing,
            answer: Answer::Read(Shape::Referrers),
            refusals: &[],
            handler: |it| on(it, history::referrers),
        },
        Route {
            method: Method::Get,
            path: "/api/{collection}/{id}/permissions",
            name: "permissions",
            summary: "Who may do what to this document, beside what the collection grants",
            right: To(Action::Manage),
            parameters: &AGAIN,
            body: Body::Nothing,
            answer: Answer::Read(Shape::PermissionsOf),
            refusals: &[],
            handler: |it| on(it, permissions::read),
        },
        Route {
            method: Method::Put,
            path: "/api/{collection}/{id}/permissions",
            name: "permit",
            summary: "Replaces the permissions of this document",
            right: To(Action::Manage),
            parameters: &[P::NeededIfMatch],
            body: Body::Needed(Shape::Permissions),
            answer: Answer::Written(Shape::PermissionsOf),
            refusals: &[CONFLICT],
            handler: |it| on(it, permissions::replace),
        },
    ]
};

/// The router of the table.
///
/// A collection's routes say 404 before 405: what the caller may not read is not there, whatever
/// the method.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let mut addresses: BTreeMap<&str, MethodRouter<Arc<Shared>>> = BTreeMap::new();
    for route in &ROUTES {
        let there = addresses.remove(route.path).unwrap_or_default();
        addresses.insert(route.path, there.merge((route.handler)(route.method.filter())));
    }
    let router = addresses.into_iter().fold(Router::new(), |router, (path, methods)| {
        let is_of_collection = path.contains("{collection}");
        router.route(path, if is_of_collection { methods.fallback(refuse_method) } else { methods })
    });
    router.with_state(shared)
}

async fn refuse_method(call: Call) -> Problem {
    match call.collection().await {
        Ok(_) => Problem::new(Code::MethodNotAllowed, "this address does not take this method"),
        Err(problem) => problem,
    }
}
