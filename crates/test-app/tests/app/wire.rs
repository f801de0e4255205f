//! Requests and answers as they are sent and compared.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use stratus_storage::Bookmark;
use stratus_test_app::ADMIN_TOKEN;

/// What differs from one transport to the next, and what neither of two programs decides.
const OF_THE_TRANSPORT: [&str; 4] = ["connection", "date", "keep-alive", "transfer-encoding"];

/// What a bookmark is called.
pub(crate) const BOOKMARK: &str = "stratus-bookmark";

/// The longest body that is shown, in bytes.
const LONG: usize = 32 * 1024;

/// A request, ready to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Sends the body in pieces, without a length.
    pub(crate) in_pieces: bool,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds a body of JSON.
    pub(crate) fn with_json(self, body: &Value) -> Self {
        let request = self.with("content-type", "application/json");
        Self { body: body.to_string().into_bytes(), ..request }
    }

    /// Adds the token of the admin.
    pub(crate) fn by_admin(self) -> Self {
        self.with("authorization", format!("Bearer {ADMIN_TOKEN}"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value))?;
        }
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{}", body.chars().take(2_000).collect::<String>())
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name; what stands more than once is joined.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Puts together what a transport has received, and takes away what is its own.
    pub(crate) fn new<'h>(
        method: &str,
        status: u16,
        received: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        body: Vec<u8>,
    ) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in received {
            let value = String::from_utf8_lossy(value);
            let name = name.to_ascii_lowercase();
            headers.entry(name).and_modify(|it| *it = format!("{it}, {value}")).or_insert(value.into());
        }
        for name in OF_THE_TRANSPORT {
            headers.remove(name);
        }
        // Of an answer to HEAD it tells what GET would send; else it must be true, and is no news.
        if method != "HEAD"
            && let Some(length) = headers.remove("content-length")
        {
            assert_eq!(length, body.len().to_string(), "the length of an answer is not that of its body");
        }
        Self { status, headers, body }
    }

    /// This answer as every backend must give it: a bookmark has the backend's own inside. What is
    /// too long to be read by anyone is told by its hash.
    pub(crate) fn common(&self) -> Self {
        let mut common = self.clone();
        if self.body.len() > LONG {
            common.body = format!("{} bytes, FNV-1a {:016x}", self.body.len(), hash(&self.body)).into_bytes();
        }
        if let Some(value) = common.headers.get_mut(BOOKMARK) {
            let bookmark: Result<Bookmark, _> = value.parse();
            *value = bookmark.map_or_else(|_| format!("invalid: {value}"), |it| format!("seq {}", it.seq()));
        }
        common
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A value at a pointer into the body, or a header.
    pub(crate) fn at(&self, place: &str) -> Option<String> {
        if !place.starts_with('/') {
            return self.headers.get(place).cloned();
        }
        let found = self.json()?.pointer(place)?.clone();
        Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "{}", crate::app::pretty::of_text(&self.text()))
    }
}
