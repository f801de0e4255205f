//! The program under test: the demo's collections and a few of its own over a fresh database,
//! asked through the same door as every program's.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use axum::body::Body;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use stratus_api::{AdminToken, Api, ApiParts, Authenticator, DEFAULT_BODY_LIMIT, Tenants};
use stratus_document::{CollectionDefinition, CursorKey, DocumentsService, Registry, install};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply};
use stratus_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use stratus_storage::Database;
use stratus_testkit::{CountingDatabase, FaultyDatabase, SeededEntropy, SettableClock};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NOW: i64 = 1_790_000_000_000;

/// A database with the schema of [`definitions`], closed: worlds are copies of it.
static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();

/// The program under test.
pub(crate) struct App {
    pub(crate) api: Api,
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) readiness: Arc<AtomicBool>,
    pub(crate) counted: Arc<CountingDatabase>,
    pub(crate) faulty: Arc<FaultyDatabase>,
    pub(crate) folder: Arc<TempDir>,
}

/// The demo's collections, and those that show what it has not.
pub(crate) fn definitions() -> Vec<CollectionDefinition> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/demo/collections");
    let demo = ["authors", "categories", "posts", "comments"]
        .map(|name| fs::read_to_string(format!("{folder}/{name}.json")).unwrap());
    let own = [
        json!({
            "name": "secrets", "slug": {"from": "title"}, "grants": {},
            "fields": {"title": {"type": "text", "index": true}}
        }),
        json!({
            "name": "inbox", "grants": {"public": ["read", "create"]},
            "fields": {
                "text": {"type": "text", "required": true},
                "about": {"type": "reference", "to": "secrets"},
                "rank": {"type": "integer", "private": true, "default": 7}
            }
        }),
        json!({
            "name": "pages", "grants": {"public": ["read"]}, "versions": {"max": 3},
            "fields": {
                "title": {"type": "text"}, "code": {"type": "text", "unique": true},
                "kind": {"type": "select", "enum": ["a", "b"]},
                "seo": {"type": "object", "fields": {"title": {"type": "text", "maxLength": 5}}}
            }
        }),
    ]
    .map(|it| it.to_string());
    demo.iter().chain(&own).map(|text| CollectionDefinition::parse(text).unwrap()).collect()
}

pub(crate) fn open(folder: &Path) -> Arc<dyn Database> {
    let options = SqliteOptions::default().d1_strict().synchronous(Synchronous::Normal);
    Arc::new(SqliteDatabase::open(folder.join("stratus.db"), options).unwrap())
}

async fn template() -> TempDir {
    prepared(definitions()).await
}

/// A folder with a database that has what these collections need, closed.
pub(crate) async fn prepared(definitions: Vec<CollectionDefinition>) -> TempDir {
    let folder = TempDir::new().unwrap();
    let database = open(folder.path());
    let clock = SettableClock::new(NOW);
    apply(&*database, &clock, &[&CORE, &EVENTS, &DOCUMENTS]).await.unwrap();
    install(&*database, &clock, &Registry::new(definitions).unwrap()).await.unwrap();
    folder
}

