//! What comes over a raw socket from clients that are broken or mean no good.

use std::{io::Write as _, net::Shutdown, thread, time::Duration};

use crate::{
    client::Connection,
    process::{Server, TOKEN, folder, now},
};

/// Sends bytes on a connection of its own and reads the first answer.
#[track_caller]
fn raw(server: &Server, bytes: impl AsRef<[u8]>) -> (Connection, crate::client::Answer) {
    let mut connection = server.connect();
    connection.send(bytes).expect("bytes");
    let answer = connection.receive(false).expect("an answer");
    (connection, answer)
}

fn head(method: &str, path: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n{rest}\r\n")
}

#[test]
fn strange_requests_are_answered_and_the_server_goes_on() {
    let data = folder();
    let server = Server::demo(data.path());
    strange_methods(&server);
    long_addresses(&server);
    malformed(&server);
    old_and_pipelined(&server);
    bodies_of_another_length(&server);
    server.get("/api/posts?limit=1").expect(200);
    server.stop();
}

fn strange_methods(server: &Server) {
    for method in ["FOO", "TRACE"] {
        let (mut connection, answer) = raw(server, head(method, "/api/posts", ""));
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method}");
        assert!(answer.header("allow").is_some(), "{method}");
        connection.ask("GET", "/health", &[], "").expect("the connection goes on").expect(200);
    }
}

fn long_addresses(server: &Server) {
    let path = |length: usize| format!("/api/posts?{}", "x".repeat(length));
    let (_, answer) = raw(server, head("GET", &path(20_000), ""));
    assert_eq!((answer.status, answer.code().as_str()), (414, "uri_too_long"));
    let (mut connection, answer) = raw(server, head("GET", &path(70_000), ""));
    assert_eq!(answer.status, 414);
    assert!(connection.is_closed());
    let (mut connection, answer) = raw(server, head("GET", "/", &format!("x: {}\r\n", "x".repeat(200_000))));
    assert_eq!(answer.status, 431);
    assert!(connection.is_closed());
}

fn malformed(server: &Server) {
    for bytes in
        ["NO HTTP\r\n\r\n", "GET / HTTP/1.1\r\nhost localhost\r\n\r\n", "GET /\r\n\r\n", "\0\0\0\r\n\r\n"]
    {
        let (mut connection, answer) = raw(server, bytes);
        assert_eq!(answer.status, 400, "{bytes:?}");
        assert!(connection.is_closed(), "{bytes:?}");
    }
}

