//! Settings by the command line: set, shown, removed, hidden.

use crate::process::{Finished, Server, finish, folder, number, sqlite, stratus};

#[test]
fn what_is_set_is_shown() {
    let data = folder();
    let run = |arguments: &[&str]| finish(stratus(data.path(), &[&["settings"], arguments].concat()));
    let said = |arguments: &[&str]| run(arguments).expect(0).stdout;
    // The first one makes the database.
    assert_eq!(said(&["set", "site", "name", r#""My site""#]), "set\n");
    assert_eq!(said(&["set", "site", "name", r#" "My site" "#]), "it is that already\n");
    assert_eq!(said(&["set", "site", "limit", "-5"]), "set\n");
    assert_eq!(said(&["set", "mail", "from", r#"{"name": "S", "to": [1, null]}"#]), "set\n");
    assert_eq!(said(&["get", "site", "name"]), "\"My site\"\n");
    assert_eq!(said(&["get", "mail", "from"]), "{\"name\":\"S\",\"to\":[1,null]}\n");
    let list = said(&["list"]);
    let lines: Vec<Vec<&str>> = list.lines().map(|it| it.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["CATEGORY", "KEY", "WHEN", "VALUE"]);
    assert!(lines[1][0] == "mail" && lines[2][..2] == ["site", "limit"] && lines[2][3] == "-5", "{list}");
    assert_eq!(said(&["list", "mail"]).lines().count(), 2);
    assert_eq!(said(&["remove", "site", "name"]), "removed\n");
    assert_eq!(said(&["remove", "site", "name"]), "there is none\n");
    run(&["get", "site", "name"]).refused(&["no setting `site/name`", "settings list"]);
    assert_eq!(said(&["list", "nothing"]), "no settings\n");
    run(&["set", "site", "name", "it's"]).refused(&["no JSON", r#"settings set site name '"it'\''s"'"#]);
    run(&["set", "Site", "name", "1"]).refused(&["`Site` can't name a setting", "lower-case"]);
    let events = "SELECT count(*) FROM events WHERE kind = 'settings'";
    assert_eq!(number(&sqlite(data.path()), events), 4);
}

#[test]
fn what_is_the_programs_own_is_not_shown() {
    let data = folder();
    let mut server = stratus(data.path(), &["serve", "--demo", "--listen", "127.0.0.1:0"]);
    server.env_remove("STRATUS_ADMIN_TOKEN");
    Server::run(server).stop();
    let run = |arguments: &[&str]| -> Finished {
        finish(stratus(data.path(), &[&["settings"], arguments].concat()))
    };
    let list = run(&["list"]).expect(0).stdout;
    assert!(list.contains("admin_token_digest") && list.contains("(hidden"), "{list}");
    let digest: String = sqlite(data.path())
        .query_row("SELECT json_extract(value, '$') FROM settings WHERE category = 'auth'", [], |row| {
            row.get(0)
        })
        .expect("the digest");
    assert!(!list.contains(&digest), "{list}");
    run(&["get", "auth", "admin_token_digest"]).refused(&["`auth`", "the program's own"]);
    run(&["set", "auth", "admin_token_digest", "1"]).refused(&["`auth`", "the program's own"]);
    // Whoever has lost the token gets another one so.
    run(&["remove", "auth", "admin_token_digest"]).expect(0);
    let log = Server::run(stratus(data.path(), &["serve", "--listen", "127.0.0.1:0"])).stop();
    assert!(log.contains("admin token (shown once): "), "{log}");
}

#[test]
fn looking_makes_nothing() {
    let outer = folder();
    let data = outer.path().join("nothing");
    for arguments in [&["settings", "list"][..], &["settings", "get", "site", "name"]] {
        finish(stratus(&data, arguments)).refused(&["no database", "--data"]);
    }
    finish(stratus(&data, &["settings", "set", "site", "name", "word"])).refused(&["no JSON"]);
    assert!(!data.exists());
}
