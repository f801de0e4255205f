//! What an import does at its limits, which are too far away for a file of a test.

use std::{fmt::Write as _, io::Cursor, sync::Arc};

use stratus_access::{Caller, Principal, TenantId};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, apply};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};
use stratus_testkit::{SeededEntropy, SettableClock};

use super::{ImportOptions, Importer, Report, Summary};
use crate::{CollectionDefinition, Registry, install};

const AUTHORS: &str = r#"{"name": "authors", "slug": {"from": "name"}, "fields": {"name": {"type": "text"}},
    "grants": {"role:admin": ["read"]}}"#;
const POSTS: &str = r#"{"name": "posts", "fields": {"title": {"type": "text"},
    "author": {"type": "reference", "to": "authors", "strength": "strong"}}, "grants": {"role:admin": ["read"]}}"#;

#[tokio::test]
async fn a_first_import_asks_the_database_for_what_it_forgot() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let database = SqliteDatabase::open(folder.path().join("stratus.db"), SqliteOptions::default());
    let database = Arc::new(database.expect("a database"));
    let clock = Arc::new(SettableClock::new(1_790_000_000_000));
    apply(&*database, &*clock, &[&CORE, &EVENTS, &DOCUMENTS]).await.expect("migrations");
    let definitions = [AUTHORS, POSTS].map(|it| CollectionDefinition::parse(it).expect("a definition"));
    let registry = Arc::new(Registry::new(definitions).expect("sound definitions"));
    install(&*database, &*clock, &registry).await.expect("columns and indexes");
    let caller = Caller::signed_in([Principal::admin()]);
    let entropy = Arc::new(SeededEntropy::new(1));
    let importer = Importer::new(database, registry, clock, entropy, TenantId::default(), caller);
    let importer = Importer { max_live: 600, ..importer };

    let mut lines = String::new();
    for n in 0..1_000 {
        let _ = writeln!(lines, r#"{{"type": "authors", "fields": {{"name": "Author {n}"}}}}"#);
    }
    for n in 0..1_000 {
        let _ =
            writeln!(lines, r#"{{"type": "posts", "fields": {{"title": "{n}", "author": "author-{n}"}}}}"#);
    }
    let mut faults = Vec::new();
    let mut report = |report: Report<'_>| {
        if let Report::Fault(fault) = report {
            faults.push(fault.clone());
        }
    };
    let summary = importer.run(Cursor::new(lines), &ImportOptions::default(), &mut report).await;
    let summary = summary.expect("an import");
    assert_eq!(summary, Summary { created: 2_000, ..Summary::default() }, "{faults:?}");
}
