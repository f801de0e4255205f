//! Documents by where they stand: the children of one, and its translations.

use std::sync::Arc;

use stratus_access::Action;
use stratus_storage::{Statement, parse_uuid};

use super::{DocumentRepository, decode};
use crate::{
    collection::Collection,
    document::{COLUMNS, Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    sql::{Base, Builder},
};

/// The roots of the group of translations that the root of `own (id)` is in, and itself: it may be
/// in none.
const GROUP: &str = "SELECT id FROM own UNION SELECT o.root_id FROM documents AS a INDEXED BY documents_head \
     CROSS JOIN documents AS o INDEXED BY documents_translation ON o.tenant_id = a.tenant_id \
     AND o.translation_group_id = a.translation_group_id AND o.translation_group_id <> '' \
     AND o.is_current_draft = 1 AND o.deleted_at IS NULL \
     WHERE a.root_id = (SELECT id FROM own) AND a.is_current_draft = 1 AND a.translation_group_id <> ''";

impl DocumentRepository {
    /// A document and its translations, by locale: of callers who may update the heads, of others
    /// what is public of them now.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub async fn translations(&self, scope: &Scope, collection: &str, id: &str) -> Result<Vec<Document>> {
        let collection = self.known(collection)?;
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let statement = self.translations_of(scope, collection, id);
        let rows = self.database.session(scope.consistency.clone()).query(&statement).await?;
        let found = decode(collection, rows)?;
        if found.iter().any(|it| it.id == id) {
            Ok(found)
        } else {
            Err(self.refusal(scope, collection, id, Action::Read).await?)
        }
    }

    /// Documents have permissions of their own, so which row is shown is decided for each.
    fn translations_of(&self, scope: &Scope, collection: &Arc<Collection>, id: &str) -> Statement {
        let (base, rights) = (Base::Of(collection), scope.rights());
        let mut sql = Builder::default();
        sql.push("WITH own (id) AS (SELECT ")
            .bind(id)
            .push("), members (id) AS (")
            .push(GROUP)
            .push(") SELECT ");
        sql.push(COLUMNS);
        sql.push(
            " FROM members AS m CROSS JOIN documents AS d INDEXED BY documents_version ON d.root_id = m.id \
             AND d.deleted_at IS NULL AND d.type_id = '",
        );
        sql.push(collection.name()).push("' AND d.tenant_id = ").bind(scope.tenant.as_str());
        sql.granted(base, &[], &rights);
        sql.push(" AND ((d.is_current_draft = 1 AND ").permitted(base, Action::Update, &rights);
        sql.push(") OR (d.is_published = 1").window(State::Published, self.clock.now());
        sql.push(" AND NOT ").permitted(base, Action::Update, &rights).push("))");
        sql.push(" ORDER BY d.locale, d.root_id");
        sql.finish()
    }

    /// Live documents whose parent is this one, or is for the public, and that the caller may see, as
    /// referrers by the member `parent`: heads, then public rows beside one. Decode with
    /// [`referrer`](super::referrer).
    pub(crate) fn children_of(&self, scope: &Scope, id: &str, limit: u32) -> [Statement; 2] {
        let heads = ("documents_children", "d.is_current_draft = 1", "d.sort_order, d.root_id");
        let public =
            ("documents_public_children", "d.is_published = 1 AND d.is_current_draft = 0", "d.root_id");
        [heads, public].map(|it| self.children_by(scope, id, it, limit))
    }

    /// Those of an index, with the condition that it has and its order.
    fn children_by(
        &self,
        scope: &Scope,
        id: &str,
        (index, rows, order): (&str, &str, &str),
        limit: u32,
    ) -> Statement {
        let rights = scope.rights();
        let (reading, updating) =
            (self.collections_for(scope, Action::Read), self.collections_for(scope, Action::Update));
        let mut sql = Builder::default();
        sql.push(
            "SELECT d.type_id AS type_id, d.root_id AS root_id, d.slug AS slug, 'parent' AS field_name, \
             'strong' AS ref_strength, d.is_published AS is_published, d.is_current_draft AS is_current_draft \
             FROM documents AS d INDEXED BY ",
        );
        sql.push(index).push(" WHERE d.tenant_id = ").bind(scope.tenant.as_str());
        sql.push(" AND d.parent_root_id = ").bind(id).push(" AND d.parent_root_id <> '' AND ");
        sql.push(rows).push(" AND d.deleted_at IS NULL");
        self.seen(&mut sql, &reading, &updating, &rights);
        sql.push(" ORDER BY ").push(order).push(" LIMIT ").bind(limit);
        sql.finish()
    }
}
