//! What an import under way knows of its file, in tables: nothing of it grows in memory.
//!
//! The stage may be in another database than the documents, as in a trial run, so that no
//! statement here touches any other table.

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Result, Row, Rows, Statement, Timestamp, Value};

/// How many lines are added in one statement, and how many bytes it has at most, about.
const ADD_LINES: usize = 4_000;
const ADD_BYTES: usize = 900_000;
/// How many rows go at once when an import is forgotten.
const FORGET_STEP: u32 = 20_000;
/// An import that nobody went on with for so long is forgotten.
const KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
/// The bits of a place that are the number of the line.
const LINE_BITS: u32 = 40;

const ADD: &str = "INSERT INTO import_lines (import_id, place, position, bytes, collection, locale, parent, slug, \
     base, given_id, root_id, state) SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]'), \
     json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'), \
     json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]'), \
     json_extract(value, '$[8]'), json_extract(value, '$[9]'), json_extract(value, '$[10]') \
     FROM json_each(?2) WHERE 1 ON CONFLICT (import_id, place) DO UPDATE SET state = excluded.state \
     WHERE import_lines.state <> excluded.state";

const COLUMNS: &str = "l.place AS place, l.position AS position, l.bytes AS bytes, l.collection AS collection, \
     l.locale AS locale, l.parent AS parent, l.slug AS slug, l.base AS base, l.given_id AS given_id, \
     l.root_id AS root_id, l.state AS state";

/// Where a line stands in the order of writing.
pub(super) fn place_of(rank: i64, line: u64) -> i64 {
    rank << LINE_BITS | line.cast_signed()
}

/// The number of the line at a place.
pub(super) fn line_of(place: i64) -> u64 {
    (place & ((1 << LINE_BITS) - 1)).unsigned_abs()
}

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not written yet, unless its place was passed.
    Staged = 0,
    /// It waits for others.
    Waits = 1,
    /// It is not imported.
    Failed = 2,
    /// It waited, and was written.
    Written = 3,
}

/// A staged line.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    pub(super) place: i64,
    pub(super) position: u64,
    pub(super) bytes: u64,
    pub(super) collection: String,
    pub(super) locale: String,
    /// An id, or a slug until it was looked up; empty at the top.
    pub(super) parent: String,
    pub(super) slug: Option<String>,
    /// What its slug is derived from, if the line has none.
    pub(super) base: Option<String>,
    pub(super) given_id: Option<String>,
    pub(super) root_id: String,
    pub(super) state: State,
}

impl Staged {
    pub(super) fn line(&self) -> u64 {
        line_of(self.place)
    }

    fn decode(row: Row<'_>) -> Result<Self> {
        let optional =
            |column| Ok::<_, stratus_storage::Error>(row.optional_text(column)?.map(str::to_owned));
        Ok(Self {
            place: row.integer(0)?,
            position: row.integer(1)?.unsigned_abs(),
            bytes: row.integer(2)?.unsigned_abs(),
            collection: row.text(3)?.to_owned(),
            locale: row.text(4)?.to_owned(),
            parent: row.text(5)?.to_owned(),
            slug: optional(6)?,
            base: optional(7)?,
            given_id: optional(8)?,
            root_id: row.text(9)?.to_owned(),
            state: match row.integer(10)? {
                0 => State::Staged,
                1 => State::Waits,
                2 => State::Failed,
                _ => State::Written,
            },
        })
    }

    fn all(rows: &Rows) -> Result<Vec<Self>> {
        rows.iter().map(Self::decode).collect()
    }

    fn to_json(&self) -> String {
        serde_json::json!([
            self.place,
            self.position,
            self.bytes,
            self.collection,
            self.locale,
            self.parent,
            self.slug,
            self.base,
            self.given_id,
            self.root_id,
            self.state as i64
        ])
        .to_string()
    }
}

/// The staged lines of one import.
pub(super) struct Stage {
    database: Arc<dyn Database>,
    import: i64,
    added: Vec<String>,
    added_bytes: usize,
}

