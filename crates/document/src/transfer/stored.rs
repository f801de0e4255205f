//! Whole rows as they are stored, read for an export or for an import to compare with.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value as Json};
use stratus_access::Entry;
use stratus_storage::{Consistency, Database, Result, Row, Rows, Statement, Timestamp, Value};

use crate::{collection::Collection, document::parse_object, entries, service::texts};

const COLUMNS: &str = "d.id AS row_id, d.root_id AS root_id, d.type_id AS type_id, d.tenant_id AS tenant_id, \
     d.slug AS slug, d.locale AS locale, d.parent_root_id AS parent, d.is_published AS is_published, \
     d.deleted_at AS deleted_at, d.version_number AS version_number, d.revision AS revision, \
     d.created_at AS created_at, d.updated_at AS updated_at, d.published_at AS published_at, \
     d.scheduled_at AS scheduled_at, d.expires_at AS expires_at, d.sort_order AS sort_order, \
     d.translation_group_id AS translation_group_id, d.type_version AS type_version, d.data AS data, \
     d.data_private AS data_private, d.is_current_draft AS is_head";

/// A row, whatever its collection and tenant.
#[derive(Clone, Debug)]
pub(super) struct StoredRow {
    pub(super) row_id: String,
    pub(super) root_id: String,
    pub(super) collection: String,
    pub(super) tenant: String,
    pub(super) slug: Option<String>,
    pub(super) locale: String,
    pub(super) parent: Option<String>,
    pub(super) is_head: bool,
    pub(super) is_published: bool,
    pub(super) is_trashed: bool,
    pub(super) version: i64,
    pub(super) revision: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) published_at: Option<Timestamp>,
    pub(super) publish_at: Option<Timestamp>,
    pub(super) expire_at: Option<Timestamp>,
    pub(super) order: i64,
    pub(super) group: String,
    type_version: i64,
    data: String,
    data_private: String,
}

impl StoredRow {
    fn decode(row: Row<'_>) -> Result<Self> {
        Ok(Self {
            row_id: row.text(0)?.to_owned(),
            root_id: row.text(1)?.to_owned(),
            collection: row.text(2)?.to_owned(),
            tenant: row.text(3)?.to_owned(),
            slug: row.optional_text(4)?.map(str::to_owned),
            locale: row.text(5)?.to_owned(),
            parent: Some(row.text(6)?).filter(|it| !it.is_empty()).map(str::to_owned),
            is_head: row.flag(21)?,
            is_published: row.flag(7)?,
            is_trashed: !row.value(8)?.is_null(),
            version: row.integer(9)?,
            revision: row.integer(10)?,
            created_at: row.integer(11)?,
            updated_at: row.integer(12)?,
            published_at: row.optional_integer(13)?,
            publish_at: row.optional_integer(14)?,
            expire_at: row.optional_integer(15)?,
            order: row.integer(16)?,
            group: row.text(17)?.to_owned(),
            type_version: row.integer(18)?,
            data: row.text(19)?.to_owned(),
            data_private: row.text(20)?.to_owned(),
        })
    }

    pub(super) fn all(rows: &Rows) -> Result<Vec<Self>> {
        rows.iter().map(Self::decode).collect()
    }

    /// How many bytes its content has.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.data_private.len()
    }

    /// All its fields, private ones included, as far as the collection still has them.
    pub(super) fn fields(&self, collection: &Collection) -> Result<Map<String, Json>> {
        Ok(collection.shape().known(&self.all_fields()?))
    }

    /// The same as a text, in the order of the definition.
    pub(super) fn fields_text(&self, collection: &Collection) -> Result<String> {
        if self.is_of(collection) && self.data_private == "{}" {
            return Ok(self.data.clone());
        }
        Ok(Json::Object(self.fields(collection)?).to_string())
    }

    /// Whether its content is stored as these texts, seen through today's definition.
    pub(super) fn has_texts(&self, collection: &Collection, wanted: &(String, String)) -> Result<bool> {
        if self.is_of(collection) {
            return Ok(self.data == wanted.0 && self.data_private == wanted.1);
        }
        Ok(texts(collection, &self.all_fields()?) == *wanted)
    }

    fn is_of(&self, collection: &Collection) -> bool {
        self.type_version == collection.type_version()
    }

    fn all_fields(&self) -> Result<Map<String, Json>> {
        let mut fields = parse_object(&self.data)?;
        fields.extend(parse_object(&self.data_private)?);
        Ok(fields)
    }
}

