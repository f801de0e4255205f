//! What a line makes of a document: which rows stay, which are new, which become history.

use stratus_access::Entry;
use stratus_storage::Timestamp;

use super::{
    stored::{Existing, StoredRow},
    wanted::{Public, Wanted, WantedRow},
};
use crate::{collection::Collection, derived::Derived};

/// A row of a document that stays as it is but for its flags, its window and its times.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) row_id: String,
    pub(super) is_head: bool,
    pub(super) is_published: bool,
    pub(super) revision: i64,
    pub(super) updated_at: Timestamp,
    pub(super) published_at: Option<Timestamp>,
    pub(super) publish_at: Option<Timestamp>,
    pub(super) expire_at: Option<Timestamp>,
}

/// A row that is written anew.
#[derive(Debug)]
pub(super) struct New {
    pub(super) is_head: bool,
    pub(super) is_published: bool,
    pub(super) version: i64,
    pub(super) revision: i64,
    pub(super) slug: Option<String>,
    pub(super) locale: String,
    pub(super) parent: Option<String>,
    pub(super) published_at: Option<Timestamp>,
    pub(super) publish_at: Option<Timestamp>,
    pub(super) expire_at: Option<Timestamp>,
    pub(super) updated_at: Timestamp,
    pub(super) data: String,
    pub(super) data_private: String,
    pub(super) derived: Derived,
}

/// Everything that is written of one document.
#[derive(Debug)]
pub(super) struct Plan {
    /// The head's revision that was looked at; nothing where there was no document.
    pub(super) before: Option<i64>,
    /// The head's version, as it will be.
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) order: i64,
    pub(super) group: String,
    /// What all rows of a root repeat has changed.
    pub(super) restamps: bool,
    pub(super) becomes_history: Vec<String>,
    pub(super) kept: Vec<Kept>,
    pub(super) new: Vec<New>,
    pub(super) permissions: Option<Vec<Entry>>,
    /// So many of its newest rows stay; what is older is forgotten, unless it is the head or public.
    pub(super) prune: Option<u32>,
    pub(super) changed: Vec<String>,
    pub(super) is_public: bool,
    /// Where it is moved below another one: it must not be among the ancestors of that one.
    pub(super) moved_below: Option<String>,
    /// Parents that need not be live, as its rows have them already.
    pub(super) stored_parents: Vec<String>,
}

/// Where a wanted row is to be found.
#[derive(Clone, Copy)]
enum Place<'a> {
    There(&'a StoredRow),
    Nowhere,
}

impl Plan {
    /// What makes the document what it is to be; nothing if it is already.
    pub(super) fn of(
        collection: &Collection,
        wanted: Wanted,
        existing: Option<&Existing>,
        now: Timestamp,
    ) -> stratus_storage::Result<Option<Self>> {
        let mut plan = Self::begin(&wanted, existing, now);
        plan.rows(collection, wanted, existing, now)?;
        let writes = existing.is_none()
            || plan.restamps
            || plan.permissions.is_some()
            || !(plan.becomes_history.is_empty() && plan.kept.is_empty() && plan.new.is_empty());
        Ok(writes.then_some(plan))
    }

    /// What all rows of the document share.
    fn begin(wanted: &Wanted, existing: Option<&Existing>, now: Timestamp) -> Self {
        let head = existing.map(|it| &it.head);
        let created_at = wanted.created_at.or(head.map(|it| it.created_at)).unwrap_or(now);
        let order = wanted.order.or(head.map(|it| it.order)).unwrap_or(0);
        let group = wanted.group.clone().or(head.map(|it| it.group.clone())).unwrap_or_default();
        let restamps =
            head.is_some_and(|it| it.created_at != created_at || it.order != order || it.group != group);
        let present = existing.map(|it| it.permissions.as_slice()).unwrap_or_default();
        let permissions = wanted.permissions.clone().filter(|it| it != present);
        Self {
            before: head.map(|it| it.revision),
            version: 0,
            created_at,
            order,
            group,
            restamps,
            becomes_history: Vec::new(),
            kept: Vec::new(),
            new: Vec::new(),
            permissions,
            prune: None,
            changed: Vec::new(),
            is_public: existing.is_some_and(|it| it.head.is_published || it.public.is_some()),
            // What is new is nobody's ancestor yet but for those in the file that came with it.
            moved_below: head
                .filter(|it| it.parent != wanted.head.parent)
                .and_then(|_| wanted.head.parent.clone()),
            stored_parents: wanted.stored_parents.clone(),
        }
    }

