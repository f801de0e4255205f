//! The key-value port: a cache that may forget, and may be late.

use async_trait::async_trait;

use crate::Result;

/// The longest key that every backend takes, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// The shortest time to live that every backend takes, in seconds.
pub const MIN_TTL_SECONDS: u64 = 60;

/// A key-value store. What was put may be seen late, or be forgotten; it is never torn.
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
