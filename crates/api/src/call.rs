//! A call as handlers see it: who asks what of which collection, and the steps by which a call is
//! refused, in their order.
//!
//! Unknown collection, missing right, malformed query and headers, body: a handler takes these
//! steps one after the other, and what it hears first is what the client hears.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::{HeaderMap, Method, Uri, request::Parts};
use stratus_access::{Action, Caller, TenantId};
use stratus_document::{
    Collection, DocumentError, DocumentRepository, DocumentsService, Precondition, Scope, State,
};

use crate::{
    api::Shared,
    bookmark,
    conditional::{self, IfNoneMatch},
    openapi::Descriptions,
    problem::{Code, Problem},
    query_string::Params,
    refusal,
};

/// A request without its body.
pub(crate) struct Call {
    shared: Arc<Shared>,
    scope: Scope,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    path: RawPathParams,
}

impl FromRequestParts<Arc<Shared>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        // Text that is not UTF-8 names nothing.
        let path = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| nothing_here())?;
        let tenant = parts.extensions.remove::<TenantId>().ok_or_else(Problem::internal)?;
        let caller = parts.extensions.remove::<Caller>().ok_or_else(Problem::internal)?;
        Ok(Self {
            shared: Arc::clone(shared),
            scope: Scope::new(tenant, caller),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: std::mem::take(&mut parts.headers),
            path,
        })
    }
}

fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this address")
}

impl Call {
    /// What documents are written through.
    pub(crate) fn service(&self) -> &DocumentsService {
        &self.shared.service
    }

    /// What documents are read from.
    pub(crate) fn repository(&self) -> &DocumentRepository {
        self.service().repository()
    }

    /// On whose behalf, and how fresh. Before [`take_freshness`](Self::take_freshness), any
    /// replica will do.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who is asking.
    pub(crate) fn caller(&self) -> &Caller {
        &self.scope.caller
    }

    /// Its method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The path that it asks for, as it was sent.
    pub(crate) fn address(&self) -> &str {
        self.uri.path()
    }

    /// Its headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How many bytes its body may have.
    pub(crate) fn body_limit(&self) -> usize {
        self.shared.body_limit
    }

    /// The descriptions of the API that were made so far.
    pub(crate) fn descriptions(&self) -> &Descriptions {
        &self.shared.descriptions
    }

    /// A segment of the address, decoded; empty if the route has none of that name.
    pub(crate) fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The id in the address.
    pub(crate) fn id(&self) -> &str {
        self.segment("id")
    }

    /// The collection in the address, if the caller may read it, or a document in it.
    ///
    /// # Errors
    ///
    /// `not_found`, in the words of a router that knows no such address.
    pub(crate) async fn collection(&self) -> Result<Arc<Collection>, Problem> {
        self.collection_for(Action::Read).await
    }

    /// The collection in the address, if the caller may do something to its documents, or to one:
    /// which ones is for the call itself to say.
    ///
    /// # Errors
    ///
    /// `not_found`, then `unauthorized` or `forbidden`.
    pub(crate) async fn collection_for(&self, action: Action) -> Result<Arc<Collection>, Problem> {
        let found = self.repository().reach(&self.scope, self.segment("collection"), action).await;
        found.map(Arc::clone).map_err(|error| match error {
            DocumentError::NotFound => nothing_here(),
            error => self.refuse(error),
        })
    }

    /// Whether the caller may read a collection, or a document in it.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub(crate) async fn knows_of(&self, collection: &str) -> Result<bool, Problem> {
        match self.repository().reach(&self.scope, collection, Action::Read).await {
            Ok(_) => Ok(true),
            Err(DocumentError::NotFound) => Ok(false),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// The parameters of its query.
    ///
    /// # Errors
    ///
    /// 400 when the query is malformed.
    pub(crate) fn params(&self) -> Result<Params, Problem> {
        Params::parse(self.uri.query())
    }

    /// Refuses every parameter.
    ///
    /// # Errors
    ///
    /// 400 when there is one.
    pub(crate) fn no_params(&self) -> Result<(), Problem> {
        self.params()?.finish()
    }

    /// Takes the parameter `state`, and refuses a caller who has no right to that state.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, then `unauthorized` or `forbidden`.
    pub(crate) async fn take_state(&self, params: &mut Params) -> Result<State, Problem> {
        let text = params.take("state")?;
        let state = State::parse(text.as_deref()).map_err(|it| self.refuse(it))?;
        self.may_see(state).await?;
        Ok(state)
    }

    /// Refuses a caller who has no right to a state of the collection in the address.
    ///
    /// # Errors
    ///
    /// `unauthorized` or `forbidden`.
    pub(crate) async fn may_see(&self, state: State) -> Result<(), Problem> {
        if state != State::Published {
            self.collection_for(Action::Update).await?;
        }
        Ok(())
    }

    /// Takes the headers of a read: how fresh the answer must be, and what the client has already.
    ///
    /// # Errors
    ///
    /// `invalid_bookmark`, `invalid_header`.
    pub(crate) fn take_freshness(&mut self) -> Result<IfNoneMatch, Problem> {
        self.scope.consistency = bookmark::consistency(&self.headers)?;
        IfNoneMatch::of(&self.headers)
    }

    /// The revisions that a write is meant for; any, if nothing was said.
    ///
    /// # Errors
    ///
    /// `invalid_header`.
    pub(crate) fn precondition(&self) -> Result<Precondition, Problem> {
        Ok(conditional::if_match(&self.headers)?.unwrap_or_default())
    }

    /// The revisions that a write is meant for, which must be said.
    ///
    /// # Errors
    ///
    /// `precondition_required`, `invalid_header`.
    pub(crate) fn required_precondition(&self) -> Result<Precondition, Problem> {
        conditional::if_match(&self.headers)?.ok_or_else(|| {
            let detail = "say with `If-Match` which version this is meant for: its `ETag`, or `*` for any";
            Problem::new(Code::PreconditionRequired, detail)
        })
    }

    /// What an error means to this caller.
    pub(crate) fn refuse(&self, error: DocumentError) -> Problem {
        refusal::problem(error, self.caller())
    }
}
