//! What a server costs, and what it does when there is not enough of it.

use std::{
    io::{ErrorKind, Read as _},
    process::Command,
    thread,
    time::Duration,
};

use crate::process::{Server, TOKEN, clean, folder, now, say, shown};

/// Of a server that has just started.
const MOST_KIB: u64 = 30 * 1024;

#[test]
#[cfg(target_os = "linux")]
fn an_idle_server_is_small() {
    let data = folder();
    let server = Server::demo(data.path());
    server.get("/api/posts").expect(200);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("its status");
    let resident = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a size").trim();
    say(format_args!("resident: {resident}"));
    let kib: u64 = resident.trim_end_matches(" kB").parse().expect("a number");
    assert!(kib <= MOST_KIB, "{resident}");
    server.stop();
}

#[test]
fn connections_beyond_the_limit_of_open_files_wait_their_turn() {
    let data = folder();
    let mut command = Command::new("sh");
    // 160 files are 32 connections; the rest is for the database.
    let line = "ulimit -n 160 && exec \"$0\" serve --demo --listen 127.0.0.1:0 --data \"$1\"";
    command.args(["-c", line, env!("CARGO_BIN_EXE_stratus"), shown(data.path())]);
    clean(&mut command).env("STRATUS_ADMIN_TOKEN", TOKEN);
    let server = Server::run(command);
    let mut first: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for connection in &mut first {
        connection.ask("GET", "/api/posts?limit=1", &[], "").expect("an answer").expect(200);
    }
    let mut waiting: Vec<_> = (0..32).map(|_| server.connect()).collect();
    let since = now();
    let release = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        drop(first);
    });
    for connection in &mut waiting {
        connection.ask("GET", "/api/posts?limit=1", &[], "").expect("an answer").expect(200);
    }
    assert!(since.elapsed() >= Duration::from_millis(400), "more were let in than there is room for");
    release.join().expect("the release");
    drop(waiting);
    let log = server.stop();
    assert!(!log.contains("no connection can be accepted"), "{log}");
}

#[test]
fn whoever_reads_nothing_is_dropped() {
    let data = folder();
    let server = Server::demo(data.path());
    let mut connection = server.connect();
    let request = "GET /api/posts?limit=100 HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    connection.stream().set_write_timeout(Some(Duration::from_secs(2))).expect("a time limit");
    // Until the answers fill every buffer on the way, and the server takes no more requests.
    while connection.send(&request).is_ok() {}
    thread::sleep(Duration::from_secs(11));
    let mut answers = Vec::new();
    let mut stream = connection.stream();
    match stream.read_to_end(&mut answers) {
        Ok(_) => {}
        Err(error) => assert!(
            !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "it is still served: {error}"
        ),
    }
    server.get("/health").expect(200);
    server.stop();
}

#[test]
fn two_servers_share_a_folder() {
    let data = folder();
    let (first, second) = (Server::demo(data.path()), Server::start(data.path(), &[]));
    for (number, (writer, reader)) in [(&first, &second), (&second, &first)].into_iter().enumerate() {
        let body = format!(r#"{{"publish": true, "fields": {{"name": "Shared {number}"}}}}"#);
        writer.admin("POST", "/api/authors", &body).expect(201);
        reader.get(&format!("/api/authors/slug/shared-{number}")).expect(200);
    }
    first.stop();
    second.get("/api/authors/slug/shared-1").expect(200);
    second.stop();
}
