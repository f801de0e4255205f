//! What may stand in the way of a start, and what is said about it.

use std::{fs, net::TcpListener, path::Path};

use crate::process::{Finished, Server, finish, folder, number, say, shown, sqlite, stratus};

fn serve(data: &Path) -> Finished {
    finish(stratus(data, &["serve", "--demo", "--listen", "127.0.0.1:0"]))
}

#[test]
fn an_address_in_use_is_said_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = folder();
    let data = data.path().join("new");
    finish(stratus(&data, &["serve", "--demo", "--listen", &address])).refused(&[
        &address,
        "in use",
        "--listen HOST:PORT",
    ]);
    assert!(!data.exists());
}

#[test]
fn a_data_folder_that_is_a_file_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "text").expect("a file");
    serve(&file).refused(&[shown(&file), "is a file", "--data"]);
    serve(&file.join("below")).refused(&["is a file, or below one"]);
    finish(stratus(&file, &["doctor"])).refused(&["is a file"]);
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let data = folder();
    let file = data.path().join("stratus.db");
    let letter = "Dear Sir or Madam, ".repeat(1000);
    fs::write(&file, &letter).expect("a file");
    serve(data.path()).refused(&[shown(&file), "is not a SQLite database"]);
    assert_eq!(fs::read_to_string(&file).expect("the file"), letter);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let outer = folder();
    let data = outer.path().join("data");
    Server::demo(&data).stop();
    let mode = |mode| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).expect("permissions");
    mode(0o555);
    let refused = serve(&data);
    mode(0o755);
    // Even root is refused here: the mode of the folder is looked at, not only tried.
    refused.refused(&[shown(&data), "read-only", "writable"]);

    let new = outer.path().join("data/new");
    mode(0o555);
    let refused = (!rustix::process::geteuid().is_root()).then(|| serve(&new));
    mode(0o755);
    match refused {
        Some(refused) => refused.refused(&[shown(&new), "cannot be made", "--data"]),
        None => say("not tried: root may make folders wherever it likes"),
    }
}

#[test]
fn a_newer_schema_is_not_touched() {
    let data = folder();
    Server::demo(data.path()).stop();
    let newer =
        "INSERT INTO migrations SELECT 9999, '9999_later', checksum, applied_at FROM migrations LIMIT 1";
    let database = sqlite(data.path());
    let columns: Vec<String> = database
        .prepare("SELECT name FROM pragma_table_info('migrations')")
        .and_then(|mut it| it.query_map([], |row| row.get(0))?.collect())
        .expect("columns");
    database.execute(newer, []).unwrap_or_else(|error| panic!("{error}: {columns:?}"));
    serve(data.path()).refused(&["newer Stratus", "9999_later", "run that version"]);
    finish(stratus(data.path(), &["migrate", "up"])).refused(&["9999_later"]);
    finish(stratus(data.path(), &["doctor"])).refused(&["9999_later"]);
    let status = finish(stratus(data.path(), &["migrate", "status"])).expect(0);
    assert!(status.stdout.contains("9999_later"), "{}", status.stdout);
}

#[test]
fn a_short_token_is_refused() {
    let data = folder();
    for token in ["", "too-short"] {
        let mut command = stratus(data.path(), &["serve", "--demo", "--listen", "127.0.0.1:0"]);
        command.env("STRATUS_ADMIN_TOKEN", token);
        finish(command).refused(&["STRATUS_ADMIN_TOKEN", "32 characters"]);
    }
}

