//! A case as it is written, and the world that it is sent to.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::app::{App, Ask, ask, get},
    bodies::{self, Generated},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    #[serde(rename = "title")]
    _title: String,
    pub(crate) actor: String,
    pub(crate) method: String,
    path: String,
    headers: Option<Map<String, Value>>,
    query: Option<Map<String, Value>>,
    body: Option<Value>,
    body_raw: Option<String>,
    body_gen: Option<Generated>,
    /// What [`by_hand`](super::by_hand) does before.
    #[serde(rename = "setup")]
    _setup: Option<String>,
    pub(crate) parallel: Option<usize>,
    pub(crate) same_as: Option<Request>,
    pub(crate) expect: Expect,
    pub(crate) twin: Option<Twin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) status: Vec<u16>,
    #[serde(default)]
    pub(crate) code: Vec<String>,
    #[serde(default)]
    pub(crate) problem: bool,
    #[serde(default)]
    pub(crate) may_write: bool,
    #[serde(default)]
    pub(crate) never: Vec<String>,
    /// What [`by_hand`](super::by_hand) looks at after.
    #[serde(rename = "also")]
    _also: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Twin {
    pub(crate) status: Vec<u16>,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// A request, or what differs from one.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Request {
    method: Option<String>,
    path: Option<String>,
    headers: Option<Map<String, Value>>,
    query: Option<Map<String, Value>>,
    body: Option<Value>,
    #[serde(skip)]
    body_raw: Option<String>,
    #[serde(skip)]
    body_gen: Option<Generated>,
}

impl Request {
    /// This over that: a body takes the place of every other, and of the headers that described it.
    pub(crate) fn over(&self, base: Self) -> Self {
        let has_body = self.body.is_some();
        Self {
            method: self.method.clone().or(base.method),
            path: self.path.clone().or(base.path),
            headers: self.headers.clone().or(base.headers.filter(|_| !has_body)),
            query: self.query.clone().or(base.query),
            body: self.body.clone().or(base.body),
            body_raw: base.body_raw.filter(|_| !has_body),
            body_gen: base.body_gen.filter(|_| !has_body),
        }
    }
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/bad-inputs/content.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The text that it wants stored as the body of a post.
    pub(crate) fn body_text(&self) -> Option<String> {
        self.body.as_ref()?.pointer("/fields/body")?.as_str().map(str::to_owned)
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            method: Some(self.method.clone()),
            path: Some(self.path.clone()),
            headers: self.headers.clone(),
            query: self.query.clone(),
            body: self.body.clone(),
            body_raw: self.body_raw.clone(),
            body_gen: self.body_gen.clone(),
        }
    }
}

/// A program with an author, two public posts, one that is public later, and a draft.
pub(crate) struct World {
    pub(crate) app: App,
    names: Vec<(&'static str, String)>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let app = App::new().await;
        let author = app.author("An author").await;
        let other = app.post("Another post", &author).await;
        let post = app.post("A post", &author).await;
        let fields = |title: &str| json!({"title": title, "body": "text", "author": author});
        let later = json!({"publish": true, "publishAt": "2030-01-01T00:00:00Z", "fields": fields("Later")});
        let later = app.make("posts", later).await;
        app.make("posts", json!({ "fields": fields("A draft") })).await;
        let cursor = app.ask(get("/api/posts?limit=1")).await.at("/page/next");
        let names = vec![
            ("{doc}", post),
            ("{other_doc}", other),
            ("{scheduled_doc}", later),
            ("{fixture:author_doc}", author),
            ("{cursor}", cursor),
        ];
        Self { app, names }
    }

    /// Puts what the world has in place of its names.
    pub(crate) fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// A request of an actor, ready to be sent.
    pub(crate) async fn fill(&self, request: &Request, actor: &str) -> Ask {
        let method = request.method.as_deref().unwrap_or("GET");
        let path = self.named(request.path.as_deref().unwrap_or("/"));
        let query = request.query.as_ref().map(|it| self.named(&bodies::query(it)));
        let uri = match query.filter(|it| !it.is_empty()) {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let mut asked = ask(method, &uri);
        for (name, value) in request.headers.iter().flatten() {
            asked = asked.with(name, value.as_str().unwrap());
        }
        let author = self.named("{fixture:author_doc}");
        let is_typed = asked.headers.iter().any(|(name, _)| name == "content-type");
        asked = match (&request.body, &request.body_raw, &request.body_gen) {
            (Some(body), ..) => {
                let body = self.named(&body.to_string());
                let asked = asked.raw(body);
                if is_typed { asked } else { asked.with("content-type", "application/json") }
            }
            (None, Some(raw), _) => asked.raw(self.named(raw)),
            (None, None, Some(generated)) => {
                asked.with("content-type", "application/json").raw(generated.body(&author))
            }
            (None, None, None) => asked,
        };
        if method == "PATCH" || method == "PUT" {
            let head = self.app.ask(get(&format!("{path}?state=draft")).admin()).await;
            asked = asked.with("if-match", head.header("etag"));
        }
        if actor == "anon" { asked } else { asked.admin() }
    }
}
