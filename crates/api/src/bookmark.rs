//! `Stratus-Bookmark`: how far a client has seen, and how far it has written.

use http::{HeaderMap, HeaderName, HeaderValue};
use stratus_storage::{Bookmark, Consistency};

use crate::problem::{Code, Problem};

/// The header, in both directions.
pub(crate) const STRATUS_BOOKMARK: HeaderName = HeaderName::from_static("stratus-bookmark");

/// How fresh a read must be: as fresh as the bookmark that came with it, if one did.
///
/// # Errors
///
/// `invalid_bookmark` for one that is not ours, or more than one.
pub(crate) fn consistency(headers: &HeaderMap) -> Result<Consistency, Problem> {
    let mut found = headers.get_all(STRATUS_BOOKMARK).iter();
    let Some(first) = found.next() else { return Ok(Consistency::Any) };
    let parsed = first.to_str().ok().and_then(|it| it.parse().ok());
    match parsed.filter(|_| found.next().is_none()) {
        Some(bookmark) => Ok(Consistency::AtLeast(bookmark)),
        None => {
            let detail = "`Stratus-Bookmark` takes one bookmark, as this server gave it";
            Err(Problem::new(Code::InvalidBookmark, detail))
        }
    }
}

/// Tells the client how far its write went.
pub(crate) fn set(headers: &mut HeaderMap, bookmark: &Bookmark) {
    if let Ok(value) = HeaderValue::try_from(bookmark.to_string()) {
        headers.insert(STRATUS_BOOKMARK, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_comes_back_as_it_was_set() {
        let bookmark = Bookmark::new(42, Some("0000004a-0a".to_owned()));
        let mut headers = HeaderMap::new();
        assert_eq!(consistency(&headers).unwrap(), Consistency::Any);
        set(&mut headers, &bookmark);
        assert_eq!(consistency(&headers).unwrap(), Consistency::AtLeast(bookmark));
        headers.append(STRATUS_BOOKMARK, headers[STRATUS_BOOKMARK].clone());
        assert_eq!(consistency(&headers).unwrap_err().code(), Code::InvalidBookmark);
    }

    #[test]
    fn garbage_is_refused() {
        for garbage in [&b""[..], b"first-primary", b"\xff", b"djEuMS4t,djEuMS4t", b"' OR 1=1--"] {
            let value = HeaderValue::from_bytes(garbage).unwrap();
            let headers = HeaderMap::from_iter([(STRATUS_BOOKMARK, value)]);
            assert_eq!(consistency(&headers).unwrap_err().code(), Code::InvalidBookmark, "{garbage:?}");
        }
    }
}
