//! What an import asks the database that it writes to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::{Value as Json, json};
use stratus_access::TenantId;
use stratus_storage::{Consistency, Database, Result, Statement};

use super::{
    stored::id_list,
    wanted::{Wanted, WantedRow},
};
use crate::{
    collection::Collection,
    physical::{Index, Key, State},
    registry::Registry,
    validate::FieldError,
};

/// A slug that is looked up: its collection, its locale, the id of its parent or nothing, itself.
pub(super) type Spot = (String, String, String, String);

/// The database that is written to, for one tenant.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) database: Arc<dyn Database>,
    pub(super) registry: Arc<Registry>,
    pub(super) tenant: TenantId,
}

/// What is there under an id.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) collection: String,
    pub(super) slug: Option<String>,
    pub(super) is_ours: bool,
}

impl Target {
    /// What there is under some ids, of any collection and tenant.
    pub(super) async fn roots(&self, ids: &[&str]) -> Result<HashMap<String, Root>> {
        let sql = "SELECT d.root_id AS root_id, d.type_id AS type_id, d.slug AS slug, d.tenant_id = ?2 AS is_ours \
             FROM json_each(?1) AS t CROSS JOIN documents AS d INDEXED BY documents_head \
             ON d.root_id = t.value AND d.is_current_draft = 1";
        let statement = Statement::new(sql, vec![id_list(ids), self.tenant.as_str().into()]);
        let rows = self.database.session(Consistency::Primary).query(&statement).await?;
        let mut roots = HashMap::new();
        for row in rows.iter() {
            let root = Root {
                collection: row.text(1)?.to_owned(),
                slug: row.optional_text(2)?.map(str::to_owned),
                is_ours: row.flag(3)?,
            };
            roots.insert(row.text(0)?.to_owned(), root);
        }
        Ok(roots)
    }

    /// The ids, of those given, whose documents are live, with their collections.
    pub(super) async fn live(&self, ids: &[&str]) -> Result<Vec<(String, String)>> {
        let sql = "SELECT d.root_id AS root_id, d.type_id AS type_id FROM json_each(?1) AS t \
             CROSS JOIN documents AS d INDEXED BY documents_head ON d.root_id = t.value AND d.is_current_draft = 1 \
             WHERE d.tenant_id = ?2 AND d.deleted_at IS NULL";
        let statement = Statement::new(sql, vec![id_list(ids), self.tenant.as_str().into()]);
        let rows = self.database.session(Consistency::Primary).query(&statement).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
    }

    /// The live documents whose heads have some slugs.
    pub(super) async fn heads_with(&self, spots: &BTreeSet<Spot>) -> Result<HashMap<Spot, String>> {
        let mut found = HashMap::new();
        self.with_slugs(spots, &[State::Draft], &mut |spot, root| {
            found.insert(spot, root);
        })
        .await?;
        Ok(found)
    }

    /// Which of some slugs are taken, by a head or in public.
    pub(super) async fn taken(&self, spots: &BTreeSet<Spot>) -> Result<BTreeSet<Spot>> {
        let mut taken = BTreeSet::new();
        self.with_slugs(spots, &[State::Draft, State::Published], &mut |spot, _| {
            taken.insert(spot);
        })
        .await?;
        Ok(taken)
    }

    async fn with_slugs(
        &self,
        spots: &BTreeSet<Spot>,
        states: &[State],
        found: &mut (dyn FnMut(Spot, String) + Send),
    ) -> Result<()> {
        let mut by_collection = BTreeMap::<&str, Vec<[&str; 3]>>::new();
        for (collection, locale, parent, slug) in spots {
            by_collection.entry(collection).or_default().push([locale, parent, slug]);
        }
        let mut looks = Vec::new();
        let mut names = Vec::new();
        for (name, spots) in by_collection {
            let Some(collection) = self.registry.collection(name) else { continue };
            let list = json!(spots).to_string();
            for state in states {
                let Some(index) = collection.slug_index(*state) else { continue };
                let sql = format!(
                    "SELECT d.locale AS locale, d.parent_root_id AS parent, d.slug AS slug, d.root_id AS root_id \
                     FROM json_each(?1) AS t CROSS JOIN documents AS d INDEXED BY {} ON d.tenant_id = ?2 \
                     AND d.locale = json_extract(t.value, '$[0]') AND d.parent_root_id = json_extract(t.value, '$[1]') \
                     AND d.slug = json_extract(t.value, '$[2]') WHERE d.type_id = '{name}' AND d.{} AND d.slug IS NOT NULL",
                    index.name,
                    state.rows().replace("AND ", "AND d.")
                );
                let params = vec![list.as_str().into(), self.tenant.as_str().into()];
                looks.push(Statement::new(sql, params));
                names.push(name);
            }
        }
        if looks.is_empty() {
            return Ok(());
        }
        let answers = self.database.session(Consistency::Primary).batch(&looks).await?;
        for (rows, name) in answers.iter().zip(names) {
            for row in rows.iter() {
                let text = |column| row.text(column).map(str::to_owned);
                found((name.to_owned(), text(0)?, text(1)?, text(2)?), text(3)?);
            }
        }
        Ok(())
    }

