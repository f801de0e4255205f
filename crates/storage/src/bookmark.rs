//! How far a client has seen the database.

use std::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding};

/// How far a client has seen the database: read at least this, and its own writes are there.
///
/// On the wire it is base64url(`v1.<seq>.<backend>`), `<seq>` being the position in the event
/// log and `<backend>` the backend's own bookmark, or `-` where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    seq: u64,
    backend: Option<String>,
}

/// A text that is no bookmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bookmark that this server made")]
pub struct InvalidBookmark;

const MAX_BYTES: usize = 512;

impl Bookmark {
    /// A bookmark at a position of the log, with the backend's own if it has one.
    pub fn new(seq: u64, backend: Option<String>) -> Self {
        Self { seq, backend }
    }

    /// The position in the event log.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The backend's own bookmark.
    pub fn backend(&self) -> Option<&str> {
        self.backend.as_deref()
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("v1.{}.{}", self.seq, self.backend.as_deref().unwrap_or("-"));
        f.write_str(&Base64UrlUnpadded::encode_string(text.as_bytes()))
    }
}

impl FromStr for Bookmark {
    type Err = InvalidBookmark;

    fn from_str(text: &str) -> Result<Self, InvalidBookmark> {
        let bytes = (text.len() <= MAX_BYTES).then(|| Base64UrlUnpadded::decode_vec(text).ok());
        let text = bytes.flatten().and_then(|it| String::from_utf8(it).ok()).ok_or(InvalidBookmark)?;
        let (seq, backend) =
            text.strip_prefix("v1.").and_then(|it| it.split_once('.')).ok_or(InvalidBookmark)?;
        let canonical = !seq.is_empty()
            && seq.bytes().all(|byte| byte.is_ascii_digit())
            && (seq == "0" || !seq.starts_with('0'));
        let seq: u64 = canonical
            .then(|| seq.parse().ok())
            .flatten()
            .filter(|&it| it < 1 << 53)
            .ok_or(InvalidBookmark)?;
        // D1's are hexadecimal groups joined by dashes; local D1 would take any garbage.
        let plain = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match backend {
            "-" => Ok(Self::new(seq, None)),
            backend if plain(backend) => Ok(Self::new(seq, Some(backend.to_owned()))),
            _ => Err(InvalidBookmark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for bookmark in [Bookmark::new(0, None), Bookmark::new(42, Some("0000004a-00000000-0a".to_owned()))] {
            assert_eq!(bookmark.to_string().parse(), Ok(bookmark));
        }
    }

    #[test]
    fn garbage_is_refused() {
        let encoded = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        for text in ["", "v1.1.-", "djE", "%%%", &"A".repeat(600)] {
            assert_eq!(text.parse::<Bookmark>(), Err(InvalidBookmark), "{text}");
        }
        for text in [
            "v1.x.-",
            "v1.-1.-",
            "v2.1.-",
            "v1.1.",
            "v1.1.a b",
            "v1.01.-",
            "v1.9007199254740992.-",
            "v1.+1.-",
        ] {
            assert_eq!(encoded(text).parse::<Bookmark>(), Err(InvalidBookmark), "{text}");
        }
    }
}
