//! Flags, times and revisions of a root.

use stratus_events::{GuardKind, Reach, guard_changed};
use stratus_storage::{Result, Statement, Value};

use super::{About, Repair};
use crate::{
    derived::Derived,
    doctor::roots::{Root, Version, read, suspects},
};

/// How often a root is looked at again that somebody else has written to.
const MAX_ATTEMPTS: usize = 3;

const UPDATE: &str = "UPDATE documents SET is_current_draft = ?5, is_published = ?6, revision = ?7, \
     published_at = ?8, deleted_at = ?9 \
     WHERE id = ?1 AND revision = ?2 AND is_current_draft = ?3 AND is_published = ?4";

impl Repair<'_> {
    pub(super) async fn roots(&mut self) -> Result<()> {
        let mut after = String::new();
        loop {
            let roots = suspects(&*self.session, &after).await?;
            let Some(last) = roots.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for root in roots {
                if self.root(root).await? {
                    self.done.documents += 1;
                }
            }
            self.tell();
        }
    }

    async fn root(&self, mut root: Root) -> Result<bool> {
        for _ in 0..MAX_ATTEMPTS {
            let Some((cured, repaired)) = root.cured() else { return Ok(false) };
            let about = About {
                tenant: &cured.versions[0].tenant,
                collection: &cured.versions[0].collection,
                root: &cured.id,
                version: cured.versions.iter().find(|it| it.is_head).map_or(0, |it| it.number),
            };
            let is_public = root.versions.iter().chain(&cured.versions).any(|it| it.is_published);
            let reach = if is_public { Reach::Public } else { Reach::Private };
            if self.run(updates(&root, &cured), &about, reach, &repaired).await? {
                return Ok(true);
            }
            match read(&*self.session, &[&cured.id]).await?.pop() {
                Some(now) if now != root => root = now,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}

/// What makes one root of another, where nobody has written to it meanwhile: the head is always
/// among it. Flags are taken away before they are given, as indexes allow one of each.
fn updates(before: &Root, after: &Root) -> Vec<Statement> {
    let pairs = before.versions.iter().zip(&after.versions).filter(|(before, after)| before != after);
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_key(|(before, after)| !loses(before, after));
    let mut statements = Vec::new();
    for (before, after) in pairs {
        let seen = [Value::Integer(before.revision), before.is_head.into(), before.is_published.into()];
        let params = [Value::from(after.row_id.as_str())].into_iter().chain(seen).chain(after.columns());
        statements.push(Statement::new(UPDATE, params.collect()));
        statements.push(guard_changed(GuardKind::StaleRevision));
        if before.is_live() && !after.is_live() {
            statements.extend(Derived::clear(&after.row_id));
        }
    }
    statements
}

fn loses(before: &Version, after: &Version) -> bool {
    (before.is_head && !after.is_head) || (before.is_published && !after.is_published)
}
