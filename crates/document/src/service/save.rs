//! Changing the draft: patch, replace, restore.

use std::sync::Arc;

use serde_json::Map;
use stratus_access::Action;
use stratus_events::{EventKind, Reach};
use stratus_storage::{Value, mint_uuid_v7};

use super::{
    DocumentsService, Input, MAX_ATTEMPTS, Member, Needs, Precondition, Written,
    content::Content,
    create::with_envelope,
    lifecycle::{Window, refuse_hiding},
    place::{self, Place, Target},
    rights_for,
    state::{Current, Stored},
    write::{Subject, Write, status},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    validate::FieldError,
};

/// What a save is made from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Patch(&'a Input),
    Replace(&'a Input),
    Version(i64),
}

impl<'a> Source<'a> {
    fn input(self) -> Option<&'a Input> {
        match self {
            Self::Patch(input) | Self::Replace(input) => Some(input),
            Self::Version(_) => None,
        }
    }
}

impl DocumentsService {
    /// Changes the members and fields that a merge patch names.
    ///
    /// # Errors
    ///
    /// [`DocumentError::StaleRevision`] when the head is at none of the expected revisions; those
    /// of [`create`](Self::create) besides.
    pub async fn patch(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        input: &Input,
    ) -> Result<Written> {
        self.save(scope, collection, id, precondition, Source::Patch(input)).await
    }

    /// Replaces all fields. Private and read-only ones that aren't mentioned stay, and so do the
    /// members beside `fields`.
    ///
    /// # Errors
    ///
    /// Those of [`patch`](Self::patch).
    pub async fn replace(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        input: &Input,
    ) -> Result<Written> {
        self.save(scope, collection, id, precondition, Source::Replace(input)).await
    }

    /// Makes the fields of an old version the head again, as a new version.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`] for an unknown version; those of [`patch`](Self::patch) besides.
    pub async fn restore(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        version: i64,
    ) -> Result<Written> {
        self.save(scope, collection, id, precondition, Source::Version(version)).await
    }

    async fn save(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        source: Source<'_>,
    ) -> Result<Written> {
        let collection = self.repository.known(collection)?;
        let rights = source.input().map_or(Needs::always(&[Action::Update]), rights_for);
        for _ in 0..MAX_ATTEMPTS {
            let original = source.input().and_then(|input| place::target(scope, collection, input));
            let (current, original) = self.live_and(scope, collection, id, rights, original).await?;
            precondition.check(current.head.document.revision)?;
            let original = self.original(original.as_ref())?;
            let next = self.next(scope, collection, &current, source, original).await?;
            match self.save_over(scope, collection, &current, next).await {
                // Not this one has changed, but what it is to be a translation of.
                Err(DocumentError::Contended) => {}
                Err(DocumentError::StaleRevision { .. }) if *precondition == Precondition::Any => {}
                other => return other,
            }
        }
        Err(DocumentError::Contended)
    }

    async fn next(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        current: &Current,
        source: Source<'_>,
        original: Option<Target>,
    ) -> Result<Next> {
        let head = &current.head;
        match source {
            Source::Patch(input) => {
                let empty = Map::new();
                let given = input.fields.as_ref().unwrap_or(&empty);
                let content = Content::patch(collection, &head.fields, given);
                let content = with_envelope(with_slug(collection, content, input), input)?;
                Next::of(content, &head.document, input, original, EventKind::Updated)
            }
            Source::Replace(input) => {
                let Some(given) = &input.fields else {
                    let fault = FieldError::new("/fields", "required", "a replace names all fields");
                    return Err(DocumentError::Invalid(vec![fault]));
                };
                let content = Content::replace(collection, &head.fields, given);
                let content = with_envelope(with_slug(collection, content, input), input)?;
                Next::of(content, &head.document, input, original, EventKind::Updated)
            }
            Source::Version(version) => {
                let old = self.stored_version(scope, collection, &head.document.id, version).await?;
                let content = Content::restore(collection, &old.fields)?;
                Next::of(content, &head.document, &Input::default(), None, EventKind::Restored)
            }
        }
    }

    async fn save_over(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        current: &Current,
        next: Next,
    ) -> Result<Written> {
        let head = &current.head;
        let same_content = next.content.fields == head.fields && next.is_same_place(&head.document);
        let same_window = next.window == Window::of(&head.document);
        let stays = same_window && next.place.is_that_of(&head.document);
        let publishes = next.publish && !head.is_published;
        match (same_content, stays, publishes) {
            (true, true, false) => Ok(Written { document: head.document.clone(), bookmark: None }),
            (true, _, true) => self.publish_head(scope, collection, current, next.window, &next.place).await,
            (true, false, false) => {
                self.move_head(scope, collection, current, next.window, &next.place).await
            }
            (false, ..) => self.new_head(scope, collection, current, &next).await,
        }
    }

