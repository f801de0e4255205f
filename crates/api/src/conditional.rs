//! Entity tags and the conditions that clients make with them.
//!
//! A document has the tag `"r<revision>-<12 hex>"`. Writes compare the number alone, because the
//! rest says how a document was shown; reads compare the whole tag. A `W/` in front is taken
//! everywhere: proxies put it there when they recompress.

#[cfg(test)]
mod tests;

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use stratus_document::Precondition;

use crate::{
    hex,
    problem::{Code, Problem},
};

/// How many tags a condition may name.
const MAX_TAGS: usize = 100;

/// What a 304 says again: RFC 9110 §15.4.5, and how far the answer has seen.
const KEPT: [HeaderName; 7] = [
    header::ETAG,
    header::CACHE_CONTROL,
    header::VARY,
    header::CONTENT_LOCATION,
    header::EXPIRES,
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("stratus-bookmark"),
];

/// The tag of a document as it was shown: `"r<revision>-<12 hex>"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of a revision; the hash says which bytes of it were shown.
    pub(crate) fn new(revision: i64, hash: &str) -> Self {
        Self(format!("\"r{revision}-{hash}\""))
    }

    /// The tag of a revision of which these bytes are shown.
    pub(crate) fn of_body(revision: i64, body: &[u8]) -> Self {
        Self::new(revision, &hex::encode(&hex::sha256(body)[..6]))
    }
}

impl AsRef<str> for EntityTag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The tag of a list, or of an answer with populated references: `"l-<16 hex>"` of its body, or of
/// what its body is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyTag(String);

impl BodyTag {
    /// The tag of a body, or of what makes one.
    pub(crate) fn new(body: &[u8]) -> Self {
        Self(format!("\"l-{}\"", hex::encode(&hex::sha256(body)[..8])))
    }
}

impl AsRef<str> for BodyTag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Puts a tag on an answer.
pub(crate) fn set_tag(headers: &mut HeaderMap, tag: &impl AsRef<str>) {
    if let Ok(value) = HeaderValue::from_str(tag.as_ref()) {
        headers.insert(header::ETAG, value);
    }
}

/// Reads `If-Match`: which revisions a write is meant for, if anything was said. Tags that are not
/// ours name none.
///
/// # Errors
///
/// `invalid_header` when it is malformed.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    Ok(Condition::of(headers, &header::IF_MATCH)?.revisions())
}

/// Which revisions a write is meant for by the text of an `If-Match`, if it is well-formed.
pub(crate) fn meant_for(text: &str) -> Option<Precondition> {
    Condition::parse(text)?.revisions()
}

/// The number after `r` of an opaque tag. What follows the dash is not looked at: proxies append
/// the name of their compression.
fn revision(tag: &str) -> Option<i64> {
    let rest = tag.strip_prefix("\"r")?.strip_suffix('"')?;
    let digits = rest.split_once('-').map_or(rest, |(digits, _)| digits);
    let is_canonical =
        digits.bytes().all(|it| it.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| is_canonical)
}

/// What a read has already, by `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IfNoneMatch(Condition);

impl IfNoneMatch {
    /// Reads `If-None-Match`.
    ///
    /// # Errors
    ///
    /// `invalid_header` when it is malformed.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Condition::of(headers, &header::IF_NONE_MATCH).map(Self)
    }

    /// The client has nothing.
    pub(crate) fn nothing() -> Self {
        Self(Condition::None)
    }

    /// Whether the client has what has this tag. `*` has everything that exists.
    pub(crate) fn has(&self, tag: &impl AsRef<str>) -> bool {
        match &self.0 {
            Condition::None => false,
            Condition::Any => true,
            Condition::Tags(tags) => tags.iter().any(|it| it == tag.as_ref()),
        }
    }
}

/// Makes a 304 of the answer that would have been given: its body goes, and most headers.
pub(crate) fn not_modified(answer: Response) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    let kept = KEPT.into_iter().filter_map(|name| {
        let value = parts.headers.get(&name)?.clone();
        Some((name, value))
    });
    parts.headers = kept.collect();
    Response::from_parts(parts, Body::empty())
}

/// A condition as it was written; tags with their quotes, without `W/`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    None,
    Any,
    Tags(Vec<String>),
}

impl Condition {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Self, Problem> {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return Ok(Self::None);
        }
        // A list over several lines is the list of them all (RFC 9110 §5.3).
        let joined = String::from_utf8(lines.join(&b", "[..])).ok();
        joined.as_deref().and_then(Self::parse).ok_or_else(|| {
            let detail = format!("`{name}` is neither `*` nor a list of at most {MAX_TAGS} tags in quotes");
            Problem::new(Code::InvalidHeader, detail)
        })
    }

    fn revisions(&self) -> Option<Precondition> {
        match self {
            Self::None => None,
            Self::Any => Some(Precondition::Any),
            Self::Tags(tags) => {
                Some(Precondition::Revisions(tags.iter().filter_map(|it| revision(it)).collect()))
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim_matches([' ', '\t']);
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        while tags.len() < MAX_TAGS {
            // Commas may stand in tags, so tags are cut off one by one.
            let opaque = rest.strip_prefix("W/").unwrap_or(rest);
            let end = opaque.strip_prefix('"')?.find('"')? + 2;
            let (tag, after) = opaque.split_at(end);
            if tag.chars().any(|it| it <= ' ' || it == '\u{7f}') {
                return None;
            }
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t']);
            if rest.is_empty() {
                return Some(Self::Tags(tags));
            }
            rest = rest.strip_prefix(',')?.trim_start_matches([' ', '\t']);
        }
        None
    }
}
