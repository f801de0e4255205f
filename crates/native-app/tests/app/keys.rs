//! Idempotency keys over a program that is killed: whoever asks again has the write done once.

use std::{collections::BTreeMap, net::SocketAddr, sync::Mutex, thread, time::Duration};

use crate::{
    client::{Answer, Connection},
    process::{Server, TOKEN, finish, folder, number, sqlite, stratus},
};

const WRITERS: usize = 8;

/// What was sent under each key, with the answer, if it came before the program was killed.
type Sent = BTreeMap<String, Option<String>>;

#[test]
fn what_was_sent_under_a_key_is_done_once_over_kill_9() {
    let data = folder();
    let sent = Mutex::new(Sent::new());
    let server = Server::demo(data.path());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (sent, address) = (&sent, server.address);
            scope.spawn(move || write(address, writer, sent));
        }
        thread::sleep(Duration::from_millis(400));
        server.kill();
    });
    let sent = sent.into_inner().expect("keys");
    assert!(sent.values().any(Option::is_some), "nobody wrote anything");
    let server = Server::demo(data.path());
    let mut connection = server.connect();
    for _ in 0..2 {
        for (key, answer) in &sent {
            let again = ask(&mut connection, key).expect("an answer").expect(201);
            if let Some(answer) = answer {
                assert_eq!(again.header("idempotency-replayed"), Some("true"), "{key}");
                assert_eq!(&again.text(), answer, "{key}");
            }
        }
    }
    server.stop();
    let database = sqlite(data.path());
    let made = number(&database, "SELECT count(*) FROM documents WHERE data LIKE '%\"keyed %'");
    assert_eq!(usize::try_from(made), Ok(sent.len()));
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}

/// Writes until the connection breaks, each document under a key of its own.
fn write(address: SocketAddr, writer: usize, sent: &Mutex<Sent>) {
    let Ok(mut connection) = Connection::open(address) else { return };
    for number in 0.. {
        let key = format!("{writer}-{number}");
        sent.lock().expect("keys").insert(key.clone(), None);
        let Ok(answer) = ask(&mut connection, &key) else { return };
        sent.lock().expect("keys").insert(key, Some(answer.expect(201).text()));
    }
}

fn ask(connection: &mut Connection, key: &str) -> std::io::Result<Answer> {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    let body = format!(r#"{{"publish": true, "fields": {{"name": "keyed {key}"}}}}"#);
    connection.ask("POST", "/api/authors", &headers, &body)
}
