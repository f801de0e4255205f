//! How far a sweep has got, and what comes next.

use serde::{Deserialize, Serialize};
use stratus_access::TenantId;
use stratus_events::{GuardKind, guard_changed};
use stratus_storage::{Error as StorageError, Rows, Statement, Timestamp, Value};

use crate::registry::Registry;

/// Where the position is kept in `settings`.
const CATEGORY: &str = "windows";
const KEY: &str = "swept";

/// How far a sweep stays behind the clock, in milliseconds: a write that took its time before may
/// commit after, and its window shall not lie in what is swept by then.
const LAG: Timestamp = 2_000;

/// Which end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Edge {
    Opened,
    Closed,
}

/// The last transition that was recorded in a round: tenant, collection, moment, id.
type Last = (String, String, Timestamp, String);

/// How far a sweep has got. `{"swept": <moment>}` between two rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Everything up to this moment is recorded.
    swept: Timestamp,
    /// The round that goes on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<Round>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    until: Timestamp,
    edge: Edge,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Last>,
}

/// The position as it is stored, text included: it moves from exactly that.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    text: String,
    stored: Stored,
}

/// Where the next step begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// After this moment.
    from: Timestamp,
    /// Up to this one.
    until: Timestamp,
    pub(super) edge: Edge,
    after: Option<Last>,
    over: bool,
}

/// Looks at the position. Decode with [`Position::stored`].
pub(super) fn look() -> Statement {
    let sql = "SELECT value FROM settings WHERE category = ?1 AND key = ?2";
    Statement::new(sql, vec![CATEGORY.into(), KEY.into()])
}

impl Position {
    /// Decodes what [`look`] found.
    pub(super) fn stored(rows: &Rows) -> stratus_storage::Result<Option<Seen>> {
        let Some(row) = rows.first() else { return Ok(None) };
        let text = row.text(0)?.to_owned();
        // Who knows what it was; to record a window twice is better than never again.
        let stored = serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, "the setting `{CATEGORY}`/`{KEY}` says nothing; windows are swept from the start");
            Stored { swept: 0, round: None }
        });
        Ok(Some(Seen { text, stored }))
    }

    /// Where to begin: in the round that was not finished, or in a new one, if time has passed.
    pub(super) fn begin(seen: Option<&Seen>, now: Timestamp) -> Option<Self> {
        // What is ahead of the clock was written by one that was wrong.
        let swept = seen.map_or(0, |it| it.stored.swept).min(now);
        let round = seen.and_then(|it| it.stored.round.clone());
        let round = round.unwrap_or(Round { until: now - LAG, edge: Edge::Opened, after: None });
        let Round { until, edge, after } = round;
        (swept < until).then_some(Self { from: swept, until, edge, after, over: false })
    }

    /// The next transitions, in the order of tenant, collection, moment and id.
    pub(super) fn page(&self, registry: &Registry, limit: usize) -> Statement {
        let (index, column) = match self.edge {
            Edge::Opened => ("documents_publish_at", "scheduled_at"),
            Edge::Closed => ("documents_expire_at", "expires_at"),
        };
        let sql = format!(
            "SELECT g.tenant_id AS tenant_id, g.collection AS collection, d.{column} AS moment, \
             d.root_id AS root_id, d.id AS row_id, d.revision AS revision, d.version_number AS version_number \
             FROM generations AS g CROSS JOIN documents AS d INDEXED BY {index} \
             ON d.tenant_id = g.tenant_id AND d.type_id = g.collection \
             WHERE d.is_published = 1 AND d.deleted_at IS NULL AND d.{column} IS NOT NULL \
             AND d.{column} > ?1 AND d.{column} <= ?2 AND d.{column} > d.updated_at \
             AND g.collection IN (SELECT value FROM json_each(?3)) \
             AND (?4 IS NULL OR (g.tenant_id, g.collection, d.{column}, d.root_id) > (?4, ?5, ?6, ?7)) \
             ORDER BY g.tenant_id, g.collection, d.{column}, d.root_id LIMIT ?8"
        );
        let names: Vec<_> = registry.collections().map(|it| it.name()).collect();
        let after = match &self.after {
            None => vec![Value::Null, Value::Null, Value::Null, Value::Null],
            Some((tenant, collection, moment, id)) => {
                vec![
                    tenant.as_str().into(),
                    collection.as_str().into(),
                    Value::Integer(*moment),
                    id.as_str().into(),
                ]
            }
        };
        let own = vec![
            Value::Integer(self.from),
            Value::Integer(self.until),
            Value::Text(serde_json::Value::from(names).to_string()),
        ];
        let limit = vec![Value::Integer(i64::try_from(limit).unwrap_or(i64::from(u32::MAX)))];
        Statement::new(sql, [own, after, limit].concat())
    }

    /// Where it is after a page of at most `limit`.
    pub(super) fn after(&self, page: &[Transition], limit: usize) -> Self {
        let last = page.last().filter(|_| page.len() >= limit);
        let last =
            last.map(|it| (it.tenant.as_str().to_owned(), it.collection.clone(), it.moment, it.id.clone()));
        match (last, self.edge) {
            (Some(last), _) => Self { after: Some(last), ..self.clone() },
            (None, Edge::Opened) => Self { edge: Edge::Closed, after: None, ..self.clone() },
            (None, Edge::Closed) => Self { over: true, ..self.clone() },
        }
    }

    /// Whether the round is.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Moves the position here, if nobody else has moved it.
    pub(super) fn store(&self, seen: Option<&Seen>, now: Timestamp) -> [Statement; 2] {
        let swept = if self.over { self.until } else { self.from };
        let round = Round { until: self.until, edge: self.edge, after: self.after.clone() };
        let stored = Stored { swept, round: Some(round).filter(|_| !self.over) };
        let text = serde_json::to_string(&stored).unwrap_or_default();
        let sql = "INSERT INTO settings (category, key, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (category, key) DO UPDATE SET value = excluded.value, \
                   updated_at = excluded.updated_at WHERE value = ?5";
        let before = seen.map(|it| it.text.as_str());
        let params = vec![CATEGORY.into(), KEY.into(), text.into(), Value::Integer(now), before.into()];
        [Statement::new(sql, params), guard_changed(GuardKind::StaleAppend)]
    }
}

/// A window that opened or closed.
#[derive(Clone, Debug)]
pub(super) struct Transition {
    pub(super) tenant: TenantId,
    pub(super) collection: String,
    moment: Timestamp,
    pub(super) id: String,
    pub(super) row_id: String,
    pub(super) revision: i64,
    pub(super) version: i64,
}

impl Transition {
    /// Decodes the result of [`Position::page`].
    pub(super) fn all(rows: &Rows) -> stratus_storage::Result<Vec<Self>> {
        let decode = |row: stratus_storage::Row<'_>| {
            let tenant = row.text(0)?;
            Ok(Self {
                tenant: tenant
                    .parse()
                    .map_err(|_| StorageError::Corrupt { reason: format!("`{tenant}` is not a tenant") })?,
                collection: row.text(1)?.to_owned(),
                moment: row.integer(2)?,
                id: row.text(3)?.to_owned(),
                row_id: row.text(4)?.to_owned(),
                revision: row.integer(5)?,
                version: row.integer(6)?,
            })
        };
        rows.iter().map(decode).collect()
    }

    /// Whether both are of one collection of one tenant.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.collection == other.collection
    }
}
