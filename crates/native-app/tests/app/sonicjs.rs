//! Tests for those faults of SonicJS that show only when it is started, so that none of them comes
//! back here. All others have theirs in `crates/api/tests/sonicjs.rs`.
//!
//! | fault | test |
//! |---|---|
//! | C14 the first start races | `c14_…` |
//! | C16 self-hosting doesn't start; foreign keys off; migrations left out; batches without results | `c16_…` |

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Barrier, thread};

use crate::{
    client::Answer,
    process::{
        Finished, Server, TOKEN, demo_collections, finish, folder, number, shown, sqlite, stratus, until,
    },
};

const PROCESSES: usize = 6;

/// Does something in as many threads, all at one moment.
fn at_once<T: Send>(act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(PROCESSES);
    thread::scope(|scope| {
        let act = |n| {
            barrier.wait();
            act(n)
        };
        let threads: Vec<_> = (0..PROCESSES).map(|n| scope.spawn(move || act(n))).collect();
        threads.into_iter().map(|it| it.join().expect("a thread")).collect()
    })
}

fn migrations() -> i64 {
    let files =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations")).expect("migrations");
    let names = files.map(|it| it.expect("a file").file_name().to_string_lossy().into_owned());
    names.filter(|it| it.ends_with(".sql")).count().try_into().expect("a few")
}

/// Everything is there, and once.
#[track_caller]
fn is_whole(data: &Path) {
    let database = sqlite(data);
    let count = |sql: &str| number(&database, &format!("SELECT count(*) FROM {sql}"));
    assert_eq!(count("migrations"), migrations());
    assert_eq!(count("document_types"), 4);
    let there = "SELECT name FROM sqlite_schema WHERE name LIKE 'ix\\_%' ESCAPE '\\' \
                 UNION ALL SELECT name FROM pragma_table_xinfo('documents') WHERE name LIKE 'q\\_%' ESCAPE '\\'";
    assert_eq!(count("schema_state"), count(&format!("({there})")));
    assert_eq!(count(&format!("schema_state WHERE name NOT IN ({there})")), 0);
    assert_eq!(count("pragma_foreign_key_check"), 0);
    drop(database);
    assert_eq!(finish(stratus(data, &["doctor"])).expect(0).stdout, "clean\n");
}

