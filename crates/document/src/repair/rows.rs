//! The content of a row, and what is derived from it.

use std::collections::BTreeSet;

use stratus_events::{GuardKind, Reach, Stamp, guard_changed, restamp};
use stratus_storage::{Result, Statement};

use super::{About, Repair};
use crate::{
    derived::Derived,
    doctor::rows::{Diagnosis, Moved, Walk},
};

/// How many rows go in one batch.
const STEP: usize = 100;

const NEXT_REVISION: &str =
    "UPDATE documents SET revision = revision + 1 WHERE root_id = ?1 AND is_current_draft = 1";

/// The row has a new tag with it: caches of clients would keep what is private otherwise.
const MOVE: &str = "UPDATE documents SET data = ?4, data_private = ?5, revision = \
     (SELECT h.revision FROM documents AS h WHERE h.root_id = ?6 AND h.is_current_draft = 1) \
     WHERE id = ?1 AND data = ?2 AND data_private = ?3";

impl Repair<'_> {
    pub(super) async fn rows(&mut self) -> Result<()> {
        let mut walk = Walk::new();
        while let Some(rows) = walk.next(&*self.session).await? {
            let mut to_rebuild = Vec::new();
            for row in rows.iter() {
                let Some(diagnosis) = Diagnosis::of(self.registry, row)? else { continue };
                match &diagnosis.moved {
                    Some(moved) => self.done.contents += u64::from(self.place(&diagnosis, moved).await?),
                    None if diagnosis.rebuilt.is_some() => to_rebuild.push(diagnosis),
                    None => {}
                }
            }
            for step in to_rebuild.chunks(STEP) {
                self.rebuild(step).await?;
                self.done.derived += step.len() as u64;
            }
            self.tell();
        }
        Ok(())
    }

    /// Moves values to where their fields belong, as a write of the document.
    async fn place(&self, row: &Diagnosis, moved: &Moved) -> Result<bool> {
        let mut statements = vec![
            Statement::new(NEXT_REVISION, vec![row.root_id.as_str().into()]),
            guard_changed(GuardKind::StaleRevision),
        ];
        let texts = moved.before.iter().chain(&moved.after).map(|it| it.as_str().into());
        let params = [row.row_id.as_str().into()].into_iter().chain(texts);
        let params = params.chain([row.root_id.as_str().into()]).collect();
        statements.extend([Statement::new(MOVE, params), guard_changed(GuardKind::StaleRevision)]);
        statements.extend(rebuilding(row));
        let about = About {
            tenant: &row.tenant,
            collection: row.collection.name(),
            root: &row.root_id,
            version: row.version,
        };
        let reach = if row.is_published { Reach::Public } else { Reach::Private };
        self.run(statements, &about, reach, &["privacy"]).await
    }

    /// The content of a version never changes, so there is nothing to lose to a write in between; and
    /// a row that became history meanwhile gets nothing.
    async fn rebuild(&self, rows: &[Diagnosis]) -> Result<()> {
        let mut statements: Vec<_> = rows.iter().flat_map(rebuilding).collect();
        let collections: BTreeSet<_> = rows.iter().map(|it| it.collection.name()).collect();
        statements.extend(collections.into_iter().map(|it| restamp(it, &Stamp::draw(self.entropy))));
        self.session.batch(&statements).await.map(drop)
    }
}

fn rebuilding(row: &Diagnosis) -> Vec<Statement> {
    let insert = row.rebuilt.iter().flat_map(|it| it.insert(&row.row_id, &row.tenant, row.collection.name()));
    Derived::clear(&row.row_id).into_iter().chain(insert).collect()
}
