//! The key-value port: a cache that may forget, and may be late.

use std::{borrow::Cow, fmt::Write as _};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::Result;

/// The longest key that every backend takes, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// The shortest time to live that every backend takes, in seconds.
pub const MIN_TTL_SECONDS: u64 = 60;

/// A key that every backend takes: a short one as it is, a long one as its beginning, `#`, and its
/// SHA-256 in hexadecimal. No two keys become one.
///
/// Stores refuse what is too long, so whoever makes keys of what others sent passes them through
/// here. What is hashed has exactly [`MAX_KEY_BYTES`], and what is not has fewer.
pub fn fitting_key(key: &str) -> Cow<'_, str> {
    if key.len() < MAX_KEY_BYTES {
        return Cow::Borrowed(key);
    }
    let kept = key.floor_char_boundary(MAX_KEY_BYTES - HASH_BYTES - 1);
    let mut fitting = String::with_capacity(MAX_KEY_BYTES);
    fitting.push_str(&key[..kept]);
    while fitting.len() < MAX_KEY_BYTES - HASH_BYTES {
        fitting.push('#');
    }
    for byte in Sha256::digest(key) {
        // A String takes whatever is written.
        let _ = write!(fitting, "{byte:02x}");
    }
    Cow::Owned(fitting)
}

/// SHA-256 in hexadecimal.
const HASH_BYTES: usize = 64;

/// A key-value store. What was put may be seen late, or be forgotten; it is never torn. Longer keys
/// than [`MAX_KEY_BYTES`] are refused: callers make theirs fit by [`fitting_key`].
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// The value under a key, or `None` when there is none or it has expired.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) for a key over [`MAX_KEY_BYTES`].
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Puts a value under a key, replacing what was there. It is forgotten `ttl_seconds` later;
    /// a time below [`MIN_TTL_SECONDS`] is raised to it. Without one it stays.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) for a key over [`MAX_KEY_BYTES`].
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: Option<u64>) -> Result<()>;

    /// Forgets a key. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) for a key over [`MAX_KEY_BYTES`].
    async fn delete(&self, key: &str) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_stay_as_they_are() {
        let longest = "k".repeat(MAX_KEY_BYTES - 1);
        for key in ["", "a/b", "é", &longest] {
            assert_eq!(fitting_key(key), key);
        }
    }

    #[test]
    fn long_keys_keep_their_beginning_and_have_one_length() {
        for key in ["k".repeat(MAX_KEY_BYTES), "é".repeat(300), format!("x{}", "語".repeat(10_000))] {
            let fitting = fitting_key(&key);
            assert_eq!(fitting.len(), MAX_KEY_BYTES, "{fitting}");
            assert_eq!(fitting[..100], key[..100]);
        }
    }

    #[test]
    fn no_two_keys_become_one() {
        let long = |end: &str| format!("{}{end}", "k".repeat(1_000));
        assert_ne!(fitting_key(&long("a")), fitting_key(&long("b")));
        // What a long key becomes is itself a key, and becomes another one.
        let fitting = fitting_key(&long("a")).into_owned();
        assert_ne!(fitting_key(&fitting), fitting);
    }

    #[test]
    fn what_is_made_of_a_key_stays_the_same() {
        let fitting = fitting_key(&"k".repeat(600)).into_owned();
        let hash = "2d330bc98435ecd7cb32a036c14399b2ca5136f8e6f0bd5ccd2062cd04f2f944";
        assert_eq!(fitting, format!("{}#{hash}", "k".repeat(447)));
    }
}