    /// What in a batch is not unique: among its documents, or with one that is there. Each fault is
    /// of the document at that place in `wanted`.
    pub(super) async fn clashes(
        &self,
        wanted: &[(&Collection, &str, &Wanted)],
    ) -> Result<Vec<(usize, FieldError)>> {
        let mut clashes = Vec::new();
        let batch = wanted.iter().map(|it| it.1).collect::<BTreeSet<_>>();
        let names = wanted.iter().map(|it| it.0.name()).collect::<BTreeSet<_>>();
        for collection in names.into_iter().filter_map(|it| self.registry.collection(it)) {
            for index in collection.indexes().iter().filter(|it| it.unique) {
                let mut keys = Vec::new();
                let mut seen = HashMap::new();
                for (n, (of, root, wanted)) in
                    wanted.iter().enumerate().filter(|it| it.1.0.name() == collection.name())
                {
                    let Some(key) = key_of(of, index, wanted) else { continue };
                    match seen.insert(Json::Array(key.clone()).to_string(), *root) {
                        Some(other) => clashes.push((n, not_unique(index, &key, other))),
                        None => keys.push((n, key)),
                    }
                }
                self.clashes_in(collection, index, &keys, &batch, &mut clashes).await?;
            }
        }
        self.group_clashes(wanted, &batch, &mut clashes).await?;
        clashes.sort_by_key(|it| it.0);
        Ok(clashes)
    }