#[test]
fn tenants_are_by_host() {
    let data = folder();
    let tenants = data.path().join("tenants.json");
    fs::write(&tenants, r#"{"localhost": "Not A Tenant"}"#).expect("a file");
    let options = ["serve", "--demo", "--listen", "127.0.0.1:0", "--tenants", shown(&tenants)];
    finish(stratus(data.path(), &options)).refused(&["tenants.json", "localhost"]);
    fs::write(&tenants, r#"{"localhost": "default", "other.example": "other"}"#).expect("a file");
    let server = Server::start(data.path(), &["--demo", "--tenants", shown(&tenants)]);
    server.get("/api/posts/slug/quiet-pagers").expect(200);
    let ask = |host: &str| {
        let mut connection = server.connect();
        let head = format!("GET /api/posts/slug/quiet-pagers HTTP/1.1\r\nhost: {host}\r\n\r\n");
        connection.send(head).expect("a request");
        connection.receive(false).expect("an answer").status
    };
    assert_eq!([ask("other.example"), ask("third.example")], [404, 421]);
    server.stop();
}

#[test]
fn commands_that_read_make_nothing() {
    let outer = folder();
    let data = outer.path().join("nothing");
    for arguments in [&["migrate", "status"][..], &["doctor"]] {
        finish(stratus(&data, arguments)).refused(&["no database", "stratus.db", "--data"]);
    }
    assert!(!data.exists());
}

#[test]
fn migrating_by_hand_says_what_it_did() {
    let data = folder();
    let first = finish(stratus(data.path(), &["migrate", "up"])).expect(0).stdout;
    assert!(first.contains("applied 0001_core\n") && first.contains("no definitions"), "{first}");
    let collections = crate::process::demo_collections();
    let up = ["migrate", "up", "--collections", shown(&collections)];
    let second = finish(stratus(data.path(), &up)).expect(0).stdout;
    assert!(second.contains("added column q_") && second.ends_with(" changes\n"), "{second}");
    let third = finish(stratus(data.path(), &["migrate", "up"])).expect(0).stdout;
    assert_eq!(third, "up to date; nothing to do\n");
    let status = finish(stratus(data.path(), &["migrate", "status"])).expect(0).stdout;
    let mut lines = status.lines();
    assert!(lines.next().is_some_and(|it| it.starts_with("NUMBER")), "{status}");
    assert!(lines.clone().count() >= 5 && lines.all(|it| it.contains("applied")), "{status}");
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let data = folder();
    Server::demo(data.path()).stop();
    let database = sqlite(data.path());
    database.execute("DELETE FROM document_facets WHERE ordinal = 0", []).expect("a change");
    database
        .execute_batch("PRAGMA foreign_keys = OFF; UPDATE documents SET type_id = 'x' WHERE slug = 'craft'")
        .expect("another");
    assert_eq!(number(&database, "SELECT count(*) FROM pragma_foreign_key_check"), 1);
    let found = finish(stratus(data.path(), &["doctor"])).expect(3).stdout;
    assert!(found.contains("facets: ") && found.contains("file: row "), "{found}");
}

#[test]
fn an_empty_file_is_migrated_and_pending_is_said() {
    let data = folder();
    fs::write(data.path().join("stratus.db"), "").expect("a file");
    let status = finish(stratus(data.path(), &["migrate", "status"])).expect(0).stdout;
    assert!(status.lines().skip(1).all(|it| it.contains("pending")), "{status}");
    finish(stratus(data.path(), &["doctor"])).refused(&["not applied yet", "stratus migrate up"]);
    Server::demo(data.path()).stop();
}

#[test]
fn a_damaged_file_is_called_damaged() {
    let data = folder();
    Server::demo(data.path()).stop();
    let path = data.path().join("stratus.db");
    let sound = fs::read(&path).expect("the database");
    let check = |damaged: &[u8]| {
        fs::write(&path, damaged).expect("damage");
        let found = finish(stratus(data.path(), &["doctor"])).expect(3);
        assert!(found.stdout.contains("damaged") || found.stdout.starts_with("file: "), "{found:?}");
        assert!(!found.stdout.contains("not a SQLite database"), "{found:?}");
    };
    check(&sound[..sound.len() / 2]);
    let mut holed = sound.clone();
    let middle = holed.len() / 8192 * 4096;
    holed[middle..middle + 8 * 4096].fill(0xa5);
    check(&holed);
}
