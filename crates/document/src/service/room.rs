//! How much content a look of several documents may take out at once: a few words can ask for a
//! hundred documents of two megabytes.
//!
//! What is withheld is not read, and the operation that it is for is refused. Sizes are those of rows
//! that the operation or one before it is about: where the caller may not see one, that operation has
//! failed before.

use serde_json::{Value as Json, json};
use stratus_storage::{Rows, Value};

use super::operation::{Change, Operation};
use crate::{
    document::{COLUMN_COUNT, COLUMNS},
    sql::Builder,
};

/// How many bytes a batch may hold at once: the rows that its look finds, and the parameters of its
/// statements.
pub(super) const MAX_HELD: usize = 16 << 20;

/// Contents of 32 KiB are never withheld, and nothing else is weighed for them: a hundred documents
/// have three hundred of them at most.
const SMALL_OR: &str = " <= 32768 OR ";

/// The content among [`COLUMNS`].
const CONTENT: &str = "d.data AS data";

const SIZE: &str = "octet_length(d.data) + octet_length(d.data_private)";

/// The rows of the documents `[id, version]` of a list that are looked at: the head, the public row,
/// and the version that is restored. Each is found by its key, whatever the history.
const LOOKED_AT: [(&str, &str); 3] = [
    ("documents_head", "s.is_current_draft = 1"),
    ("documents_published", "s.is_published = 1"),
    ("documents_version", "s.version_number = json_extract(t.value, '$[1]')"),
];

/// How much content one look may take out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// All that there is: of one document.
    All,
    /// What fits beside what is looked at before: a list of `[id, version]`, itself included.
    Among(String),
    /// Rows of so many bytes. Who copies a document may see its public row alone, so what others take
    /// is not weighed: its head would be.
    Share(usize),
}

/// The room of each operation of a batch, in their order.
pub(super) struct Rooms {
    copies: usize,
    is_batch: bool,
    before: Vec<Json>,
}

impl Rooms {
    pub(super) fn of<'o>(operations: impl Iterator<Item = &'o Operation<'o>> + Clone) -> Self {
        let is_copy = |it: &&Operation<'_>| matches!(it.change, Change::Duplicate { .. });
        Self {
            copies: operations.clone().filter(is_copy).count(),
            is_batch: operations.count() > 1,
            before: Vec::new(),
        }
    }

    pub(super) fn next(&mut self, operation: &Operation<'_>) -> Room {
        if !self.is_batch {
            return Room::All;
        }
        let version = match operation.change {
            Change::Duplicate { .. } => return Room::Share(MAX_HELD / self.copies),
            Change::Restore { version, .. } => Some(version),
            _ => None,
        };
        self.before.extend(operation.written().map(|id| json!([id, version])));
        Room::Among(Json::from(self.before.as_slice()).to_string())
    }
}

impl Room {
    /// Selects [`COLUMNS`] and the private content, which is NULL where both contents are withheld.
    pub(super) fn select(&self, sql: &mut Builder, tenant: &str) {
        let Some((before, after)) = COLUMNS.split_once(CONTENT).filter(|_| *self != Self::All) else {
            sql.push("SELECT ").push(COLUMNS).push(", d.data_private AS data_private");
            return;
        };
        sql.push("SELECT ").push(before).push("CASE WHEN ");
        let first = sql.bound() + 1;
        match self {
            Self::All => {}
            Self::Share(bytes) => {
                sql.push(SIZE).push(" <= ").bind(number(*bytes));
            }
            Self::Among(list) => {
                sql.bind_ahead([Value::from(list.as_str()), Value::from(tenant), number(MAX_HELD)]);
                among(sql, first);
            }
        }
        sql.push(" THEN d.data ELSE '{}' END AS data").push(after).push(", CASE WHEN ");
        // The same again.
        match self {
            Self::All => {}
            Self::Share(_) => {
                sql.push(SIZE).push(" <= ").again_bound(first);
            }
            Self::Among(_) => among(sql, first),
        }
        sql.push(" THEN d.data_private END AS data_private");
    }
}

/// Whether the row is small, or all rows that are looked at take no more than they may. The list, the
/// tenant and the bytes are the parameters from `first`.
fn among(sql: &mut Builder, first: usize) {
    sql.push(SIZE).push(SMALL_OR).push("(SELECT sum(bytes) FROM (");
    for (at, (index, which)) in LOOKED_AT.iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL " } else { "" });
        sql.push("SELECT octet_length(s.data) + octet_length(s.data_private) AS bytes FROM json_each(");
        sql.again_bound(first).push(") AS t CROSS JOIN documents AS s INDEXED BY ").push(index);
        sql.push(" ON s.root_id = json_extract(t.value, '$[0]') AND ").push(which);
        sql.push(" WHERE s.tenant_id = ").again_bound(first + 1);
    }
    sql.push(")) <= ").again_bound(first + 2);
}

fn number(bytes: usize) -> Value {
    Value::Integer(i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Whether a look found a row whose content it withheld.
pub(super) fn is_withheld(rows: &Rows) -> bool {
    let private = rows.first().and_then(|row| row.value(COLUMN_COUNT).ok());
    private.is_some_and(Value::is_null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_one_of_the_columns() {
        assert_eq!(COLUMNS.matches(CONTENT).count(), 1);
    }
}
