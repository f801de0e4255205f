//! The blob port: files by key.

use async_trait::async_trait;

use crate::{Error, Result};

/// The key of a blob: segments of `[a-z0-9._-]` joined by `/`, none of them empty or made of dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobKey(String);

const MAX_BLOB_KEY_BYTES: usize = 512;

impl BlobKey {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a key that could leave its folder or that some backend cannot hold.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let sound = |segment: &str| segment.bytes().all(plain) && segment.bytes().any(|byte| byte != b'.');
        if key.len() <= MAX_BLOB_KEY_BYTES && key.split('/').all(sound) {
            Ok(Self(key))
        } else {
            Err(Error::Refused {
                what: "a blob key other than [a-z0-9._-] segments joined by `/`".to_owned(),
            })
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A blob with what was said of it when it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: String,
}

/// A store of files. A blob is there whole or not at all.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// The blob under a key, or `None`.
    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>>;

    /// Puts a blob under a key, replacing what was there. It is durable when this returns.
    async fn put(&self, key: &BlobKey, blob: &Blob) -> Result<()>;

    /// Removes a blob. One that is not there is no error.
    async fn delete(&self, key: &BlobKey) -> Result<()>;
}
