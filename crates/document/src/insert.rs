//! The statement that inserts a version row, and how it finds a slug for itself.

use std::fmt::Write as _;

use crate::physical::{Physical, State};

/// Inserts a version row under the slug `?11`.
pub(crate) const INSERT: &str = "INSERT INTO documents (id, root_id, type_id, tenant_id, locale, parent_root_id, \
     is_current_draft, is_published, type_version, version_number, revision, slug, published_at, scheduled_at, \
     expires_at, created_at, updated_at, created_by, updated_by, data_private, data, sort_order, \
     translation_group_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?18, ?19, ?20, ?21)";

/// The slug of the version row `?1`.
pub(crate) const SLUG: &str = "SELECT slug FROM documents WHERE id = ?1";

/// [`INSERT`] under the first slug that no live head and no public row has in the same place: `?11`,
/// `?11-2` to `?11-9`, or else `?22`.
///
/// In the statement that writes it no other writer can be faster, and there is nothing to look at
/// before. It costs two seeks where the slug is free, in pages that the insert needs too.
pub(crate) fn with_free_slug(collection: &str, physical: &Physical) -> String {
    let is_free = |slug: &str| {
        let indexes = [State::Draft, State::Published].into_iter().filter_map(|it| physical.slug_index(it));
        let mut sql = String::from("1");
        for index in indexes {
            let _ = write!(
                sql,
                " AND NOT EXISTS (SELECT 1 FROM documents AS d INDEXED BY {} WHERE d.type_id = '{collection}' \
                 AND {} AND d.tenant_id = ?4 AND d.locale = ?5 AND d.parent_root_id = ?6 \
                 AND d.slug IS NOT NULL AND d.slug = {slug})",
                index.name,
                index.state.rows(),
            );
        }
        sql
    };
    let free = format!(
        "coalesce(CASE WHEN {} THEN ?11 END, (SELECT ?11 || '-' || n.value FROM \
         json_each('[2,3,4,5,6,7,8,9]') AS n WHERE {} ORDER BY n.key LIMIT 1), ?22)",
        is_free("?11"),
        is_free("?11 || '-' || n.value"),
    );
    INSERT.replace("?11", &free)
}
