//! The statements of one write in the making.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_events::{EventKind, GuardKind, NewEvent, Reach, Stamp, advance, append, guard_when};
use stratus_storage::{OpId, Sql, Statement, Timestamp, Value};

use super::{DocumentsService, content::Content, operation::Outcome, state::Stored};
use crate::{
    collection::Collection,
    derived::Derived,
    document::{Document, Scope},
    error::{DocumentError, Result},
    insert::{INSERT, SLUG},
    physical::State,
};

/// The statements of one write in the making.
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
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) revision: i64,
    pub(super) slug: Option<String>,
    pub(super) content: Option<Content>,
}

/// What the log is told of a write.
pub(super) struct Told {
    pub(super) kind: EventKind,
    pub(super) reach: Reach,
    pub(super) version: i64,
    /// The fields that changed, where any can have.
    pub(super) changed: Option<Vec<String>>,
}

/// One write whose statements are complete: its event and generation are the last of them.
pub(super) struct Prepared<'a> {
    pub(super) service: &'a DocumentsService,
    pub(super) scope: &'a Scope,
    pub(super) collection: &'a Arc<Collection>,
    pub(super) statements: Vec<Statement>,
    /// The write's id, and the statement that tells the position of its event. Nothing where
    /// everything is as it shall be.
    pub(super) event: Option<(OpId, usize)>,
    /// The version row that finds a slug for itself, and the statement that tells which.
    pub(super) slug_of: Option<(String, usize)>,
    pub(super) subject: Subject,
    pub(super) parent: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) public_slug: Option<String>,
    pub(super) outcome: Outcome,
}

impl<'a> Prepared<'a> {
    /// A write of what is there already: that the head still is at its revision.
    pub(super) fn unchanged(
        service: &'a DocumentsService,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        document: Document,
    ) -> Self {
        let params = [document.row_id.as_str().into(), Value::Integer(document.revision)];
        let subject =
            Subject { id: document.id.clone(), revision: document.revision, slug: None, content: None };
        Self {
            service,
            scope,
            collection,
            statements: vec![guard_when(GuardKind::StaleRevision, HAS_MOVED, params)],
            event: None,
            slug_of: None,
            subject,
            parent: None,
            locale: None,
            public_slug: None,
            outcome: Outcome::Head(Box::new(document)),
        }
    }
}

/// The row `?2` is no head at revision `?3`.
const HAS_MOVED: &str = "NOT EXISTS (SELECT 1 FROM documents AS d \
     WHERE d.id = ?2 AND d.revision = ?3 AND d.is_current_draft = 1)";

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

    /// Inserts a version row with everything derived from its content, of which it has the text.
    pub(super) fn insert(&mut self, row: &Stored, content: &Content) -> Result<()> {
        self.insert_by(INSERT.into(), row, content, None)
    }

    /// The same under the first slug that is free of those that are derived from the row's, or under
    /// `fallback` where many are taken. Which it became is known once it is written.
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
        // Not by RETURNING, which costs more than this look.
        self.push(SLUG, vec![row_id.as_str().into()]);
        Ok(())
    }

    fn insert_by(&mut self, sql: Sql, row: &Stored, content: &Content, more: Option<Value>) -> Result<()> {
        let document = &row.document;
        self.locale = Some(document.locale.clone());
        let data: &str = &document.fields;
        let data_private = content.private_text(self.collection);
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

    /// Adds the event and the generation.
    pub(super) fn seal(mut self, told: Told, subject: Subject, outcome: Outcome) -> Prepared<'a> {
        let Told { kind, reach, version, changed } = told;
        let named = changed.map(|fields| ("fields".to_owned(), Json::from(fields)));
        let data: Map<String, Json> = named.into_iter().chain(self.facts).collect();
        let event = append(&NewEvent {
            op_id: &self.op_id,
            at: self.now,
            tenant: &self.scope.tenant,
            collection: self.collection.name(),
            document: Some(&subject.id),
            version: Some(version),
            kind,
            actor: self.scope.caller.actor(),
            data: if data.is_empty() { Json::Null } else { Json::Object(data) },
        });
        let appended = self.statements.len();
        self.statements.push(event);
        self.statements.push(advance(&self.op_id, reach, &Stamp::draw(&*self.service.entropy)));
        Prepared {
            service: self.service,
            scope: self.scope,
            collection: self.collection,
            statements: self.statements,
            event: Some((self.op_id, appended)),
            slug_of: self.slug_of,
            subject,
            parent: self.parent,
            locale: self.locale,
            public_slug: self.public_slug,
            outcome,
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
