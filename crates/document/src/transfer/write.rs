//! One batch of documents: its guards, rows, derived rows, events and generations.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::json;
use stratus_access::{Caller, TenantId};
use stratus_events::{EventKind, GuardKind, NewEvent, Reach, Stamp, advance, append, guard_when};
use stratus_storage::{Clock, Entropy, OpId, Statement, Timestamp, Value, mint_uuid_v7};

use super::plan::{Kept, New, Plan};
use crate::{
    collection::Collection,
    definition::Strength,
    derived::{Derived, FacetValue},
    entries,
};

/// How long a list that is bound gets, about: a value has 2 MB at most.
const LIST_BYTES: usize = 900_000;

const INSERT: &str = "INSERT INTO documents (id, root_id, type_id, tenant_id, locale, parent_root_id, is_current_draft, \
     is_published, type_version, version_number, revision, slug, published_at, scheduled_at, expires_at, created_at, \
     updated_at, sort_order, translation_group_id, created_by, updated_by, data_private, data) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?20, ?21, ?22)";

const INSERT_FACETS: &str = "INSERT INTO document_facets \
     (document_id, field_name, ordinal, tenant_id, type_id, value_text, value_number) \
     SELECT d.pk, json_extract(f.value, '$[1]'), json_extract(f.value, '$[2]'), d.tenant_id, d.type_id, \
     json_extract(f.value, '$[3]'), json_extract(f.value, '$[4]') \
     FROM json_each(?1) AS f CROSS JOIN documents AS d ON d.id = json_extract(f.value, '$[0]')";

const INSERT_REFERENCES: &str = "INSERT INTO document_references \
     (from_document_id, field_name, ordinal, tenant_id, to_root_id, ref_strength) \
     SELECT d.pk, json_extract(r.value, '$[1]'), json_extract(r.value, '$[2]'), d.tenant_id, \
     json_extract(r.value, '$[3]'), json_extract(r.value, '$[4]') \
     FROM json_each(?1) AS r CROSS JOIN documents AS d ON d.id = json_extract(r.value, '$[0]')";

/// The roots in `?2`, `[id, revision]` each, of which one is not at its revision.
const MOVED: &str = "EXISTS (SELECT 1 FROM json_each(?2) AS t WHERE NOT EXISTS (\
     SELECT 1 FROM documents AS d INDEXED BY documents_head WHERE d.root_id = json_extract(t.value, '$[0]') \
     AND d.is_current_draft = 1 AND d.revision = json_extract(t.value, '$[1]')))";

/// The targets in `?2`, `[collection, id]` each, of which one is not live in tenant `?3`.
const GONE: &str = "EXISTS (SELECT 1 FROM json_each(?2) AS t WHERE NOT EXISTS (\
     SELECT 1 FROM documents AS d INDEXED BY documents_head WHERE d.root_id = json_extract(t.value, '$[1]') \
     AND d.is_current_draft = 1 AND d.tenant_id = ?3 AND d.type_id = json_extract(t.value, '$[0]') \
     AND d.deleted_at IS NULL))";

/// The roots in `?2`, `[id, parent]` each, of which one is among its own ancestors.
///
/// In the batch: two documents may be moved below each other at once, by two batches or by others.
/// `UNION` ends it in a circle of others, too.
const LOOPS: &str = "EXISTS (WITH RECURSIVE up (root, id) AS (\
     SELECT json_extract(t.value, '$[0]'), json_extract(t.value, '$[1]') FROM json_each(?2) AS t UNION \
     SELECT up.root, d.parent_root_id FROM up \
     CROSS JOIN documents AS d INDEXED BY documents_head ON d.root_id = up.id AND d.is_current_draft = 1 \
     WHERE up.id <> up.root AND d.parent_root_id <> '') SELECT 1 FROM up WHERE up.id = up.root)";

/// Forgets the history of root `?1` that is not among its `?2` newest rows, nor one of the rows `?3`.
const PRUNE: &str = "DELETE FROM documents WHERE root_id = ?1 AND is_current_draft = 0 AND is_published = 0 \
     AND version_number < (SELECT min(version_number) FROM (SELECT version_number FROM documents \
     INDEXED BY documents_version WHERE root_id = ?1 ORDER BY version_number DESC LIMIT ?2)) \
     AND id NOT IN (SELECT value FROM json_each(?3))";

/// Who writes, and with what.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) caller: &'a Caller,
    pub(super) clock: &'a dyn Clock,
    pub(super) entropy: &'a dyn Entropy,
}

/// Statements that are run all or nothing, and how to find out whether they were.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) statements: Vec<Statement>,
    /// The last write's id.
    pub(super) op_id: OpId,
}

/// What is to be written, in the order in which it is: what gives up a slug comes before what takes it.
struct Parts {
    revisions: Vec<String>,
    becomes_history: Vec<String>,
    changes: Vec<Statement>,
    inserts: Vec<Statement>,
    facets: Vec<String>,
    references: Vec<String>,
    permissions: Vec<Statement>,
    prunes: Vec<Statement>,
    targets: BTreeSet<(String, String)>,
    moved_below: Vec<String>,
}

