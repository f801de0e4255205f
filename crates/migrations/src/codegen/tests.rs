//! What the generator writes and what it refuses.

use super::*;

fn file(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.to_owned(), text.as_bytes().to_vec())
}

fn first_three() -> Vec<(String, Vec<u8>)> {
    vec![
        file("0003_events.sql", "CREATE TABLE c (x);"),
        file("0001_core.sql", "CREATE TABLE a (x);"),
        file("0002_documents.sql", "CREATE TABLE b (x);"),
        file(RELEASED, "{}"),
    ]
}

#[track_caller]
fn check_refused(files: &[(String, Vec<u8>)], message: &str) {
    assert_eq!(bundle(files).unwrap_err().to_string(), message);
}

#[track_caller]
fn check_fourth_refused(name: &str, text: &[u8], message: &str) {
    let mut files = first_three();
    files.push((name.to_owned(), text.to_vec()));
    check_refused(&files, message);
}

#[test]
fn the_bundle_holds_every_migration_in_its_set() {
    let mut files = first_three();
    files.push(file("0004_more_documents.sql", "-- set: documents\nALTER TABLE b ADD COLUMN y;"));
    insta::assert_snapshot!(bundle(&files).unwrap());
}

#[test]
fn bad_files_are_refused_by_name() {
    let bad_name =
        |it: &str| format!("`{it}` is not named like a migration: NNNN_words_with_underscores.sql");
    for name in
        ["4_x.sql", "0004.sql", "0004_.sql", "0004-x.sql", "0004_X.sql", "0004_x.txt", "0004_a__b.sql", "x"]
    {
        check_fourth_refused(name, b"-- set: core\nSELECT 1", &bad_name(name));
    }
    for name in ["0005_x.sql", "0003_x.sql"] {
        let message = format!("`{name}` should have the number 0004: numbers have no gaps and no doubles");
        check_fourth_refused(name, b"-- set: core\nSELECT 1", &message);
    }
    check_fourth_refused("0004_x.sql", b"\xff", "`0004_x.sql` is not UTF-8");
    check_fourth_refused("0004_x.sql", b"SELECT '", "`0004_x.sql` does not fall into statements");
    let text = b"-- set: core\nCREATE TABLE t (x REFERENCES y DEFERRABLE)";
    check_fourth_refused("0004_x.sql", text, "`0004_x.sql` has a statement that no backend would run");
    check_fourth_refused("0004_x.sql", b"-- set: core\n", "`0004_x.sql` holds no statement");
    for text in [&b"SELECT 1"[..], b"-- set: other\nSELECT 1", b"\n-- set: core\nSELECT 1"] {
        let message = "`0004_x.sql` names no set: its first line should be `-- set: documents`, or one of core, \
                       documents, events";
        check_fourth_refused("0004_x.sql", text, message);
    }
}

#[test]
fn released_files_stay_as_they_are() {
    let with = |released: &str| {
        let mut files = first_three();
        files[3] = file(RELEASED, released);
        files
    };
    let checksum = checksum(b"CREATE TABLE a (x);");
    assert!(bundle(&with(&format!(r#"{{"0001_core":"{checksum}"}}"#))).is_ok());
    check_refused(
        &with(r#"{"0001_core":"00"}"#),
        "`0001_core.sql` was released and then edited: restore it and write a new migration for the change",
    );
    check_refused(
        &with(&format!(r#"{{"0001_base":"{checksum}"}}"#)),
        "`0001_base.sql` was released and is missing: restore it and write a new migration for the change",
    );
    check_refused(
        &first_three()[..3],
        "`released.json` should be a JSON object of names and checksums: it is missing",
    );
    assert!(bundle(&with("[]")).is_err());
}
