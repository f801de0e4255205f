//! The programs that are asked.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use stratus_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use stratus_storage::Database;
use stratus_test_app::{COLLECTIONS, HOST, MOMENT, Moment, RESET, TestApp};
use tempfile::TempDir;

#[cfg(feature = "workerd")]
use crate::app::client::Client;
use crate::app::wire::{Answer, BOOKMARK, Request};

/// Where the Worker listens, as `127.0.0.1:PORT`.
#[cfg(feature = "workerd")]
const WORKER: &str = "STRATUS_TEST_WORKER";

/// In a header, what the target has last said in `Stratus-Bookmark`.
pub(crate) const LAST_BOOKMARK: &[u8] = b"{bookmark}";

/// A program, wherever it runs.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    way: Way,
    bookmark: String,
    collections: Option<&'static str>,
}

enum Way {
    InProcess {
        app: TestApp,
        _folder: TempDir,
    },
    #[cfg(feature = "workerd")]
    OverHttp(Client),
}

impl Target {
    /// SQLite, as the binary opens it.
    pub(crate) fn native() -> Self {
        Self::sqlite("SQLite", SqliteOptions::default(), TestApp::new)
    }

    /// SQLite that refuses what D1 refuses.
    pub(crate) fn strict() -> Self {
        Self::sqlite("SQLite as strict as D1", SqliteOptions::default().d1_strict(), TestApp::new)
    }

    /// D1 inside workerd.
    #[cfg(feature = "workerd")]
    pub(crate) fn worker() -> Self {
        let address = std::env::var(WORKER)
            .unwrap_or_else(|_| panic!("`{WORKER}` names no Worker; `cargo xtask transcripts` starts one"));
        let client = Client::new(address.parse().unwrap());
        Self { name: "D1", way: Way::OverHttp(client), bookmark: String::new(), collections: None }
    }

    /// A program over SQLite.
    pub(crate) fn sqlite(
        name: &'static str,
        options: SqliteOptions,
        app: impl FnOnce(Arc<dyn Database>) -> TestApp,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let options = options.synchronous(Synchronous::Normal);
        let database = SqliteDatabase::open(folder.path().join("stratus.db"), options).unwrap();
        let app = app(Arc::new(database));
        Self {
            name,
            way: Way::InProcess { app, _folder: folder },
            bookmark: String::new(),
            collections: None,
        }
    }

    /// The same with other collections, which [`COLLECTIONS`] names.
    pub(crate) fn with(self, collections: &'static str) -> Self {
        Self { collections: Some(collections), ..self }
    }

    /// Takes every document out of the database.
    pub(crate) async fn reset(&mut self, seed: u32, now: i64) {
        let moment = Moment { seed, ordinal: 0, now };
        let answer = self.ask(&moment, &Request::new("POST", RESET)).await;
        assert_eq!(answer.status, 200, "{} can't be emptied: {answer}", self.name);
    }

    /// Asks at a moment.
    pub(crate) async fn ask(&mut self, moment: &Moment, request: &Request) -> Answer {
        let mut request = request.clone().with(MOMENT.as_str(), moment.to_string());
        if let Some(name) = self.collections {
            request = request.with(COLLECTIONS.as_str(), name);
        }
        for (_, value) in request.headers.iter_mut().filter(|(_, value)| value == LAST_BOOKMARK) {
            *value = self.bookmark.clone().into_bytes();
        }
        let answer = match &mut self.way {
            Way::InProcess { app, .. } => in_process(app, &request).await,
            #[cfg(feature = "workerd")]
            Way::OverHttp(client) => client.ask(&request),
        };
        if let Some(bookmark) = answer.headers.get(BOOKMARK) {
            self.bookmark.clone_from(bookmark);
        }
        answer
    }
}

async fn in_process(app: &TestApp, request: &Request) -> Answer {
    let mut made = http::Request::builder().method(request.method.as_str()).uri(&request.path);
    if !request.has("host") {
        made = made.header("host", HOST);
    }
    for (name, value) in &request.headers {
        made = made.header(name, value.as_slice());
    }
    let body = request.body.clone();
    let body = match (request.in_pieces, body.is_empty()) {
        (true, _) => {
            let pieces: Vec<_> = body.chunks(64 * 1024).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)))
        }
        (false, true) => Body::empty(),
        (false, false) => {
            made = made.header("content-length", body.len());
            Body::from(body)
        }
    };
    let (parts, body) = app.serve(made.body(body).unwrap()).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Answer::new(&request.method, parts.status.as_u16(), headers, body)
}
