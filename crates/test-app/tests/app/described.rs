//! What `/openapi.json` says is so: every exchange of the stories is held against it.

use serde_json::json;
use stratus_document::parse_time;
use stratus_test_app::{ADMIN_TOKEN, Moment};

use crate::app::{
    description::{Description, Found},
    story::{Kept, Story},
    target::Target,
    transcripts::{BEGINNING, PACE},
    wire::{Answer, Request},
};

/// The document as the admin gets it.
async fn described(target: &mut Target) -> Description {
    let moment = Moment { seed: 0, ordinal: 0, now: parse_time(BEGINNING).unwrap() };
    let request = Request::new("GET", "/openapi.json").with("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer = target.ask(&moment, &request).await;
    assert_eq!(answer.status, 200, "{answer}");
    let mut description = Description::new(answer.json().unwrap());
    // It describes itself, too.
    assert_eq!(description.check(&request, &answer), Ok(Found::Described));
    description
}

#[tokio::test]
async fn every_exchange_is_as_it_is_described() {
    let mut target = Target::native();
    let mut description = described(&mut target).await;
    let (mut differences, mut as_described) = (Vec::new(), 0);
    for story in Story::all() {
        let (seed, mut now) = (story.seed(), parse_time(BEGINNING).unwrap());
        target.reset(seed, now).await;
        let mut kept = Kept::new();
        for (ordinal, exchange) in (1..).zip(&story.exchanges) {
            now = exchange.at.as_deref().map_or(now + PACE, |it| parse_time(it).unwrap());
            let request = exchange.request.request(&kept);
            let answer = target.ask(&Moment { seed, ordinal, now }, &request).await;
            exchange.keep(&answer, &mut kept);
            match description.check(&request, &answer) {
                Ok(found) => as_described += usize::from(found == Found::Described),
                Err(why) => {
                    let head = format!("{}, exchange {ordinal}, `{}`", story.name, exchange.name);
                    differences.push(format!("{head}:\n{why}\n{request}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n\n"));
    assert!(as_described >= 500, "only {as_described} exchanges were held against anything");
}

/// What is not described is found out.
#[tokio::test]
async fn an_answer_that_is_not_described_is_no_answer() {
    let mut target = Target::native();
    let mut description = described(&mut target).await;
    let page = json!({ "data": [], "page": { "next": null, "prev": null }, "meta": {} }).to_string();
    let problem =
        json!({ "type": "urn:stratus:problem:not_found", "title": "t", "status": 404, "detail": "d",
        "code": "not_found", "requestId": "01a1fd55-7e68-7e97-b910-34455a9ebff1", "errors": [] })
        .to_string();
    let kind = ("content-type", "application/json");
    let (kept, tag) = (("cache-control", "no-store"), ("etag", "\"l-0\""));
    let ok = [kind, kept, tag];
    let refused = [("content-type", "application/problem+json"), kept];
    let mut check = |path: &str, status: u16, headers: &[(&str, &str)], body: &str, is_described: bool| {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let answer = Answer::new("GET", status, headers, body.as_bytes().to_vec());
        let checked = description.check(&Request::new("GET", path), &answer);
        assert_eq!(checked.is_ok(), is_described, "{path}: {answer}: {checked:?}");
    };
    check("/api/posts", 200, &ok, &page, true);
    check("/api/posts", 200, &[kind, kept], &page, false);
    check("/api/posts", 200, &[("content-type", "text/html"), kept, tag], &page, false);
    check("/api/posts", 200, &ok, "{\"data\":[]}", false);
    check("/api/posts", 202, &ok, &page, false);
    check("/api/posts", 404, &refused, &problem, true);
    check("/api/posts", 403, &refused, &problem, false);
    check("/api/nothing", 404, &refused, &problem, true);
    check("/api/nothing", 200, &ok, &page, false);
}
