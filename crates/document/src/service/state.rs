//! What is there before a write: the head and the public row of a root.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_access::{Action, Principal};
use stratus_storage::{Consistency, Row, Rows, Statement, parse_uuid};

use super::{DocumentsService, Needs, place::publishable, room::Room};
use crate::{
    collection::Collection,
    document::{COLUMN_COUNT, DATA, Document, Scope, is_public_row, parse_object},
    error::{DocumentError, Result},
    physical::State,
    sql::{Base, Builder, Rights},
};

/// One row as it is stored, private fields included.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) document: Document,
    /// All its fields, as far as the collection still has them.
    pub(crate) fields: Map<String, Json>,
    pub(crate) is_published: bool,
}

/// The head of a root, and its public row where that is another one.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) head: Stored,
    pub(crate) public: Option<Stored>,
}

impl Current {
    pub(crate) fn is_public(&self) -> bool {
        self.head.is_published || self.public.is_some()
    }

    pub(crate) fn is_trashed(&self) -> bool {
        self.head.document.status == State::Trashed
    }

    pub(crate) fn next_revision(&self) -> i64 {
        self.head.document.revision + 1
    }
}

/// Looks at a root, if the caller has the rights to what they are about to do. Decode with
/// [`DocumentsService::seen`]; there are [`count`] of them.
pub(super) fn looks(
    scope: &Scope,
    collection: &Arc<Collection>,
    id: &str,
    needs: Needs<'_>,
    rights: &Rights,
    room: &Room,
) -> Vec<Statement> {
    let base = Base::Of(collection);
    let row = |index, which: &str| {
        let mut sql = row_of(scope, index, id, room);
        sql.push(which);
        whose(&mut sql, scope, collection).granted(base, needs.always, rights);
        sql.finish()
    };
    let mut looks = vec![
        row("documents_head", " AND d.is_current_draft = 1"),
        row("documents_published", " AND d.is_published = 1"),
    ];
    looks.extend(needs.publish_if_public.then(|| is_publishable(scope, collection, id, rights)));
    looks
}

/// How many statements [`looks`] are.
pub(super) fn count(needs: Needs<'_>) -> usize {
    2 + usize::from(needs.publish_if_public)
}

/// Looks at one version of a root, whole. Decode with [`DocumentsService::stored_version`].
pub(super) fn version_look(
    scope: &Scope,
    collection: &Arc<Collection>,
    id: &str,
    version: i64,
    room: &Room,
) -> Statement {
    let mut sql = row_of(scope, "documents_version", id, room);
    sql.push(" AND d.version_number = ").bind(stratus_storage::Value::Integer(version));
    whose(&mut sql, scope, collection).granted(Base::Of(collection), &[Action::Update], &scope.rights());
    sql.finish()
}

impl DocumentsService {
    /// Decodes what [`looks`] found of a root.
    ///
    /// # Errors
    ///
    /// What [`DocumentRepository::refusal`](crate::DocumentRepository) says of the first of the
    /// actions that is refused.
    pub(super) async fn seen(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        needs: Needs<'_>,
        rows: &[Rows],
    ) -> Result<Current> {
        let stored = |n: usize| {
            let first = rows.get(n).and_then(Rows::first);
            first.map(|row| stored(collection, row)).transpose()
        };
        let Some(head) = stored(0)? else {
            return Err(self.refusal(scope, collection, id, needs.always).await?);
        };
        let public = stored(1)?.filter(|it| it.document.row_id != head.document.row_id);
        let may_publish = || rows.get(2).and_then(Rows::first).map(|row| row.flag(0)).transpose();
        if needs.publish_if_public && may_publish()? != Some(true) {
            return Err(DocumentError::Denied { action: Action::Publish });
        }
        Ok(Current { head, public })
    }

    /// A live root to look at or change the permissions of, with what a statement says of it at the
    /// same moment. A deny binds everyone but an admin who is about to take it back.
    pub(super) async fn manageable(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        also: Statement,
    ) -> Result<(Current, Rows)> {
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let is_admin = scope.caller.principals().contains(&Principal::admin());
        let rights = if is_admin { scope.rights().undeniable() } else { scope.rights() };
        let needs = Needs::always(&[Action::Manage]);
        let mut statements = looks(scope, collection, id, needs, &rights, &Room::All);
        statements.push(also);
        let mut rows = self.database.session(Consistency::Primary).batch(&statements).await?;
        let also = rows.pop().unwrap_or_default();
        let current = self.seen(scope, collection, id, needs, &rows).await?;
        Ok((self.require_live(scope, collection, current).await?, also))
    }

    /// The root, if it is live. Only callers who may recover it learn that it is in the trash.
    pub(super) async fn require_live(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        current: Current,
    ) -> Result<Current> {
        if current.is_trashed() {
            Err(self.trashed(scope, collection, &current.head.document.id).await?)
        } else {
            Ok(current)
        }
    }

    /// What to say of a root in the trash.
    pub(super) async fn trashed(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
    ) -> Result<DocumentError> {
        Ok(match self.repository.refusal(scope, collection, id, Action::Delete).await? {
            DocumentError::Trashed => DocumentError::Trashed,
            _ => DocumentError::NotFound,
        })
    }

    /// Of several rights that are needed, the first that is missing is named.
    async fn refusal(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        actions: &[Action],
    ) -> Result<DocumentError> {
        for action in actions {
            let refusal = self.repository.refusal(scope, collection, id, *action).await?;
            if !matches!(refusal, DocumentError::NotFound) {
                return Ok(refusal);
            }
        }
        Ok(DocumentError::NotFound)
    }

    /// Decodes what [`version_look`] found.
    pub(super) fn stored_version(&self, collection: &Arc<Collection>, rows: Option<&Rows>) -> Result<Stored> {
        let row = rows.and_then(Rows::first);
        row.map(|row| stored(collection, row)).transpose()?.ok_or(DocumentError::NotFound)
    }
}

/// Whether what the public sees of a root is the caller's to change. Always, where that is nothing.
fn is_publishable(scope: &Scope, collection: &Collection, id: &str, rights: &Rights) -> Statement {
    let mut sql = Builder::default();
    sql.push("SELECT ");
    publishable(&mut sql, Base::Of(collection), rights);
    sql.push(" AS may_publish FROM documents AS d INDEXED BY documents_head WHERE d.root_id = ").bind(id);
    whose(sql.push(" AND d.is_current_draft = 1"), scope, collection);
    sql.finish()
}

/// A row of a root, private fields included, by one of its indexes.
pub(super) fn row_of(scope: &Scope, index: &str, id: &str, room: &Room) -> Builder {
    let mut sql = Builder::default();
    room.select(&mut sql, scope.tenant.as_str());
    sql.push(" FROM documents AS d INDEXED BY ").push(index).push(" WHERE d.root_id = ").bind(id);
    sql
}

pub(super) fn whose<'s>(sql: &'s mut Builder, scope: &Scope, collection: &Collection) -> &'s mut Builder {
    sql.push(" AND d.type_id = '").push(collection.name()).push("' AND d.tenant_id = ");
    sql.bind(scope.tenant.as_str())
}

pub(super) fn stored(collection: &Arc<Collection>, row: Row<'_>) -> stratus_storage::Result<Stored> {
    let document = Document::decode(collection, row)?;
    let mut fields = parse_object(row.text(DATA)?)?;
    // Withheld from the look of a batch, which is refused then, or was done before.
    fields.extend(row.optional_text(COLUMN_COUNT)?.map(parse_object).transpose()?.unwrap_or_default());
    Ok(Stored { document, fields: collection.shape().known(&fields), is_published: is_public_row(row)? })
}
