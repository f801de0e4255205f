//! Creates through the service, against the same rows through bare rusqlite.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use stratus_document::Input;
use stratus_sqlite::SqliteOptions;
use tokio::{runtime::Builder, task::JoinSet};

use crate::{
    bare,
    content::{self, Targets, Writer},
    measure::{Side, now, take_turns},
    options::Context,
    report::{Section, Target},
    rows::Documents,
    store::{Kind, Store, runtime},
};

/// Documents that bare rusqlite puts in one transaction.
const GROUP: usize = 64;

/// Whether a document comes with a slug, or one has to be found for it.
#[derive(Clone, Copy, Debug)]
enum Slug {
    Given,
    Derived,
}

/// Compares creates by one writer, and by as many as fill a group.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let mut section = Section::new(
        "Writes",
        "Creates of public posts, each on disk before it is answered (`synchronous = FULL`); the floor inserts the \
         same rows of documents, facets, references, events and generations through prepared statements of \
         rusqlite, so many documents to a transaction. Time on the clock for one document.",
    );
    let template = Template::make(context)?;
    let (one, many) = if context.options.quick { (32, 512) } else { (200, 4_096) };
    for (what, writers, documents, slug, target) in [
        ("1 writer; floor: 1 a transaction", 1, one, Slug::Derived, Target::None),
        ("64 writers; floor: 64 a transaction", GROUP, many, Slug::Derived, Target::AtLeast(0.5)),
        ("64 writers, slug given; floor: 64 a transaction", GROUP, many, Slug::Given, Target::None),
    ] {
        let inputs = template.inputs(documents, slug);
        let [subject, floor] = template.times(context, &inputs, writers)?;
        section.rate(what, &subject, &floor, target);
    }
    Ok(section)
}

/// A database with what posts refer to, to be copied for each turn.
struct Template {
    folder: PathBuf,
    targets: Targets,
    last_pk: i64,
}

impl Template {
    fn make(context: &Context) -> Result<Self> {
        let folder = context.folder.join("writes-template");
        let _ = fs::remove_dir_all(&folder);
        let store = Store::open(&folder, Kind::Posts, SqliteOptions::default())?;
        let targets = runtime()?.block_on(store.create_targets(&Writer::new()))?;
        let folder = store.close()?;
        let connection = bare::reader(&folder.join("stratus.db"))?;
        let last_pk = connection.query_row("SELECT max(pk) FROM documents", [], |row| row.get(0))?;
        Ok(Self { folder, targets, last_pk })
    }

    fn inputs(&self, count: usize, slug: Slug) -> Arc<Vec<Input>> {
        let writer = Writer::new();
        let input = |number| {
            let slug = match slug {
                Slug::Given => Some(writer.slug(number)),
                Slug::Derived => None,
            };
            content::input(writer.post(number, &self.targets), slug)
        };
        Arc::new((0..count).map(input).collect())
    }

    fn copy_to(&self, folder: &Path) -> Result<PathBuf> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        let file = folder.join("stratus.db");
        fs::copy(self.folder.join("stratus.db"), &file)?;
        // What the copy left to be written should not be a part of the first commit.
        fs::File::open(&file)?.sync_all()?;
        Ok(file)
    }

    /// Seconds a document by the service, and by rusqlite.
    fn times(&self, context: &Context, inputs: &Arc<Vec<Input>>, writers: usize) -> Result<[Vec<f64>; 2]> {
        let (ours, theirs) = (context.folder.join("writes-service"), context.folder.join("writes-bare"));
        // What the service wrote in its first turn is what the floor writes in all of its own.
        let written: RefCell<Option<Documents>> = RefCell::default();
        let subject = || {
            let file = self.copy_to(&ours)?;
            let seconds = serve(&ours, inputs, writers)?;
            if written.borrow().is_none() {
                *written.borrow_mut() = Some(Documents::read_after(&bare::reader(&file)?, self.last_pk)?);
            }
            Ok(seconds)
        };
        let floor = || {
            let file = self.copy_to(&theirs)?;
            let written = written.borrow();
            replay(&bare::writer(&file)?, written.as_ref().context("the service comes first")?, writers)
        };
        let mut sides: Vec<Side<'_>> = vec![Box::new(subject), Box::new(floor)];
        let times = take_turns(context.rounds, &mut sides)?;
        <[Vec<f64>; 2]>::try_from(times).ok().context("two sides have two lists of times")
    }
}

/// Lets so many writers share the inputs, each waiting for its answer before it goes on.
fn serve(folder: &Path, inputs: &Arc<Vec<Input>>, writers: usize) -> Result<f64> {
    let store = Arc::new(Store::open(folder, Kind::Posts, SqliteOptions::default())?);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let runtime = Builder::new_multi_thread().worker_threads(threads).build()?;
    let since = now();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            let (store, inputs) = (Arc::clone(&store), Arc::clone(inputs));
            tasks.spawn(async move {
                for input in inputs.iter().skip(writer).step_by(writers) {
                    store.create("posts", input).await?;
                }
                anyhow::Ok(())
            });
        }
        tasks.join_all().await.into_iter().collect::<Result<()>>()
    })?;
    let seconds = since.elapsed().as_secs_f64() / inputs.len() as f64;
    drop(runtime);
    store.sqlite.close()?;
    Ok(seconds)
}

fn replay(connection: &Connection, written: &Documents, group: usize) -> Result<f64> {
    let since = now();
    written.write(connection, group)?;
    Ok(since.elapsed().as_secs_f64() / written.len() as f64)
}
