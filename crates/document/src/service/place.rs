//! What stands beside a content and is of no version: the order among siblings, and the group of
//! translations. Both move on the rows that are there, the public one included, at once: that needs
//! the right to publish where there is a public row.

use std::sync::Arc;

use serde_json::json;
use stratus_access::Action;
use stratus_events::{EventKind, GuardKind, NewEvent, Reach, append, guard_changed, guard_when};
use stratus_storage::{OpId, Rows, Statement, Value, mint_uuid_v7, parse_uuid};

use super::{
    DocumentsService, Input, Member,
    lifecycle::{Window, reach},
    names,
    operation::Outcome,
    state::Current,
    write::{Prepared, Subject, Told, Write, time},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    sql::{Base, Builder, Rights},
    validate::FieldError,
};

/// The head (`?1`) from the revision that was looked at (`?2`) to the next, at a time (`?3`).
const MOVE: &str = "UPDATE documents SET scheduled_at = ?4, expires_at = ?5, sort_order = ?6, \
     translation_group_id = ?7, revision = ?2 + 1, updated_at = ?3 \
     WHERE id = ?1 AND revision = ?2 AND is_current_draft = 1 AND deleted_at IS NULL";
/// The public row, where it is another one, so that its tag changes too.
const MOVE_PUBLIC: &str = "UPDATE documents SET sort_order = ?4, translation_group_id = ?5, \
     revision = ?2 + 1, updated_at = ?3 WHERE id = ?1";
/// The head of root `?1`, which was looked at when it was in no group, at revision `?4`, begins the
/// group `?3`. It may have become public since, or somebody's right to it be gone, at another one.
const BEGIN: &str = "UPDATE documents SET translation_group_id = ?3, revision = ?4 + 1, updated_at = ?2 \
     WHERE root_id = ?1 AND revision = ?4 AND is_current_draft = 1 AND deleted_at IS NULL";
const BEGIN_PUBLIC: &str = "UPDATE documents SET translation_group_id = ?3, revision = ?4 + 1, updated_at = ?2 \
     WHERE root_id = ?1 AND is_published = 1 AND is_current_draft = 0";
/// No live head of root `?2` is in the group `?3`.
const HAS_LEFT: &str = "NOT EXISTS (SELECT 1 FROM documents AS d INDEXED BY documents_head \
     WHERE d.root_id = ?2 AND d.is_current_draft = 1 AND d.deleted_at IS NULL AND d.translation_group_id = ?3)";

/// The document that another one is to be a translation of, as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) id: String,
    version: i64,
    revision: i64,
    group: String,
    /// Whether it was in no group, and begins this one.
    pub(super) begins: bool,
}

/// What the operations of one batch have to do with each other's groups.
#[derive(Debug, Default)]
pub(super) struct Groups<'a> {
    /// The names that translations go by: what is called so is made in a group.
    wanted: Vec<&'a str>,
    /// Those that were begun, each with its original.
    begun: Vec<Target>,
    /// What was made under such a name, each with its collection.
    made: Vec<(String, Target)>,
}

/// What there is to know of a new document's relatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kin<'a> {
    /// What was found of the document that it is a translation of.
    pub(super) original: Option<&'a Rows>,
    /// What it is called in the batch.
    pub(super) name: Option<&'a str>,
    /// Whether the caller may change it once it is there: so only may another one join it.
    pub(super) is_editable: bool,
}

impl<'a> Groups<'a> {
    /// Looks for the names that the inputs of a batch have in the place of an original.
    pub(super) fn of(inputs: impl Iterator<Item = &'a Input>) -> Self {
        let name = |input: &'a Input| match &input.translation_of {
            Member::Value(text) => names::name_in(text),
            Member::Absent | Member::Null => None,
        };
        Self { wanted: inputs.filter_map(name).collect(), ..Self::default() }
    }

    /// Whether something later in the batch is a translation of a document of that name.
    pub(super) fn wants(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.wanted.contains(&name))
    }

    /// Lets what comes later join a new document.
    pub(super) fn add(&mut self, document: &Document) {
        let Some(group) = &document.translation_group else { return };
        let target = Target {
            id: document.id.clone(),
            version: document.version,
            revision: document.revision,
            group: group.clone(),
            begins: false,
        };
        self.made.push((document.collection.name().to_owned(), target));
    }

    fn made(&self, collection: &Collection, input: &Input) -> Option<Target> {
        let Member::Value(id) = &input.translation_of else { return None };
        let found = self.made.iter().find(|(of, target)| of == collection.name() && target.id == *id);
        found.map(|(_, target)| target.clone())
    }
}