    async fn new_head(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        current: &Current,
        next: &Next,
    ) -> Result<Written> {
        let head = &current.head;
        let mut write = Write::begin(self, scope, collection);
        if next.publish {
            refuse_hiding(current, next.window.publish_at, write.now)?;
        }
        let document = Document {
            row_id: mint_uuid_v7(&*self.clock, &*self.entropy),
            type_version: collection.type_version(),
            slug: next.slug.clone(),
            locale: next.locale.clone(),
            parent: next.parent.clone(),
            order: next.place.order,
            translation_group: next.place.group.clone(),
            status: status(next.publish),
            version: head.document.version + 1,
            revision: current.next_revision(),
            updated_at: write.now,
            published_at: head.document.published_at.or(next.publish.then_some(write.now)),
            publish_at: next.window.publish_at,
            expire_at: next.window.expire_at,
            fields: next.content.texts(collection).0,
            ..head.document.clone()
        };
        write.push(
            "UPDATE documents SET is_current_draft = 0, is_published = ?3 \
             WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL",
            vec![
                head.document.row_id.as_str().into(),
                Value::Integer(head.document.revision),
                (head.is_published && !next.publish).into(),
            ],
        );
        write.guard_revision();
        if !head.is_published || next.publish {
            write.delete_derived(&head.document.row_id);
        }
        if let Some(public) = current.public.as_ref().filter(|_| next.publish) {
            write.push(
                "UPDATE documents SET is_published = 0 WHERE id = ?1",
                vec![public.document.row_id.as_str().into()],
            );
            write.delete_derived(&public.document.row_id);
        }
        if let Some(parent) = document.parent.as_ref().filter(|_| document.parent != head.document.parent) {
            write.guard_parent(parent, &document.id);
        }
        let row = Stored { document, fields: Map::new(), is_published: next.publish };
        write.insert(&row, &next.content)?;
        // Only now: a document may refer to itself.
        write.guard_targets(&next.content);
        let document = row.document;
        write.prune(&document.id, document.version);
        let subject = Subject {
            id: &document.id,
            revision: head.document.revision,
            slug: document.slug.as_deref(),
            content: Some(&next.content),
        };
        let stays = next.place.is_that_of(&head.document);
        let public = current.public.as_ref().or(Some(head).filter(|it| it.is_published));
        if let Some(public) = public.filter(|_| !stays && !next.publish) {
            write.move_public(&public.document.row_id, head.document.revision, &next.place);
        }
        let of_target = write.stand(&next.place, Some(&head.document));
        let is_seen = next.publish || (!stays && current.is_public());
        let reach = of_target.max(if is_seen { Reach::Public } else { Reach::Private });
        let kind =
            if next.publish && next.kind == EventKind::Updated { EventKind::Published } else { next.kind };
        let changed = Some(next.content.changed(&head.fields));
        let bookmark = write.commit(kind, reach, document.version, changed, &subject).await?;
        Ok(Written { document, bookmark: Some(bookmark) })
    }
}

/// Where slugs are derived, every document has one.
pub(super) fn with_slug(collection: &Collection, content: Result<Content>, input: &Input) -> Result<Content> {
    if collection.definition().slug.is_some() && input.slug == Member::Null {
        let fault = FieldError::new("/slug", "required", "documents of this collection have a slug");
        return Err(DocumentError::Invalid(vec![fault]));
    }
    content
}

/// What a save shall leave behind.
struct Next {
    content: Content,
    slug: Option<String>,
    locale: String,
    parent: Option<String>,
    place: Place,
    window: Window,
    publish: bool,
    kind: EventKind,
}

impl Next {
    fn of(
        content: Content,
        head: &Document,
        input: &Input,
        original: Option<Target>,
        kind: EventKind,
    ) -> Result<Self> {
        let next = Self {
            content,
            slug: input.slug.over(head.slug.clone()),
            locale: input.locale.clone().unwrap_or_else(|| head.locale.clone()),
            parent: input.parent.over(head.parent.clone()),
            place: Place::of(head).next(Some(&head.id), input, original)?,
            window: Window {
                publish_at: input.publish_at.over(head.publish_at),
                expire_at: input.expire_at.over(head.expire_at),
            },
            publish: input.publish,
            kind,
        };
        if next.parent.as_deref() == Some(head.id.as_str()) {
            let fault = FieldError::new("/parent", "cycle", "a document can't be its own parent");
            return Err(DocumentError::Invalid(vec![fault]));
        }
        if let (Some(from), Some(to)) = (next.window.publish_at, next.window.expire_at)
            && from >= to
        {
            let fault = FieldError::new("/expireAt", "too_small", "must be after `publishAt`");
            return Err(DocumentError::Invalid(vec![fault]));
        }
        Ok(next)
    }

    fn is_same_place(&self, head: &Document) -> bool {
        self.slug == head.slug && self.locale == head.locale && self.parent == head.parent
    }
}
