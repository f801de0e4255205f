//! Forgets idempotency keys that have expired. None of them means anything any more: a write under
//! an expired key takes its place.

use stratus_storage::{Clock, Consistency, Database, Rows, Statement, Value};

/// How many keys go in one batch.
const STEP: u32 = 1_000;
/// How many batches a sweep writes: what is left is for the next one.
const MAX_STEPS: usize = 50;

const FORGET: &str = "DELETE FROM idempotency_keys WHERE id IN (SELECT k.id FROM idempotency_keys AS k \
     INDEXED BY idempotency_keys_expiry WHERE k.expires_at <= ?1 ORDER BY k.expires_at LIMIT ?2) \
     RETURNING id";

/// Forgets the first of those that have expired, and says how many they were.
pub(super) async fn forget_expired(
    database: &dyn Database,
    clock: &dyn Clock,
) -> stratus_storage::Result<u64> {
    let session = database.session(Consistency::Primary);
    let mut forgotten = 0;
    for _ in 0..MAX_STEPS {
        let forget = Statement::new(FORGET, vec![Value::Integer(clock.now()), STEP.into()]);
        let gone = session.batch(&[forget]).await?;
        let count = gone.first().map_or(0, Rows::len);
        forgotten += count as u64;
        if count < STEP as usize {
            break;
        }
    }
    Ok(forgotten)
}