/// A document to write.
pub(super) struct Document<'a> {
    pub(super) collection: Arc<Collection>,
    pub(super) root_id: &'a str,
    pub(super) plan: Plan,
}

impl Writer<'_> {
    /// The batch that carries plans out; there is one at least.
    pub(super) fn batch(self, documents: Vec<Document<'_>>) -> Batch {
        let now = self.clock.now();
        let mut parts = Parts {
            revisions: Vec::new(),
            becomes_history: Vec::new(),
            changes: Vec::new(),
            inserts: Vec::new(),
            facets: Vec::new(),
            references: Vec::new(),
            permissions: Vec::new(),
            prunes: Vec::new(),
            targets: BTreeSet::new(),
            moved_below: Vec::new(),
        };
        let mut events = Vec::new();
        // Of each collection the last event, and whether the public can see a difference.
        let mut generations = BTreeMap::<String, (OpId, Reach)>::new();
        let mut last = OpId::mint(self.clock, self.entropy);
        for document in documents {
            let op_id = OpId::mint(self.clock, self.entropy);
            events.push(self.event(&document, &op_id, now));
            let name = document.collection.name();
            let before = generations.get(name).map_or(Reach::Private, |it| it.1);
            let reach = if document.plan.is_public { Reach::Public } else { before };
            generations.insert(name.to_owned(), (op_id.clone(), reach));
            last = op_id;
            self.document(document, now, &mut parts);
        }
        let mut statements = parts.finish(self.tenant);
        statements.extend(events);
        for (op_id, reach) in generations.into_values() {
            statements.push(advance(&op_id, reach, &Stamp::draw(self.entropy)));
        }
        Batch { statements, op_id: last }
    }

    fn event(self, document: &Document<'_>, op_id: &OpId, at: Timestamp) -> Statement {
        let plan = &document.plan;
        append(&NewEvent {
            op_id,
            at,
            tenant: self.tenant,
            collection: document.collection.name(),
            document: Some(document.root_id),
            version: Some(plan.version),
            kind: if plan.before.is_none() { EventKind::Created } else { EventKind::Updated },
            actor: self.caller.actor(),
            data: json!({ "fields": plan.changed }),
        })
    }

    fn document(self, document: Document<'_>, now: Timestamp, parts: &mut Parts) {
        let Document { collection, root_id, mut plan } = document;
        if let Some(revision) = plan.before {
            parts.revisions.push(json!([root_id, revision]).to_string());
        }
        // What was the head until now is never forgotten at once.
        let replaced = json!(plan.becomes_history).to_string();
        parts.becomes_history.extend(plan.becomes_history.drain(..).map(|it| json!(it).to_string()));
        if plan.restamps {
            parts.changes.push(Statement::new(
                "UPDATE documents SET created_at = ?2, sort_order = ?3, translation_group_id = ?4 WHERE root_id = ?1",
                vec![
                    root_id.into(),
                    Value::Integer(plan.created_at),
                    Value::Integer(plan.order),
                    plan.group.as_str().into(),
                ],
            ));
        }
        // What ceases to be the head or public makes room for what becomes it.
        plan.kept.sort_by_key(|it| (it.is_head, it.is_published));
        parts.changes.extend(plan.kept.drain(..).map(keep));
        let actor = self.caller.actor().to_string();
        for row in std::mem::take(&mut plan.new) {
            let row_id = mint_uuid_v7(self.clock, self.entropy);
            if row.is_head || row.is_published {
                derived_rows(&row_id, &row.derived, parts);
                targets(&collection, root_id, &row, &plan.stored_parents, parts);
            }
            parts.inserts.push(self.insert(&collection, root_id, &row_id, &plan, row, &actor));
        }
        if let Some(permissions) = &plan.permissions {
            let owner = entries::Subject {
                tenant: self.tenant.as_str(),
                collection: collection.name(),
                root_id,
                now,
                actor: &actor,
            };
            if plan.before.is_some() {
                parts.permissions.push(owner.clear());
            }
            if !permissions.is_empty() {
                parts.permissions.push(owner.insert(permissions));
            }
        }
        parts.moved_below.extend(plan.moved_below.iter().map(|parent| json!([root_id, parent]).to_string()));
        if let Some(max) = plan.prune {
            let params = vec![root_id.into(), max.into(), replaced.into()];
            parts.prunes.push(Statement::new(PRUNE, params));
        }
    }

    fn insert(
        self,
        collection: &Collection,
        root_id: &str,
        row_id: &str,
        plan: &Plan,
        row: New,
        actor: &str,
    ) -> Statement {
        Statement::new(
            INSERT,
            vec![
                row_id.into(),
                root_id.into(),
                collection.name().into(),
                self.tenant.as_str().into(),
                row.locale.into(),
                row.parent.unwrap_or_default().into(),
                row.is_head.into(),
                row.is_published.into(),
                Value::Integer(collection.type_version()),
                Value::Integer(row.version),
                Value::Integer(row.revision),
                row.slug.into(),
                time(row.published_at),
                time(row.publish_at),
                time(row.expire_at),
                Value::Integer(plan.created_at),
                Value::Integer(row.updated_at),
                Value::Integer(plan.order),
                plan.group.as_str().into(),
                actor.into(),
                row.data_private.into(),
                row.data.into(),
            ],
        )
    }
}

