//! Stopping: what is in flight finishes, what is new is turned away.

use std::{net::TcpStream, thread, time::Duration};

use rustix::process::Signal;

use crate::{
    client::Connection,
    process::{Server, TOKEN, finish, folder, number, sqlite, stratus, until},
};

const BODY: &str = r#"{"publish": true, "fields": {"name": "Slow Sender"}}"#;

/// A request whose body the server is waiting for: it has said so.
fn begin(server: &Server) -> Connection {
    let mut connection = server.connect();
    let head = format!(
        "POST /api/authors HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    connection.send(head).expect("a head");
    assert_eq!(connection.receive(false).expect("a provisional answer").status, 100);
    connection.send(&BODY[..10]).expect("half a body");
    connection
}

#[test]
fn a_request_in_flight_finishes_before_the_server_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let data = folder();
        let mut server = Server::demo(data.path());
        let mut idle = server.connect();
        let mut used = server.connect();
        used.ask("GET", "/health", &[], "").expect("an answer").expect(200);
        let mut slow = begin(&server);
        server.signal(signal);
        let refused = until(|| TcpStream::connect(server.address).is_err().then_some(()));
        assert!(refused.is_some(), "new connections are turned away");
        assert!(idle.is_closed() && used.is_closed(), "nothing is in flight on these");
        thread::sleep(Duration::from_millis(300));
        slow.send(&BODY[10..]).expect("the rest");
        let answer = slow.receive(false).expect("an answer").expect(201);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(server.wait().code(), Some(0), "{}", server.errors());
        assert!(!data.path().join("stratus.db-wal").exists(), "the log is folded in");
        let sql = "SELECT count(*) FROM documents WHERE slug = 'slow-sender' AND is_published = 1";
        assert_eq!(number(&sqlite(data.path()), sql), 1);
        finish(stratus(data.path(), &["doctor"])).expect(0);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let data = folder();
    let mut server = Server::demo(data.path());
    let mut slow = begin(&server);
    server.signal(Signal::TERM);
    server.wait_for("stopping; requests in flight may finish");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));
    assert!(slow.is_closed());
    Server::demo(data.path()).stop();
}

#[test]
fn patience_with_requests_in_flight_has_an_end() {
    let data = folder();
    let mut server = Server::demo(data.path());
    let mut slow = begin(&server);
    server.signal(Signal::TERM);
    // It goes on sending, a byte now and then, but never to the end.
    for byte in BODY.as_bytes()[10..].iter().take(30) {
        if slow.send([*byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(server.wait().code(), Some(0), "{}", server.errors());
    server.wait_for("cut off");
}
