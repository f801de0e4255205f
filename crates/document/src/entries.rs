//! A document's own permissions as rows: written, read and put in order here alone.

use serde_json::{Value as Json, json};
use stratus_access::Entry;
use stratus_storage::{Row, Statement, Timestamp, Value};

/// The columns that [`decode`] reads, of `document_permissions AS p`.
pub(crate) const COLUMNS: &str = "p.principal_type AS principal_type, p.principal_id AS principal_id, \
     p.permission AS permission, p.effect AS effect";

const INSERT: &str = "INSERT INTO document_permissions \
     (tenant_id, root_id, type_id, principal_type, principal_id, permission, effect, created_at, created_by) \
     SELECT ?1, ?2, ?3, json_extract(e.value, '$[0]'), json_extract(e.value, '$[1]'), \
     json_extract(e.value, '$[2]'), json_extract(e.value, '$[3]'), ?5, ?6 FROM json_each(?4) AS e";

/// Whose permissions are written, and by whom.
pub(crate) struct Subject<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) collection: &'a str,
    pub(crate) root_id: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) actor: &'a str,
}

impl Subject<'_> {
    /// Takes all entries from a document.
    pub(crate) fn clear(&self) -> Statement {
        let params = vec![self.tenant.into(), self.root_id.into()];
        Statement::new("DELETE FROM document_permissions WHERE tenant_id = ?1 AND root_id = ?2", params)
    }

    /// Gives a document entries, which it does not have yet.
    pub(crate) fn insert(&self, entries: &[Entry]) -> Statement {
        let row =
            |it: &Entry| json!([it.principal.kind(), it.principal.id(), it.action.name(), it.effect.name()]);
        let rows = Json::Array(entries.iter().map(row).collect()).to_string();
        let params = vec![
            self.tenant.into(),
            self.root_id.into(),
            self.collection.into(),
            rows.into(),
            Value::Integer(self.now),
            self.actor.into(),
        ];
        Statement::new(INSERT, params)
    }
}

/// Puts entries in the one order in which they are shown.
pub(crate) fn sort(entries: &mut [Entry]) {
    entries.sort_by(|a, b| order(a).cmp(&order(b)));
}

/// What only one entry of a document can have.
pub(crate) fn order(entry: &Entry) -> (&'static str, &str, &'static str) {
    (entry.principal.kind(), entry.principal.id(), entry.action.name())
}

/// Decodes [`COLUMNS`], which begin at a column of a row.
pub(crate) fn decode(row: Row<'_>, at: usize) -> stratus_storage::Result<Entry> {
    let corrupt = || stratus_storage::Error::Corrupt { reason: "a permission that says nothing".to_owned() };
    let principal = match row.text(at)? {
        "public" => "public".to_owned(),
        kind => format!("{kind}:{}", row.text(at + 1)?),
    };
    Ok(Entry {
        principal: principal.parse().map_err(|_| corrupt())?,
        action: row.text(at + 2)?.parse().map_err(|_| corrupt())?,
        effect: row.text(at + 3)?.parse().map_err(|_| corrupt())?,
    })
}
