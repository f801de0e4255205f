//! Indexes that are built and dropped over many documents: told of while it lasts, and right after.

use std::{fs, path::Path};

use rusqlite::Connection;

use crate::process::{Server, definitions, finish, folder, number, shown, sqlite, stratus};

const NOTES: &str = r#"{"name": "notes", "slug": {"from": "title"}, "grants": {"public": ["read"]},
    "fields": {"title": {"type": "text", "required": true}, "rank": {"type": "integer"},
               "old": {"type": "text", "index": true}}}"#;

/// Published notes, written as the service writes them, but all at once.
fn fill(database: &Connection, documents: i64) {
    let version = number(database, "SELECT schema_version FROM document_types WHERE id = 'notes'");
    database
        .execute_batch(&format!(
            "BEGIN; WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {documents}) \
             INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, \
             type_version, version_number, revision, slug, published_at, created_at, updated_at, data) \
             SELECT printf('01900000-0000-7000-8000-%012x', n), printf('01900000-0000-7000-9000-%012x', n), \
             'notes', 'default', 1, 1, {version}, 1, 1, 'note-' || n, n, n, n, \
             json_object('title', 'Note ' || n, 'rank', n % 1000, 'old', 'o' || n) FROM n; COMMIT"
        ))
        .expect("documents");
}

/// A database of many notes, and the folder of their definition.
fn filled(data: &Path, documents: i64) -> tempfile::TempDir {
    let given = definitions(&[("notes.json", NOTES)]);
    finish(stratus(data, &["migrate", "up", "--collections", shown(given.path())])).expect(0);
    fill(&sqlite(data), documents);
    let changed = NOTES
        .replace(r#""rank": {"type": "integer"}"#, r#""rank": {"type": "integer", "index": true}"#)
        .replace(r#", "index": true}}}"#, r#"}}, "indexes": [["rank", "-publishedAt"]]}"#);
    fs::write(given.path().join("notes.json"), changed).expect("a file");
    given
}

#[test]
fn a_start_tells_of_each_index_that_it_builds() {
    const DOCUMENTS: i64 = 100_000;
    let data = folder();
    let given = filled(data.path(), DOCUMENTS);
    let server = Server::start(data.path(), &["--collections", shown(given.path())]);
    let list = server.get("/api/notes?sort=rank,-publishedAt&limit=2").expect(200).json();
    let ranks = [0, 1].map(|n| list["data"][n]["fields"]["rank"].as_i64());
    assert_eq!(ranks, [Some(0), Some(0)], "{list}");
    let filtered = server.get("/api/notes?filter[rank]=7&limit=1").expect(200).json();
    assert_eq!(filtered["data"][0]["fields"]["rank"], 7, "{filtered}");
    server.get("/api/notes?sort=old").expect(422);
    let log = server.stop();
    let lines = |message: &str| log.lines().filter(|it| it.contains(message)).collect::<Vec<_>>();
    let (begun, built) = (lines("building an index"), lines("index built"));
    assert_eq!((begun.len(), built.len()), (4, 4), "{log}");
    for (n, line) in (1..).zip(&built) {
        let told = format!(r#""number":{n},"of":4,"documents":{DOCUMENTS},"milliseconds":"#);
        assert!(line.contains(&told) && line.contains(r#""name":"ix_notes_"#), "{line}");
    }
    let dropped = lines("dropped a column or an index");
    assert!(dropped.len() == 3 && dropped.iter().any(|it| it.contains("q_old_t")), "{log}");
    // Nothing is left to build, so that the next start says nothing of it.
    let log = Server::start(data.path(), &[]).stop();
    assert!(!log.contains("building an index"), "{log}");
}

#[test]
fn migrating_by_hand_tells_of_each_index() {
    let data = folder();
    let given = filled(data.path(), 2_000);
    let up = ["migrate", "up", "--collections", shown(given.path())];
    let said = finish(stratus(data.path(), &up)).expect(0).stdout;
    for n in 1..=4 {
        let of = format!("index {n} of 4: ix_notes_");
        assert!(said.lines().any(|it| it.starts_with(&of) && it.ends_with(" over 2000 rows")), "{said}");
    }
    assert!(said.contains("rewrote 2000 rows"), "{said}");
}
