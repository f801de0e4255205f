//! The log and the generations.

use stratus_events::{EventKind, Reach, Stamp};
use stratus_storage::{Result, Statement};

use super::{About, Repair};
use crate::doctor::log::{LOST, UNLOGGED, WRONG};

/// How many documents go in one batch.
const STEP: u32 = 100;

impl Repair<'_> {
    /// Takes generations from the log. The public may have seen anything: each has a new stamp.
    pub(super) async fn generations(&mut self) -> Result<()> {
        let wrong = self.session.query(&Statement::bare(WRONG)).await?;
        // Looked at again where it is written: a write may have moved it meanwhile. One that the log
        // no longer tells of stays, or goes to where the log begins.
        let sql = format!(
            "INSERT INTO generations (tenant_id, collection, seq, public_seq, stamp) \
             SELECT w.tenant_id, w.collection, w.at, w.at, ?3 FROM (SELECT tenant_id, collection, \
             coalesce(seq, min(stands, (SELECT coalesce(min(seq), 9007199254740991) FROM events) - 1)) AS at \
             FROM ({WRONG}) WHERE tenant_id = ?1 AND collection = ?2) AS w WHERE true \
             ON CONFLICT (tenant_id, collection) DO UPDATE \
             SET seq = excluded.seq, public_seq = excluded.public_seq, stamp = excluded.stamp RETURNING 1 AS one"
        );
        for row in wrong.iter() {
            let stamp = Stamp::draw(self.entropy).to_string();
            let params = vec![row.text(0)?.into(), row.text(1)?.into(), stamp.into()];
            let written = self.session.batch(&[Statement::new(sql.clone(), params)]).await?;
            self.done.generations += written.iter().map(|rows| rows.len() as u64).sum::<u64>();
            self.tell();
        }
        Ok(())
    }

    /// Tells the log of documents that it knows nothing of, and of the end of those that are gone.
    pub(super) async fn log(&mut self) -> Result<()> {
        for (documents, kind) in [(UNLOGGED, EventKind::Updated), (LOST, EventKind::Erased)] {
            let mut after = String::new();
            loop {
                let page = Statement::new(documents, vec![after.as_str().into(), STEP.into()]);
                let rows = self.session.query(&page).await?;
                let Some(last) = rows.iter().next_back() else { break };
                after = last.text(0)?.to_owned();
                let mut statements = Vec::new();
                for row in rows.iter() {
                    let about = About {
                        root: row.text(0)?,
                        collection: row.text(1)?,
                        tenant: row.text(2)?,
                        version: row.integer(3)?,
                    };
                    let event = self.event(&about, kind, Reach::Public, &["log"]);
                    statements.extend(event.into_iter().flat_map(|(_, statements)| statements));
                }
                self.session.batch(&statements).await?;
                self.done.logged += rows.len() as u64;
                self.tell();
            }
        }
        Ok(())
    }
}
