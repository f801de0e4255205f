//! Publish, unpublish, trash and recover.

use std::sync::Arc;

use stratus_access::Action;
use stratus_events::{EventKind, Reach};
use stratus_storage::Value;

use super::{
    DocumentsService, Precondition, Written,
    content::Content,
    operation::{Change, Operation, Outcome, Step},
    place::Place,
    state::Current,
    write::{Prepared, Subject, Told, Write, time},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    validate::rfc3339,
};

/// Each moves a head from the revision that was looked at (`?2`) to the next, at a time (`?3`).
const PUBLISH: &str = "UPDATE documents SET is_published = 1, published_at = ?4, scheduled_at = ?5, expires_at = ?6, \
     sort_order = ?7, translation_group_id = ?8, revision = ?2 + 1, updated_at = ?3 WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL";
const UNPUBLISH: &str = "UPDATE documents SET is_published = 0, published_at = NULL, \
     revision = ?2 + 1, updated_at = ?3 WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL";
const TRASH: &str = "UPDATE documents SET deleted_at = ?3, \
     revision = ?2 + 1, updated_at = ?3 WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL";
const RECOVER: &str = "UPDATE documents SET deleted_at = NULL, \
     revision = ?2 + 1, updated_at = ?3 WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NOT NULL";

impl Step {
    /// The right that it needs, as a list of one.
    pub(super) fn rights(self) -> &'static [Action] {
        match self.right() {
            Action::Publish => &[Action::Publish],
            Action::Delete => &[Action::Delete],
            _ => &[Action::Manage],
        }
    }
}

impl DocumentsService {
    /// Makes the head public. Publishing a public head changes nothing.
    ///
    /// # Errors
    ///
    /// [`DocumentError::SlugTaken`] when a clash only shows now; [`DocumentError::WouldHide`] when
    /// the head's window is ahead and another version is visible.
    pub async fn publish(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Written> {
        self.step(scope, collection, id, precondition, Step::Publish).await
    }

    /// Takes the document from the public. Unpublishing what is not public changes nothing.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`], [`DocumentError::Denied`], [`DocumentError::StaleRevision`].
    pub async fn unpublish(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Written> {
        self.step(scope, collection, id, precondition, Step::Unpublish).await
    }

    /// Puts the document in the trash: it keeps its content and gives up its slug.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Referenced`] while live documents refer to it strongly.
    pub async fn trash(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Written> {
        self.step(scope, collection, id, precondition, Step::Trash).await
    }

    /// Takes the document out of the trash, as it was.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotTrashed`]; [`DocumentError::SlugTaken`] when another document has its
    /// slug by now; [`DocumentError::MissingReference`] when a strong target is gone.
    pub async fn recover(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Written> {
        self.step(scope, collection, id, precondition, Step::Recover).await
    }

    async fn step(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        precondition: &Precondition,
        step: Step,
    ) -> Result<Written> {
        let change = Change::Step { id, precondition, step };
        self.one_written(scope, Operation::new(collection, change)).await
    }

    /// Prepares a change of state.
    pub(super) fn step_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
        step: Step,
    ) -> Result<Prepared<'a>> {
        match step {
            Step::Publish => {
                let window = Window::of(&current.head.document);
                let place = Place::of(&current.head.document);
                self.publish_head(scope, collection, current, window, &place)
            }
            Step::Unpublish => Ok(self.unpublish_root(scope, collection, current)),
            Step::Trash => Ok(self.trash_root(scope, collection, current)),
            Step::Recover => self.recover_root(scope, collection, current),
            Step::Erase => Ok(self.erase_root(scope, collection, current)),
        }
    }

    /// Makes the head public, with the window and the place that it shall have.
    pub(super) fn publish_head<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
        window: Window,
        place: &Place,
    ) -> Result<Prepared<'a>> {
        let head = &current.head;
        if head.is_published {
            return Ok(Prepared::unchanged(self, scope, collection, head.document.clone()));
        }
        if head.document.type_version != collection.type_version() {
            // It was sound under another definition; the public gets what is sound today.
            Content::restore(collection, &head.fields)?;
        }
        let mut write = Write::begin(self, scope, collection);
        refuse_hiding(current, window.publish_at, write.now)?;
        let document = Document {
            status: State::Published,
            published_at: head.document.published_at.or(Some(write.now)),
            publish_at: window.publish_at,
            expire_at: window.expire_at,
            order: place.order,
            translation_group: place.group.clone(),
            ..stamped(current, write.now)
        };
        if let Some(public) = &current.public {
            let row_id = public.document.row_id.as_str();
            write.push("UPDATE documents SET is_published = 0 WHERE id = ?1", vec![row_id.into()]);
            write.delete_derived(row_id);
        }
        write.push(
            PUBLISH,
            [
                stamp(current, &document),
                [document.published_at, document.publish_at, document.expire_at].map(time).to_vec(),
                vec![Value::Integer(place.order), place.group.as_deref().unwrap_or_default().into()],
            ]
            .concat(),
        );
        write.guard_revision();
        write.stand(place, Some(&head.document));
        Ok(finish(write, current, document, EventKind::Published, Reach::Public))
    }

