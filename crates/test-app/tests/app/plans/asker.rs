//! Who asks the test app for plans, natively or of a Worker.

use serde::Deserialize;
use serde_json::{Value, json};
use stratus_document::parse_time;
use stratus_test_app::{ADMIN_TOKEN, Moment, PLANS};

use crate::app::{
    target::Target,
    transcripts::{BEGINNING, PACE},
    wire::{Answer, Request},
};

/// Of all ids of the documents.
const SEED: u32 = 3;

/// What is got, and who gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) is_admin: bool,
}

/// What became of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) work: u64,
    pub(crate) statements: Vec<Explained>,
    /// The cursors to go on with, and to go back.
    pub(crate) next: Option<String>,
    pub(crate) prev: Option<String>,
    /// The code, and what is wrong with each parameter.
    pub(crate) refusal: Value,
}

/// A statement with the steps of its plan: the number of each, of the one that it is a part of, and
/// what it does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Explained {
    pub(crate) sql: String,
    pub(crate) steps: Vec<(i64, i64, String)>,
}

/// Asks one thing after the other. Documents are written at one moment a request, and read at one that
/// is the same for all.
pub(crate) struct Asker {
    target: Target,
    ordinal: u32,
}

impl Asker {
    pub(crate) fn new(target: Target) -> Self {
        Self { target: target.with("corpora"), ordinal: 0 }
    }

    /// Writes as the admin, a little later than before.
    pub(crate) async fn write(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        self.ordinal += 1;
        let request = Request::new(method, path)
            .with("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .with("content-type", "application/json");
        let request = if method == "PUT" { request.with("if-match", "*") } else { request };
        let body = body.to_string().into_bytes();
        let moment = self.moment(self.ordinal);
        self.target.ask(&moment, &Request { body, ..request }).await
    }

    /// Reads, an hour after everything was written.
    pub(crate) async fn tell(&mut self, asked: &[Asked]) -> Vec<Told> {
        let list: Vec<_> = asked.iter().map(|it| json!({"path": it.path, "admin": it.is_admin})).collect();
        let body = Value::from(list).to_string().into_bytes();
        let request = Request { body, ..Request::new("POST", PLANS) };
        let answer = self.target.ask(&self.moment(3_600), &request).await;
        assert_eq!(answer.status, 200, "{answer}");
        let told: Vec<Told> = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(told.len(), asked.len());
        told
    }

    fn moment(&self, ordinal: u32) -> Moment {
        let now = parse_time(BEGINNING).unwrap() + i64::from(ordinal) * PACE;
        Moment { seed: SEED, ordinal, now }
    }
}
