//! `serve --demo`: the first five minutes of a new user.

use crate::process::{Server, TOKEN, finish, folder, number, sqlite, stratus};

#[test]
fn the_demo_answers_from_its_first_line_on() {
    let data = folder();
    let server = Server::demo(&data.path().join("made/on/the/way"));
    assert_eq!(server.get("/health").expect(200).json()["status"], "ok");
    server.get("/ready").expect(200);

    let list = server.get("/api/posts?limit=2&fields=title").expect(200).json();
    let titles: Vec<_> = list["data"].as_array().expect("a list").iter().map(|it| &it["slug"]).collect();
    assert_eq!(titles, ["quiet-pagers", "the-backup-you-have-never-restored"]);
    assert!(list["page"]["next"].is_string());

    let path = "/api/posts/slug/an-index-is-a-promise";
    let post = server.get(path).expect(200);
    let tag = post.header("etag").expect("an entity tag");
    assert!(tag.starts_with("\"r1-"), "{tag}");
    let body = post.json()["data"]["fields"]["body"].as_str().expect("a body").len();
    assert!(body > 2000, "the body came from its file: {body}");
    let again = server.connect().ask("GET", path, &[("if-none-match", tag)], "").expect("an answer");
    assert!(again.expect(304).body.is_empty());
}

#[test]
fn an_author_of_posts_cannot_be_deleted() {
    let data = folder();
    let server = Server::demo(data.path());
    let author = server.get("/api/authors/slug/ada-okafor").expect(200).json();
    let path = format!("/api/authors/{}", author["data"]["id"].as_str().expect("an id"));
    assert!(author["data"]["fields"].get("email").is_none(), "private: {author}");
    assert_eq!(server.connect().ask("DELETE", &path, &[], "").expect("an answer").status, 401);
    let refused = server.admin("DELETE", &path, "").expect(409);
    assert_eq!(refused.code(), "referenced");
    assert!(refused.text().contains("an-index-is-a-promise"), "{}", refused.text());
}

#[test]
fn a_second_start_loads_nothing_and_keeps_the_token() {
    let data = folder();
    let serve = || {
        let mut command = stratus(data.path(), &["serve", "--demo", "--listen", "127.0.0.1:0"]);
        command.env_remove("STRATUS_ADMIN_TOKEN");
        Server::run(command)
    };
    let first = serve();
    first.wait_for("admin token (shown once): ");
    let log = first.errors();
    let token = log.lines().find_map(|it| it.strip_prefix("admin token (shown once): ")).expect("a token");
    assert_eq!(token.len(), 43, "32 bytes in base64url");
    first.stop();

    let database = sqlite(data.path());
    let rows = number(&database, "SELECT count(*) FROM documents");
    assert_eq!(rows, 84);
    let digest: String = database
        .query_row("SELECT value FROM settings WHERE category = 'auth'", [], |row| row.get(0))
        .expect("a digest");
    assert!(digest.starts_with('"') && digest.len() == 66 && !digest.contains(token), "{digest}");

    let second = serve();
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        let path = "/api/posts?state=draft&limit=1";
        second.connect().ask("GET", path, &[("authorization", &bearer)], "").expect("an answer").status
    };
    assert_eq!(ask(token), 200);
    assert_eq!(ask(TOKEN), 401);
    assert_eq!(number(&database, "SELECT count(*) FROM documents"), rows);
    drop(database);
    let log = second.stop();
    assert!(!log.contains("admin token"), "{log}");
    // The environment counts, and only while it is set.
    let third = Server::start(data.path(), &[]);
    third.admin("GET", "/api/posts?state=draft&limit=1", "").expect(200);
    third.stop();
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}

#[test]
fn a_database_with_content_is_left_alone() {
    let data = folder();
    let collections = crate::process::demo_collections();
    let server = Server::start(data.path(), &["--collections", crate::process::shown(&collections)]);
    server.admin("POST", "/api/authors", r#"{"fields": {"name": "Only One"}}"#).expect(201);
    server.stop();
    Server::demo(data.path()).stop();
    assert_eq!(number(&sqlite(data.path()), "SELECT count(*) FROM documents"), 1);
}

#[test]
fn the_demo_is_sound_where_d1_would_refuse() {
    let data = folder();
    Server::start(data.path(), &["--demo", "--d1-strict", "--synchronous", "normal"]).stop();
    assert_eq!(finish(stratus(data.path(), &["doctor"])).expect(0).stdout, "clean\n");
}
