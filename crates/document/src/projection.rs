//! Shows stored content through today's definition: what is no field any more is left out, at any
//! depth. Values are kept as they are, also where their type has changed.

use serde_json::{Map, Value as Json};

use crate::collection::{Field, FieldKind, Shape};

impl Shape {
    /// The members that are fields, in the order of the definition.
    pub(crate) fn known(&self, stored: &Map<String, Json>) -> Map<String, Json> {
        let shown = self.fields.iter().filter_map(|field| {
            let value = stored.get(&field.name)?;
            Some((field.name.clone(), known_value(field, value)))
        });
        shown.collect()
    }
}

fn known_value(field: &Field, value: &Json) -> Json {
    match (&field.kind, value) {
        (FieldKind::Object(shape), Json::Object(members)) => Json::Object(shape.known(members)),
        (FieldKind::Array(item), Json::Array(items)) => {
            Json::Array(items.iter().map(|it| known_value(item, it)).collect())
        }
        (FieldKind::Blocks(blocks), Json::Array(items)) => {
            // A block of a kind that is no more has no fields to show.
            let known = items.iter().filter_map(|item| {
                let members = item.as_object()?;
                let (name, shape) = blocks.get_key_value(members.get("type")?.as_str()?)?;
                let kind = ("type".to_owned(), Json::from(name.as_str()));
                Some(Json::Object([kind].into_iter().chain(shape.known(members)).collect()))
            });
            Json::Array(known.collect())
        }
        _ => value.clone(),
    }
}
