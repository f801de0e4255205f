//! Whether the schema is what it should be: columns and indexes that are missing, that are others
//! under the right name, or that `schema_state` is wrong about; and putting it right.

use std::collections::{BTreeMap, BTreeSet};

use stratus_storage::{Clock, Consistency, Database, Error, Session, Statement};

use crate::{
    GeneratedColumn, IndexDefinition, MigrationError, MigrationSet,
    schema::{Kind, Wanted, creation, is_name, record},
    split,
};

/// What is wrong with a column or an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// What has its name is another one.
    Different,
    /// It is as it should be, and `schema_state` doesn't say so.
    Unrecorded,
    /// `schema_state` has it, and it is not there.
    Ghost,
}

/// A column or an index with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// The column or the index.
    pub name: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What came of a repair.
#[derive(Debug, Default)]
pub struct SchemaRepair {
    /// What is as it should be now.
    pub repaired: Vec<String>,
    /// What the database refused, and why: a unique index over rows that are not, for one.
    pub refused: Vec<(String, Error)>,
}

/// Compares the schema with what sets of migrations made and with what collections need. What
/// nobody needs is no fault. Indexes of tables that are not there are left out.
///
/// # Errors
///
/// [`MigrationError::InvalidDefinition`] and [`MigrationError::Malformed`] for what the program
/// gives; [`MigrationError::Storage`] when the database can't be looked at.
pub async fn audit_schema(
    database: &dyn Database,
    sets: &[&MigrationSet],
    columns: &[GeneratedColumn],
    indexes: &[IndexDefinition],
) -> Result<Vec<SchemaFault>, MigrationError> {
    let needed = Needed::of(sets, columns, indexes)?;
    let present = Present::read(&*database.session(Consistency::Primary)).await?;
    let faults = needed.faults(&present).into_iter();
    let mut faults: Vec<_> =
        faults.map(|(it, fault)| SchemaFault { name: it.wanted.name.clone(), fault }).collect();
    let ghosts: Vec<_> = present.ghosts().filter(|name| faults.iter().all(|it| it.name != *name)).collect();
    faults.extend(ghosts.into_iter().map(|name| SchemaFault { name, fault: Fault::Ghost }));
    Ok(faults)
}

/// Puts right what [`audit_schema`] finds: each column and each index in a batch of its own, so that
/// one which the database refuses is in nobody's way.
///
/// # Errors
///
/// Those of [`audit_schema`]. What the database refuses is part of the answer.
pub async fn repair_schema(
    database: &dyn Database,
    clock: &dyn Clock,
    sets: &[&MigrationSet],
    columns: &[GeneratedColumn],
    indexes: &[IndexDefinition],
) -> Result<SchemaRepair, MigrationError> {
    let needed = Needed::of(sets, columns, indexes)?;
    let session = database.session(Consistency::Primary);
    let mut repair = SchemaRepair::default();
    // A column that is replaced takes its indexes with it, so that they are looked for after it.
    for kind in [Kind::Column, Kind::Index] {
        let present = Present::read(&*session).await?;
        for (it, fault) in needed.faults(&present).into_iter().filter(|(it, _)| it.kind == kind) {
            match session.batch(&present.cure(it, fault, clock)).await {
                Ok(_) => repair.repaired.push(it.wanted.name.clone()),
                Err(error) => repair.refused.push((it.wanted.name.clone(), error)),
            }
        }
    }
    let ghosts: Vec<_> = Present::read(&*session).await?.ghosts().collect();
    for name in ghosts {
        let forget = Statement::new("DELETE FROM schema_state WHERE name = ?1", vec![name.as_str().into()]);
        session.batch(&[forget]).await?;
        if repair.refused.iter().all(|it| it.0 != name) {
            repair.repaired.push(name);
        }
    }
    Ok(repair)
}

/// Something that must be there.
#[derive(Debug)]
struct Item {
    kind: Kind,
    wanted: Wanted,
    /// The table of an index that a migration made; those are not recorded.
    migrated: Option<String>,
}

/// Everything that must be there, each once.
#[derive(Debug)]
struct Needed(Vec<Item>);

impl Needed {
    fn of(
        sets: &[&MigrationSet],
        columns: &[GeneratedColumn],
        indexes: &[IndexDefinition],
    ) -> Result<Self, MigrationError> {
        let mut items = Vec::new();
        for column in columns {
            let wanted = Wanted { name: column.name.clone(), definition: column.definition()? };
            items.push(Item { kind: Kind::Column, wanted, migrated: None });
        }
        for index in indexes {
            index.check()?;
            let wanted = Wanted { name: index.name.clone(), definition: index.sql.clone() };
            items.push(Item { kind: Kind::Index, wanted, migrated: None });
        }
        items.extend(indexes_of(sets)?);
        let mut seen = BTreeSet::new();
        items.retain(|it| seen.insert(it.wanted.name.clone()));
        Ok(Self(items))
    }

    fn faults(&self, present: &Present) -> Vec<(&Item, Fault)> {
        self.0.iter().filter_map(|it| Some((it, present.fault(it)?))).collect()
    }
}

