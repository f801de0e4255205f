//! A small world: the demo's collections over a fresh database with a clock and an entropy of its
//! own, so that every run mints the same ids.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use stratus_access::{Caller, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, CursorKey, DocumentRepository, DocumentsService, Input, ListParams, Operand, Page,
    RawCondition, Registry, Scope, State, View, Written, install,
};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_testkit::{CountingDatabase, FaultyDatabase, RecordingDatabase, SeededEntropy, SettableClock};
use tempfile::TempDir;

pub(crate) const NOW: i64 = 1_790_000_000_000;

/// The key of all cursors in tests.
pub(crate) fn key() -> CursorKey {
    CursorKey::new([7; 32])
}

pub(crate) struct World {
    folder: TempDir,
    pub(crate) database: Arc<CountingDatabase>,
    pub(crate) recording: Arc<RecordingDatabase>,
    pub(crate) faulty: Arc<FaultyDatabase>,
    pub(crate) sqlite: Arc<SqliteDatabase>,
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) service: DocumentsService,
}

pub(crate) fn demo() -> Vec<CollectionDefinition> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/demo/collections");
    ["authors", "categories", "posts", "comments"]
        .iter()
        .map(|name| std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a demo collection"))
        .map(|text| CollectionDefinition::parse(&text).expect("a sound definition"))
        .collect()
}

impl World {
    pub(crate) async fn demo() -> Self {
        Self::of(demo()).await
    }

    pub(crate) async fn of(definitions: Vec<CollectionDefinition>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let sqlite =
            SqliteDatabase::open(folder.path().join("stratus.db"), SqliteOptions::default().d1_strict());
        let sqlite = Arc::new(sqlite.expect("a database"));
        let faulty = Arc::new(FaultyDatabase::new(sqlite.clone()));
        let recording = Arc::new(RecordingDatabase::new(faulty.clone()));
        let database = Arc::new(CountingDatabase::new(recording.clone()));
        let clock = Arc::new(SettableClock::new(NOW));
        apply(&*database, &*clock, &[&CORE, &EVENTS, &DOCUMENTS]).await.expect("migrations");
        let registry = Arc::new(Registry::new(definitions).expect("sound definitions"));
        install(&*database, &*clock, &registry).await.expect("columns and indexes");
        let entropy = Arc::new(SeededEntropy::new(7));
        let service = DocumentsService::new(database.clone(), registry, clock.clone(), entropy, key());
        Self { folder, database, recording, faulty, sqlite, clock, service }
    }

    /// The same documents under other definitions.
    pub(crate) async fn redefined(self, definitions: Vec<CollectionDefinition>) -> Self {
        let registry = Arc::new(Registry::new(definitions).expect("sound definitions"));
        install(&*self.database, &*self.clock, &registry).await.expect("columns and indexes");
        let (clock, entropy) = (self.clock.clone(), Arc::new(SeededEntropy::new(8)));
        let service = DocumentsService::new(self.database.clone(), registry, clock, entropy, key());
        Self { service, ..self }
    }

    /// A second connection, for damage that the service would never do.
    pub(crate) fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("stratus.db")).expect("a connection")
    }

    pub(crate) fn repository(&self) -> &DocumentRepository {
        self.service.repository()
    }

    pub(crate) fn admin(&self) -> Scope {
        Scope::new(TenantId::default(), Caller::signed_in([Principal::admin()]))
    }

    pub(crate) fn public(&self) -> Scope {
        Scope::new(TenantId::default(), Caller::anonymous())
    }

    /// Makes a document as the admin and hands back what was written.
    pub(crate) async fn create(&self, collection: &str, input: &Input) -> Written {
        self.clock.advance(1);
        self.service.create(&self.admin(), collection, input).await.expect("a document")
    }

    /// Makes a public author and hands back the id.
    pub(crate) async fn author(&self, name: &str) -> String {
        let input = Input { publish: true, ..fields(serde_json::json!({ "name": name })) };
        self.create("authors", &input).await.document.id
    }

    /// The ids of a list, or the error.
    pub(crate) async fn list(
        &self,
        scope: &Scope,
        collection: &str,
        params: &ListParams,
    ) -> stratus_document::Result<Page> {
        let query = self.repository().query(scope, collection, params).await?;
        self.repository().list(scope, collection, &query).await
    }
}

pub(crate) fn fields(json: Json) -> Input {
    let fields: Map<String, Json> = json.as_object().expect("an object").clone();
    Input { fields: Some(fields), ..Input::default() }
}

pub(crate) fn post(title: &str, author: &str) -> Input {
    fields(serde_json::json!({ "title": title, "body": "text", "author": author }))
}

pub(crate) fn draft() -> View {
    View { state: State::Draft, locale: None }
}

pub(crate) fn filter(field: &str, value: &str) -> RawCondition {
    compare(field, "eq", value)
}

/// `filter[<path>][<operator>]=<value>`.
pub(crate) fn compare(path: &str, operator: &str, value: &str) -> RawCondition {
    RawCondition::Test {
        path: path.to_owned(),
        operator: operator.to_owned(),
        operand: Operand::Text(value.to_owned()),
        pointer: format!("filter[{path}][{operator}]"),
    }
}
