//! What is said of a route: enough to serve it, and enough to describe it.

use std::sync::Arc;

use axum::routing::{MethodFilter, MethodRouter};
use http::StatusCode;
use stratus_access::Action;

use crate::api::Shared;

/// One method at one address.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With what differs in braces.
    pub(crate) path: &'static str,
    /// What clients call it in code; of a collection's route the collection is added.
    pub(crate) name: &'static str,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    pub(crate) right: Right,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Body,
    pub(crate) answer: Answer,
    /// The refusals that are its own; [`Route::refusals`] adds those of all routes.
    pub(crate) refusals: &'static [StatusCode],
    /// Makes its handler answer to a method.
    pub(crate) handler: fn(MethodFilter) -> MethodRouter<Arc<Shared>>,
}

/// The methods that routes have. `HEAD` goes wherever `GET` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What it takes to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing, not even a host that is served.
    Probe,
    /// Nothing; the answer tells what the caller may see.
    Anyone,
    /// This right on the collection, or on the document.
    To(Action),
    /// As many rights as the body asks for.
    OfEach,
}

/// A parameter of the query or a header. Those of the path stand in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    State,
    Locale,
    Fields,
    Filter,
    Sort,
    Limit,
    After,
    Before,
    Count,
    /// Of a slug, where it is one below another document.
    Parent,
    /// The number of the last version that was seen.
    AfterVersion,
    IfMatch,
    /// The same, which must be there.
    NeededIfMatch,
    IfNoneMatch,
    /// `Stratus-Bookmark`.
    Bookmark,
    IdempotencyKey,
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Nothing,
    Optional(Shape),
    Needed(Shape),
}

/// What a success looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 of a probe: no tag.
    Plain(Shape),
    /// 200 with a tag, or 304.
    Read(Shape),
    /// 201 with its address.
    Made(Shape),
    /// 200 with the tag of what was written.
    Written(Shape),
    /// 200, and no tag: of several documents.
    Several(Shape),
    /// 204 with the tag of what is in the trash.
    Gone,
    /// 204, and no tag: nothing is left.
    Erased,
}

/// What a body is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"status": "ok"}` and its like.
    Probe,
    /// The document of OpenAPI.
    Description,
    Collections,
    /// A document as it is read, of which a part may have been chosen.
    View,
    /// A page of them.
    Views,
    /// All translations of one, which have no page after them.
    Translations,
    /// A document as it was just written.
    Document,
    /// What makes a document, or replaces its fields.
    Input,
    /// What changes one.
    Patch,
    /// `{"version": 3}`
    Version,
    /// An empty object.
    Empty,
    /// A list's query.
    Query,
    Referrers,
    /// Entries, as they are written.
    Permissions,
    /// The same in an answer.
    PermissionsOf,
    Batch,
    BatchResults,
}

impl Method {
    /// Its name where OpenAPI has it.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// What the router calls it.
    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Route {
    /// Whether it is a collection's.
    pub(crate) fn is_of_collection(&self) -> bool {
        self.path.contains("{collection}")
    }

    /// The statuses of its refusals: its own, and those that any request may meet, in order.
    pub(crate) fn refusals(&self) -> Vec<StatusCode> {
        use StatusCode as S;
        const ANYWHERE: [StatusCode; 6] = [
            S::BAD_REQUEST,
            S::UNAUTHORIZED,
            S::REQUEST_TIMEOUT,
            S::URI_TOO_LONG,
            S::INTERNAL_SERVER_ERROR,
            S::SERVICE_UNAVAILABLE,
        ];
        let mut all = [self.refusals, &ANYWHERE].concat();
        if self.right != Right::Probe {
            all.push(S::MISDIRECTED_REQUEST);
        }
        if self.is_of_collection() {
            all.push(S::NOT_FOUND);
        }
        if self.body != Body::Nothing {
            all.extend([S::PAYLOAD_TOO_LARGE, S::UNSUPPORTED_MEDIA_TYPE, S::UNPROCESSABLE_ENTITY]);
        }
        let sees_more =
            self.parameters.contains(&Parameter::State) || self.body == Body::Needed(Shape::Query);
        if sees_more || !matches!(self.right, Right::Probe | Right::Anyone | Right::To(Action::Read)) {
            all.push(S::FORBIDDEN);
        }
        if self.parameters.contains(&Parameter::IfMatch) {
            all.push(S::PRECONDITION_FAILED);
        }
        if self.parameters.contains(&Parameter::NeededIfMatch) {
            all.extend([S::PRECONDITION_FAILED, S::PRECONDITION_REQUIRED]);
        }
        if self.parameters.contains(&Parameter::IdempotencyKey) {
            all.push(S::UNPROCESSABLE_ENTITY);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}
