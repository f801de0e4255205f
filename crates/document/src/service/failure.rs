//! What the failure of a batch means.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use stratus_events::GuardKind;
use stratus_storage::{Consistency, Error as StorageError, Rows, Statement};

use super::{
    guards::{ANCESTORS, MAX_DEPTH},
    operation::Outcome,
    write::Prepared,
};
use crate::{
    error::{DocumentError, Referrer},
    physical::State,
    repository::referrer,
    sql::Builder,
    validate::FieldError,
};

/// How many referrers an error names.
const MAX_NAMED: u32 = 20;

impl Prepared<'_> {
    /// What the failure of its statements means for the caller. They stood behind those of
    /// `earlier` writes, of which nothing is left.
    pub(super) async fn meaning(&self, error: StorageError, earlier: &[Prepared<'_>]) -> DocumentError {
        let explained = match &error {
            StorageError::Guard { guard } => match GuardKind::from_name(guard) {
                Some(GuardKind::StaleRevision) => {
                    return DocumentError::StaleRevision { current: self.subject.revision };
                }
                Some(GuardKind::MissingReference) => self.missing_targets(earlier).await,
                Some(GuardKind::Referenced) => self.referrers(earlier).await,
                Some(GuardKind::MissingParent) => self.wrong_parent(earlier).await,
                // What it shall be a translation of has moved: look again.
                Some(GuardKind::StaleAppend) => return DocumentError::Contended,
                _ => return error.into(),
            },
            StorageError::NotUnique { columns } => self.not_unique(columns).await,
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

    /// Whether it writes that document.
    fn is_of(&self, collection: &str, id: &str) -> bool {
        self.subject.id == id && self.collection.name() == collection
    }

    /// Whether its document is no longer there once this is written.
    fn removes(&self) -> bool {
        match &self.outcome {
            Outcome::Head(document) => document.status == State::Trashed,
            Outcome::Erased => true,
        }
    }

    /// Whether the row of a referrer is no longer there, or says something else, once this is written.
    fn replaces(&self, referrer: &Referrer) -> bool {
        let is_public =
            matches!(&self.outcome, Outcome::Head(document) if document.status == State::Published);
        // A draft leaves the public row as it is.
        let says_else = self.subject.content.is_some() && (is_public || !referrer.is_published);
        self.is_of(&referrer.collection, &referrer.id) && (self.removes() || says_else)
    }

    /// By which fields a content that this writes refers to another document. Private ones are told
    /// to no one.
    fn referring_to(&self, target: &Prepared<'_>) -> Vec<Referrer> {
        let (Some(content), Outcome::Head(document)) = (&self.subject.content, &self.outcome) else {
            return Vec::new();
        };
        let (collection, id) = (target.collection.name(), target.subject.id.as_str());
        if self.removes() || self.is_of(collection, id) {
            return Vec::new();
        }
        let private = self.collection.fields().iter().filter(|it| it.definition().private);
        let private: Vec<_> = private.map(|it| it.name()).collect();
        let strong = content.derived.references.iter().filter(|it| {
            let is_private = it.field.split('.').next().is_some_and(|name| private.contains(&name));
            it.strength == crate::Strength::Strong
                && it.collection == collection
                && it.target == id
                && !is_private
        });
        let is_child = self.collection.name() == collection && document.parent.as_deref() == Some(id);
        let fields = is_child.then_some("parent").into_iter().chain(strong.map(|it| it.field.as_str()));
        let referrer = |field: &str| Referrer {
            collection: self.collection.name().to_owned(),
            id: document.id.clone(),
            // One that the write finds for itself is not known before.
            slug: document.slug.clone().filter(|_| self.slug_of.is_none()),
            field: field.to_owned(),
            strength: crate::Strength::Strong.name().to_owned(),
            is_published: document.status == State::Published,
            is_head: true,
        };
        fields.map(referrer).collect()
    }

    /// Which of the content's strong targets are gone. Without a content it is a recovery.
    async fn missing_targets(&self, earlier: &[Prepared<'_>]) -> stratus_storage::Result<DocumentError> {
        let Some(content) = &self.subject.content else { return Ok(DocumentError::MissingReference) };
        let targets = content.derived.strong_targets();
        let live = Statement::new(
            "SELECT d.type_id AS type_id, d.root_id AS root_id FROM json_each(?1) AS t \
             CROSS JOIN documents AS d INDEXED BY documents_head \
             ON d.root_id = json_extract(t.value, '$[1]') AND d.is_current_draft = 1 \
             WHERE d.tenant_id = ?2 AND d.type_id = json_extract(t.value, '$[0]') AND d.deleted_at IS NULL",
            vec![Json::Array(targets).to_string().into(), self.scope.tenant.as_str().into()],
        );
        let rows = self.service.database.session(Consistency::Primary).query(&live).await?;
        let live = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?)));
        let live = live.collect::<stratus_storage::Result<Vec<_>>>()?;
        let strong = content.derived.references.iter().filter(|it| it.strength == crate::Strength::Strong);
        let is_live = |collection: &str, id: &str| match earlier.iter().find(|it| it.is_of(collection, id)) {
            Some(earlier) => !earlier.removes(),
            None => live.contains(&(collection, id)),
        };
        let gone = strong.filter(|it| !is_live(&it.collection, &it.target)).map(|it| {
            let message = format!("there is no document `{}` in `{}`", it.target, it.collection);
            FieldError::new(it.pointer.clone(), "missing_reference", message)
        });
        let gone: Vec<_> = gone.collect();
        // All there again by now: whoever asks once more will succeed.
        Ok(if gone.is_empty() { DocumentError::Contended } else { DocumentError::Invalid(gone) })
    }

    /// Whether the parent is not there, or stands below the document itself.
    async fn wrong_parent(&self, earlier: &[Prepared<'_>]) -> stratus_storage::Result<DocumentError> {
        let parent = self.parent.as_deref().unwrap_or_default();
        let sql = format!(
            "{ANCESTORS} SELECT max(up.id = ?3) AS loops, max(up.level) AS levels, \
             (SELECT count(*) FROM documents AS p INDEXED BY documents_head WHERE p.root_id = ?2 \
             AND p.is_current_draft = 1 AND p.tenant_id = ?1 AND p.type_id = ?5 AND p.deleted_at IS NULL) AS live \
             FROM up"
        );
        let tenant = self.scope.tenant.as_str().into();
        let params = vec![
            tenant,
            parent.into(),
            self.subject.id.as_str().into(),
            MAX_DEPTH.into(),
            self.collection.name().into(),
        ];
        let rows =
            self.service.database.session(Consistency::Primary).query(&Statement::new(sql, params)).await?;
        let Some(row) = rows.first() else { return Ok(DocumentError::Contended) };
        let fault =
            |code, message: &str| DocumentError::Invalid(vec![FieldError::new("/parent", code, message)]);
        let is_live = match earlier.iter().find(|it| it.is_of(self.collection.name(), parent)) {
            Some(earlier) => !earlier.removes(),
            None => row.flag(2)?,
        };
        Ok(match (is_live, row.flag(0)?, row.integer(1)? > MAX_DEPTH.into()) {
            (false, ..) => fault("missing_reference", "there is no such document in the collection"),
            (true, true, _) => fault("cycle", "the parent stands below this document"),
            (true, false, true) => {
                fault("cycle", &format!("a document is put below {MAX_DEPTH} others at most"))
            }
            (true, false, false) if earlier.iter().any(|it| it.parent.is_some()) => fault(
                "cycle",
                "with what is moved before it, the parent stands below this document or too deep",
            ),
            // All is well by now: whoever asks once more will succeed.
            (true, false, false) => DocumentError::Contended,
        })
    }

    /// Who refers to a document or is its child, as far as the caller may see.
    async fn referrers(&self, earlier: &[Prepared<'_>]) -> stratus_storage::Result<DocumentError> {
        let id = &self.subject.id;
        let repository = &self.service.repository;
        // Those that are gone by then are looked at as well.
        let limit = MAX_NAMED + u32::try_from(earlier.len()).unwrap_or(u32::MAX - MAX_NAMED);
        let [heads, public] = repository.children_of(self.scope, id, limit);
        // A document may refer by its head and by its public row, and counts once.
        let looks = [heads, public, repository.strong_referrers_of(self.scope, id, limit.saturating_mul(2))];
        let rows = self.service.database.session(Consistency::Primary).batch(&looks).await?;
        let rows = rows.iter().flat_map(Rows::iter);
        let referrers = rows.filter_map(|row| referrer(row).transpose());
        let mut referrers = referrers.collect::<stratus_storage::Result<Vec<_>>>()?;
        referrers.retain(|it| !earlier.iter().any(|earlier| earlier.replaces(it)));
        referrers.extend(earlier.iter().flat_map(|it| it.referring_to(self)));
        // A head and the public row of one document are one referrer to whoever has to change it.
        let mut named = BTreeSet::new();
        referrers.retain(|it| named.insert((it.id.clone(), it.field.clone())));
        referrers.truncate(MAX_NAMED as usize);
        Ok(DocumentError::Referenced { referrers })
    }

    async fn not_unique(&self, columns: &str) -> stratus_storage::Result<DocumentError> {
        let named = |column: &str| columns.split(", ").any(|it| it.rsplit('.').next() == Some(column));
        if named("slug") {
            let slug = self.taken_slug().await?;
            return Ok(DocumentError::SlugTaken { slug: slug.to_owned() });
        }
        if named("translation_group_id") {
            let locale = self.locale.clone().unwrap_or_default();
            return Ok(DocumentError::TranslationTaken { locale });
        }
        let keys = self.collection.indexes().iter().filter(|it| it.unique).flat_map(|it| &it.keys);
        let unique = keys.filter(|(key, _)| key.column.starts_with("q_")).find(|(key, _)| named(&key.column));
        Ok(match unique {
            Some((key, _)) => DocumentError::NotUnique { field: key.name.clone() },
            // A second head or version of the root: someone else was faster.
            None => DocumentError::StaleRevision { current: self.subject.revision },
        })
    }

    /// Which of its slugs another document has, where the head and the public row differ.
    async fn taken_slug(&self) -> stratus_storage::Result<&str> {
        let of_head = self.subject.slug.as_deref().unwrap_or_default();
        let Some(of_public) = &self.public_slug else { return Ok(of_head) };
        let Some(index) = self.collection.slug_index(State::Draft) else { return Ok(of_head) };
        let mut sql = Builder::default();
        sql.push(
            "SELECT 1 AS taken FROM documents AS h INDEXED BY documents_head CROSS JOIN documents AS d ",
        );
        sql.push("INDEXED BY ").push(&index.name).push(" ON d.locale = h.locale ");
        sql.push("AND d.parent_root_id = h.parent_root_id AND d.slug IS NOT NULL AND d.slug = h.slug AND ");
        sql.rows(self.collection, State::Draft, self.scope.tenant.as_str());
        sql.push(" WHERE h.root_id = ")
            .bind(self.subject.id.as_str())
            .push(" AND h.is_current_draft = 1 LIMIT 1");
        let taken = self.service.database.session(Consistency::Primary).query(&sql.finish()).await?;
        Ok(if taken.is_empty() { of_public } else { of_head })
    }
}
