//! References in fields that nobody has checked yet: found, and slugs in them replaced by ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::{
    collection::{Collection, Field, FieldKind, Shape},
    definition::Strength,
    registry::Registry,
    validate::pointer,
};

/// Hands every text that stands where a reference should to `visit`, with where it stands and the
/// collection that it points into.
pub(super) fn each_reference<'c>(
    collection: &'c Collection,
    fields: &mut Map<String, Json>,
    at: &str,
    visit: &mut dyn FnMut(&str, &'c str, &mut String),
) {
    if collection.shape().fields.iter().any(may_refer) {
        object(collection.shape(), fields, at, visit);
    }
}

fn object<'c>(
    shape: &'c Shape,
    members: &mut Map<String, Json>,
    at: &str,
    visit: &mut dyn FnMut(&str, &'c str, &mut String),
) {
    for field in shape.fields.iter().filter(|it| may_refer(it)) {
        if let Some(json) = members.get_mut(&field.name) {
            value(field, json, &pointer(at, &field.name), visit);
        }
    }
}

fn value<'c>(field: &'c Field, json: &mut Json, at: &str, visit: &mut dyn FnMut(&str, &'c str, &mut String)) {
    match (&field.kind, json) {
        (FieldKind::Reference { to, many: false, .. }, Json::String(text)) => visit(at, to, text),
        (FieldKind::Reference { to, many: true, .. }, Json::Array(items)) => {
            for (n, item) in items.iter_mut().enumerate() {
                if let Json::String(text) = item {
                    visit(&format!("{at}/{n}"), to, text);
                }
            }
        }
        (FieldKind::Object(shape), Json::Object(members)) => object(shape, members, at, visit),
        (FieldKind::Array(inner), Json::Array(items)) => {
            for (n, item) in items.iter_mut().enumerate() {
                value(inner, item, &format!("{at}/{n}"), visit);
            }
        }
        (FieldKind::Blocks(blocks), Json::Array(items)) => {
            for (n, item) in items.iter_mut().enumerate() {
                let named = item.get("type").and_then(Json::as_str).and_then(|name| blocks.get(name));
                if let (Some(shape), Some(members)) = (named, item.as_object_mut()) {
                    object(shape, members, &format!("{at}/{n}"), visit);
                }
            }
        }
        _ => {}
    }
}

fn may_refer(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Plain => false,
        FieldKind::Reference { .. } => true,
        FieldKind::Object(shape) => shape.fields.iter().any(may_refer),
        FieldKind::Array(item) => may_refer(item),
        FieldKind::Blocks(blocks) => blocks.values().flat_map(|it| &it.fields).any(may_refer),
    }
}

/// The order in which collections are written: what others refer to strongly comes first, as far
/// as they don't refer to each other in a circle.
pub(super) fn ranks(registry: &Registry) -> BTreeMap<String, i64> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for collection in registry.collections() {
        visit(registry, collection.name(), &mut seen, &mut order);
    }
    order.into_iter().zip(0..).collect()
}

fn visit(registry: &Registry, name: &str, seen: &mut BTreeSet<String>, order: &mut Vec<String>) {
    let Some(collection) = registry.collection(name) else { return };
    if seen.insert(name.to_owned()) {
        let mut targets = BTreeSet::new();
        collection.fields().iter().for_each(|it| strong_targets(it, &mut targets));
        targets.into_iter().for_each(|it| visit(registry, it, seen, order));
        order.push(name.to_owned());
    }
}

fn strong_targets<'c>(field: &'c Field, targets: &mut BTreeSet<&'c str>) {
    match &field.kind {
        FieldKind::Plain => {}
        FieldKind::Reference { to, strength, .. } => {
            if *strength == Strength::Strong {
                targets.insert(to);
            }
        }
        FieldKind::Object(shape) => shape.fields.iter().for_each(|it| strong_targets(it, targets)),
        FieldKind::Array(item) => strong_targets(item, targets),
        FieldKind::Blocks(blocks) => {
            blocks.values().flat_map(|it| &it.fields).for_each(|it| strong_targets(it, targets));
        }
    }
}
