//! The rows of a database, taken out and written again by bare rusqlite: the floor of every write.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, Statement, params_from_iter, types::Value};

type Row = Vec<Value>;

/// A table, and the column that says which document a row belongs to.
const FACETS: (&str, &str) = ("document_facets", "document_id");
const REFERENCES: (&str, &str) = ("document_references", "from_document_id");
const EVENTS: (&str, &str) = ("events", "document");

/// A version row with everything that is written beside it.
#[derive(Debug, Default)]
struct Document {
    row: Row,
    facets: Vec<Row>,
    references: Vec<Row>,
    events: Vec<Row>,
    generation: Row,
}

/// The documents of a database.
#[derive(Debug)]
pub(crate) struct Documents {
    documents: Vec<Document>,
}

impl Documents {
    /// Takes out all whose version rows come after `pk`.
    pub(crate) fn read_after(connection: &Connection, pk: i64) -> Result<Self> {
        let names = columns(connection, "documents")?;
        let at = |name: &str| names.iter().position(|it| it == name).context("`documents` lacks a column");
        let (pk_at, root_at, type_at) = (at("pk")?, at("root_id")?, at("type_id")?);
        let mut facets = by_document(connection, FACETS)?;
        let mut references = by_document(connection, REFERENCES)?;
        let mut events = by_document(connection, EVENTS)?;
        let generations = by_document(connection, ("generations", "collection"))?;
        let sql = format!("SELECT {} FROM documents WHERE pk > ?1 ORDER BY pk", names.join(", "));
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([pk], |row| owned(row, names.len()))?;
        let documents = rows.map(|row| {
            let row = row?;
            let key = key(&row[pk_at]);
            let generation = generations.get(&self::key(&row[type_at])).and_then(|it| it.first());
            Ok(Document {
                facets: facets.remove(&key).unwrap_or_default(),
                references: references.remove(&key).unwrap_or_default(),
                events: events.remove(&self::key(&row[root_at])).unwrap_or_default(),
                generation: generation.cloned().context("a collection without a generation")?,
                row,
            })
        });
        Ok(Self { documents: documents.collect::<Result<_>>()? })
    }

    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Writes all, so many to a transaction. Each document moves its generation, as a write that
    /// can be alone must.
    pub(crate) fn write(&self, connection: &Connection, group: usize) -> Result<()> {
        let mut inserts = Inserts::prepare(connection)?;
        for group in self.documents.chunks(group) {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            for document in group {
                inserts.document(document)?;
                inserts.generation(document)?;
            }
            connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Writes all in one transaction, generations once.
    pub(crate) fn write_at_once(&self, connection: &Connection) -> Result<()> {
        let mut inserts = Inserts::prepare(connection)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut last = HashMap::new();
        for document in &self.documents {
            inserts.document(document)?;
            last.insert(key(&document.generation[1]), document);
        }
        last.values().try_for_each(|document| inserts.generation(document))?;
        connection.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// Prepared statements.
struct Inserts<'connection> {
    document: Statement<'connection>,
    facet: Statement<'connection>,
    reference: Statement<'connection>,
    event: Statement<'connection>,
    generation: Statement<'connection>,
}

impl<'connection> Inserts<'connection> {
    fn prepare(connection: &'connection Connection) -> Result<Self> {
        let insert = |table: &str, then: &str| {
            let names = columns(connection, table)?;
            let places = vec!["?"; names.len()].join(", ");
            let sql = format!("INSERT INTO {table} ({}) VALUES ({places}){then}", names.join(", "));
            anyhow::Ok(connection.prepare(&sql)?)
        };
        Ok(Self {
            document: insert("documents", "")?,
            facet: insert(FACETS.0, "")?,
            reference: insert(REFERENCES.0, "")?,
            event: insert(EVENTS.0, "")?,
            generation: insert(
                "generations",
                " ON CONFLICT DO UPDATE SET seq = excluded.seq, public_seq = excluded.public_seq, \
                 stamp = excluded.stamp",
            )?,
        })
    }

    fn document(&mut self, document: &Document) -> Result<()> {
        self.document.execute(params_from_iter(&document.row))?;
        for (insert, rows) in [
            (&mut self.facet, &document.facets),
            (&mut self.reference, &document.references),
            (&mut self.event, &document.events),
        ] {
            for row in rows {
                insert.execute(params_from_iter(row))?;
            }
        }
        Ok(())
    }

    fn generation(&mut self, document: &Document) -> Result<()> {
        self.generation.execute(params_from_iter(&document.generation))?;
        Ok(())
    }
}

/// The columns that are written: generated ones are not.
fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA table_info({table})"))?;
    let names = statement.query_map([], |row| row.get(1))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The rows of a table by the text of one of its columns.
fn by_document(connection: &Connection, (table, column): (&str, &str)) -> Result<HashMap<String, Vec<Row>>> {
    let names = columns(connection, table)?;
    let at = names.iter().position(|it| it == column).context("a table lacks a column")?;
    let mut statement = connection.prepare(&format!("SELECT {} FROM {table}", names.join(", ")))?;
    let mut found: HashMap<String, Vec<Row>> = HashMap::new();
    for row in statement.query_map([], |row| owned(row, names.len()))? {
        let row = row?;
        found.entry(key(&row[at])).or_default().push(row);
    }
    Ok(found)
}

fn owned(row: &rusqlite::Row<'_>, width: usize) -> rusqlite::Result<Row> {
    (0..width).map(|at| row.get(at)).collect()
}

fn key(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(n) => n.to_string(),
        _ => String::new(),
    }
}
