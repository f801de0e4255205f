//! Databases of a size: made once, kept in `target/bench`, made anew when their format changes.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_util::future::join_all;
use serde_json::Value as Json;
use stratus_access::{Caller, Principal, TenantId};
use stratus_document::{CollectionDefinition, CursorKey, DocumentsService, Input, Registry, Scope, install};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply};
use stratus_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use stratus_testkit::{SeededEntropy, SettableClock};
use tokio::runtime::{Builder, Runtime};

use crate::{
    bare,
    content::{self, EDITION, Targets, Writer},
    options::Context,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const AUTHORS: usize = 50;
const CATEGORIES: usize = 20;

/// When the first document was made.
const BEGINNING: i64 = 1_700_000_000_000;

/// Documents that are written side by side, so that they share a commit.
const TOGETHER: usize = 256;

/// A collection with nothing to derive and two indexes: its list and its slugs.
const NOTES: &str = r#"{
  "name": "notes",
  "slug": { "from": "title" },
  "grants": { "public": ["read"] },
  "fields": { "title": { "type": "text", "required": true }, "body": { "type": "markdown", "required": true } }
}"#;

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The demo's collections: posts with tags, an author and categories.
    Posts,
    /// Plain documents.
    Notes,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Notes => "notes",
        }
    }

    fn definitions(self) -> Result<Vec<String>> {
        match self {
            Self::Posts => ["authors", "categories", "posts", "comments"]
                .iter()
                .map(|name| collections_folder().join(name).with_extension("json"))
                .map(|path| {
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
                })
                .collect(),
            Self::Notes => Ok(vec![NOTES.to_owned()]),
        }
    }

    fn registry(self) -> Result<Registry> {
        let definitions = self.definitions()?;
        let definitions = definitions.iter().map(|text| CollectionDefinition::parse(text));
        let definitions = definitions.collect::<Result<Vec<_>, _>>()?;
        Registry::new(definitions).map_err(|errors| anyhow!("the definitions can't be used: {errors:?}"))
    }
}

/// The definitions of the demo.
pub(crate) fn collections_folder() -> PathBuf {
    Path::new(ROOT).join("fixtures/demo/collections")
}

/// A file of the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

/// A runtime on this thread alone.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// An open database with what is read and written through.
pub(crate) struct Store {
    /// The folder that holds `stratus.db`.
    pub(crate) folder: PathBuf,
    pub(crate) sqlite: Arc<SqliteDatabase>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) service: DocumentsService,
}

impl Store {
    /// Opens the database of a folder, and makes and prepares it where that is missing.
    pub(crate) fn open(folder: &Path, kind: Kind, options: SqliteOptions) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let sqlite = Arc::new(SqliteDatabase::open(folder.join("stratus.db"), options)?);
        let clock = Arc::new(SettableClock::new(BEGINNING));
        let registry = Arc::new(kind.registry()?);
        runtime()?.block_on(async {
            apply(&*sqlite, &*clock, &[&CORE, &EVENTS, &DOCUMENTS]).await?;
            install(&*sqlite, &*clock, &registry).await?;
            anyhow::Ok(())
        })?;
        // Another run over the same file must not mint the same ids.
        let minted = bare::reader(&folder.join("stratus.db"))?.query_row(
            "SELECT count(*) FROM documents",
            [],
            |row| row.get::<_, i64>(0),
        )?;
        let entropy = Arc::new(SeededEntropy::new(minted.unsigned_abs()));
        let service = DocumentsService::new(
            sqlite.clone(),
            registry.clone(),
            clock.clone(),
            entropy,
            CursorKey::new([7; 32]),
        );
        Ok(Self { folder: folder.to_owned(), sqlite, registry, clock, service })
    }

    /// A database of so many documents; it is not changed, so that the next run finds it.
    pub(crate) fn kept(context: &Context, kind: Kind, size: usize) -> Result<Self> {
        let folder = context.folder.join(format!("{}-{size}-{:016x}", kind.name(), format_of(kind)?));
        if !folder.is_dir() {
            println!("making a database of {size} {}, once", kind.name());
            make(&folder, kind, size)?;
        }
        Self::open(&folder, kind, SqliteOptions::default())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("stratus.db")
    }

    /// Folds the log in, so that the file alone is the database.
    pub(crate) fn close(self) -> Result<PathBuf> {
        self.sqlite.close()?;
        Ok(self.folder)
    }

    /// Makes public documents of these fields, many at once, and hands back their ids in order.
    pub(crate) async fn create_all(
        &self,
        collection: &str,
        count: usize,
        fields: impl Fn(usize) -> Json,
    ) -> Result<Vec<String>> {
        let mut ids = Vec::with_capacity(count);
        for first in (0..count).step_by(TOGETHER) {
            let numbers = first..count.min(first + TOGETHER);
            let inputs: Vec<_> = numbers.map(|number| content::input(fields(number), None)).collect();
            let made = join_all(inputs.iter().map(|input| self.create(collection, input))).await;
            ids.extend(made.into_iter().collect::<Result<Vec<_>>>()?);
        }
        Ok(ids)
    }

    /// Makes a document a millisecond after the one before, and hands back its id.
    pub(crate) async fn create(&self, collection: &str, input: &Input) -> Result<String> {
        self.clock.advance(1);
        Ok(self.service.create(&admin(), collection, input).await?.document.id)
    }

    /// Makes what posts refer to.
    pub(crate) async fn create_targets(&self, writer: &Writer) -> Result<Targets> {
        Ok(Targets {
            authors: self.create_all("authors", AUTHORS, |n| writer.author(n)).await?,
            categories: self.create_all("categories", CATEGORIES, |n| writer.category(n)).await?,
        })
    }
}

fn admin() -> Scope {
    Scope::new(TenantId::default(), Caller::signed_in([Principal::admin()]))
}

/// Whoever has no credential.
pub(crate) fn public() -> Scope {
    Scope::new(TenantId::default(), Caller::anonymous())
}

/// Fills a database under another name first, so that one that was interrupted is never used.
fn make(folder: &Path, kind: Kind, size: usize) -> Result<()> {
    let unfinished = folder.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    let store = Store::open(&unfinished, kind, SqliteOptions::default().synchronous(Synchronous::Normal))?;
    let writer = Writer::new();
    runtime()?.block_on(async {
        match kind {
            Kind::Posts => {
                let targets = store.create_targets(&writer).await?;
                store.create_all("posts", size, |n| writer.post(n, &targets)).await
            }
            Kind::Notes => store.create_all("notes", size, |n| writer.note(n)).await,
        }
    })?;
    fs::rename(store.close()?, folder).context("the new database can't be put in its place")
}

/// What decides whether a database of before is still the one that would be made.
fn format_of(kind: Kind) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    (EDITION, kind.definitions()?).hash(&mut hasher);
    let folder = in_repository("migrations");
    let mut files = fs::read_dir(&folder)?.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        fs::read(file)?.hash(&mut hasher);
    }
    // Columns and indexes are made by code.
    fs::read(in_repository("crates/document/src/physical.rs"))?.hash(&mut hasher);
    Ok(hasher.finish())
}
