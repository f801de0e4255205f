//! Collections, checked and compiled: what everything but their author works with.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use stratus_access::{Action, Caller, Grants, resolve};
use stratus_storage::Sql;

use crate::{
    definition::{
        CollectionDefinition, DefinitionError, FieldDefinition, ORDER_KEY, PARENT_KEY, SYSTEM_KEYS, Strength,
        check,
    },
    insert::with_free_slug,
    physical::{Column, Index, Physical, State},
    texts::Texts,
};

/// A field, compiled.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in its object.
    pub(crate) name: String,
    /// Its dotted path in the document.
    pub(crate) path: String,
    pub(crate) definition: FieldDefinition,
    pub(crate) kind: FieldKind,
    pub(crate) pattern: Option<Regex>,
    /// The default, as it is stored.
    pub(crate) default: Option<Json>,
    /// An index or a unique constraint is over its value, and cursors may carry it.
    pub(crate) is_key: bool,
}

impl Field {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its author wrote.
    pub fn definition(&self) -> &FieldDefinition {
        &self.definition
    }

    /// Of a list, the field that its items are of; else itself.
    pub(crate) fn innermost(&self) -> &Self {
        match &self.kind {
            FieldKind::Array(item) => item.innermost(),
            _ => self,
        }
    }

    /// The collection that it refers into, if it is a reference.
    pub fn target(&self) -> Option<&str> {
        match &self.kind {
            FieldKind::Reference { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The fields of its object, if it is one.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            FieldKind::Object(shape) => &shape.fields,
            _ => &[],
        }
    }
}

/// What a field is made of.
#[derive(Clone, Debug)]
pub(crate) enum FieldKind {
    Plain,
    Object(Shape),
    Array(Box<Field>),
    Blocks(BTreeMap<String, Shape>),
    Reference { to: String, many: bool, strength: Strength },
}

/// The fields of a document, an object or a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<Field>,
}

impl Shape {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|it| it.name == name)
    }

    /// The public field at a dotted path through objects, which has one value a document. Only the
    /// first name of a path can be a private field's.
    pub(crate) fn public_field_at(&self, path: &str) -> Option<&Field> {
        let mut names = path.split('.');
        let first = self.field(names.next()?).filter(|field| !field.definition.private)?;
        names.try_fold(first, |field, name| field.fields().iter().find(|it| it.name == name))
    }

    /// The public field at a dotted path through objects and lists of them; of a list, what its items
    /// are of.
    pub(crate) fn public_items_at(&self, path: &str) -> Option<&Field> {
        let mut names = path.split('.');
        let first = self.field(names.next()?).filter(|field| !field.definition.private)?;
        names.try_fold(first.innermost(), |field, name| {
            field.fields().iter().find(|it| it.name == name).map(Field::innermost)
        })
    }

    /// All references in it, through objects, lists and blocks.
    pub(crate) fn references(&self) -> Vec<ReferencePath<'_>> {
        let mut found = Vec::new();
        for field in &self.fields {
            references_in(field, field.definition.private, &mut found);
        }
        found
    }
}

/// A reference somewhere in a document.
pub(crate) struct ReferencePath<'f> {
    pub(crate) path: &'f str,
    pub(crate) to: &'f str,
    pub(crate) strength: Strength,
    /// Whether its first field is private.
    pub(crate) is_private: bool,
}

fn references_in<'f>(field: &'f Field, is_private: bool, found: &mut Vec<ReferencePath<'f>>) {
    let mut all = |shape: &'f Shape| shape.fields.iter().for_each(|it| references_in(it, is_private, found));
    match &field.kind {
        FieldKind::Plain => {}
        FieldKind::Object(shape) => all(shape),
        FieldKind::Blocks(blocks) => blocks.values().for_each(all),
        FieldKind::Array(item) => references_in(item, is_private, found),
        FieldKind::Reference { to, strength, .. } => {
            found.push(ReferencePath { path: &field.path, to, strength: *strength, is_private });
        }
    }
}

fn filterable_in<'f>(field: &'f Field, names: &mut Vec<&'f str>) {
    let definition = &field.definition;
    let is_reference = matches!(field.kind, FieldKind::Reference { .. });
    if definition.index || definition.unique || definition.facet || is_reference {
        names.push(&field.path);
    }
    match &field.kind {
        FieldKind::Object(shape) => shape.fields.iter().for_each(|it| filterable_in(it, names)),
        FieldKind::Array(item) => filterable_in(item, names),
        FieldKind::Blocks(blocks) => {
            blocks.values().flat_map(|shape| &shape.fields).for_each(|it| filterable_in(it, names));
        }
        _ => {}
    }
}

