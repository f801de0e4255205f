//! One batch in the making, and what its failure means.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value as Json, json};
use stratus_events::{
    EventKind, GuardKind, NewEvent, Reach, Stamp, advance, append, guard_changed, guard_when, receipt,
};
use stratus_storage::{
    Bookmark, Committed, Consistency, Error as StorageError, OpId, Row, Statement, Timestamp, Value, commit,
};

use super::{DocumentsService, content::Content, state::Stored};
use crate::{
    collection::Collection,
    derived::Derived,
    document::Scope,
    error::{DocumentError, Result},
    physical::State,
    repository::referrer,
    validate::FieldError,
};

/// The strong targets in `?2`, `[collection, id]` each, of which one is not live in tenant `?3`.
const MISSING_TARGET: &str = "EXISTS (SELECT 1 FROM json_each(?2) AS t WHERE NOT EXISTS (\
     SELECT 1 FROM documents AS d INDEXED BY documents_head \
     WHERE d.root_id = json_extract(t.value, '$[1]') AND d.is_current_draft = 1 AND d.tenant_id = ?3 \
     AND d.type_id = json_extract(t.value, '$[0]') AND d.deleted_at IS NULL))";

/// Live rows of other roots that refer to root `?2` in tenant `?3` by one of the strong fields `?4`.
const IS_REFERENCED: &str = "EXISTS (SELECT 1 FROM document_references AS r INDEXED BY document_references_to \
     CROSS JOIN documents AS d ON d.pk = r.from_document_id \
     WHERE r.tenant_id = ?3 AND r.to_root_id = ?2 AND d.root_id <> ?2 AND d.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM json_each(?4) AS s WHERE json_extract(s.value, '$[0]') = d.type_id \
     AND json_extract(s.value, '$[1]') = r.field_name))";

/// Targets of the row `?2` by the strong fields `?4`, other than its own root, that are not live in
/// tenant `?3`.
const LOST_TARGET: &str = "EXISTS (SELECT 1 FROM documents AS o \
     CROSS JOIN document_references AS r ON r.from_document_id = o.pk \
     WHERE o.id = ?2 AND r.to_root_id <> o.root_id \
     AND EXISTS (SELECT 1 FROM json_each(?4) AS s WHERE json_extract(s.value, '$[0]') = o.type_id \
     AND json_extract(s.value, '$[1]') = r.field_name) \
     AND NOT EXISTS (SELECT 1 FROM documents AS d INDEXED BY documents_head WHERE d.root_id = r.to_root_id \
     AND d.is_current_draft = 1 AND d.tenant_id = ?3 AND d.deleted_at IS NULL))";

/// How many referrers an error names.
const MAX_NAMED: u32 = 20;

/// One batch in the making.
pub(super) struct Write<'a> {
    service: &'a DocumentsService,
    scope: &'a Scope,
    collection: &'a Arc<Collection>,
    pub(super) now: Timestamp,
    statements: Vec<Statement>,
    op_id: OpId,
}

/// What a failed batch was about, to say what its failure means.
pub(super) struct Subject<'a> {
    pub(super) id: &'a str,
    pub(super) revision: i64,
    pub(super) slug: Option<&'a str>,
    pub(super) content: Option<&'a Content>,
}

impl<'a> Write<'a> {
    pub(super) fn begin(
        service: &'a DocumentsService,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
    ) -> Self {
        let op_id = OpId::mint(&*service.clock, &*service.entropy);
        Self { service, scope, collection, now: service.clock.now(), statements: Vec::new(), op_id }
    }

    pub(super) fn push(&mut self, sql: &'static str, params: Vec<Value>) {
        self.statements.push(Statement::new(sql, params));
    }

    /// The statement before this one must have changed the head that was looked at.
    pub(super) fn guard_revision(&mut self) {
        self.statements.push(guard_changed(GuardKind::StaleRevision));
    }

    /// Every strong target must be live.
    pub(super) fn guard_targets(&mut self, content: &Content) {
        let targets = content.derived.strong_targets();
        if !targets.is_empty() {
            let params = [Json::Array(targets).to_string().into(), self.scope.tenant.as_str().into()];
            self.statements.push(guard_when(GuardKind::MissingReference, MISSING_TARGET, params));
        }
    }

    /// The strong targets of a row that comes back from the trash must be live.
    pub(super) fn guard_recovered(&mut self, row_id: &str) {
        let strong = self.service.repository.registry.strong_fields();
        let params = [row_id.into(), self.scope.tenant.as_str().into(), strong.into()];
        self.statements.push(guard_when(GuardKind::MissingReference, LOST_TARGET, params));
    }