impl Stage {
    /// Begins an import, or goes on with the one of that fingerprint.
    pub(super) async fn open(database: Arc<dyn Database>, fingerprint: &str, now: Timestamp) -> Result<Self> {
        let session = database.session(Consistency::Primary);
        let statements = [
            Statement::new(
                "INSERT INTO imports (fingerprint, started_at) VALUES (?1, ?2) \
                 ON CONFLICT (fingerprint) DO UPDATE SET started_at = excluded.started_at",
                vec![fingerprint.into(), Value::Integer(now)],
            ),
            Statement::new("SELECT id FROM imports WHERE fingerprint = ?1", vec![fingerprint.into()]),
            Statement::new(
                "SELECT id FROM imports WHERE started_at < ?1 LIMIT 100",
                vec![Value::Integer(now - KEPT_MILLIS)],
            ),
        ];
        let rows = session.batch(&statements).await?;
        let ids = |n: usize| rows.get(n).into_iter().flat_map(Rows::iter).map(|row| row.integer(0));
        let import = ids(1).next().transpose()?.unwrap_or_default();
        let forgotten = ids(2).collect::<Result<Vec<_>>>()?;
        let stage = Self { database, import, added: Vec::new(), added_bytes: 0 };
        for old in forgotten {
            stage.forget(old).await?;
        }
        // What waited or failed the last time may not today.
        stage.run("UPDATE import_lines SET state = 0 WHERE import_id = ?1 AND state <> 0", vec![]).await?;
        stage.run("DELETE FROM import_waits WHERE import_id = ?1", vec![]).await?;
        Ok(stage)
    }