/// A collection, checked and compiled.
#[derive(Clone, Debug)]
pub struct Collection {
    definition: CollectionDefinition,
    shape: Shape,
    physical: Physical,
    canonical: String,
    type_version: i64,
    texts: Texts,
    insert_with_free_slug: Sql,
}

impl Collection {
    /// Checks and compiles a definition by itself; the registry checks what it points at.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn compile(definition: CollectionDefinition) -> Result<Self, DefinitionError> {
        let mut shape = check(&definition)?;
        let physical = Physical::of(&definition, &shape)?;
        mark_keys(&mut shape.fields, &physical.columns);
        let canonical = definition.canonical();
        let type_version = type_version(&canonical);
        let insert_with_free_slug = with_free_slug(&definition.name, &physical).into();
        let texts = Texts::default();
        Ok(Self { definition, shape, physical, canonical, type_version, texts, insert_with_free_slug })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What its author wrote.
    pub fn definition(&self) -> &CollectionDefinition {
        &self.definition
    }

    /// Its fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.shape.fields
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The public field at a dotted path through objects. What is private is answered like what is
    /// not there, and so is everything in it.
    pub fn public_field_at(&self, path: &str) -> Option<&Field> {
        self.shape.public_field_at(path)
    }

    /// The public field at a dotted path through objects and lists of them; of a list, what its items
    /// are of.
    pub(crate) fn public_items_at(&self, path: &str) -> Option<&Field> {
        self.shape.public_items_at(path)
    }

    /// The dotted paths that its lists can be filtered by, system keys among them; behind those of
    /// [`references`](Self::references) stand the paths of the other collection.
    pub fn filterable(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for field in self.fields().iter().filter(|it| !it.definition.private) {
            filterable_in(field, &mut names);
        }
        if !names.contains(&ORDER_KEY) {
            names.push(ORDER_KEY);
        }
        names.into_iter().chain(SYSTEM_KEYS).chain([PARENT_KEY]).collect()
    }

    /// The dotted paths of its public references, through objects, lists and blocks, each with the
    /// collection that it leads into.
    pub fn references(&self) -> Vec<(&str, &str)> {
        let references = self.shape.references().into_iter().filter(|it| !it.is_private);
        references.map(|it| (it.path, it.to)).collect()
    }

    /// Its base grants.
    pub fn grants(&self) -> &Grants {
        &self.definition.grants
    }

    /// Whether its base grants let a caller do something.
    pub fn allows(&self, caller: &Caller, action: Action) -> bool {
        resolve(caller, action, &[], self.grants())
    }

    /// The locale of requests that name none.
    pub fn default_locale(&self) -> &str {
        &self.definition.default_locale
    }

    /// The generated columns that it needs.
    pub fn columns(&self) -> &[Column] {
        &self.physical.columns
    }

    /// The indexes that it needs.
    pub fn indexes(&self) -> &[Index] {
        &self.physical.indexes
    }

    /// The index that slugs are unique in, and found by.
    pub(crate) fn slug_index(&self, state: State) -> Option<&Index> {
        self.physical.slug_index(state)
    }

    /// The statement that inserts a version row and finds a slug for it.
    pub(crate) fn insert_with_free_slug(&self) -> &Sql {
        &self.insert_with_free_slug
    }

    /// The fingerprint of its definition as an integer of 48 bits, which each row repeats: a row
    /// with another one was written under another definition.
    pub fn type_version(&self) -> i64 {
        self.type_version
    }

    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Where the texts of its statements are kept.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }
}

fn mark_keys(fields: &mut [Field], columns: &[Column]) {
    for field in fields {
        field.is_key = columns.iter().any(|it| it.json_path.strip_prefix("$.") == Some(field.path.as_str()));
        if let FieldKind::Object(shape) = &mut field.kind {
            mark_keys(&mut shape.fields, columns);
        }
    }
}

/// A fingerprint and not a count: every program computes the same one without asking the database.
fn type_version(canonical: &str) -> i64 {
    let digest = Sha256::digest(canonical.as_bytes());
    digest[..6].iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}