/// Two instances of SonicJS that start on a new database at once leave it without some of what it
/// needs, for good. Here all of them serve, and the folder is as one alone would have left it.
#[test]
fn c14_many_first_starts_at_once_leave_one_whole_database() {
    let (outer, collections) = (folder(), demo_collections());
    let data = outer.path().join("new");
    let servers = at_once(|_| Server::start(&data, &["--collections", shown(&collections)]));
    let author = servers[0].admin("POST", "/api/authors", r#"{"publish": true, "fields": {"name": "Ada"}}"#);
    let path = format!("/api/authors/{}", author.expect(201).json()["data"]["id"].as_str().expect("an id"));
    for server in &servers {
        server.get("/ready").expect(200);
        server.get(&path).expect(200);
        server.admin("POST", "/api/categories", r#"{"fields": {"name": "Same"}}"#).expect(201);
    }
    servers.into_iter().for_each(|it| drop(it.stop()));
    is_whole(&data);
    let slugs = number(&sqlite(&data), "SELECT count(DISTINCT slug) FROM documents");
    assert_eq!(slugs, 1 + PROCESSES as i64);
}

/// The same with the demo's content, which one of them loads and the others wait for: see
/// [`c14_many_first_starts_at_once_leave_one_whole_database`].
#[test]
fn c14_the_demo_is_loaded_once_by_many() {
    let outer = folder();
    let data = outer.path().join("new");
    let servers = at_once(|_| Server::demo(&data));
    for server in &servers {
        server.get("/ready").expect(200);
        server.get("/api/posts/slug/quiet-pagers").expect(200);
    }
    servers.into_iter().for_each(|it| drop(it.stop()));
    is_whole(&data);
    assert_eq!(number(&sqlite(&data), "SELECT count(*) FROM documents"), 84);
}

/// The same with a token that nobody gave: one is made and shown, and all of them take it. See
/// [`c14_many_first_starts_at_once_leave_one_whole_database`].
#[test]
fn c14_one_token_is_made_by_many() {
    let outer = folder();
    let data = outer.path().join("new");
    let servers = at_once(|_| {
        let mut command = serve(&data);
        command.env_remove("STRATUS_ADMIN_TOKEN");
        Server::run(command)
    });
    let shown = "admin token (shown once): ";
    until(|| servers.iter().any(|it| it.errors().contains(shown)).then_some(())).expect("a token");
    let logs: Vec<_> = servers.iter().map(Server::errors).collect();
    let tokens: Vec<_> =
        logs.iter().flat_map(|it| it.lines()).filter_map(|it| it.strip_prefix(shown)).collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let bearer = format!("Bearer {}", tokens[0]);
    for server in &servers {
        let path = "/api/posts?state=draft&limit=1";
        let answer = server.connect().ask("GET", path, &[("authorization", &bearer)], "");
        answer.expect("an answer").expect(200);
    }
}

/// The same for commands: see [`c14_many_first_starts_at_once_leave_one_whole_database`].
#[test]
fn c14_many_migrations_at_once_are_one() {
    let (outer, collections) = (folder(), demo_collections());
    let data = outer.path().join("new");
    let up = ["migrate", "up", "--collections", shown(&collections)];
    let finished: Vec<Finished> = at_once(|_| finish(stratus(&data, &up)));
    for it in finished {
        it.expect(0);
    }
    is_whole(&data);
    assert_eq!(finish(stratus(&data, &up)).expect(0).stdout, "up to date; nothing to do\n");
}

fn serve(data: &Path) -> Command {
    let mut command = stratus(data, &["serve", "--demo", "--listen", "127.0.0.1:0"]);
    command.env("STRATUS_ADMIN_TOKEN", TOKEN);
    command
}

/// SonicJS on a machine of one's own doesn't start as it is shipped; then its lists are errors, and
/// its migrations stop halfway. Here the binary starts on a new folder, every list answers, and
/// every migration is applied.
#[test]
fn c16_the_binary_starts_and_every_list_answers() {
    let data = folder();
    let server = Server::run(serve(data.path()));
    let names: BTreeSet<String> = each(&server.get("/api").expect(200), "name");
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        ["authors", "categories", "comments", "posts"]
    );
    for name in &names {
        assert!(!each(&server.get(&format!("/api/{name}?limit=100")).expect(200), "id").is_empty(), "{name}");
        server.admin("GET", &format!("/api/{name}?state=draft&limit=1"), "").expect(200);
        server.admin("GET", &format!("/api/{name}?state=trashed"), "").expect(200);
    }
    let status = finish(stratus(data.path(), &["migrate", "status"])).expect(0).stdout;
    assert!(!status.contains("pending"), "{status}");
    assert_eq!(status.lines().filter(|it| it.contains("applied")).count() as i64, migrations(), "{status}");
    server.stop();
    is_whole(data.path());
}

/// A batch of SonicJS' own adapter has no results. Here a page whose order needs several statements,
/// which go as one batch, has its rows: walked by a key that some documents lack, nothing is missing.
#[test]
fn c16_a_batch_of_reads_has_its_rows() {
    let data = folder();
    let server = Server::run(serve(data.path()));
    let all = each(&server.get("/api/posts?limit=100").expect(200), "id");
    for sort in ["rating", "-rating"] {
        let (mut seen, mut path) = (BTreeSet::new(), format!("/api/posts?sort={sort}&limit=3"));
        loop {
            let page = server.get(&path).expect(200);
            let ids = each(&page, "id");
            assert!(ids.is_disjoint(&seen) && !ids.is_empty(), "{path}");
            seen.extend(ids);
            let Some(next) = page.json()["page"]["next"].as_str().map(str::to_owned) else { break };
            path = format!("/api/posts?sort={sort}&limit=3&after={next}");
        }
        assert_eq!(seen, all, "{sort}");
    }
}

/// Foreign keys of a self-hosted SonicJS are off. Here the program's own connections hold them: a
/// document of a type that somebody took out of the database is refused, and nothing of it stays.
#[test]
fn c16_foreign_keys_are_on() {
    let data = folder();
    let server = Server::run(serve(data.path()));
    let database = sqlite(data.path());
    let damage = "PRAGMA foreign_keys = OFF; DELETE FROM document_types WHERE id = 'authors'";
    database.execute_batch(damage).expect("damage");
    let counts =
        || ["documents", "events"].map(|it| number(&database, &format!("SELECT count(*) FROM {it}")));
    let before = counts();
    let refused = server.admin("POST", "/api/authors", r#"{"fields": {"name": "Nobody"}}"#).expect(500);
    assert_eq!((refused.code().as_str(), refused.text().contains("FOREIGN")), ("internal", false));
    assert_eq!(counts(), before);
    server.admin("POST", "/api/categories", r#"{"fields": {"name": "Somebody"}}"#).expect(201);
    assert!(server.stop().contains("FOREIGN KEY"), "the log says why");
}

/// A member of each document of a list.
#[track_caller]
fn each(list: &Answer, member: &str) -> BTreeSet<String> {
    let list = list.json();
    let items = list["data"].as_array().expect("a list");
    items.iter().map(|it| it[member].as_str().expect("text").to_owned()).collect()
}