    fn rows(
        &mut self,
        collection: &Collection,
        wanted: Wanted,
        existing: Option<&Existing>,
        now: Timestamp,
    ) -> stratus_storage::Result<()> {
        let Wanted { head, public, history, published_at, .. } = wanted;
        let (old_head, old_public) =
            (existing.map(|it| &it.head), existing.and_then(|it| it.public.as_ref()));
        let find = |row: &WantedRow, old: Option<&'_ StoredRow>| {
            old.map_or(Ok(false), |old| row.is(collection, old))
        };
        let mut head_at = match old_head {
            Some(old) if find(&head, old_head)? => Place::There(old),
            _ => Place::Nowhere,
        };
        // A new row counts higher than all that are there, and the head counts highest.
        let public_at = match &public {
            Public::Row(row) if find(row, old_public)? => old_public.map_or(Place::Nowhere, Place::There),
            Public::Row(row) if matches!(head_at, Place::Nowhere) && find(row, old_head)? => {
                old_head.map_or(Place::Nowhere, Place::There)
            }
            Public::Row(_) => {
                head_at = Place::Nowhere;
                Place::Nowhere
            }
            Public::Stays => match old_head {
                Some(old) if old.is_published => Place::There(old),
                _ => old_public.map_or(Place::Nowhere, Place::There),
            },
            Public::Nothing | Public::Head => Place::Nowhere,
        };
        let public_id = match public_at {
            Place::There(row) if !row.is_trashed => Some(row.row_id.as_str()),
            _ => None,
        };
        let head_is_public = match head_at {
            Place::There(row) => matches!(public, Public::Head) || public_id == Some(row.row_id.as_str()),
            Place::Nowhere => matches!(public, Public::Head),
        };
        let has_public_row = matches!(public, Public::Row(_)) || public_id.is_some();
        let is_public = head_is_public || has_public_row;
        self.is_public |= is_public;
        let was_published = old_head.and_then(|it| it.published_at);
        let published_at = is_public.then(|| {
            let given = published_at.or(was_published);
            given.unwrap_or_else(|| head.updated_at.filter(|_| head_is_public).unwrap_or(now))
        });
        let revision = self.before.unwrap_or(0) + 1;
        let mut highest = existing.and_then(|it| it.versions.last().copied()).unwrap_or(0);
        let changed = |row: &WantedRow| -> stratus_storage::Result<Vec<String>> {
            let present = old_head.map(|it| it.fields(collection)).transpose()?.unwrap_or_default();
            let names = present.keys().chain(row.fields.keys().filter(|name| !present.contains_key(*name)));
            Ok(names.filter(|name| present.get(*name) != row.fields.get(*name)).cloned().collect())
        };
        self.changed = if matches!(head_at, Place::Nowhere) { changed(&head)? } else { Vec::new() };
        let mut stay = Vec::new();
        let stamps = Stamps { revision, published_at, now };
        match (public, public_at) {
            (Public::Row(row), Place::There(old)) => {
                stay.push(old.row_id.as_str());
                self.keep(old, Some(&row), (false, true), &stamps);
            }
            (Public::Row(row), Place::Nowhere) => {
                highest = row.version.filter(|&it| it > highest).unwrap_or(highest + 1);
                self.new.push(row.into_new(highest, (false, true), &stamps));
            }
            (Public::Stays, Place::There(old)) if public_id.is_some() && !head_is_public => {
                stay.push(old.row_id.as_str());
                self.keep(old, None, (false, true), &stamps);
            }
            _ => {}
        }
        self.version = match head_at {
            Place::There(old) => {
                stay.push(old.row_id.as_str());
                self.keep(old, Some(&head), (true, head_is_public), &stamps);
                old.version
            }
            Place::Nowhere => {
                let version = head.version.filter(|&it| it > highest).unwrap_or(highest + 1);
                self.new.push(head.into_new(version, (true, head_is_public), &stamps));
                version
            }
        };
        let gone = old_head.into_iter().chain(old_public).filter(|it| !stay.contains(&it.row_id.as_str()));
        self.becomes_history = gone.map(|it| it.row_id.clone()).collect();
        self.add_history(collection, history, existing, &stamps);
        self.stamp_head(old_head, head_at, &stamps);
        Ok(())
    }

    /// A row that is there and stays; noted only if something about it changes.
    fn keep(
        &mut self,
        old: &StoredRow,
        wanted: Option<&WantedRow>,
        (is_head, is_published): (bool, bool),
        stamps: &Stamps,
    ) {
        let publish_at = wanted.map_or(old.publish_at, |it| it.publish_at);
        let expire_at = wanted.map_or(old.expire_at, |it| it.expire_at);
        let given = wanted.and_then(|it| it.updated_at);
        let same = old.is_published == is_published
            && old.is_head == is_head
            && old.publish_at == publish_at
            && old.expire_at == expire_at
            && old.published_at == stamps.published_at
            && given.is_none_or(|it| it == old.updated_at);
        if !same {
            self.kept.push(Kept {
                row_id: old.row_id.clone(),
                is_head,
                is_published,
                revision: if is_head { stamps.revision } else { old.revision },
                updated_at: given.unwrap_or(if is_head { stamps.now } else { old.updated_at }),
                published_at: stamps.published_at,
                publish_at,
                expire_at,
            });
        }
    }

    /// Every accepted write moves the head's revision, also where its row stays as it is.
    fn stamp_head(&mut self, old_head: Option<&StoredRow>, head_at: Place<'_>, stamps: &Stamps) {
        let writes = self.restamps
            || self.permissions.is_some()
            || !(self.new.is_empty() && self.kept.is_empty() && self.becomes_history.is_empty());
        if let (Some(old), Place::There(_)) = (old_head, head_at)
            && writes
            && !self.kept.iter().any(|it| it.is_head)
        {
            self.kept.push(Kept {
                row_id: old.row_id.clone(),
                is_head: true,
                is_published: old.is_published,
                revision: stamps.revision,
                updated_at: old.updated_at,
                published_at: old.published_at,
                publish_at: old.publish_at,
                expire_at: old.expire_at,
            });
        }
    }

    /// History is added where its number is free, and only what pruning would leave.
    ///
    /// Rows are counted, not numbers: those of a line may be far ahead of those that are there.
    fn add_history(
        &mut self,
        collection: &Collection,
        history: Vec<WantedRow>,
        existing: Option<&Existing>,
        stamps: &Stamps,
    ) {
        let max = collection.definition().versions.max;
        let mut numbers = existing.map(|it| it.versions.clone()).unwrap_or_default();
        numbers.extend(self.new.iter().map(|it| it.version));
        let is_free = |row: &WantedRow| {
            row.version.is_some_and(|version| version < self.version && !numbers.contains(&version))
        };
        let history: Vec<_> = history.into_iter().filter(is_free).collect();
        numbers.extend(history.iter().filter_map(|it| it.version));
        let oldest = numbers.iter().rev().take(max as usize).next_back().copied().unwrap_or(0);
        for row in history {
            let Some(version) = row.version.filter(|it| *it >= oldest) else { continue };
            let stamps = Stamps { revision: 1, published_at: None, now: stamps.now };
            self.new.push(row.into_new(version, (false, false), &stamps));
        }
        if existing.is_some() && numbers.len() > max as usize {
            self.prune = Some(max);
        }
    }
}

/// What a write stamps on rows.
struct Stamps {
    revision: i64,
    published_at: Option<Timestamp>,
    now: Timestamp,
}

impl WantedRow {
    fn into_new(self, version: i64, (is_head, is_published): (bool, bool), stamps: &Stamps) -> New {
        New {
            is_head,
            is_published,
            version,
            revision: stamps.revision,
            slug: self.slug,
            locale: self.locale,
            parent: self.parent,
            published_at: stamps.published_at,
            publish_at: self.publish_at,
            expire_at: self.expire_at,
            updated_at: self.updated_at.unwrap_or(stamps.now),
            data: self.texts.0,
            data_private: self.texts.1,
            derived: self.derived,
        }
    }
}
