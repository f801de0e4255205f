//! A disk without room: writes are refused with 503, reads go on, and nothing that was acknowledged
//! is lost. The room is what `ulimit -f` leaves a file, which any machine can set.

use std::process::Command;

use crate::process::{Server, TOKEN, clean, finish, folder, stratus};

/// Blocks of 512 bytes, as POSIX has it; some shells take kilobytes, which is as good.
const MOST_BLOCKS: u32 = 20_000;

#[test]
fn a_full_disk_refuses_writes_and_serves_reads() {
    let data = folder();
    let mut command = Command::new("sh");
    clean(&mut command).args([
        "-c",
        "ulimit -f \"$1\" && shift && exec \"$@\"",
        "sh",
        &MOST_BLOCKS.to_string(),
    ]);
    command.args([env!("CARGO_BIN_EXE_stratus"), "serve", "--demo", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(data.path()).env("STRATUS_ADMIN_TOKEN", TOKEN);
    let server = Server::run(command);
    let author = server.get("/api/authors/slug/ada-okafor").expect(200).json();
    let author = author["data"]["id"].as_str().expect("an id").to_owned();
    let mut acknowledged = Vec::new();
    let refused = (0..2_000).find_map(|n| {
        let text = "x".repeat(20_000);
        let body =
            format!(r#"{{"fields": {{"title": "full {n}", "body": "{text}", "author": "{author}"}}}}"#);
        let answer = server.admin("POST", "/api/posts", &body);
        if answer.status != 201 {
            return Some(answer);
        }
        acknowledged.push(answer.json()["data"]["id"].as_str().expect("an id").to_owned());
        None
    });
    let refused = refused.expect("the room should have been used up").expect(503);
    assert_eq!(refused.code(), "unavailable");
    assert!(refused.header("retry-after").is_some());
    assert!(!acknowledged.is_empty());
    for id in &acknowledged {
        server.admin("GET", &format!("/api/posts/{id}?state=draft"), "").expect(200);
    }
    server.get("/api/posts?limit=100").expect(200);
    server.stop();
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}