fn old_and_pipelined(server: &Server) {
    let (mut connection, answer) = raw(server, "GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 200);
    assert!(connection.is_closed(), "HTTP/1.0 closes unless it asks for more");

    let mut connection = server.connect();
    let (first, second) = (head("GET", "/health", ""), head("GET", "/api/nothing", ""));
    connection.send(format!("{first}{second}{first}")).expect("three requests at once");
    // Whoever has sent everything may say so and still gets everything.
    connection.stream().shutdown(Shutdown::Write).expect("half a close");
    let mut next = || connection.receive(false).expect("an answer").status;
    assert_eq!([next(), next(), next()], [200, 404, 200]);
    assert!(connection.is_closed());
}

fn bodies_of_another_length(server: &Server) {
    let json = "content-type: application/json\r\n";
    let body = r#"{"fields": {"name": "Right Length"}}"#;
    let longer = format!("{json}content-length: {}\r\n", body.len());
    let request = format!("{}{body} and more", head("POST", "/api/authors", &longer));
    let (mut connection, answer) = raw(server, request);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(connection.receive(false).expect("an answer to what is no request").status, 400);
    assert!(connection.is_closed());

    for lengths in
        ["content-length: 5\r\ncontent-length: 6\r\n", "content-length: x\r\n", "content-length: -1\r\n"]
    {
        let (mut connection, answer) =
            raw(server, format!("{}hello!", head("POST", "/api/authors", &format!("{json}{lengths}"))));
        assert_eq!(answer.status, 400, "{lengths:?}");
        assert!(connection.is_closed(), "{lengths:?}");
    }

    // Cut off in the middle: nobody is left to answer, and nothing is written.
    let mut connection = server.connect();
    connection.send(format!("{}{}", head("POST", "/api/authors", &longer), &body[..9])).expect("half a body");
    connection.stream().shutdown(Shutdown::Both).expect("a close");
    let authors = server.get("/api/authors").expect(200).json();
    assert_eq!(authors["data"].as_array().expect("a list").len(), 6, "only those of the demo are public");
}

#[test]
fn an_endless_body_is_refused_and_ended() {
    let data = folder();
    let server = Server::demo(data.path());
    let request =
        head("POST", "/api/authors", "content-type: application/json\r\ntransfer-encoding: chunked\r\n");
    let (mut connection, chunk) = (server.connect(), format!("10000\r\n{}\r\n", "x".repeat(0x10000)));
    connection.send(request).expect("a head");
    let mut writer = connection.stream().try_clone().expect("a second handle");
    let sender = thread::spawn(move || {
        (0..100_000).take_while(|_| writer.write_all(chunk.as_bytes()).is_ok()).count()
    });
    let answer = connection.receive(false).expect("an answer while the body goes on");
    assert_eq!((answer.status, answer.code().as_str()), (413, "payload_too_large"));
    drop(connection);
    let chunks = sender.join().expect("the sender");
    assert!(chunks < 2_000, "{chunks} chunks of 64 KiB were taken");
    server.get("/health").expect(200);
    server.stop();
}

#[test]
fn whoever_falls_silent_is_not_waited_for() {
    let data = folder();
    let server = Server::demo(data.path());
    let since = now();
    let slow_head = |server: &Server| {
        let mut connection = server.connect();
        connection.send("GET /health HTTP/1.1\r\nho").expect("half a head");
        let answer = connection.receive(false).ok().map(|it| it.status);
        assert!(matches!(answer, None | Some(408)), "{answer:?}");
        assert!(answer.is_none() || connection.is_closed());
    };
    let slow_body = |server: &Server, framing: &str, part: &str| {
        let rest = format!("content-type: application/json\r\n{framing}\r\n");
        let (mut connection, answer) = raw(server, format!("{}{part}", head("POST", "/api/authors", &rest)));
        assert!(matches!(answer.status, 400 | 408), "{}", answer.status);
        assert!(connection.is_closed());
    };
    thread::scope(|scope| {
        scope.spawn(|| slow_head(&server));
        scope.spawn(|| slow_body(&server, "content-length: 100", "{"));
        scope.spawn(|| slow_body(&server, "transfer-encoding: chunked", "1\r\n{\r\n"));
        scope.spawn(|| {
            let mut idle = server.connect();
            idle.ask("GET", "/health", &[], "").expect("an answer").expect(200);
            assert!(idle.is_closed());
        });
    });
    let taken = since.elapsed();
    assert!((Duration::from_secs(8)..Duration::from_secs(40)).contains(&taken), "{taken:?}");
    server.stop();
}

#[test]
fn a_request_has_its_time() {
    let data = folder();
    let server = Server::start(data.path(), &["--demo", "--request-timeout", "1"]);
    let rest = "content-type: application/json\r\ncontent-length: 100\r\n";
    let (mut connection, answer) = raw(&server, format!("{}{{", head("POST", "/api/authors", rest)));
    assert_eq!((answer.status, answer.code().as_str()), (503, "timeout"));
    assert!(answer.header("x-request-id").is_some() && answer.header("retry-after").is_some());
    assert!(connection.is_closed());
    let log = server.stop();
    let id = answer.header("x-request-id").expect("an id");
    assert!(log.lines().any(|it| it.contains("took too long") && it.contains(id)), "{log}");
}

#[test]
fn bodies_are_bounded_as_configured() {
    let data = folder();
    let server = Server::start(data.path(), &["--demo", "--body-limit", "200"]);
    let body = format!(r#"{{"fields": {{"name": "{}"}}}}"#, "x".repeat(200));
    assert_eq!(server.admin("POST", "/api/authors", &body).expect(413).code(), "payload_too_large");
    server.admin("POST", "/api/authors", r#"{"fields": {"name": "short"}}"#).expect(201);
    server.stop();
}
