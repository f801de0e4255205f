//! Rows: their names, their content, where each value stands, and what is derived from it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value as Json};
use stratus_storage::{Limits, Row, Rows, Session, Statement, Value, parse_uuid};

use super::{FindingKind, finding::Findings};
use crate::{
    collection::Collection,
    derived::{Derived, MAX_DERIVED},
    registry::Registry,
    slug::{is_locale, is_slug},
};

/// How many rows, and how many bytes of content, are read in one query.
const STEP: u32 = 500;
const STEP_BYTES: i64 = 4 << 20;

/// What the content of a row may be at most, on every backend; as a write has it.
const MAX_BYTES: i64 = Limits::D1.row_bytes as i64 - 4_096;

const SIZES: &str = "SELECT pk, octet_length(data) + octet_length(data_private) AS size FROM documents \
     WHERE pk > ?1 ORDER BY pk LIMIT ?2";

/// Rows with their derived rows as the JSON that inserts them, each followed by whether it names the
/// row's tenant and collection. Content that no row may have is not read.
const ROWS: &str = "SELECT d.id, d.root_id, d.type_id, d.tenant_id, d.locale, d.slug, d.type_version, \
     d.is_current_draft, d.is_published, octet_length(d.data) + octet_length(d.data_private) AS size, \
     CASE WHEN octet_length(d.data) + octet_length(d.data_private) <= ?3 THEN d.data END AS data, \
     CASE WHEN octet_length(d.data) + octet_length(d.data_private) <= ?3 THEN d.data_private END AS data_private, \
     (SELECT json_group_array(json_array(f.field_name, f.ordinal, f.value_text, f.value_number, \
       f.tenant_id = d.tenant_id AND f.type_id = d.type_id)) \
      FROM document_facets AS f WHERE f.document_id = d.pk) AS facets, \
     (SELECT json_group_array(json_array(r.field_name, r.ordinal, r.to_root_id, r.ref_strength, \
       r.tenant_id = d.tenant_id)) \
      FROM document_references AS r WHERE r.from_document_id = d.pk) AS refs, d.version_number \
     FROM documents AS d WHERE d.pk > ?1 AND d.pk <= ?2 ORDER BY d.pk";

type Fields = Map<String, Json>;

/// A walk over all rows, in steps.
pub(crate) struct Walk {
    after: i64,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self { after: 0 }
    }

    /// The next rows; none at the end.
    pub(crate) async fn next(&mut self, session: &dyn Session) -> stratus_storage::Result<Option<Rows>> {
        let sizes = Statement::new(SIZES, vec![Value::Integer(self.after), STEP.into()]);
        let mut last = None;
        let mut bytes = 0;
        for row in session.query(&sizes).await?.iter() {
            let size = row.optional_integer(1)?.unwrap_or(0);
            bytes += if size <= MAX_BYTES { size } else { 0 };
            if last.is_some() && bytes > STEP_BYTES {
                break;
            }
            last = Some(row.integer(0)?);
        }
        let Some(last) = last else { return Ok(None) };
        let params = [self.after, last, MAX_BYTES].map(Value::Integer).to_vec();
        self.after = last;
        session.query(&Statement::new(ROWS, params)).await.map(Some)
    }
}

/// What is known of a row, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) row_id: String,
    pub(crate) root_id: String,
    pub(crate) tenant: String,
    pub(crate) collection: Arc<Collection>,
    pub(crate) version: i64,
    pub(crate) is_published: bool,
    faults: Vec<(FindingKind, String)>,
    /// What is derived from its content, where that is not what is stored.
    pub(crate) rebuilt: Option<Derived>,
    /// Its content with each value where its field belongs, where that is not so.
    pub(crate) moved: Option<Moved>,
}

/// The two columns of a content before and after.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) before: [String; 2],
    pub(crate) after: [String; 2],
}

pub(super) async fn examine(
    session: &dyn Session,
    registry: &Registry,
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    let mut walk = Walk::new();
    while let Some(rows) = walk.next(session).await? {
        for row in rows.iter() {
            let Some(diagnosis) = Diagnosis::of(registry, row)? else { continue };
            let subject = format!("{}/{}", diagnosis.collection.name(), diagnosis.root_id);
            diagnosis.faults.iter().for_each(|(kind, message)| findings.push(*kind, &subject, message));
        }
    }
    unknown_collections(session, registry, findings).await
}

async fn unknown_collections(
    session: &dyn Session,
    registry: &Registry,
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    let names: Vec<_> = registry.collections().map(|it| it.name()).collect();
    let unknown = Statement::new(
        "SELECT type_id, count(*) AS rows FROM documents \
         WHERE type_id NOT IN (SELECT value FROM json_each(?1)) GROUP BY type_id LIMIT 1001",
        vec![Json::from(names).to_string().into()],
    );
    for row in session.query(&unknown).await?.iter() {
        let message = format!("{} rows of a collection that is not defined", row.integer(1)?);
        findings.push(FindingKind::UnknownCollection, row.text(0)?, &message);
    }
    Ok(())
}

