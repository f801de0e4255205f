//! The content that a write results in: what is given, over what is there, checked as a whole.

use serde_json::{Map, Value as Json};

use crate::{
    collection::{Collection, Field, FieldKind, Shape},
    derived::Derived,
    error::{DocumentError, Result},
    validate::{self, FieldError, pointer, shorten},
};

type Fields = Map<String, Json>;

/// A checked content with everything that is derived from it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub(crate) fields: Fields,
    pub(crate) derived: Derived,
}

impl Content {
    /// The content of a new document.
    pub(crate) fn create(collection: &Collection, given: &Fields) -> Result<Self> {
        refuse_read_only(collection, given)?;
        let mut fields = given.clone();
        fill_defaults(collection.shape(), &mut fields);
        Self::check(collection, &fields)
    }

    /// The content after a replace: private and read-only fields that aren't mentioned stay.
    pub(crate) fn replace(collection: &Collection, present: &Fields, given: &Fields) -> Result<Self> {
        refuse_read_only(collection, given)?;
        let mut fields = given.clone();
        for field in collection.fields() {
            let keeps = field.definition().private || field.definition().read_only;
            if let Some(value) =
                present.get(field.name()).filter(|_| keeps && !given.contains_key(field.name()))
            {
                fields.insert(field.name().to_owned(), value.clone());
            }
        }
        fill_defaults(collection.shape(), &mut fields);
        Self::check(collection, &fields)
    }

    /// The content after a merge patch.
    pub(crate) fn patch(collection: &Collection, present: &Fields, given: &Fields) -> Result<Self> {
        refuse_read_only(collection, given)?;
        let mut fields = present.clone();
        merge(&mut fields, given);
        let mut unknown = Vec::new();
        unknown_members(collection.shape(), given, "/fields", &mut unknown);
        if unknown.is_empty() {
            Self::check(collection, &fields)
        } else {
            Err(DocumentError::Invalid(unknown))
        }
    }

    /// Content that was stored once, as a new head.
    pub(crate) fn restore(collection: &Collection, stored: &Fields) -> Result<Self> {
        Self::check(collection, &collection.shape().known(stored))
    }

    /// The content of a line of an import, read-only fields included: exactly what is given.
    pub(crate) fn exact(collection: &Collection, given: &Fields) -> Result<Self> {
        Self::check(collection, given)
    }

    /// The content of a line that says no more than fields: a create, or a replace of what is
    /// there, that may give read-only fields.
    pub(crate) fn import(collection: &Collection, present: Option<&Fields>, given: Fields) -> Result<Self> {
        let mut fields = given;
        for field in collection.fields() {
            let keeps = field.definition().private || field.definition().read_only;
            if let Some(value) = present.and_then(|present| present.get(field.name()))
                && keeps
                && !fields.contains_key(field.name())
            {
                fields.insert(field.name().to_owned(), value.clone());
            }
        }
        fill_defaults(collection.shape(), &mut fields);
        Self::check(collection, &fields)
    }

    fn check(collection: &Collection, fields: &Fields) -> Result<Self> {
        let fields = validate::content(collection, fields).map_err(DocumentError::Invalid)?;
        let derived = Derived::of(collection, &fields);
        match derived.too_many() {
            Some(fault) => Err(DocumentError::Invalid(vec![fault])),
            None => Ok(Self { fields, derived }),
        }
    }

    /// The text of what may leave the server, and of what may not.
    pub(crate) fn texts(&self, collection: &Collection) -> (String, String) {
        texts(collection, &self.fields)
    }

    /// The second of the two alone: that most collections have nothing private is found at once.
    pub(crate) fn private_text(&self, collection: &Collection) -> String {
        let fields = self.fields.iter().filter(|(name, _)| is_private(collection, name));
        texts(collection, &fields.map(|(name, value)| (name.clone(), value.clone())).collect()).1
    }

    /// The names of the fields that differ from what is there.
    pub(crate) fn changed(&self, present: &Fields) -> Vec<String> {
        let names = present.keys().chain(self.fields.keys().filter(|name| !present.contains_key(*name)));
        names.filter(|name| present.get(*name) != self.fields.get(*name)).cloned().collect()
    }
}

/// The text of what may leave the server, and of what may not.
pub(crate) fn texts(collection: &Collection, fields: &Fields) -> (String, String) {
    let known = collection.shape().known(fields);
    let (private, public): (Fields, Fields) =
        known.into_iter().partition(|(name, _)| is_private(collection, name));
    (Json::Object(public).to_string(), Json::Object(private).to_string())
}

fn is_private(collection: &Collection, name: &str) -> bool {
    collection.shape().field(name).is_some_and(|field| field.definition().private)
}

/// What a patch names must be a field even if the merge removes it.
fn unknown_members(shape: &Shape, given: &Fields, at: &str, unknown: &mut Vec<FieldError>) {
    for (name, value) in given {
        let at = pointer(at, name);
        match (shape.field(name).map(|field| &field.kind), value) {
            (None, _) => {
                unknown.push(FieldError::new(
                    at,
                    "unknown_field",
                    format!("there is no field `{}`", shorten(name)),
                ));
            }
            (Some(FieldKind::Object(inner)), Json::Object(members)) => {
                unknown_members(inner, members, &at, unknown)
            }
            _ => {}
        }
    }
}

fn refuse_read_only(collection: &Collection, given: &Fields) -> Result<()> {
    let refused = collection.fields().iter().filter(|field| field.definition().read_only);
    let refused = refused.filter(|field| given.contains_key(field.name())).map(|field| {
        let message = format!("`{}` can't be set", field.name());
        FieldError::new(pointer("/fields", field.name()), "read_only", message)
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(DocumentError::Invalid(refused)) }
}

fn fill_defaults(shape: &Shape, fields: &mut Fields) {
    for field in &shape.fields {
        if let Some(default) = &field.default
            && fields.get(&field.name).is_none_or(Json::is_null)
        {
            fields.insert(field.name.clone(), default.clone());
        }
        if let Some(value) = fields.get_mut(&field.name) {
            fill_inside(field, value);
        }
    }
}

fn fill_inside(field: &Field, value: &mut Json) {
    match (&field.kind, value) {
        (FieldKind::Object(inner), Json::Object(members)) => fill_defaults(inner, members),
        (FieldKind::Array(item), Json::Array(items)) => items.iter_mut().for_each(|it| fill_inside(item, it)),
        (FieldKind::Blocks(blocks), Json::Array(items)) => {
            for members in items.iter_mut().filter_map(Json::as_object_mut) {
                let kind = members.get("type").and_then(Json::as_str);
                if let Some(inner) = kind.and_then(|name| blocks.get(name)) {
                    fill_defaults(inner, members);
                }
            }
        }
        _ => {}
    }
}

/// RFC 7396: `null` removes, objects merge, everything else replaces.
fn merge(present: &mut Fields, patch: &Fields) {
    for (name, value) in patch {
        match value {
            Json::Null => {
                present.shift_remove(name);
            }
            Json::Object(inner) => {
                let slot = present.entry(name.clone()).or_insert_with(|| Json::Object(Fields::new()));
                if !slot.is_object() {
                    *slot = Json::Object(Fields::new());
                }
                if let Json::Object(members) = slot {
                    merge(members, inner);
                }
            }
            other => {
                present.insert(name.clone(), other.clone());
            }
        }
    }
}
