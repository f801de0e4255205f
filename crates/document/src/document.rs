//! A document as a reader sees it: one row, decoded.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use stratus_access::{Caller, TenantId};
use stratus_storage::{Consistency, Row, Timestamp};

use crate::{
    collection::Collection,
    physical::State,
    service::texts,
    sql::Rights,
    validate::{parse_moment, rfc3339},
};

/// Formats a time as the wire has it: RFC 3339, UTC, with milliseconds.
pub fn format_time(millis: Timestamp) -> String {
    rfc3339(millis)
}

/// Parses a time of the wire into milliseconds UTC.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    parse_moment(text)
}

/// On whose behalf, and of which tenant, a call is made.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Whose documents.
    pub tenant: TenantId,
    /// Who is asking.
    pub caller: Caller,
    /// How fresh the answer must be.
    pub consistency: Consistency,
}

impl Scope {
    /// A scope that reads any replica.
    pub fn new(tenant: TenantId, caller: Caller) -> Self {
        Self { tenant, caller, consistency: Consistency::Any }
    }

    /// The caller as statements see them.
    pub(crate) fn rights(&self) -> Rights {
        Rights::of(&self.caller)
    }
}

/// A document as a reader sees it.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) collection: Arc<Collection>,
    pub(crate) row_id: String,
    /// The definition that the row was written under.
    pub(crate) type_version: i64,
    /// Its id: the same in every version.
    pub id: String,
    /// Its slug.
    pub slug: Option<String>,
    /// Its locale.
    pub locale: String,
    /// The id of its parent.
    pub parent: Option<String>,
    /// Where it stands among its siblings: lesser first.
    pub order: i64,
    /// The group of documents that it and its translations are in.
    pub translation_group: Option<String>,
    /// Whether the row shown is public, the head, or in the trash.
    pub status: State,
    /// Counts contents.
    pub version: i64,
    /// Counts accepted writes.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the row shown was last written.
    pub updated_at: Timestamp,
    /// When it was first published, since it was last unpublished.
    pub published_at: Option<Timestamp>,
    /// It is not visible before.
    pub publish_at: Option<Timestamp>,
    /// It is not visible from then on.
    pub expire_at: Option<Timestamp>,
    /// Its public fields: a JSON object as it was stored.
    pub fields: String,
}

/// The columns that [`Document::decode`] reads, of `documents AS d`.
pub(crate) const COLUMNS: &str = "d.id AS row_id, d.root_id AS root_id, d.slug AS slug, d.locale AS locale, \
     d.parent_root_id AS parent, d.is_published AS is_published, d.deleted_at AS deleted_at, \
     d.version_number AS version_number, d.revision AS revision, d.created_at AS created_at, \
     d.updated_at AS updated_at, d.published_at AS published_at, d.scheduled_at AS scheduled_at, \
     d.expires_at AS expires_at, d.type_version AS type_version, d.data AS data, d.sort_order AS sort_order, \
     d.translation_group_id AS translation_group_id";

/// How many columns that is: what a query adds stands after them.
pub(crate) const COLUMN_COUNT: usize = 18;

impl Document {
    pub(crate) fn decode(collection: &Arc<Collection>, row: Row<'_>) -> stratus_storage::Result<Self> {
        let owned = |text: &str| text.to_owned();
        let is_trashed = !row.value(6)?.is_null();
        let status = match (is_trashed, row.flag(5)?) {
            (true, _) => State::Trashed,
            (false, true) => State::Published,
            (false, false) => State::Draft,
        };
        let fields = row.text(15)?;
        let type_version = row.integer(14)?;
        let is_current = type_version == collection.type_version();
        Ok(Self {
            collection: Arc::clone(collection),
            row_id: row.text(0)?.to_owned(),
            type_version,
            id: row.text(1)?.to_owned(),
            slug: row.optional_text(2)?.map(owned),
            locale: row.text(3)?.to_owned(),
            parent: Some(row.text(4)?).filter(|it| !it.is_empty()).map(owned),
            order: row.integer(16)?,
            translation_group: Some(row.text(17)?).filter(|it| !it.is_empty()).map(owned),
            status,
            version: row.integer(7)?,
            revision: row.integer(8)?,
            created_at: row.integer(9)?,
            updated_at: row.integer(10)?,
            published_at: row.optional_integer(11)?,
            publish_at: row.optional_integer(12)?,
            expire_at: row.optional_integer(13)?,
            // Copied as it is stored, unless it was written under another definition.
            fields: if is_current { fields.to_owned() } else { project(collection, fields)? },
        })
    }

    /// The collection that it is in.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The second part of its entity tag: 12 hexadecimal digits that change whenever the bytes of
    /// an answer about this row do. `view` is what else the answer depends on: its projection.
    pub fn tag_hash(&self, fingerprint: &str, view: &str) -> String {
        let mut hash = Sha256::new();
        // A row may be rewritten from one definition to another, and show more of itself.
        let written_under = self.type_version.to_string();
        for part in [&self.row_id, fingerprint, view, &self.locale, &written_under] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Shows content that was written under another definition through today's: what is no longer a
/// public field stays inside.
fn project(collection: &Collection, stored: &str) -> stratus_storage::Result<String> {
    Ok(texts(collection, &parse_object(stored)?).0)
}

pub(crate) fn parse_object(stored: &str) -> stratus_storage::Result<Map<String, Json>> {
    serde_json::from_str(stored).map_err(|error| stratus_storage::Error::Corrupt {
        reason: format!("the content of a document is no JSON object: {error}"),
    })
}
