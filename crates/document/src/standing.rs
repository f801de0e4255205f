//! What a caller may do, asked of the database where the collection's grants alone don't say, and
//! why they get nothing.
//!
//! Grants answer most questions without I/O. A document's own permissions can only add to them or
//! take from them, so the database is asked when grants refuse, or when nothing was found.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use stratus_access::{Action, Principal};
use stratus_storage::{Row, Statement, Timestamp, parse_uuid};

use crate::{
    collection::Collection,
    document::Scope,
    error::{DocumentError, Result},
    repository::DocumentRepository,
    sql::{Base, Builder},
};

/// Documents of which collections a caller was granted an action on, one by one.
const GRANTED_SINGLY: &str = "SELECT t.value AS type_id FROM json_each(?1) AS t WHERE EXISTS (\
     SELECT 1 FROM json_each(?2) AS c CROSS JOIN document_permissions AS p \
     INDEXED BY document_permissions_principal ON p.tenant_id = ?3 AND p.type_id = t.value \
     AND p.principal_type = json_extract(c.value, '$[0]') \
     AND p.principal_id = json_extract(c.value, '$[1]') \
     AND p.permission = ?4 AND p.effect = 'allow') ORDER BY t.key";

/// How a caller stands to one document.
struct Standing {
    is_trashed: bool,
    /// The public row is there, and within its window.
    is_public: bool,
    may_read: bool,
    may_update: bool,
    may_delete: bool,
    /// The action that was asked about.
    may_act: bool,
}

impl Standing {
    fn decode(row: Row<'_>, now: Timestamp) -> stratus_storage::Result<Self> {
        let (from, to) = (row.optional_integer(2)?, row.optional_integer(3)?);
        let in_window = from.is_none_or(|it| it <= now) && to.is_none_or(|it| it > now);
        Ok(Self {
            is_trashed: row.flag(0)?,
            is_public: row.flag(1)? && in_window,
            may_read: row.flag(4)?,
            may_update: row.flag(5)?,
            may_delete: row.flag(6)?,
            may_act: row.flag(7)?,
        })
    }

    /// What to say, if anything more than the grants of the collection do.
    fn refusal(&self, action: Action) -> Option<DocumentError> {
        if self.is_trashed {
            return (self.may_read && self.may_delete).then_some(DocumentError::Trashed);
        }
        let knows_of_it = self.may_read && (self.is_public || self.may_update);
        (knows_of_it && !self.may_act).then_some(DocumentError::Denied { action })
    }
}

impl DocumentRepository {
    /// The collection of that name, if the caller may do something to its documents, or to one.
    /// Says nothing of any one document: each call on one sees to that itself.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotFound`] for a collection that is unknown or in which the caller may read
    /// nothing: the two look alike. [`DocumentError::Denied`] for one that they may only read.
    pub async fn reach(&self, scope: &Scope, name: &str, action: Action) -> Result<&Arc<Collection>> {
        let collection = self.known(name)?;
        let lacks = |action| !collection.allows(&scope.caller, action);
        if lacks(Action::Read) && !self.granted_singly(scope, name, Action::Read).await? {
            return Err(DocumentError::NotFound);
        }
        if action != Action::Read && lacks(action) && !self.granted_singly(scope, name, action).await? {
            return Err(DocumentError::Denied { action });
        }
        Ok(collection)
    }

    /// The collections in which the caller may read something, by name.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn readable_collections(&self, scope: &Scope) -> Result<Vec<Arc<Collection>>> {
        let open = |it: &Arc<Collection>| it.allows(&scope.caller, Action::Read);
        let closed: Vec<_> =
            self.registry().collections().filter(|it| !open(it)).map(|it| it.name()).collect();
        let singly = if closed.is_empty() {
            Vec::new()
        } else {
            self.those_granted_singly(scope, &closed, Action::Read).await?
        };
        let readable = self.registry().collections();
        Ok(readable.filter(|it| open(it) || singly.iter().any(|name| name == it.name())).cloned().collect())
    }

    /// The collection of that name, whoever asks.
    pub(crate) fn known(&self, name: &str) -> Result<&Arc<Collection>> {
        self.registry.collection(name).ok_or(DocumentError::NotFound)
    }

    async fn granted_singly(&self, scope: &Scope, name: &str, action: Action) -> Result<bool> {
        // Nothing that is not there can be granted on.
        let is_of_collection = action == Action::Create;
        Ok(!is_of_collection && !self.those_granted_singly(scope, &[name], action).await?.is_empty())
    }

    async fn those_granted_singly(
        &self,
        scope: &Scope,
        names: &[&str],
        action: Action,
    ) -> Result<Vec<String>> {
        let pair = |it: &Principal| json!([it.kind(), it.id()]);
        let principals: Vec<_> = scope.caller.principals().iter().map(pair).collect();
        let params = vec![
            Json::from(names.to_vec()).to_string().into(),
            Json::Array(principals).to_string().into(),
            scope.tenant.as_str().into(),
            action.name().into(),
        ];
        let session = self.database.session(scope.consistency.clone());
        let rows = session.query(&Statement::new(GRANTED_SINGLY, params)).await?;
        Ok(rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?)
    }

    /// Why a caller who wants to do something to a document gets nothing. Only callers who may
    /// recover it learn that it is in the trash, and only those who know of it that they lack a
    /// right.
    pub(crate) async fn refusal(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        id: &str,
        action: Action,
    ) -> Result<DocumentError> {
        let by_grants = refusal_by_grants(collection, scope, action);
        let Ok(id) = parse_uuid(id) else { return Ok(by_grants) };
        if scope.caller.is_anonymous() && action == Action::Read {
            return Ok(by_grants);
        }
        let statement = standing_of(scope, collection, id, action);
        let rows = self.database.session(scope.consistency.clone()).query(&statement).await?;
        let now = self.clock.now();
        let standing = rows.first().map(|row| Standing::decode(row, now)).transpose()?;
        Ok(standing.and_then(|it| it.refusal(action)).unwrap_or(by_grants))
    }
}

/// What a caller hears of a document that may as well not be there.
fn refusal_by_grants(collection: &Collection, scope: &Scope, action: Action) -> DocumentError {
    let may = |action| collection.allows(&scope.caller, action);
    if may(Action::Read) && !may(action) { DocumentError::Denied { action } } else { DocumentError::NotFound }
}

fn standing_of(scope: &Scope, collection: &Collection, id: &str, action: Action) -> Statement {
    let rights = scope.rights();
    let mut sql = Builder::default();
    sql.push(
        "SELECT d.deleted_at IS NOT NULL AS is_trashed, v.pk IS NOT NULL AS is_public, \
         v.scheduled_at AS publish_at, v.expires_at AS expire_at",
    );
    for action in [Action::Read, Action::Update, Action::Delete, action] {
        sql.push(", ").permitted(Base::Of(collection), action, &rights);
    }
    sql.push(
        " FROM documents AS d INDEXED BY documents_head \
         LEFT JOIN documents AS v INDEXED BY documents_published ON v.root_id = d.root_id AND v.is_published = 1 \
         WHERE d.root_id = ",
    );
    sql.bind(id).push(" AND d.is_current_draft = 1 AND d.type_id = '").push(collection.name());
    sql.push("' AND d.tenant_id = ").bind(scope.tenant.as_str());
    sql.finish()
}
