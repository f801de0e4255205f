//! Idempotency keys: rows that no write under a key would have left, and answers that tell of what is
//! not there.
//!
//! The request, the headers and the body are in the words of whoever gives the answer: what they
//! say is not looked at.

use stratus_storage::{Session, Statement};

use super::{FindingKind, finding::Findings, findings_of};

/// What is wrong with a row `k`, and the condition that says so.
const FAULTS: [(&str, &str); 7] = [
    (
        "its tenant can't be one",
        "k.tenant_id = '' OR length(k.tenant_id) > 63 OR k.tenant_id GLOB '*[^-a-z0-9]*' OR k.tenant_id GLOB '-*'",
    ),
    (
        "its principal can't be one",
        "NOT (k.principal = 'public' OR k.principal GLOB 'user:?*' OR k.principal GLOB 'role:?*' \
         OR k.principal GLOB 'group:?*' OR k.principal GLOB 'token:?*')",
    ),
    ("its key or its request is empty", "k.key = '' OR k.request = ''"),
    (
        "it is of no operation, or of no definitions",
        "length(k.op_id) <> 36 OR k.op_id GLOB '*[^-0-9a-f]*' \
         OR length(k.definitions) <> 64 OR k.definitions GLOB '*[^0-9a-f]*'",
    ),
    // Without an answer it has no status.
    ("its answer is no success", "NOT (k.status BETWEEN 200 AND 299 OR (k.status = 0 AND k.body IS NULL))"),
    (
        "its slugs can't be read",
        "CASE WHEN k.slugs IS NULL THEN 0 WHEN json_valid(k.slugs) THEN json_type(k.slugs) <> 'object' ELSE 1 END",
    ),
    // As long as it is kept at most, in milliseconds.
    (
        "it expires before it was made, or too late",
        "k.expires_at <= k.created_at OR k.expires_at > k.created_at + 86400000",
    ),
];

/// An answer `k` that tells of a document which has been erased.
pub(crate) const TELLS_OF_ERASED: &str = "k.body IS NOT NULL AND EXISTS (SELECT 1 FROM idempotency_documents AS i \
     WHERE i.key_id = k.id AND NOT EXISTS (SELECT 1 FROM documents AS d \
     WHERE d.root_id = i.root_id AND d.tenant_id = k.tenant_id))";

/// Whether anything is wrong with a row `k`.
pub(crate) fn is_faulty() -> String {
    FAULTS.map(|(_, condition)| format!("({condition})")).join(" OR ")
}

pub(super) async fn examine(session: &dyn Session, findings: &mut Findings) -> stratus_storage::Result<()> {
    let erased = [("its answer tells of a document that is not there", TELLS_OF_ERASED)];
    for (message, condition) in FAULTS.iter().chain(&erased) {
        let sql = format!(
            "SELECT 'idempotency key ' || k.id AS subject, '{}' AS message FROM idempotency_keys AS k \
             WHERE {condition} LIMIT 1001",
            message.replace('\'', "''")
        );
        findings_of(session, FindingKind::Key, &Statement::bare(sql), findings).await?;
    }
    Ok(())
}
