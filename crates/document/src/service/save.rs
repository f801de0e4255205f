//! Changing the draft: patch, replace, restore.

use std::sync::Arc;

use serde_json::Map;
use stratus_events::{EventKind, Reach};
use stratus_storage::{Rows, Value, mint_uuid_v7};

use super::{
    DocumentsService, Input, Member, Precondition, Written,
    content::Content,
    create::with_envelope,
    lifecycle::{Window, refuse_hiding},
    operation::{Change, Operation, Outcome},
    place::{Place, Target},
    state::{Current, Stored},
    write::{Prepared, Subject, Told, Write, status},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    validate::FieldError,
};

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
        let change = Change::Patch { id, precondition, input };
        self.one_written(scope, Operation::new(collection, change)).await
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
        let change = Change::Replace { id, precondition, input };
        self.one_written(scope, Operation::new(collection, change)).await
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
        let change = Change::Restore { id, precondition, version };
        self.one_written(scope, Operation::new(collection, change)).await
    }

    /// Prepares what a save makes of a root. `also` is what was found of an old version, `original`
    /// the one whose translation it becomes.
    pub(super) fn save_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
        change: Change<'_>,
        also: Option<&Rows>,
        original: Option<Target>,
    ) -> Result<Prepared<'a>> {
        let next = self.next(collection, current, change, also, original)?;
        let head = &current.head;
        let same_content = next.content.fields == head.fields && next.is_same_place(&head.document);
        let same_window = next.window == Window::of(&head.document);
        let stays = same_window && next.place.is_that_of(&head.document);
        let publishes = next.publish && !head.is_published;
        match (same_content, stays, publishes) {
            (true, true, false) => Ok(Prepared::unchanged(self, scope, collection, head.document.clone())),
            (true, _, true) => self.publish_head(scope, collection, current, next.window, &next.place),
            (true, false, false) => Ok(self.move_head(scope, collection, current, next.window, &next.place)),
            (false, ..) => self.new_head(scope, collection, current, next),
        }
    }

    fn next(
        &self,
        collection: &Arc<Collection>,
        current: &Current,
        change: Change<'_>,
        also: Option<&Rows>,
        original: Option<Target>,
    ) -> Result<Next> {
        let head = &current.head;
        match change {
            Change::Patch { input, .. } => {
                let empty = Map::new();
                let given = input.fields.as_ref().unwrap_or(&empty);
                let content = Content::patch(collection, &head.fields, given);
                let content = with_envelope(with_slug(collection, content, input), input)?;
                Next::of(content, &head.document, input, original, EventKind::Updated)
            }
            Change::Replace { input, .. } => {
                let Some(given) = &input.fields else {
                    let fault = FieldError::new("/fields", "required", "a replace names all fields");
                    return Err(DocumentError::Invalid(vec![fault]));
                };
                let content = Content::replace(collection, &head.fields, given);
                let content = with_envelope(with_slug(collection, content, input), input)?;
                Next::of(content, &head.document, input, original, EventKind::Updated)
            }
            Change::Restore { .. } => {
                let old = self.stored_version(collection, also)?;
                let content = Content::restore(collection, &old.fields)?;
                Next::of(content, &head.document, &Input::default(), None, EventKind::Restored)
            }
            // Not what a save is made from.
            Change::Create(_) | Change::Duplicate { .. } | Change::Step { .. } => {
                Err(DocumentError::NotFound)
            }
        }
    }

    fn new_head<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
        next: Next,
    ) -> Result<Prepared<'a>> {
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
        let stays = next.place.is_that_of(&head.document);
        let public = current.public.as_ref().or(Some(head).filter(|it| it.is_published));
        if let Some(public) = public.filter(|_| !stays && !next.publish) {
            write.move_public(&public.document.row_id, head.document.revision, &next.place);
        }
        let of_target = write.stand(&next.place, Some(&head.document));
        let is_seen = next.publish || (!stays && current.is_public());
        let told = Told {
            kind: if next.publish && next.kind == EventKind::Updated {
                EventKind::Published
            } else {
                next.kind
            },
            reach: of_target.max(if is_seen { Reach::Public } else { Reach::Private }),
            version: document.version,
            changed: Some(next.content.changed(&head.fields)),
        };
        let subject = Subject {
            id: document.id.clone(),
            revision: head.document.revision,
            slug: document.slug.clone(),
            content: Some(next.content),
        };
        Ok(write.seal(told, subject, Outcome::Head(Box::new(document))))
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
