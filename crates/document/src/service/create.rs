//! Making a document.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_access::Action;
use stratus_events::{EventKind, Reach};
use stratus_storage::{MAX_SAFE_INTEGER, mint_uuid_v7};

use super::{
    DocumentsService, Input, Member, Written,
    content::Content,
    operation::{Change, Operation, Outcome},
    place::{Groups, Kin, Place},
    rights_for,
    state::Stored,
    write::{Prepared, Subject, Told, Write, status},
};
use crate::{
    collection::Collection,
    document::{Document, Scope},
    error::{DocumentError, Result},
    slug::{self, is_locale, is_slug},
    validate::FieldError,
};

impl DocumentsService {
    /// Makes a document; its head is version 1 at revision 1.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Denied`] without the right to create (and to publish, if it shall be);
    /// [`DocumentError::Invalid`] with everything that is wrong; [`DocumentError::SlugTaken`] or
    /// [`DocumentError::NotUnique`] for a value that another document has.
    pub async fn create(&self, scope: &Scope, collection: &str, input: &Input) -> Result<Written> {
        self.one_written(scope, Operation::new(collection, Change::Create(input))).await
    }

    /// Prepares a new document.
    pub(super) fn create_root<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        input: &Input,
        kin: Kin<'_>,
        groups: &mut Groups<'_>,
    ) -> Result<Prepared<'a>> {
        let empty = Map::new();
        let content = Content::create(collection, input.fields.as_ref().unwrap_or(&empty));
        let content = with_envelope(content, input)?;
        let base = match &input.slug {
            Member::Value(_) => None,
            Member::Absent | Member::Null => derived_slug(collection, &content.fields),
        };
        let new = New { input, content, base, copy_of: None };
        self.make(scope, collection, new, kin, groups)
    }

    /// The collection, if the caller may make documents in it. What does not exist yet has no
    /// permissions of its own.
    pub(super) async fn creatable(
        &self,
        scope: &Scope,
        name: &str,
        input: &Input,
    ) -> Result<&Arc<Collection>> {
        let collection = self.repository.reach(scope, name, Action::Create).await?;
        let publishes = rights_for(input).always.contains(&Action::Publish);
        if publishes && !collection.allows(&scope.caller, Action::Publish) {
            return Err(DocumentError::Denied { action: Action::Publish });
        }
        if matches!(input.translation_of, Member::Value(_)) {
            // The original may join the group with this one: it is written, too.
            self.repository.reach(scope, name, Action::Update).await?;
        }
        Ok(collection)
    }

    /// Prepares a document that is new.
    pub(super) fn make<'a>(
        &'a self,
        scope: &'a Scope,
        collection: &'a Arc<Collection>,
        new: New<'_>,
        kin: Kin<'_>,
        groups: &mut Groups<'_>,
    ) -> Result<Prepared<'a>> {
        let rare_slug = new.base.as_deref().map(|base| self.rare_slug(base));
        let original = self.original(collection, new.input, kin.original, groups)?;
        let mut place = Place::default().next(None, new.input, original)?;
        let is_joined = groups.wants(kin.name) && kin.is_editable;
        if is_joined && place.group.is_none() {
            place.group = Some(self.new_group());
        }
        let locale = new.locale(collection).to_owned();
        let New { input, content, base, copy_of } = new;
        let mut write = Write::begin(self, scope, collection);
        let id = mint_uuid_v7(&*self.clock, &*self.entropy);
        let document = Document {
            collection: Arc::clone(collection),
            row_id: mint_uuid_v7(&*self.clock, &*self.entropy),
            type_version: collection.type_version(),
            id,
            slug: base.or_else(|| input.slug.over(None)),
            locale,
            parent: input.parent.over(None),
            order: place.order,
            translation_group: place.group.clone(),
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
        if is_joined {
            groups.add(&document);
        }
        let row = Stored { document, fields: Map::new(), is_published: input.publish };
        if let Some(parent) = &row.document.parent {
            write.guard_parent(parent, &row.document.id);
        }
        match rare_slug {
            Some(rare) => write.insert_with_free_slug(&row, &content, rare)?,
            None => write.insert(&row, &content)?,
        }
        write.guard_targets(&content);
        let document = row.document;
        if let Some(source) = copy_of {
            write.copy_permissions(source, &document.id);
        }
        let of_target = write.stand(&place, None);
        let told = Told {
            kind: EventKind::Created,
            reach: of_target.max(if input.publish { Reach::Public } else { Reach::Private }),
            version: 1,
            changed: Some(content.fields.keys().cloned().collect()),
        };
        let subject = Subject {
            id: document.id.clone(),
            revision: 0,
            slug: document.slug.clone(),
            content: Some(content),
        };
        Ok(write.seal(told, subject, Outcome::Head(Box::new(document))))
    }

    /// What a derived slug becomes when all that are tried before are taken.
    fn rare_slug(&self, base: &str) -> String {
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        format!("{base}-{:08x}", u32::from_be_bytes(random))
    }
}

/// A document to be made.
pub(super) struct New<'a> {
    pub(super) input: &'a Input,
    pub(super) content: Content,
    /// What its slug is derived from, if it is.
    pub(super) base: Option<String>,
    /// The document that it is a copy of.
    pub(super) copy_of: Option<&'a str>,
}

impl New<'_> {
    fn locale<'c>(&'c self, collection: &'c Collection) -> &'c str {
        self.input.locale.as_deref().unwrap_or_else(|| collection.default_locale())
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
    if let Member::Value(original) = &input.translation_of
        && stratus_storage::parse_uuid(original).is_err()
    {
        faults.push(FieldError::new("/translationOf", "type", "must be the id of a document"));
    }
    if let Member::Value(order) = input.order
        && order.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs()
    {
        let message = format!("must be a whole number from -{MAX_SAFE_INTEGER} to {MAX_SAFE_INTEGER}");
        faults.push(FieldError::new("/order", "too_large", message));
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
