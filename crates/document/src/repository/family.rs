//! Documents by where they stand: the children of one.

use serde_json::Value as Json;
use stratus_access::Action;
use stratus_storage::Statement;

use super::DocumentRepository;
use crate::{document::Scope, physical::State, sql::Builder};

impl DocumentRepository {
    /// Live documents whose parent is this one and that the caller may see, as referrers by the
    /// member `parent`. Decode with [`referrer`](super::referrer).
    pub(crate) fn children_of(&self, scope: &Scope, id: &str, limit: u32) -> Statement {
        let having = |action| {
            let named = self
                .registry
                .collections()
                .filter(|it| it.allows(&scope.caller, Action::Read) && it.allows(&scope.caller, action));
            Json::from(named.map(|it| it.name()).collect::<Vec<_>>()).to_string()
        };
        let mut sql = Builder::default();
        sql.push(
            "SELECT d.type_id AS type_id, d.root_id AS root_id, d.slug AS slug, 'parent' AS field_name, \
             'strong' AS ref_strength, d.is_published AS is_published, d.is_current_draft AS is_current_draft \
             FROM documents AS d INDEXED BY documents_children WHERE d.tenant_id = ",
        );
        sql.bind(scope.tenant.as_str()).push(" AND d.parent_root_id = ").bind(id);
        sql.push(" AND d.parent_root_id <> '' AND d.is_current_draft = 1 AND d.deleted_at IS NULL");
        sql.push(" AND (d.type_id IN (SELECT value FROM json_each(").bind(having(Action::Update));
        sql.push(")) OR (d.is_published = 1 AND d.type_id IN (SELECT value FROM json_each(");
        sql.bind(having(Action::Read)).push("))").window(State::Published, self.clock.now()).push("))");
        sql.push(" ORDER BY d.sort_order, d.root_id LIMIT ").bind(limit);
        sql.finish()
    }
}