    /// Adds a line. One that is there from the last time stays, but for whether it can be read.
    pub(super) async fn add(&mut self, line: &Staged) -> Result<()> {
        let row = line.to_json();
        self.added_bytes += row.len();
        self.added.push(row);
        if self.added.len() >= ADD_LINES || self.added_bytes >= ADD_BYTES {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Writes what was added.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.added.is_empty() {
            return Ok(());
        }
        let rows = format!("[{}]", self.added.join(","));
        self.added.clear();
        self.added_bytes = 0;
        self.run(ADD, vec![rows.into()]).await
    }

    /// The lines after a place, in order.
    pub(super) async fn after(&self, place: i64, limit: u32) -> Result<Vec<Staged>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM import_lines AS l WHERE l.import_id = ?1 AND l.place > ?2 \
             ORDER BY l.place LIMIT ?3"
        );
        Staged::all(&self.ask(sql, vec![Value::Integer(place), limit.into()]).await?)
    }

    /// The lines at some places.
    pub(super) async fn at(&self, places: &[i64]) -> Result<Vec<Staged>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM json_each(?2) AS t CROSS JOIN import_lines AS l \
             ON l.import_id = ?1 AND l.place = t.value ORDER BY l.place"
        );
        Staged::all(&self.ask(sql, vec![list(places)]).await?)
    }

    /// The lines of some documents; of one that failed and one that did not, the latter is last.
    pub(super) async fn of_roots(&self, ids: &[&str]) -> Result<Vec<Staged>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM json_each(?2) AS t CROSS JOIN import_lines AS l INDEXED BY import_lines_root \
             ON l.import_id = ?1 AND l.root_id = t.value ORDER BY l.state = 2 DESC"
        );
        Staged::all(&self.ask(sql, vec![list(ids)]).await?)
    }

    /// The lines at the top whose collection and slug are among these; those that failed last.
    pub(super) async fn of_slugs(&self, slugs: &[(&str, &str)]) -> Result<Vec<Staged>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM json_each(?2) AS t CROSS JOIN import_lines AS l INDEXED BY import_lines_slug \
             ON l.import_id = ?1 AND l.collection = json_extract(t.value, '$[0]') \
             AND l.slug = json_extract(t.value, '$[1]') WHERE l.slug IS NOT NULL ORDER BY l.state = 2"
        );
        Staged::all(&self.ask(sql, vec![list(slugs)]).await?)
    }

    /// Of some ids that lines have given themselves, the documents that the lines turned out to be of.
    pub(super) async fn renamed(&self, ids: &[&str]) -> Result<Vec<(String, String)>> {
        let sql = "SELECT l.given_id AS given, l.root_id AS root FROM json_each(?2) AS t \
             CROSS JOIN import_lines AS l INDEXED BY import_lines_given \
             ON l.import_id = ?1 AND l.given_id = t.value AND l.given_id <> l.root_id";
        let rows = self.ask(sql.to_owned(), vec![list(ids)]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
    }

    /// Notes what was found out about lines. A statement a line: joined with a list, SQLite walks
    /// the list for each line of the file.
    pub(super) async fn settle(&self, lines: &[Staged]) -> Result<()> {
        let note = |it: &Staged| {
            let params = vec![
                Value::Integer(self.import),
                Value::Integer(it.place),
                it.parent.as_str().into(),
                it.slug.as_deref().into(),
                it.root_id.as_str().into(),
            ];
            let sql = "UPDATE import_lines SET parent = ?3, slug = ?4, root_id = ?5 \
                 WHERE import_id = ?1 AND place = ?2";
            Statement::new(sql, params)
        };
        let statements: Vec<_> = lines.iter().map(note).collect();
        if !statements.is_empty() {
            self.database.session(Consistency::Primary).batch(&statements).await?;
        }
        Ok(())
    }

    /// Of the lines between two places, those that are of the same document or have the same slug
    /// as one before: `[place, place of the other, whether it is the slug]`.
    pub(super) async fn doubles(&self, from: i64, to: i64) -> Result<Vec<(i64, i64, bool)>> {
        let sql = "SELECT l.place AS place, (SELECT min(o.place) FROM import_lines AS o INDEXED BY import_lines_root \
             WHERE o.import_id = ?1 AND o.root_id = l.root_id AND o.place < l.place) AS same, \
             (SELECT min(o.place) FROM import_lines AS o INDEXED BY import_lines_slug WHERE o.import_id = ?1 \
             AND o.collection = l.collection AND o.slug = l.slug AND o.slug IS NOT NULL AND o.locale = l.locale \
             AND o.parent = l.parent AND o.place < l.place) AS slug \
             FROM import_lines AS l WHERE l.import_id = ?1 AND l.place BETWEEN ?2 AND ?3 AND l.state <> 2";
        let sql = format!("SELECT * FROM ({sql}) WHERE same IS NOT NULL OR slug IS NOT NULL ORDER BY place");
        let rows = self.ask(sql, vec![Value::Integer(from), Value::Integer(to)]).await?;
        let double = |row: Row<'_>| match (row.optional_integer(1)?, row.optional_integer(2)?) {
            (Some(same), _) => Ok((row.integer(0)?, same, false)),
            (None, slug) => Ok((row.integer(0)?, slug.unwrap_or_default(), true)),
        };
        rows.iter().map(double).collect()
    }

    /// The last place of the next few lines after one.
    pub(super) async fn step(&self, after: i64) -> Result<Option<i64>> {
        let sql = "SELECT max(place) AS place FROM (SELECT place FROM import_lines \
             WHERE import_id = ?1 AND place > ?2 ORDER BY place LIMIT 5000)";
        let rows = self.ask(sql.to_owned(), vec![Value::Integer(after)]).await?;
        rows.first().map_or(Ok(None), |row| row.optional_integer(0))
    }

    /// Notes that a line is not imported, though another of the same document may be.
    pub(super) async fn failed_alone(&self, place: i64) -> Result<()> {
        let sql = "UPDATE import_lines SET state = 2 WHERE import_id = ?1 AND place = ?2";
        self.run(sql, vec![Value::Integer(place)]).await
    }

    /// Notes that lines are not imported; whoever waits for one of them shall hear of it.
    pub(super) async fn failed(&self, lines: &[(i64, &str)]) -> Result<()> {
        self.left(lines, State::Failed).await
    }

    /// Notes that lines which waited are written.
    pub(super) async fn written(&self, lines: &[(i64, &str)]) -> Result<()> {
        self.left(lines, State::Written).await
    }

    async fn left(&self, lines: &[(i64, &str)], state: State) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let places = list(&lines.iter().map(|it| it.0).collect::<Vec<_>>());
        let roots = list(&lines.iter().map(|it| it.1).collect::<Vec<_>>());
        let id = Value::Integer(self.import);
        let statements = [
            Statement::new(
                "UPDATE import_lines SET state = ?3 WHERE import_id = ?1 \
                 AND place IN (SELECT value FROM json_each(?2))",
                vec![id.clone(), places.clone(), Value::Integer(state as i64)],
            ),
            Statement::new(
                "DELETE FROM import_waits WHERE import_id = ?1 AND place IN (SELECT value FROM json_each(?2))",
                vec![id.clone(), places],
            ),
            Statement::new(
                "DELETE FROM import_waits WHERE import_id = ?1 AND target IN (SELECT value FROM json_each(?2))",
                vec![id, roots],
            ),
        ];
        self.database.session(Consistency::Primary).batch(&statements).await.map(drop)
    }

    /// Notes what lines wait for: `[place, document]` each.
    pub(super) async fn wait(&self, waits: &[(i64, String)]) -> Result<()> {
        let id = Value::Integer(self.import);
        for waits in waits.chunks(ADD_LINES) {
            let rows = list(waits);
            let statements = [
                Statement::new(
                    "UPDATE import_lines SET state = 1 WHERE import_id = ?1 \
                     AND place IN (SELECT json_extract(value, '$[0]') FROM json_each(?2))",
                    vec![id.clone(), rows.clone()],
                ),
                Statement::new(
                    "INSERT INTO import_waits (import_id, place, target) \
                     SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2) \
                     WHERE 1 ON CONFLICT DO NOTHING",
                    vec![id.clone(), rows],
                ),
            ];
            self.database.session(Consistency::Primary).batch(&statements).await?;
        }
        Ok(())
    }

    /// The places of lines that wait for nothing any more.
    pub(super) async fn ready(&self, limit: usize) -> Result<Vec<i64>> {
        let sql = "SELECT l.place AS place FROM import_lines AS l INDEXED BY import_lines_state \
             WHERE l.import_id = ?1 AND l.state = 1 AND l.state <> 0 AND NOT EXISTS \
             (SELECT 1 FROM import_waits AS w WHERE w.import_id = ?1 AND w.place = l.place) ORDER BY l.place LIMIT ?2";
        self.places(sql, vec![Value::Integer(limit as i64)]).await
    }

    /// The first line that still waits.
    pub(super) async fn first_waiting(&self) -> Result<Option<i64>> {
        let sql = "SELECT l.place AS place FROM import_lines AS l INDEXED BY import_lines_state \
             WHERE l.import_id = ?1 AND l.state = 1 AND l.state <> 0 ORDER BY l.place LIMIT 1";
        Ok(self.places(sql, vec![]).await?.first().copied())
    }

    /// The places of lines that wait for some documents, and for nothing but these.
    pub(super) async fn followers(&self, of: &[&str], among: &[&str], limit: usize) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT w.place AS place FROM json_each(?2) AS t CROSS JOIN import_waits AS w \
             ON w.import_id = ?1 AND w.target = t.value WHERE NOT EXISTS (SELECT 1 FROM import_waits AS o \
             INDEXED BY import_waits_place WHERE o.import_id = ?1 AND o.place = w.place \
             AND o.target NOT IN (SELECT value FROM json_each(?3))) LIMIT ?4";
        self.places(sql, vec![list(of), list(among), Value::Integer(limit as i64)]).await
    }

    /// The places of the lines that a line waits for.
    pub(super) async fn waits_of(&self, place: i64) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT l.place AS place FROM import_waits AS w INDEXED BY import_waits_place \
             CROSS JOIN import_lines AS l INDEXED BY import_lines_root \
             ON l.import_id = ?1 AND l.root_id = w.target AND l.state = 1 \
             WHERE w.import_id = ?1 AND w.place = ?2 ORDER BY l.place";
        self.places(sql, vec![Value::Integer(place)]).await
    }

    /// Whether lines have given themselves ids of documents that they turned out not to be of.
    pub(super) async fn has_renames(&self) -> Result<bool> {
        let sql = "SELECT 1 AS place FROM import_lines INDEXED BY import_lines_given \
             WHERE import_id = ?1 AND given_id <> root_id LIMIT 1";
        Ok(!self.places(sql, vec![]).await?.is_empty())
    }

    /// Forgets everything: the import is complete.
    pub(super) async fn close(self) -> Result<()> {
        self.forget(self.import).await
    }

    /// In steps, so that nobody else waits long.
    async fn forget(&self, import: i64) -> Result<()> {
        let session = self.database.session(Consistency::Primary);
        for sql in [
            "DELETE FROM import_waits WHERE import_id = ?1 AND (target, place) IN (SELECT target, place \
             FROM import_waits WHERE import_id = ?1 LIMIT ?2) RETURNING 1 AS gone",
            "DELETE FROM import_lines WHERE import_id = ?1 AND place <= (SELECT max(place) FROM (SELECT place \
             FROM import_lines WHERE import_id = ?1 ORDER BY place LIMIT ?2)) RETURNING 1 AS gone",
        ] {
            loop {
                let step = Statement::new(sql, vec![Value::Integer(import), FORGET_STEP.into()]);
                let rows = session.batch(&[step]).await?;
                if rows.first().is_none_or(|it| it.len() < FORGET_STEP as usize) {
                    break;
                }
            }
        }
        let last = Statement::new("DELETE FROM imports WHERE id = ?1", vec![Value::Integer(import)]);
        session.batch(&[last]).await.map(drop)
    }

    async fn places(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<i64>> {
        self.ask(sql.to_owned(), params).await?.iter().map(|row| row.integer(0)).collect()
    }

    async fn ask(&self, sql: String, mut params: Vec<Value>) -> Result<Rows> {
        params.insert(0, Value::Integer(self.import));
        self.database.session(Consistency::Primary).query(&Statement::new(sql, params)).await
    }

    async fn run(&self, sql: &'static str, mut params: Vec<Value>) -> Result<()> {
        params.insert(0, Value::Integer(self.import));
        let statement = Statement::new(sql, params);
        self.database.session(Consistency::Primary).batch(&[statement]).await.map(drop)
    }
}

/// A list for `json_each`.
fn list<T: serde::Serialize>(items: &[T]) -> Value {
    serde_json::to_string(items).unwrap_or_default().into()
}
