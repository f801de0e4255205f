//! Export and import as commands: files, pipes, exit codes, and being killed.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

use crate::process::{Server, demo_collections, finish, folder, number, say, shown, sqlite, stratus, until};

/// Authors and posts as people write them, posts first.
fn content(authors: usize, posts: usize) -> String {
    let mut text = String::new();
    for n in 0..posts {
        let line = writeln!(
            text,
            r#"{{"type": "posts", "publish": true, "fields": {{"title": "Post {n}", "body": "text", "author": "author-{}",
             "tags": ["one", "two", "three"], "rating": {}}}}}"#,
            n % authors,
            n % 5
        );
        line.expect("a line");
    }
    let text = text.replace(",\n             ", ", ");
    (0..authors).fold(text, |text, n| {
        text + &format!(
            "{{\"type\": \"authors\", \"publish\": true, \"fields\": {{\"name\": \"Author {n}\"}}}}\n"
        )
    })
}

struct Place {
    data: TempDir,
    files: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { data: folder(), files: folder() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.files.path().join(name);
        fs::write(&path, text).expect("a file");
        shown(&path).to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let collections = demo_collections();
        let mut command = stratus(self.data.path(), arguments);
        command.args(["--collections", shown(&collections)]);
        command
    }
}

#[test]
fn the_demo_moves_to_another_folder() {
    let from = Place::new();
    Server::demo(from.data.path()).stop();
    let path = from.files.path().join("demo.ndjson");
    let said = finish(from.command(&["export", shown(&path)])).expect(0);
    assert_eq!(said.stdout, format!("exported 84 documents to {}\n", path.display()));
    let piped = finish(from.command(&["export", "-"])).expect(0);
    let text = fs::read_to_string(&path).expect("an export");
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), (text.as_str(), "exported 84 documents\n"));

    let to = Place::new();
    let dry = finish(to.command(&["import", shown(&path), "--dry-run"])).expect(0);
    assert_eq!(dry.stdout, "would import 84 documents: 84 created, 0 updated, 0 unchanged, 0 failed\n");
    assert!(!to.data.path().join("stratus.db").exists());
    let mut command = to.command(&["import", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("lines");
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said, "imported 84 documents: 84 created, 0 updated, 0 unchanged, 0 failed\n");
    assert_eq!(finish(stratus(to.data.path(), &["export", "-"])).expect(0).stdout, text);
    let again = finish(stratus(to.data.path(), &["import", shown(&path)])).expect(0);
    assert_eq!(again.stdout, "imported 84 documents: 0 created, 0 updated, 84 unchanged, 0 failed\n");
    assert_eq!(finish(stratus(to.data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}

#[test]
fn bad_lines_are_named_with_their_place() {
    let place = Place::new();
    let lines = content(1, 2);
    let path = place.file("bad.ndjson", &format!("{lines}{{\"type\": \"authors\", \"fields\": {{}}}}\n[\n"));
    let fault = format!("{path}:5: is no JSON: EOF while parsing a list (column 1)\n");
    let stopped = finish(place.command(&["import", &path])).expect(1);
    assert_eq!(stopped.stdout, "imported 0 documents: 0 created, 0 updated, 0 unchanged, 1 failed\n");
    assert!(
        stopped.stderr.starts_with(&fault) && stopped.stderr.contains("stratus: the import stopped"),
        "{stopped:?}"
    );
    let skipped = finish(place.command(&["import", &path, "--on-error", "skip"])).expect(3);
    assert_eq!(skipped.stdout, "imported 3 documents: 3 created, 0 updated, 0 unchanged, 2 failed\n");
    let second = format!("{path}:4: /fields/name: `name` is required\n");
    assert_eq!(skipped.stderr, fault + &second);

    finish(place.command(&["import", "/nowhere"])).refused(&["`/nowhere` cannot be read"]);
    finish(place.command(&["import", shown(place.files.path())])).refused(&["is a folder"]);
    finish(place.command(&["import", &path, "--collection", "x"])).refused(&["there is no collection `x`"]);
    finish(place.command(&["export", "-", "--collection", "x"])).refused(&["there is no collection `x`"]);
    finish(place.command(&["export", "/nowhere/x"])).refused(&["`/nowhere/x` cannot be written"]);
    let empty = folder();
    finish(stratus(empty.path(), &["import", &path])).refused(&["give --collections"]);
    let tenant = finish(place.command(&["import", &path, "--tenant", "A b"])).expect(2);
    assert!(tenant.stderr.contains("is not a tenant id"), "{tenant:?}");
}

#[test]
fn a_server_sees_what_is_imported_beside_it() {
    let place = Place::new();
    let server = Server::start(place.data.path(), &["--collections", shown(&demo_collections())]);
    assert_eq!(server.get("/api/posts").expect(200).json()["data"].as_array().map(Vec::len), Some(0));
    let path = place.file("content.ndjson", &content(3, 30));
    finish(place.command(&["import", &path])).expect(0);
    let seen = until(|| {
        let list = server.get("/api/posts").expect(200).json();
        list["data"].as_array().filter(|it| it.len() == 20).map(|_| ())
    });
    assert!(seen.is_some(), "{}", server.errors());
    server.stop();
}

#[test]
fn an_import_that_is_killed_is_completed_by_the_next() {
    let place = Place::new();
    let path = place.file("content.ndjson", &content(40, 2_500));
    // The database is there, so that the moments are all within the import.
    finish(place.command(&["migrate", "up"])).expect(0);
    for round in 0..8 {
        let mut import = place.command(&["import", &path]);
        let mut child = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary");
        let moment = Duration::from_millis(20 + 100 * round + random() % 100);
        thread::sleep(moment);
        child.kill().expect("it is there, or was");
        let code = child.wait().expect("an end").code();
        let documents = number(&sqlite(place.data.path()), "SELECT count(*) FROM documents");
        say(format_args!("round {round}: killed after {moment:?} ({code:?}), {documents} documents"));
    }
    let last = finish(place.command(&["import", &path])).expect(0);
    assert!(
        last.stdout.starts_with("imported 2540 documents: ") && last.stdout.ends_with(" 0 failed\n"),
        "{last:?}"
    );
    let database = sqlite(place.data.path());
    let is = |sql: &str, expected| assert_eq!(number(&database, sql), expected, "{sql}");
    is("SELECT count(*) FROM documents", 2_540);
    is("SELECT count(DISTINCT slug) FROM documents", 2_540);
    is("SELECT count(*) FROM events", 2_540);
    is("SELECT count(*) FROM document_facets", 7_500);
    is("SELECT (SELECT count(*) FROM imports) + (SELECT count(*) FROM import_lines)", 0);
    assert_eq!(finish(place.command(&["doctor"])).expect(0).stdout, "clean\n");
}

#[test]
fn one_import_at_a_time() {
    let place = Place::new();
    let path = place.file("content.ndjson", &content(2, 4));
    finish(place.command(&["migrate", "up"])).expect(0);
    let lock = place.data.path().join("stratus-import.lock");
    let turn = fs::File::options().create(true).append(true).open(lock).expect("a lock");
    turn.lock().expect("a turn");
    finish(place.command(&["import", &path])).refused(&["another import into", "is running"]);
    // A trial writes nothing there.
    finish(place.command(&["import", &path, "--dry-run"])).expect(0);
    drop(turn);
    finish(place.command(&["import", &path])).expect(0);
}

/// A number that differs each time; it is printed, and nothing depends on it.
#[expect(clippy::disallowed_methods, reason = "these tests run real processes")]
fn random() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) / 1000
}
