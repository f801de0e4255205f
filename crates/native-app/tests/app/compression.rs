//! Answers in gzip, over a real connection.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::process::{Server, folder};

#[test]
fn long_answers_are_shorter_for_those_who_take_gzip() {
    let data = folder();
    let server = Server::demo(data.path());
    let mut connection = server.connect();
    let path = "/api/posts?limit=20";
    let plain = server.get(path).expect(200);
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));

    let gzip = ("accept-encoding", "gzip, br");
    let short = connection.ask("GET", path, &[gzip], "").expect("an answer").expect(200);
    assert_eq!(short.header("content-encoding"), Some("gzip"));
    assert!(
        short.body.len() < plain.body.len() * 3 / 5,
        "{} of {} bytes",
        short.body.len(),
        plain.body.len()
    );
    let mut text = String::new();
    GzDecoder::new(&short.body[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain.text());

    let tag = short.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, format!("W/{}", plain.header("etag").expect("a tag")));
    for headers in [vec![("if-none-match", tag.as_str()), gzip], vec![("if-none-match", tag.as_str())]] {
        let unchanged = connection.ask("GET", path, &headers, "").expect("an answer").expect(304);
        assert_eq!(unchanged.header("vary"), Some("accept-encoding"));
    }
    let small = connection.ask("GET", "/health", &[gzip], "").expect("an answer").expect(200);
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, Some("accept-encoding")));
    let head = connection.ask("HEAD", path, &[gzip], "").expect("an answer").expect(200);
    for header in ["content-encoding", "etag", "vary", "content-type", "cache-control"] {
        assert_eq!(head.header(header), short.header(header), "{header}");
    }
    let head = connection.ask("HEAD", path, &[], "").expect("an answer").expect(200);
    for header in ["content-encoding", "content-length", "etag", "vary"] {
        assert_eq!(head.header(header), plain.header(header), "{header}");
    }
    server.stop();
}
