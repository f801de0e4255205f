//! Writes that are done once: the row of a key, which is written with what it stands for.
//!
//! The row is the first statement of its batch. Of two writers under one key the second one fails
//! there, whatever its other statements would have met, and finds the row when it looks again.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use stratus_storage::{
    Bookmark, Consistency, Error as StorageError, OpId, Row, Rows, Statement, Timestamp, Value,
};

use super::{
    DocumentsService,
    operation::{Answer, Done, Keyed, Outcome},
};
use crate::{
    document::Scope,
    error::{DocumentError, Result},
};

/// How long an answer is kept, in milliseconds: a day.
const KEPT_FOR: Timestamp = 86_400_000;

const LOOK: &str = "SELECT k.request AS request, k.definitions AS definitions, k.status AS status, \
     k.headers AS headers, k.body AS body, k.slugs AS slugs, k.expires_at AS expires_at, \
     (SELECT e.seq FROM events AS e WHERE e.op_id = k.op_id) AS seq \
     FROM idempotency_keys AS k WHERE k.tenant_id = ?1 AND k.principal = ?2 AND k.key = ?3";
const FORGET_EXPIRED: &str = "DELETE FROM idempotency_keys \
     WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3 AND expires_at <= ?4";
const KEEP: &str = "INSERT INTO idempotency_keys (tenant_id, principal, key, request, op_id, definitions, \
     status, headers, body, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
/// `?4` are version rows that found a slug for themselves.
const KEEP_SLUGS: &str = "UPDATE idempotency_keys SET slugs = (SELECT json_group_object(r.value, \
     (SELECT d.slug FROM documents AS d WHERE d.id = r.value)) FROM json_each(?4) AS r) \
     WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3";
const KEEP_DOCUMENTS: &str = "INSERT INTO idempotency_documents (root_id, key_id) \
     SELECT r.value, k.id FROM idempotency_keys AS k CROSS JOIN json_each(?4) AS r \
     WHERE k.tenant_id = ?1 AND k.principal = ?2 AND k.key = ?3";
const RECEIPT: &str = "SELECT NULL AS seq, k.slugs AS slugs FROM idempotency_keys AS k \
     WHERE k.tenant_id = ?1 AND k.principal = ?2 AND k.key = ?3 AND k.op_id = ?4";

/// Forgets what was kept of a document `?1` in tenant `?2`, except that the writes were done. By the
/// ids of the rows: an index of the tenant would be walked from end to end.
pub(super) const FORGET_DOCUMENT: &str = "UPDATE idempotency_keys SET body = NULL, slugs = NULL \
     WHERE +tenant_id = ?2 AND id IN (SELECT i.key_id FROM idempotency_documents AS i WHERE i.root_id = ?1)";

/// Those of the ids `?1` that documents of tenant `?2` have.
const EXISTING: &str = "SELECT d.root_id AS root_id FROM json_each(?1) AS t \
     CROSS JOIN documents AS d INDEXED BY documents_head ON d.root_id = t.value AND d.is_current_draft = 1 \
     WHERE d.tenant_id = ?2";

/// The row of a key, as it was looked at.
#[derive(Debug)]
pub(super) struct Kept {
    request: String,
    definitions: String,
    status: u16,
    headers: String,
    body: Option<String>,
    slugs: Option<String>,
    expires_at: Timestamp,
    seq: Option<i64>,
}

impl Kept {
    fn decode(row: Row<'_>) -> stratus_storage::Result<Self> {
        let optional = |column| row.optional_text(column).map(|it| it.map(str::to_owned));
        Ok(Self {
            request: row.text(0)?.to_owned(),
            definitions: row.text(1)?.to_owned(),
            status: u16::try_from(row.integer(2)?).unwrap_or_default(),
            headers: row.text(3)?.to_owned(),
            body: optional(4)?,
            slugs: optional(5)?,
            expires_at: row.integer(6)?,
            seq: row.optional_integer(7)?,
        })
    }
}

/// Looks a key up. Decode with [`DocumentsService::kept`].
pub(super) fn look(scope: &Scope, keyed: &Keyed<'_>) -> Statement {
    Statement::new(LOOK, name(scope, keyed))
}

/// Whether a batch failed because another one under the key was faster.
pub(super) fn is_taken(error: &StorageError) -> bool {
    matches!(error, StorageError::NotUnique { columns } if columns.contains("idempotency_keys."))
}

/// The statements that keep a write under its key: before its own, and after.
pub(super) struct Keeping {
    pub(super) before: Vec<Statement>,
    pub(super) after: Vec<Statement>,
    /// Finds the row, for a batch that writes nothing else.
    pub(super) receipt: Statement,
}