/// What there is of a root.
#[derive(Clone, Debug)]
pub(super) struct Existing {
    pub(super) head: StoredRow,
    /// The public row, where it is not the head.
    pub(super) public: Option<StoredRow>,
    /// The numbers of all its versions.
    pub(super) versions: BTreeSet<i64>,
    /// Its own permissions, sorted.
    pub(super) permissions: Vec<Entry>,
}

/// A root's rows, by one of the indexes that cover a single row each.
pub(super) fn rows_of(index: &str, which: &str, ids: &Value) -> Statement {
    let sql = format!(
        "SELECT {COLUMNS} FROM json_each(?1) AS t CROSS JOIN documents AS d INDEXED BY {index} \
         ON d.root_id = t.value AND {which} ORDER BY t.key"
    );
    Statement::new(sql, vec![ids.clone()])
}

/// The heads of some roots.
pub(super) fn heads_of(ids: &Value) -> Statement {
    rows_of("documents_head", "d.is_current_draft = 1", ids)
}

/// The public rows of some roots that are not their heads.
pub(super) fn publics_of(ids: &Value) -> Statement {
    rows_of("documents_published", "d.is_published = 1 AND d.is_current_draft = 0", ids)
}

/// The history of some roots, oldest first.
pub(super) fn history_of(ids: &Value) -> Statement {
    let sql = format!(
        "SELECT {COLUMNS} FROM json_each(?1) AS t CROSS JOIN documents AS d INDEXED BY documents_version \
         ON d.root_id = t.value WHERE d.is_current_draft = 0 AND d.is_published = 0 \
         ORDER BY t.key, d.version_number"
    );
    Statement::new(sql, vec![ids.clone()])
}

/// The own permissions of some roots. Decode with [`permissions_by_root`].
pub(super) fn permissions_of(tenant: &str, ids: &Value) -> Statement {
    let sql = format!(
        "SELECT p.root_id AS root_id, {} FROM json_each(?1) AS t \
         CROSS JOIN document_permissions AS p ON p.tenant_id = ?2 AND p.root_id = t.value",
        entries::COLUMNS
    );
    Statement::new(sql, vec![ids.clone(), tenant.into()])
}

/// Decodes the result of [`permissions_of`]: those of each root, sorted.
pub(super) fn permissions_by_root(rows: &Rows) -> Result<BTreeMap<String, Vec<Entry>>> {
    let mut by_root = BTreeMap::<String, Vec<Entry>>::new();
    for row in rows.iter() {
        by_root.entry(row.text(0)?.to_owned()).or_default().push(entries::decode(row, 1)?);
    }
    by_root.values_mut().for_each(|it| entries::sort(it));
    Ok(by_root)
}

/// What there is of some roots, by their ids.
pub(super) async fn existing(
    database: &Arc<dyn Database>,
    tenant: &str,
    ids: &[&str],
) -> Result<BTreeMap<String, Existing>> {
    let session = database.session(Consistency::Primary);
    let heads = StoredRow::all(&session.query(&heads_of(&id_list(ids))).await?)?;
    let mut found = BTreeMap::new();
    if heads.is_empty() {
        return Ok(found);
    }
    let ids = id_list(&heads.iter().map(|it| it.root_id.as_str()).collect::<Vec<_>>());
    let numbers = "SELECT d.root_id AS root_id, d.version_number AS version_number FROM json_each(?1) AS t \
         CROSS JOIN documents AS d INDEXED BY documents_version ON d.root_id = t.value";
    // The heads once more: all of it shall be of one moment.
    let looks = [
        heads_of(&ids),
        publics_of(&ids),
        Statement::new(numbers, vec![ids.clone()]),
        permissions_of(tenant, &ids),
    ];
    let answers = session.batch(&looks).await?;
    let [heads, publics, numbers, permissions] = answers.as_slice() else { return Ok(found) };
    let mut permissions = permissions_by_root(permissions)?;
    for head in StoredRow::all(heads)? {
        let permissions = permissions.remove(&head.root_id).unwrap_or_default();
        let root = head.root_id.clone();
        found.insert(root, Existing { head, public: None, versions: BTreeSet::new(), permissions });
    }
    for public in StoredRow::all(publics)? {
        if let Some(existing) = found.get_mut(&public.root_id) {
            existing.public = Some(public);
        }
    }
    for row in numbers.iter() {
        if let Some(existing) = found.get_mut(row.text(0)?) {
            existing.versions.insert(row.integer(1)?);
        }
    }
    Ok(found)
}

/// Ids for `json_each`.
pub(super) fn id_list(ids: &[&str]) -> Value {
    Json::from(ids.to_vec()).to_string().into()
}