/// What stands beside a content and is of no version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) order: i64,
    pub(super) group: Option<String>,
    /// Whose translation it becomes with this write.
    pub(super) target: Option<Target>,
}

impl Place {
    /// Where a document is.
    pub(super) fn of(document: &Document) -> Self {
        Self { order: document.order, group: document.translation_group.clone(), target: None }
    }

    /// Where an input puts a document; `target` is what was found of the one that it names.
    pub(super) fn next(self, id: Option<&str>, input: &Input, target: Option<Target>) -> Result<Self> {
        let order = match input.order {
            Member::Absent => self.order,
            Member::Null => 0,
            Member::Value(order) => order,
        };
        let fault = |code, message: &str| {
            DocumentError::Invalid(vec![FieldError::new("/translationOf", code, message)])
        };
        match &input.translation_of {
            Member::Absent => Ok(Self { order, ..self }),
            Member::Null => Ok(Self { order, group: None, target: None }),
            Member::Value(named) if id == Some(named.as_str()) => {
                Err(fault("cycle", "a document is no translation of itself"))
            }
            Member::Value(_) => {
                let missing = || fault("missing_reference", "there is no such document in the collection");
                let target = target.ok_or_else(missing)?;
                Ok(Self { order, group: Some(target.group.clone()), target: Some(target) })
            }
        }
    }

    /// Whether it is where the document is, and nothing else moves.
    pub(super) fn is_that_of(&self, document: &Document) -> bool {
        let joined = self.target.as_ref().is_some_and(|it| it.begins);
        self.order == document.order && self.group == document.translation_group && !joined
    }

    /// The members that differ from where the document is.
    fn moved(&self, document: &Document) -> Vec<&'static str> {
        let order = (self.order != document.order).then_some("order");
        let group = (self.group != document.translation_group).then_some("translationOf");
        order.into_iter().chain(group).collect()
    }
}

/// Looks at the document that an input names as the original, if it names one. Decode with
/// [`DocumentsService::original`].
pub(super) fn target(scope: &Scope, collection: &Collection, input: &Input) -> Option<Statement> {
    let Member::Value(id) = &input.translation_of else { return None };
    let id = parse_uuid(id).ok()?;
    let (base, rights) = (Base::Of(collection), scope.rights());
    let mut sql = Builder::default();
    sql.push("SELECT d.root_id AS root_id, d.version_number AS version_number, d.revision AS revision, ");
    sql.push("d.translation_group_id AS translation_group_id, ");
    publishable(&mut sql, base, &rights);
    sql.push(" AS may_begin FROM documents AS d INDEXED BY documents_head WHERE d.root_id = ");
    sql.bind(id).push(" AND ");
    sql.rows(collection, State::Draft, scope.tenant.as_str());
    sql.granted(base, &[Action::Update], &rights);
    Some(sql.finish())
}

/// Whether the caller may change what the public sees of the document of head `d`, or there is
/// nothing that it sees.
pub(super) fn publishable(sql: &mut Builder, base: Base<'_>, rights: &Rights) {
    sql.push("(NOT EXISTS (SELECT 1 FROM documents AS o INDEXED BY documents_published ");
    sql.push("WHERE o.root_id = d.root_id AND o.is_published = 1 AND o.deleted_at IS NULL) OR ");
    sql.permitted(base, Action::Publish, rights).push(")");
}

