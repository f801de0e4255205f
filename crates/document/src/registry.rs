//! All collections of a program: compiled once, never changed while it runs.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;
use stratus_storage::Limits;

use crate::{
    collection::{Collection, Field, FieldKind, ReferencePath},
    definition::{CollectionDefinition, DefinitionError, DefinitionProblem, Strength},
    physical::{Column, Index, hex},
};

/// Changes whenever the bytes of an answer may change though nothing was written.
const WIRE_VERSION: &str = "stratus-wire-1";

/// The columns of `documents` that are no generated ones. A test compares it with the table.
const OWN_COLUMNS: usize = 26;

/// All collections of a program.
#[derive(Clone, Debug)]
pub struct Registry {
    collections: BTreeMap<String, Arc<Collection>>,
    fingerprint: String,
    strong_fields: String,
    private_fields: String,
}

impl Registry {
    /// Checks and compiles definitions.
    ///
    /// # Errors
    ///
    /// One error for each definition that can't be used: faulty in itself, a second one of its
    /// name, or referring to a collection that is not there.
    pub fn new(
        definitions: impl IntoIterator<Item = CollectionDefinition>,
    ) -> Result<Self, Vec<DefinitionError>> {
        let mut collections = BTreeMap::new();
        let mut errors = Vec::new();
        for definition in definitions {
            let name = definition.name.clone();
            match Collection::compile(definition) {
                Ok(compiled) => {
                    if collections.insert(name.clone(), Arc::new(compiled)).is_some() {
                        errors.push(DefinitionError::new(
                            name,
                            [DefinitionProblem::new("", "it is defined twice")],
                        ));
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        let is_whole = errors.is_empty();
        for collection in collections.values() {
            let mut problems = Vec::new();
            dangling(collection.fields(), &collections, &mut problems);
            // A collection that is faulty itself is missing here: what points at it may be sound.
            if !problems.is_empty() && is_whole {
                errors.push(DefinitionError::new(collection.name(), problems));
            }
        }
        errors.extend(too_many_columns(&collections));
        if !errors.is_empty() {
            return Err(errors);
        }
        let canonical = collections.values().map(|it| it.canonical());
        let text = [WIRE_VERSION].into_iter().chain(canonical).collect::<Vec<_>>().join("\n");
        let strong_fields = reference_fields(&collections, |it| it.strength == Strength::Strong);
        let private_fields = reference_fields(&collections, |it| it.is_private);
        Ok(Self { collections, fingerprint: hex(text.as_bytes()), strong_fields, private_fields })
    }

    /// The collection of that name.
    pub fn collection(&self, name: &str) -> Option<&Arc<Collection>> {
        self.collections.get(name)
    }

    /// Every collection, by name.
    pub fn collections(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.collections.values()
    }

    /// SHA-256 of the wire version and every definition and grant: part of tags and cache keys.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The strong reference fields for `json_each`: `[collection, path]` each. Today's definitions
    /// say what is strong, also of rows that were written under others.
    pub(crate) fn strong_fields(&self) -> &str {
        &self.strong_fields
    }

    /// The private reference fields, likewise: where-used doesn't tell of them.
    pub(crate) fn private_fields(&self) -> &str {
        &self.private_fields
    }

    /// The generated columns that all collections need, each once.
    pub fn columns(&self) -> Vec<Column> {
        columns(&self.collections)
    }

    /// How many columns `documents` has with them, of the 100 that the narrowest backend takes.
    pub fn column_count(&self) -> usize {
        OWN_COLUMNS + self.columns().len()
    }

    /// The indexes that all collections need.
    pub fn indexes(&self) -> Vec<Index> {
        self.collections().flat_map(|it| it.indexes().to_vec()).collect()
    }
}

fn columns(collections: &BTreeMap<String, Arc<Collection>>) -> Vec<Column> {
    let mut columns: Vec<Column> = collections.values().flat_map(|it| it.columns().to_vec()).collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    columns.dedup();
    columns
}

/// Whatever the backend: what does not fit the narrowest could not move to it.
fn too_many_columns(collections: &BTreeMap<String, Arc<Collection>>) -> Option<DefinitionError> {
    let columns = columns(collections);
    let (used, limit) = (OWN_COLUMNS + columns.len(), Limits::D1.columns);
    let paths: Vec<_> = columns.iter().map(|it| it.json_path.trim_start_matches("$.")).collect();
    let message = format!(
        "{used} columns are over the limit of {limit}: declare some of these fields as facets, or without `index`: {}",
        paths.join(", ")
    );
    let names = collections.keys().cloned().collect::<Vec<_>>().join(", ");
    (used > limit).then(|| DefinitionError::new(names, [DefinitionProblem::new("", message)]))
}

fn reference_fields(
    collections: &BTreeMap<String, Arc<Collection>>,
    wanted: impl Fn(&ReferencePath<'_>) -> bool,
) -> String {
    let mut fields = Vec::new();
    for collection in collections.values() {
        let references = collection.shape().references().into_iter().filter(|it| wanted(it));
        fields.extend(references.map(|it| Json::from(vec![collection.name(), it.path])));
    }
    Json::Array(fields).to_string()
}

fn dangling(
    fields: &[Field],
    collections: &BTreeMap<String, Arc<Collection>>,
    problems: &mut Vec<DefinitionProblem>,
) {
    for field in fields {
        match &field.kind {
            FieldKind::Reference { to, .. } if !collections.contains_key(to) => {
                let message = format!("there is no collection `{to}` to refer to");
                problems.push(DefinitionProblem::new(&field.path, message));
            }
            FieldKind::Object(shape) => dangling(&shape.fields, collections, problems),
            FieldKind::Array(item) => dangling(std::slice::from_ref(item), collections, problems),
            FieldKind::Blocks(blocks) => {
                blocks.values().for_each(|shape| dangling(&shape.fields, collections, problems));
            }
            _ => {}
        }
    }
}
