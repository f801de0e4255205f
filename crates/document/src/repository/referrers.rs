//! Where-used: the documents that refer to one.
//!
//! A page walks the index of references to a document, and like a list it stops after 5,000
//! entries: most of them may be of documents that the caller must not see.

use serde_json::Value as Json;
use stratus_access::Action;
use stratus_storage::{Row, Statement, Value};

use super::DocumentRepository;
use crate::{
    document::Scope,
    error::{Referrer, Result},
    query::{MAX_LIMIT, MAX_WALK, Sent},
    sql::Builder,
};

/// An entry of the index: the referring row, its field, and which of the field's references.
#[derive(Clone, Debug)]
struct Position {
    row: i64,
    field: String,
    ordinal: i64,
}

impl Position {
    /// Decodes the columns beside those of [`referrer`].
    fn of(row: Row<'_>) -> stratus_storage::Result<Self> {
        Ok(Self { row: row.integer(7)?, field: row.text(3)?.to_owned(), ordinal: row.integer(8)? })
    }

    /// Reads what a cursor has inside.
    fn parse(payload: &[u8]) -> Option<Self> {
        let list: Json = serde_json::from_slice(payload).ok()?;
        let (row, field, ordinal) = (list.get(0)?.as_i64()?, list.get(1)?.as_str()?, list.get(2)?.as_i64()?);
        Some(Self { row, field: field.to_owned(), ordinal })
    }
}

impl DocumentRepository {
    /// The documents that refer to one, as far as the caller may see them; `after` goes on beyond
    /// the last of a page, which may be short.
    ///
    /// # Errors
    ///
    /// [`BadCursor`](crate::DocumentError::BadCursor) for a cursor of another document; else those of
    /// [`get`](Self::get).
    pub async fn referrers(
        &self,
        scope: &Scope,
        collection: &str,
        id: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Referrer>, Option<String>)> {
        let after = after.map(|text| self.position(id, text)).transpose()?;
        self.visible(scope, collection, id).await?;
        let statement = self.references_to(scope, id, false, MAX_LIMIT + 1, after.as_ref());
        let rows = self.database.session(scope.consistency.clone()).query(&statement).await?;
        let (mut referrers, mut next) = (Vec::new(), None);
        let mut last = None;
        for row in rows.iter() {
            match referrer(row)? {
                Some(it) if referrers.len() < MAX_LIMIT as usize => {
                    referrers.push(it);
                    last = Some(Position::of(row)?);
                }
                // There is another page, or there may be: the walk stopped.
                Some(_) => next = last.take(),
                None => next = Some(Position::of(row)?),
            }
        }
        Ok((referrers, next.map(|it| self.sealed(id, &it)).transpose()?))
    }

    /// The first live rows that refer to a document strongly and that the caller may see. Decode
    /// with [`referrer`].
    pub(crate) fn strong_referrers_of(&self, scope: &Scope, id: &str, limit: u32) -> Statement {
        self.references_to(scope, id, true, limit, None)
    }

    fn references_to(
        &self,
        scope: &Scope,
        id: &str,
        strong_only: bool,
        limit: u32,
        after: Option<&Position>,
    ) -> Statement {
        let rights = scope.rights();
        let (reading, updating) =
            (self.collections_for(scope, Action::Read), self.collections_for(scope, Action::Update));
        let mut sql = Builder::default();
        let walk = sql.aside(|sql| walk(sql, scope, id, after));
        sql.push(
            "SELECT d.type_id AS type_id, d.root_id AS root_id, d.slug AS slug, r.field_name AS field_name, \
             r.ref_strength AS ref_strength, d.is_published AS is_published, \
             d.is_current_draft AS is_current_draft, r.from_document_id AS from_row, r.ordinal AS ordinal FROM (",
        );
        sql.push(&walk).push(&format!(" LIMIT {MAX_WALK}) AS r"));
        sql.push(" CROSS JOIN documents AS d ON d.pk = r.from_document_id AND d.tenant_id = ");
        sql.bind(scope.tenant.as_str()).push(" AND d.deleted_at IS NULL AND d.root_id <> ").bind(id);
        let named = |sql: &mut Builder, fields: &str| {
            sql.push("EXISTS (SELECT 1 FROM json_each(").bind(fields).push(") AS n ");
            sql.push("WHERE json_extract(n.value, '$[0]') = d.type_id ");
            sql.push("AND json_extract(n.value, '$[1]') = r.field_name)");
        };
        sql.push(" AND NOT ");
        named(&mut sql, self.registry.private_fields());
        if strong_only {
            sql.push(" AND ");
            named(&mut sql, self.registry.strong_fields());
        }
        self.seen(&mut sql, &reading, &updating, &rights);
        sql.push(" UNION ALL SELECT NULL, NULL, NULL, s.field_name, NULL, NULL, NULL, ");
        sql.push("s.from_document_id, s.ordinal FROM (").push(&walk);
        sql.push(&format!(" LIMIT 1 OFFSET {}) AS s LIMIT ", MAX_WALK - 1)).bind(limit);
        sql.finish()
    }

    fn sealed(&self, id: &str, position: &Position) -> Result<String> {
        let Position { row, field, ordinal } = position;
        let payload = serde_json::json!([row, field, ordinal]).to_string();
        self.cursor_key().seal(&about(id), payload.as_bytes())
    }

    fn position(&self, id: &str, text: &str) -> Result<Position> {
        let cursor = Sent { parameter: "after", text };
        let payload = self.cursor_key().open(&about(id), cursor)?;
        Position::parse(&payload).ok_or_else(|| cursor.is_bad())
    }
}

/// What a cursor over the referrers of a document is bound to.
fn about(id: &str) -> String {
    format!("referrers/{id}")
}

fn walk(sql: &mut Builder, scope: &Scope, id: &str, after: Option<&Position>) {
    sql.push(
        "SELECT x.from_document_id AS from_document_id, x.field_name AS field_name, x.ordinal AS ordinal, \
         x.ref_strength AS ref_strength FROM document_references AS x INDEXED BY document_references_to \
         WHERE x.tenant_id = ",
    );
    sql.bind(scope.tenant.as_str()).push(" AND x.to_root_id = ").bind(id);
    if let Some(Position { row, field, ordinal }) = after {
        sql.push(" AND (x.from_document_id, x.field_name, x.ordinal) > (").bind(Value::Integer(*row));
        sql.push(", ").bind(field.as_str()).push(", ").bind(Value::Integer(*ordinal)).push(")");
    }
    sql.push(" ORDER BY x.from_document_id, x.field_name, x.ordinal");
}

/// Decodes a row of [`DocumentRepository::strong_referrers_of`]; `None` where a walk stopped.
pub(crate) fn referrer(row: Row<'_>) -> stratus_storage::Result<Option<Referrer>> {
    if row.value(0)?.is_null() {
        return Ok(None);
    }
    Ok(Some(Referrer {
        collection: row.text(0)?.to_owned(),
        id: row.text(1)?.to_owned(),
        slug: row.optional_text(2)?.map(str::to_owned),
        field: row.text(3)?.to_owned(),
        strength: row.text(4)?.to_owned(),
        is_published: row.flag(5)?,
        is_head: row.flag(6)?,
    }))
}