    fn unpublish_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
    ) -> Prepared<'a> {
        if !current.is_public() {
            return Prepared::unchanged(self, scope, collection, current.head.document.clone());
        }
        let mut write = Write::begin(self, scope, collection);
        let document = Document { status: State::Draft, published_at: None, ..stamped(current, write.now) };
        write.push(UNPUBLISH, stamp(current, &document));
        write.guard_revision();
        if let Some(public) = &current.public {
            let row_id = public.document.row_id.as_str();
            let sql = "UPDATE documents SET is_published = 0, published_at = NULL WHERE id = ?1";
            write.push(sql, vec![row_id.into()]);
            write.delete_derived(row_id);
        }
        finish(write, current, document, EventKind::Unpublished, Reach::Public)
    }

    fn trash_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
    ) -> Prepared<'a> {
        let mut write = Write::begin(self, scope, collection);
        let document = Document { status: State::Trashed, ..stamped(current, write.now) };
        let stamps = stamp(current, &document);
        write.push(TRASH, stamps.clone());
        write.guard_revision();
        if let Some(public) = &current.public {
            write.push(
                "UPDATE documents SET deleted_at = ?3, updated_at = ?3, revision = ?2 + 1 WHERE id = ?1",
                with_id(&public.document.row_id, stamps),
            );
        }
        write.guard_unreferenced(&document.id);
        let reach = reach(current);
        finish(write, current, document, EventKind::Trashed, reach)
    }

    fn recover_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
    ) -> Result<Prepared<'a>> {
        if !current.is_trashed() {
            return Err(DocumentError::NotTrashed);
        }
        let mut write = Write::begin(self, scope, collection);
        let status = super::write::status(current.head.is_published);
        let document = Document { status, ..stamped(current, write.now) };
        let stamps = stamp(current, &document);
        write.push(RECOVER, stamps.clone());
        write.guard_revision();
        write.guard_recovered(&current.head.document.row_id);
        if let Some(parent) = &document.parent {
            write.guard_recovered_parent(parent);
        }
        if let Some(public) = &current.public {
            write.push(
                "UPDATE documents SET deleted_at = NULL, updated_at = ?3, revision = ?2 + 1 WHERE id = ?1",
                with_id(&public.document.row_id, stamps),
            );
            write.guard_recovered(&public.document.row_id);
            if let Some(parent) =
                public.document.parent.as_ref().filter(|_| public.document.parent != document.parent)
            {
                write.guard_recovered_parent(parent);
            }
            write.public_slug =
                public.document.slug.clone().filter(|_| public.document.slug != document.slug);
        }
        let reach = reach(current);
        Ok(finish(write, current, document, EventKind::Recovered, reach))
    }
}

fn finish<'a>(
    mut write: Write<'a>,
    current: &Current,
    document: Document,
    kind: EventKind,
    reach: Reach,
) -> Prepared<'a> {
    let subject = Subject {
        id: document.id.clone(),
        revision: current.head.document.revision,
        slug: document.slug.clone(),
        content: None,
    };
    write.locale = Some(document.locale.clone());
    write.seal(
        Told { kind, reach, version: document.version, changed: None },
        subject,
        Outcome::Head(Box::new(document)),
    )
}

/// When a public document is visible, in milliseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) publish_at: Option<i64>,
    pub(super) expire_at: Option<i64>,
}

impl Window {
    pub(super) fn of(document: &Document) -> Self {
        Self { publish_at: document.publish_at, expire_at: document.expire_at }
    }
}

/// A public version that is visible now must not vanish because its successor's window is ahead.
pub(super) fn refuse_hiding(current: &Current, publish_at: Option<i64>, now: i64) -> Result<()> {
    let visible = |from: Option<i64>, to: Option<i64>| {
        from.is_none_or(|from| from <= now) && to.is_none_or(|to| to > now)
    };
    let public = current.public.as_ref().or(Some(&current.head).filter(|head| head.is_published));
    let is_visible = public.is_some_and(|it| visible(it.document.publish_at, it.document.expire_at));
    match publish_at.filter(|&from| from > now && is_visible) {
        Some(from) => Err(DocumentError::WouldHide { until: rfc3339(from) }),
        None => Ok(()),
    }
}

pub(super) fn reach(current: &Current) -> Reach {
    if current.is_public() { Reach::Public } else { Reach::Private }
}

/// The head one revision on.
fn stamped(current: &Current, now: i64) -> Document {
    Document { revision: current.next_revision(), updated_at: now, ..current.head.document.clone() }
}

/// The parameters of a stamp: row, revision that was looked at, time.
fn stamp(current: &Current, document: &Document) -> Vec<Value> {
    vec![
        document.row_id.as_str().into(),
        Value::Integer(current.head.document.revision),
        Value::Integer(document.updated_at),
    ]
}

fn with_id(row_id: &str, mut params: Vec<Value>) -> Vec<Value> {
    if let Some(first) = params.first_mut() {
        *first = row_id.into();
    }
    params
}
