//! Reads that belong together: none sees an older database than the one before it.

use stratus_storage::Session;

use super::{DocumentRepository, Page, Populated, View};
use crate::{
    document::{Document, Scope},
    error::Result,
    physical::State,
    query::ListQuery,
    selection::Selection,
};

/// Reads on behalf of one caller, in one session of the database.
pub struct Reading<'r> {
    repository: &'r DocumentRepository,
    scope: &'r Scope,
    session: Box<dyn Session>,
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("scope", self.scope).finish_non_exhaustive()
    }
}

impl DocumentRepository {
    /// Begins to read; no I/O happens yet.
    pub fn reading<'r>(&'r self, scope: &'r Scope) -> Reading<'r> {
        Reading { repository: self, scope, session: self.session(scope) }
    }
}

impl Reading<'_> {
    /// One document by its id.
    ///
    /// # Errors
    ///
    /// Those of [`DocumentRepository::get`].
    pub async fn get(&self, collection: &str, id: &str, view: &View) -> Result<Document> {
        self.repository.get_in(&*self.session, self.scope, collection, id, view).await
    }

    /// One document by its slug, below a parent or at the top.
    ///
    /// # Errors
    ///
    /// Those of [`DocumentRepository::get_by_slug`].
    pub async fn get_by_slug(
        &self,
        collection: &str,
        slug: &str,
        parent: Option<&str>,
        view: &View,
    ) -> Result<Document> {
        self.repository.get_by_slug_in(&*self.session, self.scope, collection, (slug, parent), view).await
    }

    /// A page of documents.
    ///
    /// # Errors
    ///
    /// Those of [`DocumentRepository::list`].
    pub async fn list(&self, collection: &str, query: &ListQuery) -> Result<Page> {
        self.repository.list_in(&*self.session, self.scope, collection, query).await
    }

    /// Documents that were read in a state, with those that they refer to, as a selection of their
    /// collection says: one round trip a level, and none where a level has nothing to look for.
    ///
    /// Of what is referred to, the caller sees what they would see by asking for it: published
    /// documents within their window; beside drafts and trash, the drafts of what they may update.
    ///
    /// # Errors
    ///
    /// [`TooMuchToPopulate`](crate::DocumentError::TooMuchToPopulate), and those of the storage.
    pub async fn populate(
        &self,
        documents: Vec<Document>,
        state: State,
        selection: &Selection,
    ) -> Result<Populated> {
        self.repository.populate_in(&*self.session, self.scope, documents, state, selection).await
    }
}