impl Write<'_> {
    /// Lets a document stand at a place: the original joins its group, if it was in none.
    ///
    /// Says how far that reaches: the original may be public.
    pub(super) fn stand(&mut self, place: &Place, before: Option<&Document>) -> Reach {
        let moved = before.map(|it| place.moved(it)).unwrap_or_default();
        if !moved.is_empty() {
            self.fact("members", moved);
        }
        let Some(target) = &place.target else { return Reach::Private };
        if !target.begins {
            let params = [target.id.as_str().into(), target.group.as_str().into()];
            self.statements.push(guard_when(GuardKind::StaleAppend, HAS_LEFT, params));
            return Reach::Private;
        }
        let params = vec![
            Value::from(target.id.as_str()),
            Value::Integer(self.now),
            target.group.as_str().into(),
            Value::Integer(target.revision),
        ];
        self.push(BEGIN, params.clone());
        self.statements.push(guard_changed(GuardKind::StaleAppend));
        self.push(BEGIN_PUBLIC, params);
        // It was written, so the log tells of it.
        let op_id = OpId::mint(&*self.service.clock, &*self.service.entropy);
        self.statements.push(append(&NewEvent {
            op_id: &op_id,
            at: self.now,
            tenant: &self.scope.tenant,
            collection: self.collection.name(),
            document: Some(&target.id),
            version: Some(target.version),
            kind: EventKind::Updated,
            actor: self.scope.caller.actor(),
            data: json!({ "members": ["translationOf"] }),
        }));
        Reach::Public
    }

    /// Moves the public row along that stays beside the head.
    pub(super) fn move_public(&mut self, row_id: &str, revision: i64, place: &Place) {
        let params = vec![
            row_id.into(),
            Value::Integer(revision),
            Value::Integer(self.now),
            Value::Integer(place.order),
            place.group.as_deref().unwrap_or_default().into(),
        ];
        self.push(MOVE_PUBLIC, params);
    }
}

impl DocumentsService {
    /// The original that an input names: decodes what [`target`] found of it, unless it was made in
    /// the same batch. A group is called after nothing, so that whoever leaves it has no claim to it.
    pub(super) fn original(
        &self,
        collection: &Collection,
        input: &Input,
        rows: Option<&Rows>,
        groups: &mut Groups<'_>,
    ) -> Result<Option<Target>> {
        let Some(row) = rows.and_then(Rows::first) else { return Ok(groups.made(collection, input)) };
        let id = row.text(0)?;
        if let Some(earlier) = groups.begun.iter().find(|it| it.id == id) {
            return Ok(Some(Target { begins: false, ..earlier.clone() }));
        }
        let group = row.text(3)?;
        let begins = group.is_empty();
        if begins && !row.flag(4)? {
            return Err(DocumentError::Denied { action: Action::Publish });
        }
        let group = if begins { self.new_group() } else { group.to_owned() };
        let (id, version, revision) = (id.to_owned(), row.integer(1)?, row.integer(2)?);
        let target = Target { id, version, revision, group, begins };
        if begins {
            groups.begun.push(target.clone());
        }
        Ok(Some(target))
    }

    /// The name of a group that nothing is in.
    pub(super) fn new_group(&self) -> String {
        mint_uuid_v7(&*self.clock, &*self.entropy)
    }

    /// Neither a window nor a place is new content: they move on the row, and the version stays.
    pub(super) fn move_head<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        current: &Current,
        window: Window,
        place: &Place,
    ) -> Prepared<'a> {
        let head = &current.head;
        let mut write = Write::begin(self, scope, collection);
        let document = Document {
            publish_at: window.publish_at,
            expire_at: window.expire_at,
            order: place.order,
            translation_group: place.group.clone(),
            revision: current.next_revision(),
            updated_at: write.now,
            ..head.document.clone()
        };
        write.push(
            MOVE,
            vec![
                document.row_id.as_str().into(),
                Value::Integer(head.document.revision),
                Value::Integer(document.updated_at),
                time(window.publish_at),
                time(window.expire_at),
                Value::Integer(place.order),
                place.group.as_deref().unwrap_or_default().into(),
            ],
        );
        write.guard_revision();
        let stays = place.is_that_of(&head.document);
        if let Some(public) = current.public.as_ref().filter(|_| !stays) {
            write.move_public(&public.document.row_id, head.document.revision, place);
        }
        write.locale = Some(document.locale.clone());
        let of_target = write.stand(place, Some(&head.document));
        let of_window = if head.is_published { Reach::Public } else { Reach::Private };
        let (kind, own) = match stays {
            true => (EventKind::Scheduled, of_window),
            false => (EventKind::Updated, reach(current)),
        };
        let subject =
            Subject { id: document.id.clone(), revision: head.document.revision, slug: None, content: None };
        let told = Told { kind, reach: own.max(of_target), version: document.version, changed: None };
        write.seal(told, subject, Outcome::Head(Box::new(document)))
    }
}
