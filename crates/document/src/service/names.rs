//! Names of documents that are made in a batch: what comes later in it may refer to them.

use serde_json::{Map, Value as Json};

use super::{Input, Member};
use crate::collection::{Collection, Field, FieldKind, Shape};

/// The name in a text such as `$author`.
pub(super) fn name_in(text: &str) -> Option<&str> {
    text.strip_prefix('$')
}

/// The ids of documents that earlier operations of a batch make, by the names that they were given.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    /// Names a document from here on.
    pub(super) fn add(&mut self, name: &str, id: &str) {
        self.0.push((name.to_owned(), id.to_owned()));
    }

    /// What an input says once names stand for their ids: in references, as the parent, and as the
    /// original of a translation. Nothing where there are no names.
    pub(super) fn resolve(&self, collection: &Collection, input: &Input) -> Option<Input> {
        if self.0.is_empty() {
            return None;
        }
        let mut resolved = input.clone();
        for member in [&mut resolved.parent, &mut resolved.translation_of] {
            if let Member::Value(named) = member
                && let Some(id) = self.id_of(named)
            {
                *named = id.to_owned();
            }
        }
        if let Some(fields) = &mut resolved.fields {
            self.object(collection.shape(), fields);
        }
        Some(resolved)
    }

    /// The id that a text such as `$author` stands for.
    fn id_of(&self, text: &str) -> Option<&str> {
        let name = name_in(text)?;
        self.0.iter().find(|(it, _)| it == name).map(|(_, id)| id.as_str())
    }

    fn object(&self, shape: &Shape, members: &mut Map<String, Json>) {
        for field in &shape.fields {
            if let Some(value) = members.get_mut(&field.name) {
                self.value(field, value);
            }
        }
    }

    fn value(&self, field: &Field, value: &mut Json) {
        match (&field.kind, value) {
            (FieldKind::Reference { .. }, Json::Array(items)) => {
                items.iter_mut().for_each(|it| self.reference(it));
            }
            (FieldKind::Reference { .. }, value) => self.reference(value),
            (FieldKind::Object(shape), Json::Object(members)) => self.object(shape, members),
            (FieldKind::Array(inner), Json::Array(items)) => {
                items.iter_mut().for_each(|it| self.value(inner, it));
            }
            (FieldKind::Blocks(blocks), Json::Array(items)) => {
                for members in items.iter_mut().filter_map(Json::as_object_mut) {
                    let named = members.get("type").and_then(Json::as_str);
                    if let Some(shape) = named.and_then(|name| blocks.get(name)) {
                        self.object(shape, members);
                    }
                }
            }
            _ => {}
        }
    }

    fn reference(&self, value: &mut Json) {
        if let Some(id) = value.as_str().and_then(|it| self.id_of(it)) {
            *value = Json::from(id);
        }
    }
}
