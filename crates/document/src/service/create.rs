//! Making a document.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_access::Action;
use stratus_events::{EventKind, Reach};
use stratus_storage::{Consistency, mint_uuid_v7};

use super::{
    DocumentsService, Input, Member, Written,
    content::Content,
    require_for_input,
    state::Stored,
    write::{Subject, Write, status},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    slug::{self, is_locale, is_slug},
    sql::Builder,
    validate::FieldError,
};

/// How often a derived slug is chosen anew when another document takes it first.
const MAX_SLUG_ATTEMPTS: usize = 4;

impl DocumentsService {
    /// Makes a document; its head is version 1 at revision 1.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Denied`] without the right to create (and to publish, if it shall be);
    /// [`DocumentError::Invalid`] with everything that is wrong; [`DocumentError::SlugTaken`] or
    /// [`DocumentError::NotUnique`] for a value that another document has.
    pub async fn create(&self, scope: &Scope, collection: &str, input: &Input) -> Result<Written> {
        let collection = self.writable(scope, collection, Action::Create)?;
        require_for_input(scope, collection, input)?;
        let empty = Map::new();
        let content = Content::create(collection, input.fields.as_ref().unwrap_or(&empty));
        let content = with_envelope(content, input)?;
        let base = match &input.slug {
            Member::Value(_) => None,
            Member::Absent | Member::Null => derived_slug(collection, &content.fields),
        };
        let Some(base) = base else {
            return self.create_with(scope, collection, input, &content, input.slug.over(None)).await;
        };
        for attempt in 0..MAX_SLUG_ATTEMPTS {
            let slug = self.free_slug(scope, collection, input, &base, attempt).await?;
            match self.create_with(scope, collection, input, &content, Some(slug)).await {
                // Derived, so it may just as well be another one.
                Err(DocumentError::SlugTaken { .. }) => {}
                other => return other,
            }
        }
        Err(DocumentError::Contended)
    }

    async fn create_with(
        &self,
        scope: &Scope,
        collection: &Arc<Collection>,
        input: &Input,
        content: &Content,
        slug: Option<String>,
    ) -> Result<Written> {
        let mut write = Write::begin(self, scope, collection);
        let id = mint_uuid_v7(&*self.clock, &*self.entropy);
        let document = Document {
            collection: Arc::clone(collection),
            row_id: mint_uuid_v7(&*self.clock, &*self.entropy),
            type_version: collection.type_version(),
            id,
            slug,
            locale: input.locale.clone().unwrap_or_else(|| collection.default_locale().to_owned()),
            parent: input.parent.over(None),
            status: status(input.publish),
            version: 1,
            revision: 1,
            created_at: write.now,
            updated_at: write.now,
            published_at: input.publish.then_some(write.now),
            publish_at: input.publish_at.over(None),
            expire_at: input.expire_at.over(None),
            fields: content.texts(collection).0,
        };
        let row = Stored { document, fields: Map::new(), is_published: input.publish };
        if let Some(parent) = &row.document.parent {
            write.guard_parent(parent, &row.document.id);
        }
        write.insert(&row, content)?;
        write.guard_targets(content);
        let document = row.document;
        let subject =
            Subject { id: &document.id, revision: 0, slug: document.slug.as_deref(), content: Some(content) };
        let reach = if input.publish { Reach::Public } else { Reach::Private };
        let changed = content.fields.keys().cloned().collect();
        let bookmark = write.commit(EventKind::Created, reach, 1, Some(changed), &subject).await?;
        Ok(Written { document, bookmark: Some(bookmark) })
    }

    /// The first of a few candidates that no document has: `title`, `title-2`, …; a random suffix
    /// once these are contested.
    async fn free_slug(
        &self,
        scope: &Scope,
        collection: &Collection,
        input: &Input,
        base: &str,
        attempt: usize,
    ) -> Result<String> {
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        let fallback = format!("{base}-{:08x}", u32::from_be_bytes(random));
        if attempt + 1 == MAX_SLUG_ATTEMPTS {
            return Ok(fallback);
        }
        let numbered = (2..10).map(|n| format!("{base}-{n}"));
        let candidates: Vec<String> = [base.to_owned()].into_iter().chain(numbered).collect();
        let locale = input.locale.as_deref().unwrap_or_else(|| collection.default_locale());
        let parent = input.parent.over(None).unwrap_or_default();
        let mut sql = Builder::default();
        sql.push("SELECT c.value AS slug FROM json_each(").bind(Json::from(candidates).to_string());
        sql.push(") AS c WHERE ");
        for state in [State::Draft, State::Published] {
            let Some(index) = collection.slug_index(state) else { return Ok(fallback) };
            sql.push("NOT EXISTS (SELECT 1 FROM documents AS d INDEXED BY ")
                .push(&index.name)
                .push(" WHERE ");
            sql.rows(collection, state, scope.tenant.as_str()).push(" AND d.locale = ").bind(locale);
            sql.push(" AND d.parent_root_id = ").bind(parent.as_str());
            sql.push(" AND d.slug IS NOT NULL AND d.slug = c.value) AND ");
        }
        sql.push("1 ORDER BY c.key LIMIT 1");
        let rows = self.database.session(Consistency::Primary).query(&sql.finish()).await?;
        let free = rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?;
        Ok(free.unwrap_or(fallback))
    }
}

fn derived_slug(collection: &Collection, fields: &Map<String, Json>) -> Option<String> {
    let rule = collection.definition().slug.as_ref()?;
    let source = fields.get(&rule.from).and_then(Json::as_str).unwrap_or_default();
    // A title of signs alone leaves nothing; the document is still found under what it is.
    slug::derive(source).or_else(|| slug::derive(collection.name()))
}

/// Faults of the members beside `fields`, together with those of the fields.
pub(super) fn with_envelope(content: Result<Content>, input: &Input) -> Result<Content> {
    let mut faults = Vec::new();
    if let Member::Value(slug) = &input.slug
        && !is_slug(slug)
    {
        let message = "must be lower-case words of [a-z0-9] joined by dashes, 200 bytes at most";
        faults.push(FieldError::new("/slug", "format", message));
    }
    if input.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
        faults.push(FieldError::new(
            "/locale",
            "format",
            "must be a locale such as `en`, `pt-BR` or `default`",
        ));
    }
    if let Member::Value(parent) = &input.parent
        && stratus_storage::parse_uuid(parent).is_err()
    {
        faults.push(FieldError::new("/parent", "type", "must be the id of a document"));
    }
    if let (Member::Value(from), Member::Value(to)) = (&input.publish_at, &input.expire_at)
        && from >= to
    {
        faults.push(FieldError::new("/expireAt", "too_small", "must be after `publishAt`"));
    }
    match content {
        Ok(content) if faults.is_empty() => Ok(content),
        Ok(_) => Err(DocumentError::Invalid(faults)),
        Err(DocumentError::Invalid(errors)) => {
            faults.extend(errors);
            Err(DocumentError::Invalid(faults))
        }
        Err(error) => Err(error),
    }
}
