//! Collections whose shapes are those that SonicJS stumbles over, and what was asked of their
//! database.

use std::{ops::Deref, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use stratus_document::CollectionDefinition;
use stratus_storage::Statement;
use stratus_testkit::RecordingDatabase;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::app::{App, Ask, Setup, copied, get, open, post, prepared};

static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();

/// The program over a database that remembers its statements.
pub(crate) struct World {
    app: App,
    pub(crate) recording: Arc<RecordingDatabase>,
}

impl Deref for World {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// Both kinds of names that differ from what a URL is often made of, and one of every kind of field
/// that a list can ask for.
fn definitions() -> Vec<CollectionDefinition> {
    let plain = |name: &str| {
        json!({
            "name": name, "slug": {"from": "title"}, "grants": {"public": ["read"]},
            "fields": {"title": {"type": "text", "required": true, "index": true}, "note": {"type": "text"}}
        })
    };
    let things = json!({
        "name": "things", "slug": {"from": "title"}, "grants": {"public": ["read"]},
        "fields": {
            "title": {"type": "text", "required": true, "index": true},
            "price": {"type": "number", "index": true},
            "stock": {"type": "integer", "index": true},
            "unitPrice": {"type": "number", "index": true},
            "good": {"type": "boolean", "index": true},
            "tags": {"type": "tags", "facet": true},
            "sizes": {"type": "array", "items": {"type": "number", "facet": true}},
            "kin": {"type": "reference", "to": "things", "strength": "weak"},
            "spec": {"type": "object", "fields": {
                "maker": {"type": "text", "index": true},
                "labels": {"type": "tags", "facet": true},
                "owner": {"type": "reference", "to": "things", "strength": "weak"},
                "parts": {"type": "reference", "to": "things", "many": true, "strength": "weak"}
            }},
            "a": {"type": "text"}, "b": {"type": "text"}, "c": {"type": "text"}, "d": {"type": "text"},
            "e": {"type": "text"}, "f": {"type": "text"}, "g": {"type": "text"}, "h": {"type": "text"}
        },
        "indexes": [["price", "-stock"], ["good", "-publishedAt"]]
    });
    let brief = json!({
        "name": "brief", "grants": {"public": ["read"]}, "versions": {"max": 3},
        "fields": {"title": {"type": "text"}, "tags": {"type": "tags", "facet": true}}
    });
    let closed = json!({"name": "closed", "grants": {}, "fields": {"title": {"type": "text"}}});
    let all = [plain("blog-posts"), plain("news_items"), things, brief, closed];
    all.iter().map(|it| CollectionDefinition::parse(&it.to_string()).unwrap()).collect()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(copied(TEMPLATE.get_or_init(|| prepared(definitions())).await))
    }

    fn at(folder: Arc<TempDir>) -> Self {
        let recording = Arc::new(RecordingDatabase::new(open(folder.path())));
        let app = App::over(folder, recording.clone(), definitions(), Setup::default());
        Self { app, recording }
    }

    /// Another program over the same file, with a memory of its own.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self::at(self.folder.clone());
        twin.clock.set(self.clock.advance(0));
        twin
    }

    /// A second connection: what is stored, whatever the program says of it.
    pub(crate) fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("stratus.db")).unwrap()
    }

    /// The first cell of a query over what is stored.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Makes a public document and hands back its address.
    pub(crate) async fn publish(&self, collection: &str, fields: Value) -> String {
        let id = self.make(collection, json!({"publish": true, "fields": fields})).await;
        format!("/api/{collection}/{id}")
    }

    /// The titles of a public list.
    pub(crate) async fn titles(&self, address: &str) -> Vec<String> {
        let listed = self.ask(get(&encoded(address))).await;
        assert_eq!(listed.status, 200, "{listed:?}");
        listed.each("/fields/title")
    }

    /// What an ask costs.
    pub(crate) async fn cost(&self, ask: Ask) -> stratus_testkit::Counts {
        self.counted.reset();
        let answer = self.ask(ask).await;
        assert!(answer.status < 400, "{answer:?}");
        self.counted.counts()
    }

    /// The statements of an ask.
    pub(crate) async fn statements(&self, ask: Ask) -> Vec<Statement> {
        self.recording.take();
        let answer = self.ask(ask).await;
        assert!(answer.status < 400, "{answer:?}");
        self.recording.take()
    }

    /// The steps of a statement's plan, which depends on its text alone.
    pub(crate) fn plan(&self, statement: &Statement) -> Vec<String> {
        let connection = self.connection();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", &*statement.sql)).unwrap();
        let steps = explain.raw_query().mapped(|row| row.get(3));
        steps.map(Result::unwrap).collect()
    }

    /// Fails if a statement walks a table.
    pub(crate) fn assert_seeks(&self, statement: &Statement) {
        for step in self.plan(statement) {
            let walks = step.starts_with("SCAN")
                && !step.contains("VIRTUAL TABLE")
                && !step.contains("(subquery")
                && !["SCAN w", "SCAN s", "SCAN CONSTANT ROW"].contains(&step.as_str());
            assert!(!walks, "{step}\nin {}", &*statement.sql);
        }
    }
}

/// Asks all at once, and hands back their statuses in order.
pub(crate) async fn at_once(world: &Arc<World>, asks: Vec<Ask>) -> Vec<u16> {
    let tasks = asks.into_iter().map(|ask| {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.ask(ask.admin()).await.status })
    });
    let mut statuses = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    statuses
}

const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'=')
    .remove(b'&')
    .remove(b'[')
    .remove(b']')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b',');

/// An address in which a query may be written as it is read.
pub(crate) fn encoded(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let query = utf8_percent_encode(query, UNSAFE);
    if address.contains('?') { format!("{path}?{query}") } else { path.to_owned() }
}

/// A step of a lifecycle.
pub(crate) fn step(address: &str, name: &str) -> Ask {
    post(&format!("{address}/{name}"), json!({}))
}
