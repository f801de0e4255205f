//! A story as it is written: exchanges in their order, from an empty database.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::{
    pretty,
    wire::{Answer, Request},
};

/// What every answer has. It is checked of each, and told of none.
const ON_EVERY_ANSWER: [(&str, &str); 4] = [
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// A sequence of exchanges.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    /// What it is about.
    pub(crate) about: String,
    pub(crate) exchanges: Vec<Exchange>,
    #[serde(skip)]
    pub(crate) name: String,
}

/// A request and its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// What it shows.
    pub(crate) name: String,
    /// What time it is; else a second after the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    pub(crate) request: Asked,
    /// Names for what later requests mention as `{name}`: a header, or a pointer into the body.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) keep: Map<String, Value>,
    /// The answer, once it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<Recorded>,
}

/// A request as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    method: String,
    path: String,
    /// `admin`, or nobody in particular.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    headers: Map<String, Value>,
    /// Sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// Sent as it is, of no type but what the headers say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The same, for what is no text: hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    /// Sent as JSON: a text of which a part stands there many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    long: Option<Long>,
    /// Sends the body without its length.
    #[serde(default, rename = "inPieces", skip_serializing_if = "is_false")]
    in_pieces: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    before: String,
    part: String,
    times: usize,
    after: String,
}

/// An answer as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    status: u16,
    headers: Map<String, Value>,
    /// JSON, where it says the same to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// Any other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a story has given a name to so far.
pub(crate) type Kept = BTreeMap<String, String>;

impl Story {
    fn folder() -> PathBuf {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/transcripts").into()
    }

    /// Every story, by name.
    pub(crate) fn all() -> Vec<Self> {
        let files = fs::read_dir(Self::folder()).unwrap().map(|it| it.unwrap().path());
        let mut files: Vec<_> = files.filter(|it| it.extension().is_some_and(|it| it == "json")).collect();
        files.sort();
        files.into_iter().map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let story: Self = serde_json::from_str(&text).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
        Self { name: path.file_stem().unwrap().to_string_lossy().into_owned(), ..story }
    }

    /// Writes it with what was recorded.
    pub(crate) fn write(&self) {
        let text = pretty::json(&serde_json::to_value(self).unwrap(), 0);
        let path = Self::folder().join(&self.name).with_extension("json");
        fs::write(path, text + "\n").unwrap();
    }

    /// No two stories mint the same ids.
    pub(crate) fn seed(&self) -> u32 {
        self.name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

impl Asked {
    /// The request with what was kept in the place of its name.
    pub(crate) fn request(&self, kept: &Kept) -> Request {
        let fill = |text: &str| {
            kept.iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let mut request = Request::new(&self.method, &fill(&self.path));
        match self.caller.as_deref() {
            None => {}
            Some("admin") => request = request.by_admin(),
            Some(other) => panic!("nobody is called `{other}`"),
        }
        for (name, value) in &self.headers {
            let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                request = request.with(name, fill(value.as_str().unwrap()));
            }
        }
        let is_typed = request.has("content-type");
        let (body, is_json) = match (&self.body, &self.text, &self.bytes, &self.long) {
            (Some(body), ..) => (fill(&body.to_string()).into_bytes(), true),
            (_, Some(text), ..) => (fill(text).into_bytes(), false),
            (_, _, Some(digits), _) => (unhex(digits), false),
            (_, _, _, Some(Long { before, part, times, after })) => {
                (fill(&[before.as_str(), &part.repeat(*times), after].concat()).into_bytes(), true)
            }
            _ => (Vec::new(), false),
        };
        if is_json && !is_typed {
            request = request.with("content-type", "application/json");
        }
        Request { body, in_pieces: self.in_pieces, ..request }
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|it| std::str::from_utf8(it).unwrap());
    pairs.map(|it| u8::from_str_radix(it, 16).unwrap()).collect()
}

impl Exchange {
    /// The route that answers with a success, with names in the place of what differs.
    pub(crate) fn answered_route(&self) -> Option<String> {
        let is_success = self.response.as_ref().is_some_and(|it| it.status < 300);
        let path = self.request.path.split('?').next().filter(|_| is_success)?;
        let names = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["", "api", _] => "/api/{collection}".to_owned(),
            ["", "api", _, "query"] => "/api/{collection}/query".to_owned(),
            ["", "api", _, "slug", _] => "/api/{collection}/slug/{slug}".to_owned(),
            ["", "api", _, _] => "/api/{collection}/{id}".to_owned(),
            ["", "api", _, _, rest @ ..] => format!("/api/{{collection}}/{{id}}/{}", rest.join("/")),
            _ => path.to_owned(),
        };
        Some(format!("{} {names}", self.request.method))
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        self.response.as_ref()?.body.as_ref()?.get("code")?.as_str()
    }

    /// Remembers what later requests mention.
    pub(crate) fn keep(&self, answer: &Answer, kept: &mut Kept) {
        for (name, place) in &self.keep {
            let found = answer.at(place.as_str().unwrap());
            let found = found.unwrap_or_else(|| panic!("`{}`: nothing at {place}: {answer}", self.name));
            kept.insert(name.clone(), found);
        }
    }
}

impl Recorded {
    /// An answer, to be written.
    pub(crate) fn of(answer: &Answer) -> Self {
        let common = answer.common();
        let (text, json) = (common.text(), common.json());
        let Answer { status, headers, .. } = common;
        let headers = headers.into_iter().filter(|(name, value)| !is_on_every_answer(name, value));
        let headers = headers.map(|(name, value)| (name, json!(value))).collect();
        let body = json.filter(|it| serde_json::to_string(it).is_ok_and(|it| it == text));
        let text = Some(text).filter(|it| body.is_none() && !it.is_empty());
        Self { status, headers, body, text }
    }

    /// The answer that it is of.
    pub(crate) fn answer(&self) -> Answer {
        let told = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let headers = ON_EVERY_ANSWER.into_iter().chain(told);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = self.body.as_ref().map(Value::to_string).or_else(|| self.text.clone());
        Answer { status: self.status, headers, body: body.unwrap_or_default().into_bytes() }
    }
}

fn is_on_every_answer(name: &str, value: &str) -> bool {
    ON_EVERY_ANSWER.contains(&(name, value))
}
