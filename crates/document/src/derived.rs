//! What is derived from a document's content: facets, references, and where each stands.

use serde_json::{Map, Value as Json, json};
use stratus_storage::Statement;

use crate::{
    collection::{Collection, Field, FieldKind, Shape},
    definition::{ColumnType, Strength},
    physical::column_type,
    validate::{FieldError, pointer},
};

/// How many facet and reference rows a document has at most.
pub(crate) const MAX_DERIVED: usize = 1_000;

/// A reference out of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The dotted path of the field.
    pub(crate) field: String,
    /// Where the id stands in the request's body.
    pub(crate) pointer: String,
    pub(crate) collection: String,
    pub(crate) target: String,
    pub(crate) strength: Strength,
}

/// One value of a facet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FacetValue {
    Text(String),
    Number(f64),
}

/// Everything that is derived from one content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Derived {
    pub(crate) references: Vec<Reference>,
    pub(crate) facets: Vec<(String, FacetValue)>,
}

impl Derived {
    /// Walks a content that was made normal.
    pub(crate) fn of(collection: &Collection, content: &Map<String, Json>) -> Self {
        let mut derived = Self::default();
        derived.object(collection.shape(), content, "/fields");
        derived
    }

    /// A fault if there are more than a document may have.
    pub(crate) fn too_many(&self) -> Option<FieldError> {
        let count = self.references.len() + self.facets.len();
        (count > MAX_DERIVED).then(|| {
            let message =
                format!("{count} references and facet values; a document has at most {MAX_DERIVED}");
            FieldError::new("/fields", "too_many", message)
        })
    }

    /// The facets as rows for `json_each`: `[field, ordinal, text, number]`.
    pub(crate) fn facet_rows(&self) -> Json {
        let mut ordinals = Ordinals::default();
        let row = |(field, value): &(String, FacetValue)| match value {
            FacetValue::Text(text) => json!([field, ordinals.next(field), text, null]),
            FacetValue::Number(number) => json!([field, ordinals.next(field), null, number]),
        };
        Json::Array(self.facets.iter().map(row).collect())
    }

    /// The references as rows for `json_each`: `[field, ordinal, target, strength]`.
    pub(crate) fn reference_rows(&self) -> Json {
        let mut ordinals = Ordinals::default();
        let row = |it: &Reference| json!([it.field, ordinals.next(&it.field), it.target, it.strength.name()]);
        Json::Array(self.references.iter().map(row).collect())
    }

    /// The strong targets for `json_each`: `[collection, id]`, each once.
    pub(crate) fn strong_targets(&self) -> Vec<Json> {
        let mut targets: Vec<Json> = Vec::new();
        for it in self.references.iter().filter(|it| it.strength == Strength::Strong) {
            let target = json!([it.collection, it.target]);
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    /// Writes the derived rows of a version row, if it is a head or public.
    pub(crate) fn insert(&self, row_id: &str, tenant: &str, collection: &str) -> Vec<Statement> {
        let mut statements = Vec::new();
        if !self.facets.is_empty() {
            statements.push(Statement::new(
                "INSERT INTO document_facets \
                 (document_id, field_name, ordinal, tenant_id, type_id, value_text, value_number) \
                 SELECT d.pk, json_extract(f.value, '$[0]'), json_extract(f.value, '$[1]'), ?2, ?3, \
                 json_extract(f.value, '$[2]'), json_extract(f.value, '$[3]') \
                 FROM documents AS d CROSS JOIN json_each(?4) AS f \
                 WHERE d.id = ?1 AND (d.is_current_draft = 1 OR d.is_published = 1)",
                vec![row_id.into(), tenant.into(), collection.into(), self.facet_rows().to_string().into()],
            ));
        }
        if !self.references.is_empty() {
            statements.push(Statement::new(
                "INSERT INTO document_references \
                 (from_document_id, field_name, ordinal, tenant_id, to_root_id, ref_strength) \
                 SELECT d.pk, json_extract(r.value, '$[0]'), json_extract(r.value, '$[1]'), ?2, \
                 json_extract(r.value, '$[2]'), json_extract(r.value, '$[3]') \
                 FROM documents AS d CROSS JOIN json_each(?3) AS r \
                 WHERE d.id = ?1 AND (d.is_current_draft = 1 OR d.is_published = 1)",
                vec![row_id.into(), tenant.into(), self.reference_rows().to_string().into()],
            ));
        }
        statements
    }

    /// Removes the derived rows of a version row.
    pub(crate) fn clear(row_id: &str) -> [Statement; 2] {
        [
            "DELETE FROM document_facets WHERE document_id = (SELECT pk FROM documents WHERE id = ?1)",
            "DELETE FROM document_references WHERE from_document_id = (SELECT pk FROM documents WHERE id = ?1)",
        ]
        .map(|sql| Statement::new(sql, vec![row_id.into()]))
    }

    fn object(&mut self, shape: &Shape, members: &Map<String, Json>, at: &str) {
        for field in &shape.fields {
            if let Some(value) = members.get(&field.name) {
                self.value(field, value, &pointer(at, &field.name));
            }
        }
    }

    fn value(&mut self, field: &Field, value: &Json, at: &str) {
        if field.definition.facet {
            self.facet(field, value);
        }
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate();
        match &field.kind {
            FieldKind::Reference { many: false, .. } => self.reference(field, value, at),
            FieldKind::Reference { many: true, .. } => {
                items.for_each(|(n, item)| self.reference(field, item, &format!("{at}/{n}")));
            }
            FieldKind::Object(shape) => {
                value.as_object().into_iter().for_each(|members| self.object(shape, members, at));
            }
            FieldKind::Array(inner) => {
                items.for_each(|(n, item)| self.value(inner, item, &format!("{at}/{n}")));
            }
            FieldKind::Blocks(blocks) => items.for_each(|(n, item)| {
                let named = item.get("type").and_then(Json::as_str).and_then(|name| blocks.get(name));
                if let (Some(shape), Some(members)) = (named, item.as_object()) {
                    self.object(shape, members, &format!("{at}/{n}"));
                }
            }),
            FieldKind::Plain => {}
        }
    }

    fn reference(&mut self, field: &Field, value: &Json, at: &str) {
        let FieldKind::Reference { to, strength, .. } = &field.kind else { return };
        let Some(target) = value.as_str() else { return };
        self.references.push(Reference {
            field: field.path.clone(),
            pointer: at.to_owned(),
            collection: to.clone(),
            target: target.to_owned(),
            strength: *strength,
        });
    }

    fn facet(&mut self, field: &Field, value: &Json) {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let numeric = matches!(column_type(field), Some(ColumnType::Integer | ColumnType::Real));
        for item in items {
            let facet = match item {
                Json::Bool(flag) => FacetValue::Number(f64::from(u8::from(*flag))),
                Json::Number(number) if numeric => FacetValue::Number(number.as_f64().unwrap_or_default()),
                Json::String(text) => FacetValue::Text(text.clone()),
                _ => continue,
            };
            self.facets.push((field.path.clone(), facet));
        }
    }
}

/// Counts the values of each field.
#[derive(Default)]
struct Ordinals(std::collections::BTreeMap<String, u32>);

impl Ordinals {
    fn next(&mut self, field: &str) -> u32 {
        let next = self.0.entry(field.to_owned()).or_insert(0);
        *next += 1;
        *next - 1
    }
}
