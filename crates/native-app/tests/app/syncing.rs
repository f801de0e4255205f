//! Nothing is acknowledged before it is on disk, as the system calls show.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::process::{Server, TOKEN, clean, definitions, folder, say, shown, until};

const NOTES: &str = r#"{"name": "notes", "fields": {"title": {"type": "text", "required": true}}}"#;
const CALLS: &str = "trace=fdatasync,fsync,recvfrom,read,sendto,sendmsg,write,writev";

#[test]
fn a_write_is_synced_before_it_is_answered() {
    if !strace_works() {
        say("not watched: strace is missing or may not trace here; the setting is looked at instead");
        return the_setting_is_full();
    }
    assert!(syncs_before_answer(&[]), "an answer left before its commit was on disk");
    // The same look at a server that does not wait shows that it can tell the two apart.
    assert!(!syncs_before_answer(&["--synchronous", "normal"]), "nothing was to be synced");
}

fn strace_works() -> bool {
    let mut probe = Command::new("strace");
    let probe = probe.args(["-f", "-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|it| it.success())
}

fn the_setting_is_full() {
    let (data, given) = (folder(), definitions(&[("notes.json", NOTES)]));
    let log = Server::start(data.path(), &["--collections", shown(given.path())]).stop();
    assert!(log.contains(r#""synchronous":"Full""#), "{log}");
}

/// Creates a few documents and says whether each answer came after a sync.
fn syncs_before_answer(options: &[&str]) -> bool {
    let (data, given) = (folder(), definitions(&[("notes.json", NOTES)]));
    let calls = data.path().join("calls");
    // The tracer steps aside (-D), so that the server is our child and takes our signals.
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-s", "32", "-e", CALLS, "-o", shown(&calls), env!("CARGO_BIN_EXE_stratus")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", shown(data.path())]);
    command.args(["--collections", shown(given.path())]).args(options);
    clean(&mut command).env("STRATUS_ADMIN_TOKEN", TOKEN);
    let server = Server::run(command);
    for number in 0..3 {
        let body = format!(r#"{{"fields": {{"title": "{number}"}}}}"#);
        server.admin("POST", "/api/notes", &body).expect(201);
    }
    server.stop();
    let synced = synced_per_answer(&calls);
    assert_eq!(synced.len(), 3, "{}", fs::read_to_string(&calls).unwrap_or_default());
    synced.iter().all(|it| *it)
}

/// For each request that made something: whether a sync ended between its arrival and its answer.
fn synced_per_answer(calls: &Path) -> Vec<bool> {
    let done = || fs::read_to_string(calls).ok().filter(|it| it.contains("+++ exited with 0 +++"));
    let text = until(done).expect("the tracer ends after the server");
    let mut synced = None;
    let mut answers = Vec::new();
    for line in text.lines() {
        if line.contains("POST /api/notes") {
            synced = Some(false);
        } else if is_sync(line) {
            synced = synced.map(|_| true);
        } else if line.contains("HTTP/1.1 201") {
            answers.push(synced.take() == Some(true));
        }
    }
    answers
}

/// A sync that returned: on one line, or where it is resumed after another thread's calls.
fn is_sync(line: &str) -> bool {
    ["fdatasync", "fsync"]
        .iter()
        .any(|call| line.contains(&format!(" {call}(")) || line.contains(&format!("<... {call} resumed>")))
        && line.trim_end().ends_with("= 0")
}
