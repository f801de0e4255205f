//! Making a copy of a document.

use std::sync::Arc;

use serde_json::Map;
use stratus_access::Action;
use stratus_storage::{Rows, Statement};

use super::{
    DocumentsService, Input, Member, Written,
    content::Content,
    create::{New, with_envelope},
    operation::{Change, Operation},
    place::{Groups, Kin},
    room::Room,
    save::with_slug,
    state::{Stored, row_of, stored, whose},
    write::Prepared,
};
use crate::{
    collection::Collection,
    document::Scope,
    error::{DocumentError, Result},
    physical::State,
    slug::MAX_SLUG_BYTES,
    sql::Base,
};

impl DocumentsService {
    /// Makes a draft with the content of another document, over which `input` is applied like a
    /// patch. Of the rest, the locale, the parent and the own permissions are copied, and a slug is
    /// derived from the slug.
    ///
    /// Callers who may update the document copy its head, others what is public of it.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`] for what the caller may not see; those of
    /// [`create`](Self::create) besides.
    pub async fn duplicate(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        input: &Input,
    ) -> Result<Written> {
        let change = Change::Duplicate { id, input };
        self.one_written(scope, Operation::new(collection, change)).await
    }

    /// Prepares a copy of what was found of a document.
    pub(super) fn copy_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        source: &Stored,
        input: &Input,
        kin: Kin<'_>,
        groups: &mut Groups<'_>,
    ) -> Result<Prepared<'a>> {
        let empty = Map::new();
        let given = input.fields.as_ref().unwrap_or(&empty);
        let content = with_slug(collection, Content::patch(collection, &source.fields, given), input);
        let content = with_envelope(content, input)?;
        let document = &source.document;
        let parent = input.parent.over(document.parent.clone());
        let copy = Input {
            locale: Some(input.locale.clone().unwrap_or_else(|| document.locale.clone())),
            parent: parent.map_or(Member::Null, Member::Value),
            ..input.clone()
        };
        let base = document.slug.as_deref().filter(|_| input.slug.is_absent()).map(base);
        let new = New { input: &copy, content, base, copy_of: Some(&document.id) };
        self.make(scope, collection, new, kin, groups)
    }

    /// Looks at what the caller may copy of a document, in two statements. Decode with
    /// [`source`](Self::source).
    pub(super) fn source_looks(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        room: &Room,
    ) -> Vec<Statement> {
        let (base, rights) = (Base::Of(collection), scope.rights());
        let mut head = row_of(scope, "documents_head", id, room);
        head.push(" AND d.is_current_draft = 1");
        whose(&mut head, scope, collection).granted(base, &[Action::Update], &rights);
        let mut public = row_of(scope, "documents_published", id, room);
        public.push(" AND d.is_published = 1 AND d.deleted_at IS NULL");
        whose(&mut public, scope, collection).granted(base, &[], &rights);
        public.window(State::Published, self.clock.now());
        vec![head.finish(), public.finish()]
    }

    /// What the caller may copy of a document.
    pub(super) async fn source(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        rows: &[Rows],
    ) -> Result<Stored> {
        let found = rows.iter().take(2).find_map(Rows::first);
        let source = found.map(|row| stored(collection, row)).transpose()?.ok_or(DocumentError::NotFound)?;
        match source.document.status {
            State::Trashed => Err(self.trashed(scope, collection, id).await?),
            _ => Ok(source),
        }
    }
}

/// A slug that a suffix finds room behind.
fn base(slug: &str) -> String {
    // Slugs are ASCII.
    let end = slug.len().min(MAX_SLUG_BYTES - 16);
    slug[..end].trim_end_matches('-').to_owned()
}