    /// No live document may refer strongly to this one.
    pub(super) fn guard_unreferenced(&mut self, id: &str) {
        let strong = self.service.repository.registry.strong_fields();
        let params = [id.into(), self.scope.tenant.as_str().into(), strong.into()];
        self.statements.push(guard_when(GuardKind::Referenced, IS_REFERENCED, params));
    }

    /// The parent must be a live document of the collection.
    pub(super) fn guard_parent(&mut self, parent: &str) {
        let target = json!([[self.collection.name(), parent]]).to_string();
        let params = [target.into(), self.scope.tenant.as_str().into()];
        self.statements.push(guard_when(GuardKind::MissingParent, MISSING_TARGET, params));
    }

    /// Inserts a version row with everything derived from its content.
    pub(super) fn insert(&mut self, row: &Stored, content: &Content) -> Result<()> {
        let document = &row.document;
        let (data, data_private) = content.texts(self.collection);
        let size = data.len() + data_private.len();
        // Room for the columns beside the content, and for the page that holds them.
        let limit = self.service.database.limits().row_bytes.min(2_000_000) - 4_096;
        if size > limit {
            let what = format!("the document is {size} bytes as it is stored; {limit} at most");
            return Err(DocumentError::TooLarge { what });
        }
        let actor = self.scope.caller.actor().to_string();
        self.push(
            "INSERT INTO documents (id, root_id, type_id, tenant_id, locale, parent_root_id, is_current_draft, \
             is_published, type_version, version_number, revision, slug, published_at, scheduled_at, expires_at, \
             created_at, updated_at, created_by, updated_by, data_private, data) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?18, ?19)",
            vec![
                document.row_id.as_str().into(),
                document.id.as_str().into(),
                self.collection.name().into(),
                self.scope.tenant.as_str().into(),
                document.locale.as_str().into(),
                document.parent.as_deref().unwrap_or_default().into(),
                row.is_published.into(),
                Value::Integer(self.collection.type_version()),
                Value::Integer(document.version),
                Value::Integer(document.revision),
                document.slug.as_deref().into(),
                time(document.published_at),
                time(document.publish_at),
                time(document.expire_at),
                Value::Integer(document.created_at),
                Value::Integer(document.updated_at),
                actor.into(),
                data_private.into(),
                data.into(),
            ],
        );
        let tenant = self.scope.tenant.as_str();
        self.statements.extend(content.derived.insert(&document.row_id, tenant, self.collection.name()));
        Ok(())
    }

    /// Removes what is derived from a row that becomes history.
    pub(super) fn delete_derived(&mut self, row_id: &str) {
        self.statements.extend(Derived::clear(row_id));
    }

    /// Forgets the oldest history beyond what the collection keeps. The public row always stays.
    pub(super) fn prune(&mut self, id: &str, newest: i64) {
        let oldest = newest - i64::from(self.collection.definition().versions.max);
        if oldest > 0 {
            self.push(
                "DELETE FROM documents WHERE root_id = ?1 AND version_number <= ?2 \
                 AND is_current_draft = 0 AND is_published = 0",
                vec![id.into(), Value::Integer(oldest)],
            );
        }
    }

