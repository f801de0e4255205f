//! Idempotency keys.

use stratus_storage::{Result, Statement};

use super::Repair;
use crate::doctor::keys::{TELLS_OF_ERASED, is_faulty};

impl Repair<'_> {
    /// Forgets keys that no write has left, and what was kept of documents that are not there: of
    /// those, that they were written stays.
    pub(super) async fn keys(&mut self) -> Result<()> {
        let forget = format!(
            "DELETE FROM idempotency_keys WHERE id IN (SELECT k.id FROM idempotency_keys AS k \
             WHERE {} LIMIT 1000) RETURNING id",
            is_faulty()
        );
        let empty = format!(
            "UPDATE idempotency_keys SET body = NULL, slugs = NULL WHERE id IN (SELECT k.id \
             FROM idempotency_keys AS k WHERE {TELLS_OF_ERASED} LIMIT 1000) RETURNING id"
        );
        for sql in [forget, empty] {
            loop {
                let changed = self.session.batch(&[Statement::bare(sql.clone())]).await?;
                let count = changed.iter().map(|rows| rows.len() as u64).sum::<u64>();
                if count == 0 {
                    break;
                }
                self.done.keys += count;
                self.tell();
            }
        }
        Ok(())
    }
}
