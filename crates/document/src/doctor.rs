//! Examines whether what is stored agrees with itself: flags, derived rows, generations, the log.
//!
//! Nothing is changed. Rows are read in steps of [`STEP`], so that a large database costs time and
//! not memory.

mod derived;
mod flags;
mod log;

use std::fmt;

use stratus_storage::{Consistency, Database, Session, Statement, Value};

use crate::registry::Registry;

/// How many rows are looked at in one query.
const STEP: u32 = 500;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// A root without a head, or with two.
    Head,
    /// A root with two public rows.
    Published,
    /// Content that is no JSON object.
    Content,
    /// A row of a collection that is not defined.
    UnknownCollection,
    /// Facets that differ from the content, or belong to history.
    Facets,
    /// References that differ from the content, or belong to history.
    References,
    /// A strong reference of a live document to one that is not live.
    MissingReference,
    /// A generation that is behind the log, or missing.
    Generation,
    /// A document whose last write is not in the log.
    Log,
    /// A column or index that the definitions need is missing.
    Schema,
}

impl FindingKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Published => "published",
            Self::Content => "content",
            Self::UnknownCollection => "unknown-collection",
            Self::Facets => "facets",
            Self::References => "references",
            Self::MissingReference => "missing-reference",
            Self::Generation => "generation",
            Self::Log => "log",
            Self::Schema => "schema",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// Where: a collection and an id.
    pub subject: String,
    /// What, in words.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind.name(), self.subject, self.message)
    }
}

/// Examines a database whose schema [`install`](crate::install) has prepared.
///
/// # Errors
///
/// Those of the storage. What is wrong with documents is a finding, not an error.
pub async fn examine(database: &dyn Database, registry: &Registry) -> stratus_storage::Result<Vec<Finding>> {
    let session = database.session(Consistency::Primary);
    let mut findings = Vec::new();
    flags::examine(&*session, registry, &mut findings).await?;
    derived::examine(&*session, registry, &mut findings).await?;
    log::examine(&*session, &mut findings).await?;
    schema(&*session, registry, &mut findings).await?;
    Ok(findings)
}

/// A query whose rows are findings.
struct Question(Statement);

impl From<&'static str> for Question {
    fn from(sql: &'static str) -> Self {
        Self(Statement::bare(sql))
    }
}

/// Runs a query that names two texts a row, `subject` and `message`, and takes each for a finding.
async fn findings_of(
    session: &dyn Session,
    kind: FindingKind,
    statement: impl Into<Question>,
    findings: &mut Vec<Finding>,
) -> stratus_storage::Result<()> {
    let Question(statement) = statement.into();
    for row in session.query(&statement).await?.iter() {
        let (subject, message) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        findings.push(Finding { kind, subject, message });
    }
    Ok(())
}

async fn schema(
    session: &dyn Session,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> stratus_storage::Result<()> {
    let columns = registry.columns().into_iter().map(|it| it.name);
    let needed: Vec<_> = columns.chain(registry.indexes().into_iter().map(|it| it.name)).collect();
    let statement = Statement::new(
        "SELECT n.value AS name FROM json_each(?1) AS n WHERE n.value NOT IN \
         (SELECT name FROM pragma_table_xinfo('documents') UNION ALL \
          SELECT name FROM sqlite_master WHERE type = 'index')",
        vec![Value::Text(serde_json::Value::from(needed).to_string())],
    );
    for row in session.query(&statement).await?.iter() {
        let message = "is missing; `stratus migrate up` adds it".to_owned();
        findings.push(Finding { kind: FindingKind::Schema, subject: row.text(0)?.to_owned(), message });
    }
    Ok(())
}
