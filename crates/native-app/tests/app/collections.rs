//! Definitions: given, stored, changed, faulty.

use std::fs;

use crate::process::{
    Server, TOKEN, definitions, demo_collections, finish, folder, number, shown, sqlite, stratus,
};

const NOTES: &str = r#"{"name": "notes", "slug": {"from": "title"}, "grants": {"public": ["read"]},
    "fields": {"title": {"type": "text", "required": true, "index": true}}}"#;

#[test]
fn definitions_are_stored_for_starts_without_them() {
    let (data, given) = (folder(), definitions(&[("notes.json", NOTES), ("readme.txt", "not JSON")]));
    let server = Server::start(data.path(), &["--collections", shown(given.path())]);
    server.admin("POST", "/api/notes", r#"{"publish": true, "fields": {"title": "One"}}"#).expect(201);
    server.stop();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get("/api/notes/slug/one").expect(200).json()["data"]["fields"]["title"], "One");
    server.stop();
}

#[test]
fn without_any_definitions_the_cure_is_named() {
    let data = folder();
    finish(stratus(data.path(), &["serve", "--listen", "127.0.0.1:0"])).refused(&[
        "no collections yet",
        "--collections DIR",
        "--demo",
    ]);
}

#[test]
fn indexes_that_no_collection_needs_are_dropped_and_logged() {
    let (data, given) = (folder(), definitions(&[("notes.json", NOTES)]));
    let indexes = || number(&sqlite(data.path()), "SELECT count(*) FROM schema_state WHERE kind = 'index'");
    Server::start(data.path(), &["--collections", shown(given.path())]).stop();
    let before = indexes();
    let changed = NOTES.replace(r#", "index": true"#, "");
    fs::write(given.path().join("notes.json"), changed).expect("a file");
    let log = Server::start(data.path(), &["--collections", shown(given.path())]).stop();
    assert!(log.contains("dropped a column or an index"), "{log}");
    assert_eq!(indexes(), before - 2);
}

#[test]
fn every_fault_of_every_file_is_named() {
    let faulty = definitions(&[
        ("a.json", r#"{"name": "a", "fields": {"id": {"type": "text"}, "x": {"type": "nothing"}}}"#),
        ("b.json", "{"),
        ("notes.json", NOTES),
    ]);
    fs::write(faulty.path().join("c.json"), b"\xff\xfe").expect("a file");
    let data = folder();
    let options = ["serve", "--listen", "127.0.0.1:0", "--collections", shown(faulty.path())];
    finish(stratus(&data.path().join("new"), &options)).refused(&[
        "a.json: id: ",
        "a.json: x: ",
        "b.json: ",
        "c.json: it is not UTF-8",
    ]);
    assert!(!data.path().join("new").exists(), "nothing is made for what can't be served");

    let checked = finish(stratus(data.path(), &["collections", "check", shown(faulty.path())])).expect(3);
    assert_eq!(checked.stdout.lines().count(), 4, "{}", checked.stdout);
    let checked = finish(stratus(data.path(), &["collections", "check", shown(&demo_collections())]));
    let sound = checked.expect(0).stdout;
    assert!(sound.starts_with("4 collections, ") && sound.ends_with(" indexes\n"), "{sound}");
    finish(stratus(data.path(), &["collections", "check"])).refused(&["collections check DIR"]);
    let empty = folder();
    finish(stratus(data.path(), &["collections", "check", shown(empty.path())])).refused(&["no *.json file"]);
}

#[test]
fn the_count_of_columns_is_the_tables() {
    let data = folder();
    finish(stratus(data.path(), &["migrate", "up"])).expect(0);
    let columns = number(&sqlite(data.path()), "SELECT count(*) FROM pragma_table_xinfo('documents')");
    let generated = 1;
    let given = definitions(&[("notes.json", NOTES)]);
    let checked = finish(stratus(data.path(), &["collections", "check", shown(given.path())])).expect(0);
    let expected = format!("1 collection, {} of 100 columns, ", columns + generated);
    assert!(checked.stdout.starts_with(&expected), "{} is not {expected}", checked.stdout);
}

#[test]
fn rows_of_an_older_definition_are_rewritten_by_hand() {
    let (data, given) = (folder(), definitions(&[("notes.json", NOTES)]));
    let options = ["--collections", shown(given.path())];
    let server = Server::start(data.path(), &options);
    let note = server.admin("POST", "/api/notes", r#"{"publish": true, "fields": {"title": "One"}}"#);
    let path = format!("/api/notes/{}", note.expect(201).json()["data"]["id"].as_str().expect("an id"));
    let bearer = format!("Bearer {TOKEN}");
    for title in ["Two", "Three"] {
        let body = format!(r#"{{"fields": {{"title": "{title}"}}}}"#);
        let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
        server.connect().ask("PATCH", &path, &headers, &body).expect("an answer").expect(200);
    }
    server.stop();
    let changed = NOTES.replace(r#""index": true"#, r#""index": true, "facet": true, "private": false"#);
    fs::write(given.path().join("notes.json"), changed).expect("a file");
    let up = ["migrate", "up", "--collections", shown(given.path())];
    let said = finish(stratus(data.path(), &up)).expect(0).stdout;
    assert!(said.ends_with("rewrote 3 rows that were written under another definition\n"), "{said}");
    assert_eq!(finish(stratus(data.path(), &up)).expect(0).stdout, "up to date; nothing to do\n");
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get(&path).expect(200).json()["data"]["fields"]["title"], "One");
    server.stop();
}
