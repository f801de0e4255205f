//! The requests of `fixtures/bad-inputs`: D1 answers them as SQLite does. What is right is checked
//! by the tests of the API.

#[path = "../../../api/tests/api/bad_inputs/bodies.rs"]
mod bodies;

use std::fs;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stratus_test_app::Moment;

use self::bodies::Generated;
use crate::app::{
    pretty,
    target::Target,
    wire::{Answer, Request},
};

/// 2026-11-21T09:00:00Z.
const NOW: i64 = 1_795_251_600_000;

/// What workerd answers by itself; told of in `docs/d1.md`.
const OF_WORKERD: [&str; 1] = ["abuse-010"];

/// A program with an author, two public posts, one that is public later, and a draft.
struct World<'t> {
    target: &'t mut Target,
    ordinal: u32,
    names: Vec<(&'static str, String)>,
}

impl<'t> World<'t> {
    async fn new(target: &'t mut Target) -> Self {
        target.reset(0, NOW).await;
        let mut world = Self { target, ordinal: 0, names: Vec::new() };
        let author = world.make("authors", json!({"publish": true, "fields": {"name": "An author"}})).await;
        let post = |title: &str| json!({"publish": true, "fields": {"title": title, "body": "text", "author": author}});
        let (mut later, mut draft) = (post("Later"), post("A draft"));
        later["publishAt"] = json!("2030-01-01T00:00:00Z");
        draft["publish"] = json!(false);
        let other = world.make("posts", post("Another post")).await;
        let doc = world.make("posts", post("A post")).await;
        let later = world.make("posts", later).await;
        world.make("posts", draft).await;
        let cursor = world.ask(&Request::new("GET", "/api/posts?limit=1")).await.at("/page/next").unwrap();
        world.names = vec![
            ("{doc}", doc),
            ("{other_doc}", other),
            ("{scheduled_doc}", later),
            ("{fixture:author_doc}", author),
            ("{cursor}", cursor),
        ];
        world
    }

    async fn make(&mut self, collection: &str, body: Value) -> String {
        let request =
            Request::new("POST", &format!("/api/{collection}")).with("content-type", "application/json");
        let answer = self.ask(&admin(Request { body: body.to_string().into_bytes(), ..request })).await;
        answer.at("/data/id").unwrap_or_else(|| panic!("{answer}"))
    }

    async fn ask(&mut self, request: &Request) -> Answer {
        self.ordinal += 1;
        let moment = Moment { seed: 0, ordinal: self.ordinal, now: NOW + i64::from(self.ordinal) };
        self.target.ask(&moment, request).await
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The request of a case, ready to be sent.
    async fn request(&mut self, case: &Value) -> Request {
        let method = case["method"].as_str().unwrap();
        let path = self.named(case["path"].as_str().unwrap());
        let query = case["query"].as_object().map(|it| self.named(&bodies::query(it)));
        let full =
            query.filter(|it| !it.is_empty()).map_or_else(|| path.clone(), |it| format!("{path}?{it}"));
        let mut request = Request::new(method, &full);
        for (name, value) in case["headers"].as_object().into_iter().flatten() {
            request = request.with(name, value.as_str().unwrap());
        }
        let is_typed = request.has("content-type");
        let mut is_json = true;
        if !case["body"].is_null() {
            request.body = self.named(&case["body"].to_string()).into_bytes();
        } else if let Some(raw) = case["body_raw"].as_str() {
            request.body = self.named(raw).into_bytes();
            is_json = false;
        } else if !case["body_gen"].is_null() {
            let generated: Generated = serde_json::from_value(case["body_gen"].clone()).unwrap();
            let body = generated.body(&self.named("{fixture:author_doc}"));
            request.in_pieces = body.size_hint().exact().is_none();
            request.body = body.collect().await.unwrap().to_bytes().to_vec();
        } else {
            is_json = false;
        }
        if is_json && !is_typed {
            request = request.with("content-type", "application/json");
        }
        if method == "PATCH" || method == "PUT" {
            let head = self.ask(&admin(Request::new("GET", &format!("{path}?state=draft")))).await;
            request = request.with("if-match", head.headers.get("etag").map_or("", String::as_str));
        }
        if case["actor"] == "anon" { request } else { admin(request) }
    }
}

fn admin(request: Request) -> Request {
    if request.has("authorization") {
        return request;
    }
    request.by_admin()
}

/// The case without the attack: what its twin says over what it says itself.
fn twin(case: &Value) -> Option<Value> {
    let twin = case["twin"].as_object()?;
    let mut request = case.clone();
    if twin.contains_key("body") {
        // A body takes the place of every other, and of the headers that described it.
        for name in ["body_raw", "body_gen", "headers"] {
            request[name].take();
        }
    }
    request.as_object_mut()?.extend(twin.clone());
    Some(request)
}

/// What a program answers to a case, and what is there afterwards.
async fn answers(target: &mut Target, case: &Value) -> (Request, String) {
    let mut world = World::new(target).await;
    let request = world.request(case).await;
    let mut told = String::new();
    // What is sent many times at once is sent one after the other: only so its order is the same.
    for _ in 0..case["parallel"].as_u64().unwrap_or(1) {
        told += &format!("{}\n", world.ask(&request).await.common());
    }
    let after = world.ask(&admin(Request::new("GET", "/api/posts?state=draft"))).await.common();
    (request, format!("{told}{after}"))
}

#[tokio::test]
async fn sqlite_and_d1_answer_alike() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/bad-inputs/content.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let (mut native, mut worker) = (Target::native(), Target::worker());
    let mut differences = Vec::new();
    let cases = cases.into_iter().filter(|it| !OF_WORKERD.iter().any(|id| it["id"] == *id));
    let cases: Vec<_> = cases.flat_map(|it| [twin(&it), Some(it)]).flatten().collect();
    for case in &cases {
        let (request, expected) = answers(&mut native, case).await;
        let (_, found) = answers(&mut worker, case).await;
        if expected != found {
            let difference = pretty::difference(&expected, &found);
            differences.push(format!("{}: {}\n{request}\n{difference}", case["id"], case["title"]));
        }
    }
    let count = differences.len();
    assert!(differences.is_empty(), "{count} of {} differ\n{}", cases.len(), differences.join("\n\n"));
    println!("bad inputs: {count} of {} requests differ", cases.len());
}