impl DocumentsService {
    /// What is kept under a key and has not expired.
    pub(super) fn kept(&self, rows: &Rows) -> Result<Option<Kept>> {
        let kept = rows.first().map(Kept::decode).transpose()?;
        Ok(kept.filter(|it| it.expires_at > self.clock.now()))
    }

    /// Keeps a write under its key. `found` are the version rows that find a slug for themselves:
    /// in the outcomes, their slug is their id, which no client knows or could have sent.
    pub(super) fn keep(
        &self,
        scope: &Scope,
        keyed: &Keyed<'_>,
        op_id: &OpId,
        outcomes: &[Outcome],
        found: &[String],
    ) -> Keeping {
        let now = self.clock.now();
        let answer = (keyed.answer)(outcomes);
        let Answer { status, headers, body } =
            answer.clone().unwrap_or(Answer { status: 0, headers: String::new(), body: String::new() });
        // Room for the columns beside them, and for slugs.
        let limit = self.database.limits().row_bytes.min(2_000_000) - 4_096;
        let size = headers.len() + body.len() + found.len() * 300;
        let body = Some(body).filter(|_| answer.is_some() && size <= limit);
        let with = |more: Vec<Value>| name(scope, keyed).into_iter().chain(more).collect::<Vec<_>>();
        let mut after = Vec::new();
        if body.as_ref().is_some_and(|it| !it.is_empty()) {
            if !found.is_empty() {
                after.push(Statement::new(KEEP_SLUGS, with(vec![list(found).into()])));
            }
            let ids = outcomes.iter().filter_map(|it| match it {
                Outcome::Head(document) => Some(&document.id),
                Outcome::Erased => None,
            });
            after.push(Statement::new(KEEP_DOCUMENTS, with(vec![list(ids).into()])));
        }
        let row = vec![
            keyed.request.into(),
            op_id.as_str().into(),
            self.repository.registry.fingerprint().into(),
            Value::Integer(status.into()),
            headers.into(),
            body.map_or(Value::Null, Value::Text),
            Value::Integer(now),
            Value::Integer(now + KEPT_FOR),
        ];
        Keeping {
            before: vec![
                Statement::new(FORGET_EXPIRED, with(vec![Value::Integer(now)])),
                Statement::new(KEEP, with(row)),
            ],
            after,
            receipt: Statement::new(RECEIPT, with(vec![op_id.as_str().into()])),
        }
    }

    /// Gives the kept answer again, to a caller who may still do what was asked.
    ///
    /// # Errors
    ///
    /// [`DocumentError::KeyReused`] for another request; [`DocumentError::AnswerNotKept`] where
    /// nothing but the fact is left.
    pub(super) fn again(&self, keyed: &Keyed<'_>, kept: Kept, seen: Option<String>) -> Result<Done> {
        if kept.request != keyed.request {
            return Err(DocumentError::KeyReused);
        }
        let mut body = kept.body.ok_or(DocumentError::AnswerNotKept)?;
        // What was no secret then may be one now.
        if !body.is_empty() && kept.definitions != self.repository.registry.fingerprint() {
            return Err(DocumentError::AnswerNotKept);
        }
        for (row_id, slug) in kept.slugs.as_deref().map(slugs).transpose()?.unwrap_or_default() {
            body = body.replacen(&Json::from(row_id).to_string(), &slug.to_string(), 1);
        }
        let answer = Answer { status: kept.status, headers: kept.headers, body };
        let bookmark = kept.seq.map(|seq| Bookmark::new(seq.unsigned_abs(), seen));
        Ok(Done::Before { answer, bookmark })
    }

    /// Which of these ids documents have, whoever may see them.
    pub(super) async fn existing(&self, scope: &Scope, ids: &[String]) -> Result<BTreeSet<String>> {
        let look = Statement::new(EXISTING, vec![list(ids).into(), scope.tenant.as_str().into()]);
        let rows = self.database.session(Consistency::Primary).query(&look).await?;
        Ok(rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, StorageError>>()?)
    }
}

/// Decodes slugs by version row.
pub(super) fn slugs(text: &str) -> stratus_storage::Result<Map<String, Json>> {
    serde_json::from_str(text).map_err(|error| StorageError::Corrupt {
        reason: format!("the slugs that a write found can't be read: {error}"),
    })
}

/// A list of texts for `json_each`.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    Json::from(texts.into_iter().map(String::as_str).collect::<Vec<_>>()).to_string()
}

/// Whose write it is, and what they call it.
fn name(scope: &Scope, keyed: &Keyed<'_>) -> Vec<Value> {
    vec![scope.tenant.as_str().into(), scope.caller.actor().to_string().into(), keyed.key.into()]
}
