//! Reads through the repository, against the same SQL through bare rusqlite; and what SQLite does
//! for them as a collection grows.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use stratus_document::{
    CursorKey, DocumentRepository, ListParams, ListQuery, Operand, RawCondition, Scope, View,
};
use stratus_storage::Database;
use stratus_testkit::{CountingDatabase, RecordingDatabase};

use crate::{
    bare::{self, Query},
    content::Dice,
    measure::{Side, repeat, take_turns},
    options::Context,
    report::{Section, Target},
    store::{Kind, Store, public},
};

/// Documents that are read in turn.
const SAMPLE: usize = 1_000;

const POSTS: &str = "posts";

/// The reads that are compared, with how fast each must be.
const READS: [(Read, Target); 3] = [
    (Read::Id, Target::AtLeast(0.6)),
    (Read::Slug, Target::AtLeast(0.6)),
    (Read::List, Target::AtLeast(0.7)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Id,
    Slug,
    List,
}

impl Read {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "read by id",
            Self::Slug => "read by slug",
            Self::List => "list of 20",
        }
    }
}

/// Compares the repository with rusqlite.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let mut section = Section::new(
        "Repository",
        "The public reads posts; the floor runs the same SQL with the same parameters through rusqlite and copies \
         the same columns into a struct of strings. In brackets the floor that only steps. Processor time of the \
         thread.",
    );
    for size in context.options.sizes() {
        let store = Store::kept(context, Kind::Posts, size)?;
        for (read, target) in READS {
            let [subject, copying, stepping] = times(context, &store, read)?;
            let what = format!("{}, {size} documents", read.name());
            section.speed(&what, &subject, &copying, target);
            section.speed(format!("({what}, floor only steps)"), &subject, &stepping, Target::None);
        }
        store.close()?;
    }
    Ok(section)
}

fn times(context: &Context, store: &Store, read: Read) -> Result<[Vec<f64>; 3]> {
    let asked = Asked::of(store, read)?;
    let repository = repository(store, store.sqlite.clone());
    let queries = asked.record(store)?;
    let connection = bare::reader(&store.file())?;
    let expected = if read == Read::List { 21 } else { 1 };
    for query in &queries {
        let (copied, stepped) = (query.copy(&connection)?, query.step(&connection)?);
        ensure!((copied, stepped) == (expected, expected), "{} finds {copied} rows", read.name());
    }
    let mut number = 0..;
    let mut subject = || asked.ask(&repository, number.next().unwrap_or_default());
    let (mut to_copy, mut to_step) = (queries.iter().cycle(), queries.iter().cycle());
    let next = |queries: &mut dyn Iterator<Item = &Query>,
                run: fn(&Query, &rusqlite::Connection) -> Result<usize>| {
        queries.next().map_or(Ok(0), |query| run(query, &connection)).map(drop)
    };
    let mut sides: Vec<Side<'_>> = vec![
        Box::new(|| repeat(context.turn, &mut subject)),
        Box::new(|| repeat(context.turn, || next(&mut to_copy, Query::copy))),
        Box::new(|| repeat(context.turn, || next(&mut to_step, Query::step))),
    ];
    let times = take_turns(context.rounds, &mut sides)?;
    <[Vec<f64>; 3]>::try_from(times).ok().context("three sides have three lists of times")
}

/// Steps of SQLite's machine for the same reads, among few documents and among many.
pub(crate) fn work(context: &Context) -> Result<Section> {
    let mut section = Section::new(
        "Work",
        "Steps of SQLite's virtual machine for one read: among the most documents, and as the floor among the fewest. \
         Of a walk from cursor to cursor: for the last full page of 20 that another one follows, and as the floor for its \
         first.",
    );
    let sizes = context.options.sizes();
    let (few, many) = (sizes.first().copied().unwrap_or(1), context.options.largest());
    let (few_works, many_works) = (works(context, few)?, works(context, many)?);
    for (((read, _), few_steps), many_steps) in READS.iter().zip(few_works).zip(many_works) {
        let what = format!("{}, {few} → {many} documents", read.name());
        let shown = |steps: f64| format!("{steps:.0} steps");
        section.figure(
            what,
            shown(many_steps),
            shown(few_steps),
            many_steps / few_steps,
            Target::AtMost(1.05),
        );
    }
    for size in sizes {
        let store = Store::kept(context, Kind::Posts, size)?;
        for (name, filter) in WALKS {
            walk(&store, name, filter, &mut section)?;
        }
        store.close()?;
    }
    Ok(section)
}

/// What is walked through: all posts, and those that are featured.
const WALKS: [(&str, Option<&str>); 2] = [("a walk", None), ("a filtered walk", Some("featured"))];