/// The indexes that migrations make and that no later one drops.
fn indexes_of(sets: &[&MigrationSet]) -> Result<Vec<Item>, MigrationError> {
    let mut migrations: Vec<_> = sets.iter().flat_map(|set| set.migrations).collect();
    migrations.sort_by_key(|it| it.id);
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for migration in migrations {
        let statements = split(migration.sql)
            .map_err(|source| MigrationError::Malformed { name: migration.name, source })?;
        for statement in statements {
            let words: Vec<_> = statement.split_ascii_whitespace().collect();
            match words[..] {
                ["CREATE", "INDEX", name, "ON", table, ..]
                | ["CREATE", "UNIQUE", "INDEX", name, "ON", table, ..] => {
                    let table = table.split('(').next().unwrap_or_default().to_owned();
                    let wanted = Wanted { name: name.to_owned(), definition: statement.to_owned() };
                    let item = Item { kind: Kind::Index, wanted, migrated: Some(table) };
                    items.insert(name.to_owned(), item);
                }
                ["DROP", "INDEX", .., name] => {
                    items.remove(name);
                }
                _ => {}
            }
        }
    }
    Ok(items.into_values().collect())
}

/// What is there: one snapshot.
#[derive(Debug, Default)]
struct Present {
    tables: BTreeMap<String, String>,
    indexes: BTreeMap<String, String>,
    columns: BTreeSet<String>,
    recorded: BTreeMap<String, (String, String)>,
}

impl Present {
    async fn read(session: &dyn Session) -> Result<Self, Error> {
        let looks = [
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL",
            "SELECT name FROM pragma_table_xinfo('documents')",
            "SELECT name, kind, definition FROM schema_state",
        ];
        let mut present = Self::default();
        let results = session.batch(&looks.map(Statement::bare)).await?;
        for (look, row) in results.iter().enumerate().flat_map(|(n, rows)| rows.iter().map(move |it| (n, it)))
        {
            let text = |column| row.text(column).map(str::to_owned);
            match look {
                0 if row.text(0)? == "table" => drop(present.tables.insert(text(1)?, text(2)?)),
                0 => drop(present.indexes.insert(text(1)?, text(2)?)),
                1 => drop(present.columns.insert(text(0)?)),
                _ => drop(present.recorded.insert(text(0)?, (text(1)?, text(2)?))),
            }
        }
        Ok(present)
    }

    fn fault(&self, item: &Item) -> Option<Fault> {
        let Wanted { name, definition } = &item.wanted;
        if item.migrated.as_ref().is_some_and(|table| !self.tables.contains_key(table)) {
            return None;
        }
        let is_right = match item.kind {
            Kind::Index => self.indexes.get(name).map(|it| same(it, definition)),
            // SQLite appends the text of an added column to that of its table.
            Kind::Column => {
                let documents = self.tables.get("documents").map(String::as_str).unwrap_or_default();
                self.columns.contains(name).then(|| documents.contains(definition.as_str()))
            }
        };
        match is_right {
            None => Some(Fault::Missing),
            Some(false) => Some(Fault::Different),
            Some(true) if item.migrated.is_some() => None,
            Some(true) => {
                let recorded = self.recorded.get(name);
                let is_recorded = recorded.is_some_and(|it| it.0 == item.kind.name() && it.1 == *definition);
                (!is_recorded).then_some(Fault::Unrecorded)
            }
        }
    }

    /// What `schema_state` has and the database has not.
    fn ghosts(&self) -> impl Iterator<Item = String> {
        let is_there = |name: &String| self.columns.contains(name) || self.indexes.contains_key(name);
        self.recorded.keys().filter(move |name| !is_there(name)).cloned()
    }

    /// What puts an item right, as one batch.
    fn cure(&self, item: &Item, fault: Fault, clock: &dyn Clock) -> Vec<Statement> {
        let mut statements = Vec::new();
        if fault == Fault::Different {
            statements.extend(self.removal(item));
        }
        if matches!(fault, Fault::Missing | Fault::Different) {
            statements.push(creation(item.kind, &item.wanted));
        }
        if item.migrated.is_none() {
            statements.push(record(item.kind, &item.wanted, clock));
        }
        statements
    }

    /// Drops what has an item's name; of a column also the indexes over it, which come back after it.
    fn removal(&self, item: &Item) -> Vec<Statement> {
        let name = item.wanted.name.as_str();
        if item.kind == Kind::Index {
            return vec![Statement::bare(format!("DROP INDEX {name}"))];
        }
        let is_over =
            |sql: &str| sql.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).any(|it| it == name);
        let over = self.indexes.iter().filter(|(index, sql)| is_name(index, "ix_") && is_over(sql));
        let drops = over.map(|(index, _)| Statement::bare(format!("DROP INDEX {index}")));
        drops.chain([Statement::bare(format!("ALTER TABLE documents DROP COLUMN {name}"))]).collect()
    }
}

/// Whether two statements are one but for white space, which SQLite changes at their beginning.
fn same(left: &str, right: &str) -> bool {
    left.split_ascii_whitespace().eq(right.split_ascii_whitespace())
}