impl Diagnosis {
    /// Looks at one row of a collection that is defined.
    pub(crate) fn of(registry: &Registry, row: Row<'_>) -> stratus_storage::Result<Option<Self>> {
        let text = |column| row.value(column).map(|it| it.as_text().unwrap_or_default().to_owned());
        let Some(collection) = registry.collection(&text(2)?) else { return Ok(None) };
        let (is_head, is_published) = (row.flag(7)?, row.flag(8)?);
        let mut diagnosis = Self {
            row_id: text(0)?,
            root_id: text(1)?,
            tenant: text(3)?,
            collection: Arc::clone(collection),
            version: row.integer(14)?,
            is_published,
            faults: Vec::new(),
            rebuilt: None,
            moved: None,
        };
        diagnosis.names(&text(4)?, row.value(5)?);
        let size = row.optional_integer(9)?.unwrap_or_default();
        if size > MAX_BYTES {
            diagnosis.say(FindingKind::TooLarge, format!("the content is {size} bytes; {MAX_BYTES} at most"));
            return Ok(Some(diagnosis));
        }
        let (data, data_private) = (text(10)?, text(11)?);
        let (Some(public), Some(private)) = (object(&data), object(&data_private)) else {
            diagnosis.say(FindingKind::Content, "the content is no JSON object".to_owned());
            return Ok(Some(diagnosis));
        };
        if row.integer(6)? == collection.type_version() {
            diagnosis.places(&public, &private, [data, data_private]);
        }
        diagnosis.derived(public, private, is_head || is_published, &text(12)?, &text(13)?);
        Ok(Some(diagnosis))
    }

    fn say(&mut self, kind: FindingKind, message: String) {
        self.faults.push((kind, message));
    }

    fn names(&mut self, locale: &str, slug: &Value) {
        let slug = if slug.is_null() { None } else { Some(slug.as_text().unwrap_or_default()) };
        let is_id = |text: &str| parse_uuid(text).is_ok();
        let wrong = [
            (!is_id(&self.row_id) || !is_id(&self.root_id), "an id is not a UUID in lower case"),
            (!is_locale(locale), "the locale is not one"),
            (slug.is_some_and(|it| !is_slug(it)), "the slug is not one"),
        ];
        for (_, message) in wrong.into_iter().filter(|(is_wrong, _)| *is_wrong) {
            self.say(FindingKind::Name, message.to_owned());
        }
    }

    /// Whether each value stands where its field belongs. Only rows of today's definition are looked
    /// at: those of an older one are read through today's, and `migrate up` rewrites them.
    fn places(&mut self, public: &Fields, private: &Fields, before: [String; 2]) {
        let collection = Arc::clone(&self.collection);
        let is_private = |name: &str| collection.shape().field(name).map(|it| it.definition().private);
        let named = |fields: &Fields, is: Option<bool>| {
            let names = fields.keys().filter(|name| is_private(name) == is);
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let (leaked, hidden) = (named(public, Some(true)), named(private, Some(false)));
        for (names, message) in [
            (&leaked, "is private and among what may leave the server"),
            (&hidden, "is public and among what may not leave the server"),
            (&named(public, None), "is no field"),
            (&named(private, None), "is no field"),
        ] {
            let kind = if message == "is no field" { FindingKind::Content } else { FindingKind::Privacy };
            if !names.is_empty() {
                self.say(kind, format!("{names} {message}"));
            }
        }
        if leaked.is_empty() && hidden.is_empty() {
            return;
        }
        let (mut to_public, mut to_private) = (Fields::new(), Fields::new());
        // Where both columns have a value, the service takes the one of `data_private`.
        for (name, value) in private.iter().chain(public) {
            let belongs_private = is_private(name).unwrap_or(private.contains_key(name));
            let target = if belongs_private { &mut to_private } else { &mut to_public };
            target.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let after = [Json::Object(to_public).to_string(), Json::Object(to_private).to_string()];
        self.moved = Some(Moved { before, after });
    }

    fn derived(
        &mut self,
        mut content: Fields,
        private: Fields,
        is_live: bool,
        facets: &str,
        references: &str,
    ) {
        content.extend(private);
        let derived = if is_live { Derived::of(&self.collection, &content) } else { Derived::default() };
        let count = derived.facets.len() + derived.references.len();
        if count > MAX_DERIVED {
            self.say(FindingKind::TooLarge, format!("{count} references and facets; {MAX_DERIVED} at most"));
        }
        let whose =
            if is_live { "are not those of the content" } else { "belong to a version that is history" };
        let are_facets = same(&derived.facet_rows(), facets);
        let are_references = same(&derived.reference_rows(), references);
        if !are_facets {
            self.say(FindingKind::Facets, format!("the facets {whose}"));
        }
        if !are_references {
            self.say(FindingKind::References, format!("the references {whose}"));
        }
        if !(are_facets && are_references) || self.moved.is_some() {
            self.rebuilt = Some(derived);
        }
    }
}

fn object(text: &str) -> Option<Fields> {
    serde_json::from_str(text).ok()
}

/// Compares rows by field and ordinal; numbers by value, as SQLite may turn `4` into `4.0`.
fn same(derived: &Json, stored: &str) -> bool {
    if stored == "[]" {
        return derived.as_array().is_some_and(Vec::is_empty);
    }
    let stored: Json = serde_json::from_str(stored).unwrap_or_default();
    let is_its_own = |row: &Json| row.get(4).and_then(Json::as_i64) == Some(1);
    stored.as_array().is_some_and(|rows| rows.iter().all(is_its_own)) && keyed(derived) == keyed(&stored)
}

fn keyed(rows: &Json) -> BTreeMap<(&str, i64), (&str, &str, Option<f64>)> {
    let entry = |row| {
        let cell = |n: usize| Json::get(row, n).unwrap_or(&Json::Null);
        let text = |n: usize| cell(n).as_str().unwrap_or_default();
        ((text(0), cell(1).as_i64().unwrap_or(-1)), (text(2), text(3), cell(3).as_f64()))
    };
    rows.as_array().into_iter().flatten().map(entry).collect()
}