/// Goes from cursor to cursor, twenty documents a page, and compares the last page that is like the
/// others, full and followed by another one, with the first.
fn walk(store: &Store, name: &str, filter: Option<&str>, section: &mut Section) -> Result<()> {
    let counting = Arc::new(CountingDatabase::new(store.sqlite.clone()));
    let repository = repository(store, counting.clone());
    let is_true = |path: &str| RawCondition::Test {
        path: path.to_owned(),
        operator: "eq".to_owned(),
        operand: Operand::Text("true".to_owned()),
        pointer: format!("filter[{path}]"),
    };
    let collection = store.registry.collection(POSTS).context("the demo has posts")?;
    let mut params = ListParams { filters: filter.map(is_true).into_iter().collect(), ..Default::default() };
    let mut works = Vec::new();
    loop {
        let query = ListQuery::parse(
            &store.registry,
            &public().tenant,
            collection,
            &params,
            repository.cursor_key(),
        )?;
        counting.reset();
        params.after = at_once(repository.list(&public(), POSTS, &query))?.next;
        if params.after.is_none() {
            break;
        }
        works.push(counting.reset().work as f64);
    }
    let [first, second, .., last] = works.as_slice() else { anyhow::bail!("{name} has too few pages") };
    let number = works.len();
    let shown = |steps: &f64| format!("{steps:.0} steps");
    for (floor, which, target) in [(second, 2, Target::AtMost(1.05)), (first, 1, Target::None)] {
        let what = format!("page {number} of {name}, beside page {which}");
        section.figure(what, shown(last), shown(floor), last / floor, target);
    }
    Ok(())
}

fn works(context: &Context, size: usize) -> Result<Vec<f64>> {
    let store = Store::kept(context, Kind::Posts, size)?;
    let counting = Arc::new(CountingDatabase::new(store.sqlite.clone()));
    let repository = repository(&store, counting.clone());
    let works = READS.iter().map(|(read, _)| {
        let asked = Asked::of(&store, *read)?;
        counting.reset();
        (0..100).try_for_each(|number| asked.ask(&repository, number))?;
        Ok(counting.reset().work as f64 / 100.0)
    });
    let works = works.collect();
    store.close()?;
    works
}

fn repository(store: &Store, database: Arc<dyn Database>) -> DocumentRepository {
    DocumentRepository::new(database, store.registry.clone(), store.clock.clone(), CursorKey::new([7; 32]))
}

/// What is asked for, over and over.
struct Asked {
    read: Read,
    scope: Scope,
    /// Ids and slugs.
    sample: Vec<(String, String)>,
    query: ListQuery,
}

impl Asked {
    fn of(store: &Store, read: Read) -> Result<Self> {
        let collection = store.registry.collection(POSTS).context("the demo has posts")?;
        let query = ListQuery::parse(
            &store.registry,
            &public().tenant,
            collection,
            &ListParams::default(),
            &CursorKey::new([7; 32]),
        )?;
        Ok(Self { read, scope: public(), sample: sample(store, SAMPLE)?, query })
    }

    fn ask(&self, repository: &DocumentRepository, number: usize) -> Result<()> {
        let (id, slug) = &self.sample[number % self.sample.len()];
        let view = View::default();
        match self.read {
            Read::Id => drop(at_once(repository.get(&self.scope, POSTS, id, &view))?),
            Read::Slug => drop(at_once(repository.get_by_slug(&self.scope, POSTS, slug, None, &view))?),
            Read::List => drop(at_once(repository.list(&self.scope, POSTS, &self.query))?),
        }
        Ok(())
    }

    /// The statements that the reads become.
    fn record(&self, store: &Store) -> Result<Vec<Query>> {
        let recording = Arc::new(RecordingDatabase::new(store.sqlite.clone()));
        let repository = repository(store, recording.clone());
        (0..self.sample.len()).try_for_each(|number| self.ask(&repository, number))?;
        let statements = recording.take();
        ensure!(statements.len() == self.sample.len(), "a read is one statement");
        Ok(statements.iter().map(Query::from).collect())
    }
}

/// Short reads run on the thread that asks, so there is nothing to wait for.
fn at_once<T>(read: impl Future<Output = stratus_document::Result<T>>) -> Result<T> {
    Ok(read.now_or_never().context("a read waited for something")??)
}

/// Ids and slugs of documents from everywhere in the collection.
pub(crate) fn sample(store: &Store, count: usize) -> Result<Vec<(String, String)>> {
    let connection = bare::reader(&store.file())?;
    let mut statement = connection
        .prepare("SELECT root_id, slug FROM documents WHERE type_id = 'posts' AND is_published = 1")?;
    let all = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let all = all.collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    ensure!(!all.is_empty(), "the database has no posts");
    let mut dice = Dice::new(11);
    Ok((0..count).map(|_| dice.pick(&all).clone()).collect())
}
