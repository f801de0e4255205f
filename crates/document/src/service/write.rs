//! One batch in the making.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_events::{EventKind, NewEvent, Reach, Stamp, advance, append, receipt};
use stratus_storage::{
    Bookmark, Committed, Consistency, OpId, Row, Rows, Sql, Statement, Timestamp, Value, commit,
};

use super::{DocumentsService, content::Content, state::Stored};
use crate::{
    collection::Collection,
    derived::Derived,
    document::Scope,
    error::{DocumentError, Result},
    insert::{INSERT, RECEIPT, SLUG},
    physical::State,
};

/// One batch in the making.
pub(super) struct Write<'a> {
    pub(super) service: &'a DocumentsService,
    pub(super) scope: &'a Scope,
    pub(super) collection: &'a Arc<Collection>,
    pub(super) now: Timestamp,
    pub(super) statements: Vec<Statement>,
    op_id: OpId,
    facts: Map<String, Json>,
    /// The version row that finds a slug for itself, and the statement that tells which.
    slug_of: Option<(String, usize)>,
    /// The parent that a guard speaks of.
    pub(super) parent: Option<String>,
    /// The locale that the document takes in its group of translations.
    pub(super) locale: Option<String>,
    /// The slug of the public row, where it is not the head's.
    pub(super) public_slug: Option<String>,
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
        Self {
            service,
            scope,
            collection,
            now: service.clock.now(),
            statements: Vec::new(),
            op_id,
            facts: Map::new(),
            slug_of: None,
            parent: None,
            locale: None,
            public_slug: None,
        }
    }

    pub(super) fn push(&mut self, sql: &'static str, params: Vec<Value>) {
        self.statements.push(Statement::new(sql, params));
    }

    /// Tells the log something besides which fields changed.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Json>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Inserts a version row with everything derived from its content.
    pub(super) fn insert(&mut self, row: &Stored, content: &Content) -> Result<()> {
        self.insert_by(INSERT.into(), row, content, None)
    }

    /// The same under the first slug that is free of those that are derived from the row's, or under
    /// `fallback` where many are taken. [`commit_slug`](Self::commit_slug) says which it became.
    pub(super) fn insert_with_free_slug(
        &mut self,
        row: &Stored,
        content: &Content,
        fallback: String,
    ) -> Result<()> {
        let sql = self.collection.insert_with_free_slug().clone();
        self.insert_by(sql, row, content, Some(fallback.into()))?;
        let row_id = &row.document.row_id;
        self.slug_of = Some((row_id.clone(), self.statements.len()));
        // Not by RETURNING: that makes SQLite keep copies of all the pages that the insert changes.
        self.push(SLUG, vec![row_id.as_str().into()]);
        Ok(())
    }

    fn insert_by(&mut self, sql: Sql, row: &Stored, content: &Content, more: Option<Value>) -> Result<()> {
        let document = &row.document;
        self.locale = Some(document.locale.clone());
        let (data, data_private) = content.texts(self.collection);
        let size = data.len() + data_private.len();
        // Room for the columns beside the content, and for the page that holds them.
        let limit = self.service.database.limits().row_bytes.min(2_000_000) - 4_096;
        if size > limit {
            let what = format!("the document is {size} bytes as it is stored; {limit} at most");
            return Err(DocumentError::TooLarge { what });
        }
        let actor = self.scope.caller.actor().to_string();
        let mut params = vec![
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
            Value::Integer(document.order),
            document.translation_group.as_deref().unwrap_or_default().into(),
        ];
        params.extend(more);
        self.statements.push(Statement::new(sql, params));
        let tenant = self.scope.tenant.as_str();
        self.statements.extend(content.derived.insert(&document.row_id, tenant, self.collection.name()));
        Ok(())
    }

    /// Removes what is derived from a row that becomes history.
    pub(super) fn delete_derived(&mut self, row_id: &str) {
        self.statements.extend(Derived::clear(row_id));
    }

    /// Gives a copy the own permissions of what it is a copy of.
    pub(super) fn copy_permissions(&mut self, source: &str, copy: &str) {
        self.push(
            "INSERT INTO document_permissions (tenant_id, root_id, type_id, principal_type, principal_id, \
             permission, effect, created_at, created_by) \
             SELECT tenant_id, ?3, type_id, principal_type, principal_id, permission, effect, ?4, ?5 \
             FROM document_permissions WHERE tenant_id = ?1 AND root_id = ?2",
            vec![
                self.scope.tenant.as_str().into(),
                source.into(),
                copy.into(),
                Value::Integer(self.now),
                self.scope.caller.actor().to_string().into(),
            ],
        );
    }

    /// Forgets the oldest history beyond what the collection keeps. The public row always stays.
    ///
    /// By count and not by number: an import may leave gaps between the versions.
    pub(super) fn prune(&mut self, id: &str, newest: i64) {
        let kept = i64::from(self.collection.definition().versions.max);
        if newest > kept {
            self.push(
                "DELETE FROM documents WHERE root_id = ?1 AND is_current_draft = 0 AND is_published = 0 \
                 AND version_number <= (SELECT v.version_number FROM documents AS v INDEXED BY documents_version \
                 WHERE v.root_id = ?1 ORDER BY v.version_number DESC LIMIT 1 OFFSET ?2)",
                vec![id.into(), Value::Integer(kept)],
            );
        }
    }

    /// Writes the event and the generation, and commits.
    pub(super) async fn commit(
        self,
        kind: EventKind,
        reach: Reach,
        version: i64,
        changed: Option<Vec<String>>,
        subject: &Subject<'_>,
    ) -> Result<Bookmark> {
        Ok(self.commit_slug(kind, reach, version, changed, subject).await?.0)
    }

    /// The same, with the slug that the row has found for itself.
    pub(super) async fn commit_slug(
        mut self,
        kind: EventKind,
        reach: Reach,
        version: i64,
        changed: Option<Vec<String>>,
        subject: &Subject<'_>,
    ) -> Result<(Bookmark, Option<String>)> {
        let named = changed.map(|fields| ("fields".to_owned(), Json::from(fields)));
        let data: Map<String, Json> = named.into_iter().chain(std::mem::take(&mut self.facts)).collect();
        let event = NewEvent {
            op_id: &self.op_id,
            at: self.now,
            tenant: &self.scope.tenant,
            collection: self.collection.name(),
            document: Some(subject.id),
            version: Some(version),
            kind,
            actor: self.scope.caller.actor(),
            data: if data.is_empty() { Json::Null } else { Json::Object(data) },
        };
        let appended = self.statements.len();
        self.statements.push(append(&event));
        self.statements.push(advance(&self.op_id, reach, &Stamp::draw(&*self.service.entropy)));
        let session = self.service.database.session(Consistency::Primary);
        let database = &*self.service.database;
        match commit(database, &*session, &self.statements, &self.receipt()).await {
            Ok(committed) => {
                let (row, slug) = match &committed {
                    Committed::Answered(results) => {
                        let first = |at: usize| results.get(at).and_then(Rows::first);
                        let slug = self.slug_of.as_ref().and_then(|(_, at)| first(*at));
                        (first(appended), slug.map(|row| row.optional_text(0)))
                    }
                    Committed::Found(rows) => {
                        let row = rows.first();
                        (row, row.filter(|_| self.slug_of.is_some()).map(|row| row.optional_text(1)))
                    }
                };
                let seq = row.map(|row: Row<'_>| row.integer(0)).transpose()?.unwrap_or_default();
                let slug = slug.transpose()?.flatten().map(str::to_owned);
                Ok((Bookmark::new(seq.unsigned_abs(), session.bookmark()), slug))
            }
            Err(error) => Err(self.meaning(error, subject).await),
        }
    }

    /// Looks the batch up if its answer is lost.
    fn receipt(&self) -> Statement {
        match &self.slug_of {
            Some((row_id, _)) => {
                Statement::new(RECEIPT, vec![self.op_id.as_str().into(), row_id.as_str().into()])
            }
            None => receipt(&self.op_id),
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