/// A folder with the same files.
pub(crate) fn copied(template: &TempDir) -> Arc<TempDir> {
    let folder = TempDir::new().unwrap();
    for file in fs::read_dir(template.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    Arc::new(folder)
}

/// What differs from one program to the next.
pub(crate) struct Setup {
    pub(crate) tenants: Tenants,
    pub(crate) authenticator: Authenticator,
    pub(crate) body_limit: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tenants: Tenants::single(),
            authenticator: Authenticator::with_admin(&AdminToken::new(SECRET).unwrap()),
            body_limit: DEFAULT_BODY_LIMIT,
        }
    }
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = copied(TEMPLATE.get_or_init(template).await);
        let database = open(folder.path());
        Self::over(folder, database, definitions(), setup)
    }

    /// The program over a database of that folder.
    pub(crate) fn over(
        folder: Arc<TempDir>,
        database: Arc<dyn Database>,
        definitions: Vec<CollectionDefinition>,
        setup: Setup,
    ) -> Self {
        let counted = Arc::new(CountingDatabase::new(database));
        let faulty = Arc::new(FaultyDatabase::new(counted.clone()));
        let clock = Arc::new(SettableClock::new(NOW));
        let entropy = Arc::new(SeededEntropy::new(7));
        let registry = Arc::new(Registry::new(definitions).unwrap());
        let readiness = Arc::new(AtomicBool::new(true));
        let api = Api::new(ApiParts {
            service: DocumentsService::new(
                faulty.clone(),
                registry,
                clock.clone(),
                entropy.clone(),
                CursorKey::new([7; 32]),
            ),
            database: faulty.clone(),
            clock: clock.clone(),
            entropy,
            authenticator: setup.authenticator,
            tenants: setup.tenants,
            body_limit: setup.body_limit,
            readiness: readiness.clone(),
        });
        Self { api, clock, readiness, counted, faulty, folder }
    }

    /// Asks a millisecond after the last time.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        self.clock.advance(1);
        let mut request = Request::builder().method(ask.method.as_str()).uri(&ask.uri);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let answer = self.api.serve(request.body(ask.body).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let asked = format!("{} {}", ask.method, ask.uri.chars().take(200).collect::<String>());
        Answer { asked, status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Asks as an editor and hands back the answer, which must be a success.
    pub(crate) async fn done(&self, ask: Ask) -> Answer {
        let answer = self.ask(ask.admin()).await;
        assert!(answer.status < 300, "{answer:?}");
        answer
    }

    /// Makes a public author.
    pub(crate) async fn author(&self, name: &str) -> String {
        self.make("authors", json!({"publish": true, "fields": {"name": name}})).await
    }

    /// Makes a public post.
    pub(crate) async fn post(&self, title: &str, author: &str) -> String {
        let fields = json!({"title": title, "body": "text", "author": author});
        self.make("posts", json!({"publish": true, "fields": fields})).await
    }

    /// Makes a document as an editor and hands back its id.
    pub(crate) async fn make(&self, collection: &str, body: Value) -> String {
        let made = self.done(post(&format!("/api/{collection}"), body)).await;
        assert_eq!(made.status, 201);
        made.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// The tag of the head.
    pub(crate) async fn tag(&self, collection: &str, id: &str) -> String {
        self.done(get(&format!("/api/{collection}/{id}?state=draft"))).await.header("etag").to_owned()
    }

    /// Every row of every table, as another process sees them.
    pub(crate) fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let path = self.folder.path().join("stratus.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(path, flags).unwrap();
        let mut tables =
            database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1").unwrap();
        let tables: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let rows = |table: &str| {
            let mut all = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let width = all.column_count();
            let shown = all.query_map([], |row| {
                let values = (0..width).map(|at| row.get::<_, rusqlite::types::Value>(at));
                values.map(|it| it.map(|value| format!("{value:?}"))).collect::<Result<Vec<_>, _>>()
            });
            let mut shown: Vec<_> = shown.unwrap().map(|it| it.unwrap().join(" ")).collect();
            shown.sort_unstable();
            shown
        };
        tables.into_iter().map(|table| (table.clone(), rows(&table))).collect()
    }
}

/// A request in the making.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

pub(crate) fn ask(method: &str, uri: &str) -> Ask {
    Ask { method: method.to_owned(), uri: uri.to_owned(), headers: vec![], body: Body::empty() }
}

pub(crate) fn get(uri: &str) -> Ask {
    ask("GET", uri)
}

pub(crate) fn post(uri: &str, body: Value) -> Ask {
    ask("POST", uri).json(&body)
}

pub(crate) fn patch(uri: &str, tag: &str, body: Value) -> Ask {
    ask("PATCH", uri).with("if-match", tag).json(&body)
}

pub(crate) fn put(uri: &str, tag: &str, body: Value) -> Ask {
    ask("PUT", uri).with("if-match", tag).json(&body)
}

pub(crate) fn delete(uri: &str) -> Ask {
    ask("DELETE", uri)
}

impl Ask {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn admin(self) -> Self {
        match self.headers.iter().any(|(name, _)| name == "authorization") {
            true => self,
            false => self.with("authorization", &format!("Bearer {SECRET}")),
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with("content-type", "application/json").raw(body.to_string())
    }

    pub(crate) fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, status, headers, body } = self;
        write!(f, "{asked}: {status} {headers:?} {}", String::from_utf8_lossy(body))
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The value at a pointer as text; numbers and the like as JSON.
    pub(crate) fn at(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {self:?}"));
        found.as_str().map_or_else(|| found.to_string(), str::to_owned)
    }

    /// The values of a member of every item of a list.
    pub(crate) fn each(&self, member: &str) -> Vec<String> {
        let json = self.json();
        let items = json["data"].as_array().unwrap_or_else(|| panic!("no list: {self:?}"));
        items.iter().map(|it| it.pointer(member).and_then(Value::as_str).unwrap_or("-").to_owned()).collect()
    }

    /// Checks that it is a problem, and which.
    pub(crate) fn refuses(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self.is_problem();
        if !self.asked.starts_with("HEAD") {
            assert_eq!(self.json()["code"], code, "{self:?}");
        }
        self
    }

    /// Checks that it is a whole problem.
    pub(crate) fn is_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert!(self.headers.contains_key(header::CACHE_CONTROL), "{self:?}");
        if self.asked.starts_with("HEAD") {
            return;
        }
        let problem = self.json();
        for member in ["type", "title", "detail", "code", "requestId"] {
            assert!(problem[member].as_str().is_some_and(|it| !it.is_empty()), "{member} of {self:?}");
        }
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{self:?}");
        assert!(problem["errors"].is_array(), "{self:?}");
        for leak in ["SQLITE", "near \"", "no such column", "panicked", "src/", "D1_ERROR"] {
            assert!(!self.text().contains(leak), "{leak} in {self:?}");
        }
    }
}

/// Asks each and checks status and code of the refusal.
pub(crate) async fn check_refusals(app: &App, cases: Vec<(Ask, u16, &str)>) {
    for (ask, status, code) in cases {
        app.ask(ask).await.refuses(status, code);
    }
}
