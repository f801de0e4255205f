//! The doctor, as its user meets it: what it prints, what it repairs, and what it ends with.

use crate::process::{Server, finish, folder, number, shown, sqlite, stratus};

/// What has one answer: a document without a head, facets and references, a generation, an index.
const REPAIRABLE: &str = "UPDATE documents SET is_current_draft = 0 WHERE slug = 'quiet-pagers'; \
     DELETE FROM document_facets WHERE ordinal = 0; \
     DELETE FROM document_references WHERE field_name = 'author'; \
     UPDATE generations SET seq = 1 WHERE collection = 'posts'; \
     INSERT INTO document_facets VALUES (99999, 'tags', 0, 'default', 'posts', 'x', NULL); \
     UPDATE documents SET data = json_set(data, '$.email', 'secret@example.org') WHERE type_id = 'authors'; \
     DROP INDEX documents_children";

fn damage(data: &std::path::Path, sql: &str) {
    sqlite(data).execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).expect(sql);
}

#[test]
fn what_can_be_repaired_is_and_the_rest_is_named() {
    let data = folder();
    Server::demo(data.path()).stop();
    let fix = || finish(stratus(data.path(), &["doctor", "--fix"]));
    assert_eq!(fix().expect(0).stdout, "clean\n");

    damage(data.path(), REPAIRABLE);
    damage(data.path(), "INSERT INTO settings VALUES ('site', 'name', 'no JSON', 1)");
    let found = finish(stratus(data.path(), &["doctor"])).expect(3).stdout;
    let kinds = ["head", "facets", "references", "generation", "orphan", "privacy", "schema", "setting"];
    for kind in kinds {
        assert!(
            found.lines().any(|it| it.starts_with(&format!("{kind}: ")) && it.contains("; ")),
            "{kind}: {found}"
        );
    }
    assert!(found.contains("file: a row of document_facets refers to a missing row of documents"), "{found}");

    let fixed = fix().expect(3).stdout;
    for kind in kinds.iter().filter(|it| **it != "setting") {
        assert!(fixed.lines().any(|it| it.starts_with(&format!("repaired: {kind}: "))), "{kind}: {fixed}");
    }
    assert!(
        fixed.contains("\nsetting: site/name: its value is no JSON; `stratus settings remove` it"),
        "{fixed}"
    );
    assert!(
        fixed.lines().last().is_some_and(|it| it.starts_with("repaired 1 column or index, 1 document, "))
    );

    damage(data.path(), "DELETE FROM settings WHERE category = 'site'");
    assert_eq!(fix().expect(0).stdout, "clean\n");
    let server = Server::demo(data.path());
    server.get("/api/posts/slug/quiet-pagers").expect(200);
    server.stop();
}

#[test]
fn a_server_may_be_running_meanwhile() {
    let data = folder();
    let server = Server::demo(data.path());
    damage(data.path(), REPAIRABLE);
    let leaked = server.get("/api/authors").expect(200);
    assert!(leaked.text().contains("secret@example.org"));
    let fixed = finish(stratus(data.path(), &["doctor", "--fix"])).expect(0).stdout;
    assert!(fixed.ends_with("\nclean\n"), "{fixed}");
    let answer = server.get("/api/authors").expect(200);
    assert!(!answer.text().contains("secret@example.org"), "{}", answer.text());
    server.admin("POST", "/api/posts", r#"{"fields": {"title": "New", "body": "b"}}"#).expect(422);
    server.stop();
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}

#[test]
fn a_damaged_file_is_not_written_to() {
    let data = folder();
    Server::demo(data.path()).stop();
    // An index over other columns than it was made of: a check finds it, and all stays readable.
    damage(
        data.path(),
        "DELETE FROM document_facets WHERE ordinal = 0; PRAGMA writable_schema = ON; \
         UPDATE sqlite_master SET sql = replace(sql, 'to_root_id', 'field_name') \
         WHERE name = 'document_references_to'",
    );
    let facets = || number(&sqlite(data.path()), "SELECT count(*) FROM document_facets");
    let before = facets();
    let fixed = finish(stratus(data.path(), &["doctor", "--fix"])).expect(3).stdout;
    assert!(fixed.starts_with("file: ") && fixed.contains("restore a backup"), "{fixed}");
    assert!(
        fixed.ends_with("nothing was repaired: writing to a damaged file may damage more of it\n"),
        "{fixed}"
    );
    assert_eq!(facets(), before);
}

#[test]
fn definitions_that_nobody_can_read_are_given_again() {
    let data = folder();
    let given = crate::process::demo_collections();
    Server::start(data.path(), &["--collections", shown(&given)]).stop();
    damage(data.path(), "UPDATE document_types SET schema = '{' WHERE id = 'posts'");
    finish(stratus(data.path(), &["doctor", "--fix"])).refused(&["stored definitions", "give --collections"]);
    let fix = ["doctor", "--fix", "--collections", shown(&given)];
    let fixed = finish(stratus(data.path(), &fix)).expect(0).stdout;
    assert!(fixed.contains("repaired: definition: posts: ") && fixed.ends_with("\nclean\n"), "{fixed}");
}
