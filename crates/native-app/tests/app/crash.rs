//! The program is killed while many write: what was acknowledged is there, nothing is half there.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    client::Connection,
    process::{Server, TOKEN, finish, folder, number, say, sqlite, stratus},
};

const WRITERS: usize = 24;
const ROUNDS: usize = 3;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let data = folder();
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..ROUNDS {
        let server = Server::demo(data.path());
        let author = server.get("/api/authors/slug/ada-okafor").expect(200).json();
        let author = author["data"]["id"].as_str().expect("an id").to_owned();
        let moment = Duration::from_millis(150 + random() % 850);
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (author, acknowledged) = (&author, &acknowledged);
                let address = server.address;
                scope.spawn(move || write(address, &format!("{round}-{writer}"), author, acknowledged));
            }
            thread::sleep(moment);
            server.kill();
        });
        let known = acknowledged.lock().expect("ids").clone();
        say(format_args!(
            "round {round}: killed after {moment:?}, {} writes acknowledged in all",
            known.len()
        ));
        assert!(!known.is_empty(), "nobody wrote anything");
        everything_is_whole(data.path());
        let server = Server::demo(data.path());
        all_are_there(&server, &known);
        server.stop();
        assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
    }
}

/// Writes until the connection breaks, and notes what was acknowledged.
fn write(address: SocketAddr, name: &str, author: &str, acknowledged: &Mutex<Vec<String>>) {
    let Ok(mut connection) = Connection::open(address) else { return };
    let bearer = format!("Bearer {TOKEN}");
    for number in 0.. {
        let body = format!(
            r#"{{"publish": true, "fields": {{"title": "crash {name} {number}", "body": "text", "author": "{author}",
            "tags": ["one", "two", "three"], "rating": {number}}}}}"#
        );
        match connection.ask("POST", "/api/posts", &[("authorization", &bearer)], &body) {
            Ok(answer) => {
                let id = answer.expect(201).json()["data"]["id"].as_str().expect("an id").to_owned();
                acknowledged.lock().expect("ids").push(id);
            }
            Err(_) => return,
        }
    }
}

#[track_caller]
fn all_are_there(server: &Server, ids: &[String]) {
    let mut connection = server.connect();
    for id in ids {
        let answer = connection.ask("GET", &format!("/api/posts/{id}"), &[], "").expect("an answer");
        assert_eq!(answer.status, 200, "{id} was acknowledged and is gone: {}", answer.text());
    }
}

/// Each document has its event, its facets and its reference; nothing else has one.
#[track_caller]
fn everything_is_whole(data: &Path) {
    let database = sqlite(data);
    let none = |sql: &str| assert_eq!(number(&database, sql), 0, "{sql}");
    let crashed = "FROM documents AS d WHERE d.slug LIKE 'crash-%'";
    none(&format!(
        "SELECT count(*) {crashed} AND (SELECT count(*) FROM document_facets WHERE document_id = d.pk) <> 3"
    ));
    none(&format!(
        "SELECT count(*) {crashed} AND (SELECT count(*) FROM document_references WHERE from_document_id = d.pk) <> 1"
    ));
    none(&format!(
        "SELECT count(*) {crashed} AND (SELECT count(*) FROM events WHERE document = d.root_id) <> 1"
    ));
    none("SELECT count(*) FROM events WHERE document NOT IN (SELECT root_id FROM documents)");
    none("SELECT count(*) FROM document_facets WHERE document_id NOT IN (SELECT pk FROM documents)");
    none(
        "SELECT count(*) FROM generations AS g WHERE g.seq <> \
         (SELECT max(seq) FROM events AS e WHERE e.tenant_id = g.tenant_id AND e.collection = g.collection)",
    );
}

/// A number that differs each time; it is printed, and nothing depends on it.
#[expect(clippy::disallowed_methods, reason = "these tests run real processes")]
fn random() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) / 1000
}