    async fn clashes_in(
        &self,
        collection: &Collection,
        index: &Index,
        keys: &[(usize, Vec<Json>)],
        batch: &BTreeSet<&str>,
        clashes: &mut Vec<(usize, FieldError)>,
    ) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let columns = index.keys.iter().map(|(key, _)| key);
        let matches = |(n, key): (usize, &Key)| {
            let not_null =
                if key.nullable { format!(" AND d.{} IS NOT NULL", key.column) } else { String::new() };
            format!(" AND d.{} = json_extract(t.value, '$[{}]'){not_null}", key.column, n + 1)
        };
        let sql = format!(
            "SELECT t.key AS n, d.root_id AS root_id FROM json_each(?1) AS t \
             CROSS JOIN documents AS d INDEXED BY {} ON d.tenant_id = ?2 AND d.locale = json_extract(t.value, '$[0]'){} \
             WHERE d.type_id = '{}' AND d.{}",
            index.name,
            columns.enumerate().map(matches).collect::<String>(),
            collection.name(),
            index.state.rows().replace("AND ", "AND d.")
        );
        let list = Json::from(keys.iter().map(|it| Json::Array(it.1.clone())).collect::<Vec<_>>());
        let statement = Statement::new(sql, vec![list.to_string().into(), self.tenant.as_str().into()]);
        for row in self.database.session(Consistency::Primary).query(&statement).await?.iter() {
            let other = row.text(1)?;
            let key = usize::try_from(row.integer(0)?).ok().and_then(|n| keys.get(n));
            // What is in the batch itself may be about to give it up.
            if let Some((n, key)) = key.filter(|_| !batch.contains(other)) {
                clashes.push((*n, not_unique(index, key, other)));
            }
        }
        Ok(())
    }

    async fn group_clashes(
        &self,
        wanted: &[(&Collection, &str, &Wanted)],
        batch: &BTreeSet<&str>,
        clashes: &mut Vec<(usize, FieldError)>,
    ) -> Result<()> {
        let mut seen = HashMap::new();
        let mut keys = Vec::new();
        for (n, (_, root, wanted)) in wanted.iter().enumerate() {
            let Some(group) = wanted.group.as_deref().filter(|it| !it.is_empty()) else { continue };
            let key = (group, wanted.head.locale.as_str());
            match seen.insert(key, *root) {
                Some(other) => clashes.push((n, same_group(other))),
                None => keys.push((n, key)),
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let sql = "SELECT t.key AS n, d.root_id AS root_id FROM json_each(?1) AS t \
             CROSS JOIN documents AS d INDEXED BY documents_translation ON d.tenant_id = ?2 \
             AND d.translation_group_id = json_extract(t.value, '$[0]') AND d.locale = json_extract(t.value, '$[1]') \
             WHERE d.is_current_draft = 1 AND d.deleted_at IS NULL AND d.translation_group_id <> ''";
        let list = json!(keys.iter().map(|it| it.1).collect::<Vec<_>>()).to_string();
        let statement = Statement::new(sql, vec![list.into(), self.tenant.as_str().into()]);
        for row in self.database.session(Consistency::Primary).query(&statement).await?.iter() {
            let other = row.text(1)?;
            let key = usize::try_from(row.integer(0)?).ok().and_then(|n| keys.get(n));
            if let Some((n, _)) = key.filter(|_| !batch.contains(other)) {
                clashes.push((*n, same_group(other)));
            }
        }
        Ok(())
    }

    /// Whether a document would be among its own ancestors below a new parent. `moved` are parents
    /// that are about to change.
    pub(super) async fn is_below(
        &self,
        root: &str,
        parent: &str,
        moved: &HashMap<&str, Option<&str>>,
    ) -> Result<bool> {
        /// Deeper than any tree that people keep.
        const MAX_STEPS: usize = 1_000;
        let mut at = parent.to_owned();
        for _ in 0..MAX_STEPS {
            if at == root {
                return Ok(true);
            }
            let above = match moved.get(at.as_str()) {
                Some(above) => above.map(str::to_owned),
                None => self.parent_of(&at).await?,
            };
            match above {
                Some(above) => at = above,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn parent_of(&self, root: &str) -> Result<Option<String>> {
        let sql = "SELECT parent_root_id AS parent FROM documents INDEXED BY documents_head \
             WHERE root_id = ?1 AND is_current_draft = 1";
        let statement = Statement::new(sql, vec![root.into()]);
        let rows = self.database.session(Consistency::Primary).query(&statement).await?;
        let parent = rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?;
        Ok(parent.filter(|it| !it.is_empty()))
    }

    /// Whether a write was committed whose answer was lost.
    pub(super) fn receipt(op_id: &stratus_storage::OpId) -> Statement {
        stratus_events::receipt(op_id)
    }

    /// How many bytes a content has at most.
    pub(super) fn row_bytes(&self) -> usize {
        // Room for the columns beside the content, and for the page that holds them.
        self.database.limits().row_bytes.min(2_000_000) - 4_096
    }
}

/// The values of a unique index for a document, its locale first; nothing if one of them is absent.
fn key_of(collection: &Collection, index: &Index, wanted: &Wanted) -> Option<Vec<Json>> {
    let row = wanted.row_in(index.state)?;
    let mut key = vec![Json::from(row.locale.as_str())];
    for (it, _) in &index.keys {
        key.push(match it.name.as_str() {
            "slug" if it.column == "slug" => Json::from(row.slug.as_deref()?),
            "parent" if it.column == "parent_root_id" => {
                Json::from(row.parent.as_deref().unwrap_or_default())
            }
            path => stored_value(collection, path, row)?,
        });
    }
    Some(key)
}

fn stored_value(collection: &Collection, path: &str, row: &WantedRow) -> Option<Json> {
    collection.public_field_at(path)?;
    let mut names = path.split('.');
    let mut value = row.fields.get(names.next()?)?;
    for name in names {
        value = value.get(name)?;
    }
    match value {
        Json::Bool(flag) => Some(Json::from(i64::from(*flag))),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
        other => Some(other.clone()),
    }
}

fn not_unique(index: &Index, key: &[Json], other: &str) -> FieldError {
    let name = index.keys.last().map(|(key, _)| key.name.as_str()).unwrap_or_default();
    let value = key.last().cloned().unwrap_or_default();
    if name == "slug" {
        let slug = value.as_str().unwrap_or_default();
        return FieldError::new("/slug", "slug_taken", format!("the document {other} has the slug `{slug}`"));
    }
    let at = name.split('.').fold("/fields".to_owned(), |at, name| crate::validate::pointer(&at, name));
    FieldError::new(at, "not_unique", format!("the document {other} has the value of `{name}`"))
}

fn same_group(other: &str) -> FieldError {
    let message = format!("the document {other} is the translation into this locale");
    FieldError::new("/translationGroup", "not_unique", message)
}