fn keep(row: Kept) -> Statement {
    Statement::new(
        "UPDATE documents SET is_current_draft = ?2, is_published = ?3, revision = ?4, updated_at = ?5, \
         published_at = ?6, scheduled_at = ?7, expires_at = ?8 WHERE id = ?1",
        vec![
            row.row_id.into(),
            row.is_head.into(),
            row.is_published.into(),
            Value::Integer(row.revision),
            Value::Integer(row.updated_at),
            time(row.published_at),
            time(row.publish_at),
            time(row.expire_at),
        ],
    )
}

fn derived_rows(row_id: &str, derived: &Derived, parts: &mut Parts) {
    let mut ordinals = BTreeMap::<&str, u32>::new();
    let mut next = |field| {
        let ordinal = ordinals.entry(field).or_insert(0);
        *ordinal += 1;
        *ordinal - 1
    };
    for (field, value) in &derived.facets {
        let (text, number) = match value {
            FacetValue::Text(text) => (Some(text), None),
            FacetValue::Number(number) => (None, Some(number)),
        };
        parts.facets.push(json!([row_id, field, next(field.as_str()), text, number]).to_string());
    }
    let mut ordinals = BTreeMap::<&str, u32>::new();
    for it in &derived.references {
        let ordinal = ordinals.entry(&it.field).or_insert(0);
        let row = json!([row_id, it.field, *ordinal, it.target, it.strength.name()]);
        *ordinal += 1;
        parts.references.push(row.to_string());
    }
}

/// What must be live once the batch has run: strong targets, and parents.
fn targets(collection: &Collection, root_id: &str, row: &New, stored: &[String], parts: &mut Parts) {
    let strong = row.derived.references.iter().filter(|it| it.strength == Strength::Strong);
    let strong = strong.map(|it| (it.collection.clone(), it.target.clone()));
    let parent = row.parent.iter().filter(|it| !stored.contains(it));
    let parent = parent.map(|it| (collection.name().to_owned(), it.clone()));
    parts.targets.extend(strong.chain(parent).filter(|it| it.1 != root_id));
}

impl Parts {
    fn finish(self, tenant: &TenantId) -> Vec<Statement> {
        let mut statements = Vec::new();
        for list in lists(self.revisions) {
            statements.push(guard_when(GuardKind::StaleRevision, MOVED, [list]));
        }
        for list in lists(self.becomes_history) {
            for sql in [
                "DELETE FROM document_facets WHERE document_id IN \
                 (SELECT d.pk FROM json_each(?1) AS t CROSS JOIN documents AS d ON d.id = t.value)",
                "DELETE FROM document_references WHERE from_document_id IN \
                 (SELECT d.pk FROM json_each(?1) AS t CROSS JOIN documents AS d ON d.id = t.value)",
                "UPDATE documents SET is_current_draft = 0, is_published = 0, deleted_at = NULL \
                 WHERE id IN (SELECT value FROM json_each(?1))",
            ] {
                statements.push(Statement::new(sql, vec![list.clone()]));
            }
        }
        statements.extend(self.changes);
        statements.extend(self.inserts);
        for (sql, rows) in [(INSERT_FACETS, self.facets), (INSERT_REFERENCES, self.references)] {
            statements.extend(lists(rows).into_iter().map(|list| Statement::new(sql, vec![list])));
        }
        statements.extend(self.permissions);
        statements.extend(self.prunes);
        let targets = self.targets.iter().map(|it| json!([it.0, it.1]).to_string()).collect();
        for list in lists(targets) {
            statements.push(guard_when(GuardKind::MissingReference, GONE, [list, tenant.as_str().into()]));
        }
        for list in lists(self.moved_below) {
            statements.push(guard_when(GuardKind::MissingParent, LOOPS, [list]));
        }
        statements
    }
}

/// JSON values as lists that are short enough to be bound.
fn lists(items: Vec<String>) -> Vec<Value> {
    let mut lists = Vec::new();
    let mut list = String::new();
    for item in items {
        if !list.is_empty() && list.len() + item.len() > LIST_BYTES {
            lists.push(Value::Text(format!("{list}]")));
            list.clear();
        }
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(&item);
    }
    if !list.is_empty() {
        lists.push(Value::Text(format!("{list}]")));
    }
    lists
}

fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, Value::Integer)
}