    /// Writes the event and the generation, and commits.
    pub(super) async fn commit(
        mut self,
        kind: EventKind,
        reach: Reach,
        version: i64,
        changed: Option<Vec<String>>,
        subject: &Subject<'_>,
    ) -> Result<Bookmark> {
        let event = NewEvent {
            op_id: &self.op_id,
            at: self.now,
            tenant: &self.scope.tenant,
            collection: self.collection.name(),
            document: Some(subject.id),
            version: Some(version),
            kind,
            actor: self.scope.caller.actor(),
            data: changed.map_or(Json::Null, |fields| json!({ "fields": fields })),
        };
        let appended = self.statements.len();
        self.statements.push(append(&event));
        self.statements.push(advance(&self.op_id, reach, &Stamp::draw(&*self.service.entropy)));
        let session = self.service.database.session(Consistency::Primary);
        let database = &*self.service.database;
        match commit(database, &*session, &self.statements, &receipt(&self.op_id)).await {
            Ok(committed) => {
                let row = match &committed {
                    Committed::Answered(results) => {
                        results.get(appended).and_then(stratus_storage::Rows::first)
                    }
                    Committed::Found(rows) => rows.first(),
                };
                let seq = row.map(|row: Row<'_>| row.integer(0)).transpose()?.unwrap_or_default();
                Ok(Bookmark::new(seq.unsigned_abs(), session.bookmark()))
            }
            Err(error) => Err(self.meaning(error, subject).await),
        }
    }

    /// What the failure of the batch means for the caller.
    async fn meaning(&self, error: StorageError, subject: &Subject<'_>) -> DocumentError {
        let explained = match &error {
            StorageError::Guard { guard } => match GuardKind::from_name(guard) {
                Some(GuardKind::StaleRevision) => {
                    return DocumentError::StaleRevision { current: subject.revision };
                }
                Some(GuardKind::MissingReference) => self.missing_targets(subject).await,
                Some(GuardKind::Referenced) => self.referrers(subject.id).await,
                Some(GuardKind::MissingParent) => {
                    let message = "there is no such document in the collection";
                    return DocumentError::Invalid(vec![FieldError::new(
                        "/parent",
                        "missing_reference",
                        message,
                    )]);
                }
                _ => return error.into(),
            },
            StorageError::NotUnique { columns } => return self.not_unique(columns, subject),
            // What a driver says of it is not for callers.
            StorageError::TooLarge { .. } => {
                return DocumentError::TooLarge {
                    what: "the document is larger than the database takes".to_owned(),
                };
            }
            _ => return error.into(),
        };
        explained.unwrap_or_else(DocumentError::Storage)
    }

    /// Which of the content's strong targets are gone. Without a content it is a recovery.
    async fn missing_targets(&self, subject: &Subject<'_>) -> stratus_storage::Result<DocumentError> {
        let Some(content) = subject.content else { return Ok(DocumentError::MissingReference) };
        let targets = content.derived.strong_targets();
        let live = Statement::new(
            "SELECT d.root_id AS root_id FROM json_each(?1) AS t \
             CROSS JOIN documents AS d INDEXED BY documents_head \
             ON d.root_id = json_extract(t.value, '$[1]') AND d.is_current_draft = 1 \
             WHERE d.tenant_id = ?2 AND d.type_id = json_extract(t.value, '$[0]') AND d.deleted_at IS NULL",
            vec![Json::Array(targets).to_string().into(), self.scope.tenant.as_str().into()],
        );
        let rows = self.service.database.session(Consistency::Primary).query(&live).await?;
        let live = rows.iter().map(|row| row.text(0)).collect::<stratus_storage::Result<Vec<_>>>()?;
        let strong = content.derived.references.iter().filter(|it| it.strength == crate::Strength::Strong);
        let gone = strong.filter(|it| !live.contains(&it.target.as_str())).map(|it| {
            let message = format!("there is no document `{}` in `{}`", it.target, it.collection);
            FieldError::new(it.pointer.clone(), "missing_reference", message)
        });
        let gone: Vec<_> = gone.collect();
        // All there again by now: whoever asks once more will succeed.
        Ok(if gone.is_empty() { DocumentError::Contended } else { DocumentError::Invalid(gone) })
    }

    async fn referrers(&self, id: &str) -> stratus_storage::Result<DocumentError> {
        let statement = self.service.repository.referrers_of(self.scope, id, true, MAX_NAMED, 0);
        let rows = self.service.database.session(Consistency::Primary).query(&statement).await?;
        let mut referrers = rows.iter().map(referrer).collect::<stratus_storage::Result<Vec<_>>>()?;
        // A head and the public row of one document are one referrer to whoever has to change it.
        let mut named = BTreeSet::new();
        referrers.retain(|it| named.insert((it.id.clone(), it.field.clone())));
        Ok(DocumentError::Referenced { referrers })
    }

    fn not_unique(&self, columns: &str, subject: &Subject<'_>) -> DocumentError {
        let named = |column: &str| columns.split(", ").any(|it| it.rsplit('.').next() == Some(column));
        if named("slug") {
            return DocumentError::SlugTaken { slug: subject.slug.unwrap_or_default().to_owned() };
        }
        let keys = self.collection.indexes().iter().filter(|it| it.unique).flat_map(|it| &it.keys);
        let unique = keys.filter(|(key, _)| key.column.starts_with("q_")).find(|(key, _)| named(&key.column));
        match unique {
            Some((key, _)) => DocumentError::NotUnique { field: key.name.clone() },
            // A second head or version of the root: someone else was faster.
            None => DocumentError::StaleRevision { current: subject.revision },
        }
    }
}

pub(super) fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, Value::Integer)
}

/// What a row is, seen from outside.
pub(super) fn status(is_published: bool) -> State {
    if is_published { State::Published } else { State::Draft }
}
