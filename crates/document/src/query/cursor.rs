//! Cursors: the position of one row in one order, opaque and bound to its query.
//!
//! base64url of AES-SIV (RFC 5297) over the JSON list of the row's sort values with its id last,
//! with the query's fingerprint as associated data. A cursor may be the place where a walk stopped,
//! at a row that its holder must not see: so nobody but us can read one, or make one. Encryption
//! takes no nonce, so that one page always has one cursor, and one tag.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aes_siv::{KeyInit, siv::Aes128Siv};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value as Json;
use stratus_storage::{Entropy, Error, MAX_SAFE_INTEGER, Value, parse_uuid};

use crate::{
    error::{DocumentError, Result},
    physical::{Direction, Key},
};

/// Sort values are text of documents, which may be long.
const MAX_TEXT: usize = 64 * 1024;

/// What cursors are encrypted with. Programs that serve one database share one, or they refuse each
/// other's cursors. Clones are the same key.
#[derive(Clone)]
pub struct CursorKey(Arc<OnceLock<[u8; 32]>>);

impl CursorKey {
    /// A key that is kept somewhere.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(OnceLock::from(bytes)))
    }

    /// A key that comes with the first answer of the database, for programs that may not ask before.
    /// Until it is [given](Self::give) no cursor can be read or made, which is nobody's fault.
    pub fn awaited() -> Self {
        Self(Arc::default())
    }

    /// Gives the bytes that were awaited; the first ones count.
    pub fn give(&self, bytes: [u8; 32]) {
        let _ = self.0.set(bytes);
    }

    /// A new key.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::new(bytes)
    }

    /// Its bytes, to keep them: a secret. `None` while they are awaited.
    pub fn bytes(&self) -> Option<&[u8; 32]> {
        self.0.get()
    }

    /// Encrypts a payload for whoever asks the same again.
    pub(crate) fn seal(&self, about: &str, payload: &[u8]) -> String {
        let key = self.bytes().copied();
        let sealed = key.and_then(|it| Aes128Siv::new(&it.into()).encrypt([about.as_bytes()], payload).ok());
        // It fails for texts beyond memory only; then nothing goes on from here.
        Base64UrlUnpadded::encode_string(&sealed.unwrap_or_default())
    }

    /// Decrypts what [`seal`](Self::seal) made about the same thing.
    pub(crate) fn open(&self, about: &str, text: &str) -> Result<Vec<u8>> {
        let unknown = || Error::Unavailable { reason: "the key of cursors has not been read yet".to_owned() };
        let key = self.bytes().copied().ok_or_else(unknown)?;
        let sealed = (text.len() <= MAX_TEXT).then(|| Base64UrlUnpadded::decode_vec(text).ok()).flatten();
        let opened = sealed.and_then(|it| Aes128Siv::new(&key.into()).decrypt([about.as_bytes()], &it).ok());
        opened.ok_or(DocumentError::BadCursor)
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

/// The position of one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor {
    /// The values of the sort keys.
    pub(crate) values: Vec<Value>,
    /// The root id.
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn encode(&self, key: &CursorKey, fingerprint: &str) -> String {
        let mut list: Vec<Json> = self.values.iter().map(to_json).collect();
        list.push(Json::from(self.id.as_str()));
        key.seal(fingerprint, Json::Array(list).to_string().as_bytes())
    }

    pub(crate) fn decode(
        key: &CursorKey,
        text: &str,
        fingerprint: &str,
        keys: &[(Key, Direction)],
    ) -> Result<Self> {
        let payload = key.open(fingerprint, text)?;
        let mut list: Vec<Json> = serde_json::from_slice(&payload).map_err(|_| DocumentError::BadCursor)?;
        let id = list.pop().and_then(|it| it.as_str().map(str::to_owned));
        let id = id.filter(|it| parse_uuid(it).is_ok()).ok_or(DocumentError::BadCursor)?;
        if list.len() != keys.len() {
            return Err(DocumentError::BadCursor);
        }
        let values = list.iter().zip(keys).map(|(json, (key, _))| from_json(json, key));
        let values = values.collect::<Option<_>>().ok_or(DocumentError::BadCursor)?;
        Ok(Self { values, id })
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Integer(whole) => Json::from(*whole),
        // D1 makes an integer of it, and a place has one cursor on every backend.
        Value::Real(real) if real.fract() == 0.0 && real.abs() <= MAX_SAFE_INTEGER as f64 => {
            Json::from(*real as i64)
        }
        Value::Real(real) => Json::from(*real),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Null | Value::Blob(_) => Json::Null,
    }
}

fn from_json(json: &Json, key: &Key) -> Option<Value> {
    // Whatever its type: a row that was written under another definition may hold another one.
    match json {
        Json::Null => key.nullable.then_some(Value::Null),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Integer(whole)),
            None => number.as_f64().map(Value::Real),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_awaited_makes_no_cursor_wrong() {
        let key = CursorKey::awaited();
        let check = |text: &str| key.open("a list", text);
        assert!(matches!(check("whatever"), Err(DocumentError::Storage(Error::Unavailable { .. }))));
        key.give([7; 32]);
        assert!(matches!(check("whatever"), Err(DocumentError::BadCursor)));
        assert_eq!(check(&CursorKey::new([7; 32]).seal("a list", b"a place")).unwrap(), b"a place");
    }
}
