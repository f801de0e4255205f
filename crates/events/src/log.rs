//! The log itself: what happened, in order.

use std::fmt;

use serde_json::Value as Json;
use stratus_access::{Principal, TenantId};
use stratus_storage::{OpId, Result, Row, Rows, Statement, Timestamp, Value};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A document was made.
    Created,
    /// Its content changed.
    Updated,
    /// Its head became public.
    Published,
    /// It is no longer public.
    Unpublished,
    /// Its publish window changed.
    Scheduled,
    /// It was put in the trash.
    Trashed,
    /// It was taken out of the trash.
    Recovered,
    /// An old version became its head again.
    Restored,
    /// It is gone for good.
    Erased,
    /// Its own permissions changed.
    Permissions,
    /// A setting changed.
    Settings,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Updated,
        Self::Published,
        Self::Unpublished,
        Self::Scheduled,
        Self::Trashed,
        Self::Recovered,
        Self::Restored,
        Self::Erased,
        Self::Permissions,
        Self::Settings,
    ];

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Scheduled => "scheduled",
            Self::Trashed => "trashed",
            Self::Recovered => "recovered",
            Self::Restored => "restored",
            Self::Erased => "erased",
            Self::Permissions => "permissions",
            Self::Settings => "settings",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An event that is about to be written.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// The write's id, which its outcome can be looked up by.
    pub op_id: &'a OpId,
    /// When, in milliseconds UTC.
    pub at: Timestamp,
    /// Whose.
    pub tenant: &'a TenantId,
    /// In which collection.
    pub collection: &'a str,
    /// The root id of the document, if it is about one.
    pub document: Option<&'a str>,
    /// The version that the write made or touched.
    pub version: Option<i64>,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: &'a Principal,
    /// Changed field paths and small facts; never content.
    pub data: Json,
}

/// Writes an event. Part of the batch of the write that it speaks of; returns its `seq`.
pub fn append(event: &NewEvent<'_>) -> Statement {
    Statement::new(
        "INSERT INTO events (op_id, at, tenant_id, collection, document, version, kind, actor, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING seq",
        vec![
            event.op_id.as_str().into(),
            Value::Integer(event.at),
            event.tenant.as_str().into(),
            event.collection.into(),
            event.document.into(),
            event.version.map_or(Value::Null, Value::Integer),
            event.kind.name().into(),
            Value::Text(event.actor.to_string()),
            if event.data.is_null() { Value::Null } else { Value::Text(event.data.to_string()) },
        ],
    )
}

/// Finds the `seq` of a write by its id: the receipt for
/// [`commit`](stratus_storage::commit).
pub fn receipt(op_id: &OpId) -> Statement {
    Statement::new("SELECT seq FROM events WHERE op_id = ?1", vec![op_id.as_str().into()])
}

/// An event as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its position.
    pub seq: u64,
    /// The write's id.
    pub op_id: String,
    /// When, in milliseconds UTC.
    pub at: Timestamp,
    /// Whose.
    pub tenant: String,
    /// In which collection.
    pub collection: String,
    /// The root id of the document, if it is about one.
    pub document: Option<String>,
    /// The version that the write made or touched.
    pub version: Option<i64>,
    /// The name of an [`EventKind`]; a newer program may have written others.
    pub kind: String,
    /// Who did it.
    pub actor: Option<String>,
    /// JSON, or nothing once the document was erased.
    pub data: Option<String>,
}

/// Reads at most `limit` events of a tenant after a position, in order. Decode with [`Event::all`].
pub fn read_after(tenant: &TenantId, after: u64, limit: u32) -> Statement {
    Statement::new(
        "SELECT seq, op_id, at, tenant_id, collection, document, version, kind, actor, data \
         FROM events WHERE seq > ?1 AND tenant_id = ?2 ORDER BY seq LIMIT ?3",
        vec![Value::Integer(after.cast_signed()), tenant.as_str().into(), limit.into()],
    )
}

impl Event {
    /// Decodes the result of [`read_after`].
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`](stratus_storage::Error::Unexpected) for any other result.
    pub fn all(rows: &Rows) -> Result<Vec<Self>> {
        rows.iter().map(Self::from_row).collect()
    }

    fn from_row(row: Row<'_>) -> Result<Self> {
        let optional =
            |column| Ok::<_, stratus_storage::Error>(row.optional_text(column)?.map(str::to_owned));
        Ok(Self {
            seq: row.integer(0)?.unsigned_abs(),
            op_id: row.text(1)?.to_owned(),
            at: row.integer(2)?,
            tenant: row.text(3)?.to_owned(),
            collection: row.text(4)?.to_owned(),
            document: optional(5)?,
            version: row.optional_integer(6)?,
            kind: row.text(7)?.to_owned(),
            actor: optional(8)?,
            data: optional(9)?,
        })
    }
}
