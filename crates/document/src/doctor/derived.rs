//! Derived rows: facets and references say what the content says, for heads and public rows only.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use stratus_storage::{Rows, Session, Statement, Value};

use super::{Finding, FindingKind, Question, STEP, findings_of};
use crate::{derived::Derived, document::parse_object, registry::Registry};

const OF_HISTORY: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'version ' || d.version_number || ' is history and still has derived rows' AS message \
     FROM documents AS d WHERE d.is_current_draft = 0 AND d.is_published = 0 \
     AND (EXISTS (SELECT 1 FROM document_facets AS f WHERE f.document_id = d.pk) \
     OR EXISTS (SELECT 1 FROM document_references AS r WHERE r.from_document_id = d.pk)) LIMIT 1000";

const STRAYED: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'a facet or reference names another tenant or collection' AS message FROM documents AS d \
     WHERE EXISTS (SELECT 1 FROM document_facets AS f WHERE f.document_id = d.pk \
     AND (f.tenant_id <> d.tenant_id OR f.type_id <> d.type_id)) \
     OR EXISTS (SELECT 1 FROM document_references AS r WHERE r.from_document_id = d.pk \
     AND r.tenant_id <> d.tenant_id) LIMIT 1000";

const MISSING_TARGET: &str = "SELECT d.type_id || '/' || d.root_id AS subject, \
     'refers strongly to ' || r.to_root_id || ', which is not live' AS message \
     FROM document_references AS r JOIN documents AS d ON d.pk = r.from_document_id \
     WHERE d.deleted_at IS NULL AND EXISTS (SELECT 1 FROM json_each(?1) AS s \
     WHERE json_extract(s.value, '$[0]') = d.type_id AND json_extract(s.value, '$[1]') = r.field_name) AND NOT EXISTS \
     (SELECT 1 FROM documents AS t WHERE t.root_id = r.to_root_id AND t.is_current_draft = 1 \
     AND t.tenant_id = r.tenant_id AND t.deleted_at IS NULL) LIMIT 1000";

/// Heads and public rows after a row, with their derived rows as the JSON that inserts them.
const ROWS: &str = "SELECT d.id AS row_id, d.type_id AS type_id, d.root_id AS root_id, d.data AS data, \
     d.data_private AS data_private, \
     (SELECT json_group_array(json_array(f.field_name, f.ordinal, f.value_text, f.value_number)) \
      FROM document_facets AS f WHERE f.document_id = d.pk) AS facets, \
     (SELECT json_group_array(json_array(r.field_name, r.ordinal, r.to_root_id, r.ref_strength)) \
      FROM document_references AS r WHERE r.from_document_id = d.pk) AS refs \
     FROM documents AS d WHERE d.id > ?1 AND (d.is_current_draft = 1 OR d.is_published = 1) \
     ORDER BY d.id LIMIT ?2";

pub(super) async fn examine(
    session: &dyn Session,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> stratus_storage::Result<()> {
    findings_of(session, FindingKind::Facets, OF_HISTORY, findings).await?;
    findings_of(session, FindingKind::Facets, STRAYED, findings).await?;
    let missing = Statement::new(MISSING_TARGET, vec![registry.strong_fields().into()]);
    findings_of(session, FindingKind::MissingReference, Question(missing), findings).await?;
    let mut after = String::new();
    loop {
        let rows =
            session.query(&Statement::new(ROWS, vec![Value::from(after.as_str()), STEP.into()])).await?;
        let Some(last) = rows.iter().next_back() else { return Ok(()) };
        after = last.text(0)?.to_owned();
        step(registry, &rows, findings)?;
    }
}

fn step(registry: &Registry, rows: &Rows, findings: &mut Vec<Finding>) -> stratus_storage::Result<()> {
    for row in rows.iter() {
        let Some(collection) = registry.collection(row.text(1)?) else { continue };
        let subject = format!("{}/{}", row.text(1)?, row.text(2)?);
        let mut finding = |kind, message: &str| {
            findings.push(Finding { kind, subject: subject.clone(), message: message.to_owned() });
        };
        let content = parse_object(row.text(3)?).and_then(|mut fields| {
            fields.extend(parse_object(row.text(4)?)?);
            Ok::<Map<String, Json>, stratus_storage::Error>(fields)
        });
        let Ok(content) = content else {
            finding(FindingKind::Content, "the content is no JSON object");
            continue;
        };
        let derived = Derived::of(collection, &content);
        if !same(&derived.facet_rows(), row.text(5)?) {
            finding(
                FindingKind::Facets,
                "the facets are not those of the content; `stratus migrate up` may cure it",
            );
        }
        if !same(&derived.reference_rows(), row.text(6)?) {
            finding(FindingKind::References, "the references are not those of the content");
        }
    }
    Ok(())
}

/// Compares rows by field and ordinal; numbers by value, as SQLite may turn `4` into `4.0`.
fn same(derived: &Json, stored: &str) -> bool {
    let stored: Json = serde_json::from_str(stored).unwrap_or_default();
    keyed(derived) == keyed(&stored)
}

fn keyed(rows: &Json) -> BTreeMap<(String, i64), (String, Option<f64>)> {
    let cell = |row: &Json, n: usize| row.get(n).cloned().unwrap_or_default();
    let entry = |row: &Json| {
        let key = (cell(row, 0).as_str().unwrap_or_default().to_owned(), cell(row, 1).as_i64().unwrap_or(-1));
        let text = cell(row, 2).as_str().unwrap_or_default().to_owned();
        let last = cell(row, 3);
        let label = last.as_str().map(str::to_owned).unwrap_or_default();
        (key, (format!("{text}\n{label}"), last.as_f64()))
    };
    rows.as_array().into_iter().flatten().map(entry).collect()
}
