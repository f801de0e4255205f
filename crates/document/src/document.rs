//! A document as a reader sees it: one row, decoded.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use stratus_access::{Caller, TenantId};
use stratus_storage::{Consistency, Row, RowMut, Timestamp};

use crate::{
    collection::Collection,
    physical::State,
    service::texts,
    sql::Rights,
    validate::{parse_moment, rfc3339},
};

/// Formats a time as the wire has it: RFC 3339, UTC, with milliseconds.
pub fn format_time(millis: Timestamp) -> String {
    let mut text = String::with_capacity(24);
    push_time(&mut text, millis);
    text
}

/// Writes a time behind a text, as [`format_time`] does. A list has sixty of them, so this does the
/// arithmetic itself: days since 1970 to a date, in years that begin in March and eras of 400.
pub fn push_time(text: &mut String, millis: Timestamp) {
    let Some(days) = millis.checked_add(TO_MARCH_0000).filter(|it| (0..=LATEST).contains(it)) else {
        // Before March of the year 0, or beyond 9999.
        return text.push_str(&rfc3339(millis));
    };
    let (days, millis) = (days / DAY, days % DAY);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + i64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let mut digits = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, number: i64| {
        // Below 100, all of them.
        let number = number as u8;
        digits[at] = b'0' + number / 10;
        digits[at + 1] = b'0' + number % 10;
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    let seconds = millis / 1_000;
    put(11, seconds / 3_600);
    put(14, seconds / 60 % 60);
    put(17, seconds % 60);
    let millis = millis % 1_000;
    put(20, millis / 10);
    digits[22] = b'0' + (millis % 10) as u8;
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

const DAY: i64 = 86_400_000;
/// From 0000-03-01 to 1970-01-01.
const TO_MARCH_0000: i64 = 719_468 * DAY;
/// The last millisecond of 9999, from 0000-03-01.
const LATEST: i64 = 253_402_300_799_999 + TO_MARCH_0000;

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
        Rights::of(&self.tenant, &self.caller)
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

/// The columns that [`Document::take`] reads, of `documents AS d`.
///
/// What few documents have is one column, a JSON list or NULL: a list of documents spends a good
/// part of its time on cells.
pub(crate) const COLUMNS: &str = "d.id AS row_id, d.root_id AS root_id, d.slug AS slug, d.locale AS locale, \
     d.is_published AS is_published, d.version_number AS version_number, d.revision AS revision, \
     d.created_at AS created_at, d.updated_at AS updated_at, d.published_at AS published_at, \
     d.type_version AS type_version, d.data AS data, d.deleted_at AS deleted_at, \
     CASE WHEN d.sort_order <> 0 OR d.scheduled_at IS NOT NULL OR d.expires_at IS NOT NULL \
     OR d.parent_root_id <> '' OR d.translation_group_id <> '' THEN json_array(d.parent_root_id, \
     d.translation_group_id, d.sort_order, d.scheduled_at, d.expires_at) END AS rare";

/// How many columns that is: what a query adds stands after them.
pub(crate) const COLUMN_COUNT: usize = 14;

/// Where the row's content is, as it is stored.
pub(crate) const DATA: usize = 11;

/// Whether a row is the public one, in the trash or not.
pub(crate) fn is_public_row(row: Row<'_>) -> stratus_storage::Result<bool> {
    row.flag(4)
}

/// What few documents have.
#[derive(Debug, Default, Deserialize)]
struct Rare {
    parent: String,
    translation_group: String,
    order: i64,
    publish_at: Option<Timestamp>,
    expire_at: Option<Timestamp>,
}

impl Rare {
    fn of(row: Row<'_>) -> stratus_storage::Result<Self> {
        let Some(text) = row.optional_text(13)? else { return Ok(Self::default()) };
        serde_json::from_str(text).map_err(|error| stratus_storage::Error::Unexpected {
            what: format!("what is rare about a document can't be read: {error}"),
        })
    }
}

impl Document {
    /// Takes a document out of a row.
    pub(crate) fn take(collection: &Arc<Collection>, mut row: RowMut<'_>) -> stratus_storage::Result<Self> {
        let cells = row.as_row();
        let is_trashed = !cells.value(12)?.is_null();
        let status = match (is_trashed, is_public_row(cells)?) {
            (true, _) => State::Trashed,
            (false, true) => State::Published,
            (false, false) => State::Draft,
        };
        let (version, revision) = (cells.integer(5)?, cells.integer(6)?);
        let (created_at, updated_at) = (cells.integer(7)?, cells.integer(8)?);
        let published_at = cells.optional_integer(9)?;
        let type_version = cells.integer(10)?;
        let Rare { parent, translation_group, order, publish_at, expire_at } = Rare::of(cells)?;
        let fields = row.take_text(DATA)?;
        let is_current = type_version == collection.type_version();
        Ok(Self {
            collection: Arc::clone(collection),
            row_id: row.take_text(0)?,
            type_version,
            id: row.take_text(1)?,
            slug: row.take_optional_text(2)?,
            locale: row.take_text(3)?,
            parent: Some(parent).filter(|it| !it.is_empty()),
            order,
            translation_group: Some(translation_group).filter(|it| !it.is_empty()),
            status,
            version,
            revision,
            created_at,
            updated_at,
            published_at,
            publish_at,
            expire_at,
            // As it is stored, unless it was written under another definition.
            fields: if is_current { fields } else { project(collection, &fields)? },
        })
    }

    /// A document of a row that is still needed.
    pub(crate) fn decode(collection: &Arc<Collection>, row: Row<'_>) -> stratus_storage::Result<Self> {
        let mut copy = row.to_rows();
        let row = copy.iter_mut().next().ok_or_else(|| stratus_storage::Error::Unexpected {
            what: "a document without columns".to_owned(),
        })?;
        Self::take(collection, row)
    }

    /// The collection that it is in.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Appends what tells it from every other state of every other document, in some 200 bytes:
    /// two that append the same look the same. Its fields needn't be in it, because the content of
    /// a version row never changes.
    pub fn push_identity(&self, bytes: &mut Vec<u8>) {
        let numbers = [
            self.type_version,
            self.revision,
            self.version,
            self.order,
            self.status as i64,
            self.created_at,
            self.updated_at,
        ];
        for number in numbers {
            bytes.extend(number.to_le_bytes());
        }
        for time in [self.published_at, self.publish_at, self.expire_at] {
            // No time is as early.
            bytes.extend(time.unwrap_or(i64::MIN).to_le_bytes());
        }
        let texts = [
            Some(&self.row_id),
            Some(&self.locale),
            self.slug.as_ref(),
            self.parent.as_ref(),
            self.translation_group.as_ref(),
        ];
        for text in texts {
            // None of them is empty, and none contains NUL.
            bytes.extend(text.map(String::as_bytes).unwrap_or_default());
            bytes.push(0);
        }
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
        hex(&hash.finalize()[..6])
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_at_the_edges_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-TO_MARCH_0000, "0000-03-01T00:00:00.000Z"),
            (-TO_MARCH_0000 - 1, "0000-02-29T23:59:59.999Z"),
            (LATEST - TO_MARCH_0000, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(format_time(millis), text);
        }
    }

    proptest! {
        #[test]
        fn times_are_those_of_the_calendar(millis in -63_000_000_000_000_i64..255_000_000_000_000) {
            prop_assert_eq!(format_time(millis), rfc3339(millis));
        }
    }
}
