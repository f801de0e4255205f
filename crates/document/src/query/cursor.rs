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
    /// Until it is [given](Self::give) whatever needs a cursor is unavailable.
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
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] while the key is awaited.
    pub(crate) fn seal(&self, about: &str, payload: &[u8]) -> Result<String> {
        let sealed = Aes128Siv::new(&self.there()?.into()).encrypt([about.as_bytes()], payload);
        // It fails for texts beyond memory only.
        let what = || Error::TooLarge { what: "the place in a list".to_owned() };
        Ok(Base64UrlUnpadded::encode_string(&sealed.map_err(|_| what())?))
    }

    /// Decrypts what [`seal`](Self::seal) made about the same thing.
    ///
    /// # Errors
    ///
    /// [`DocumentError::BadCursor`] for anything else, [`Error::Unavailable`] while the key is
    /// awaited.
    pub(crate) fn open(&self, about: &str, cursor: Sent<'_>) -> Result<Vec<u8>> {
        let text = cursor.text;
        let mut cipher = Aes128Siv::new(&self.there()?.into());
        let sealed = (text.len() <= MAX_TEXT).then(|| Base64UrlUnpadded::decode_vec(text).ok()).flatten();
        let opened = sealed.and_then(|it| cipher.decrypt([about.as_bytes()], &it).ok());
        opened.ok_or_else(|| cursor.is_bad())
    }

    fn there(&self) -> Result<[u8; 32]> {
        let missing = || Error::Unavailable { reason: "the key of cursors has not come yet".to_owned() };
        Ok(self.bytes().copied().ok_or_else(missing)?)
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

/// A cursor as a client sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// The parameter that it came in.
    pub(crate) parameter: &'a str,
    pub(crate) text: &'a str,
}

impl Sent<'_> {
    /// The refusal of one that this query didn't make.
    pub(crate) fn is_bad(self) -> DocumentError {
        DocumentError::BadCursor { parameter: self.parameter.to_owned() }
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
    pub(crate) fn encode(&self, key: &CursorKey, fingerprint: &str) -> Result<String> {
        let mut list: Vec<Json> = self.values.iter().map(to_json).collect();
        list.push(Json::from(self.id.as_str()));
        key.seal(fingerprint, Json::Array(list).to_string().as_bytes())
    }

    pub(crate) fn decode(
        key: &CursorKey,
        cursor: Sent<'_>,
        fingerprint: &str,
        keys: &[(Key, Direction)],
    ) -> Result<Self> {
        let payload = key.open(fingerprint, cursor)?;
        let mut list: Vec<Json> = serde_json::from_slice(&payload).map_err(|_| cursor.is_bad())?;
        let id = list.pop().and_then(|it| it.as_str().map(str::to_owned));
        let id = id.filter(|it| parse_uuid(it).is_ok()).ok_or_else(|| cursor.is_bad())?;
        if list.len() != keys.len() {
            return Err(cursor.is_bad());
        }
        let values = list.iter().zip(keys).map(|(json, (key, _))| from_json(json, key));
        let values = values.collect::<Option<_>>().ok_or_else(|| cursor.is_bad())?;
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

    fn sent(text: &str) -> Sent<'_> {
        Sent { parameter: "after", text }
    }

    #[test]
    fn without_a_key_a_cursor_is_neither_wrong_nor_empty() {
        let waits = |error| matches!(error, DocumentError::Storage(Error::Unavailable { .. }));
        let known = CursorKey::new([7; 32]);
        let cursor = known.seal("a list", b"[]").unwrap();
        let key = CursorKey::awaited();
        assert!(key.seal("a list", b"[]").is_err_and(waits));
        assert!(key.open("a list", sent(&cursor)).is_err_and(waits));
        key.give([7; 32]);
        assert_eq!(key.open("a list", sent(&cursor)).unwrap(), b"[]");
        assert!(matches!(key.open("another list", sent(&cursor)), Err(DocumentError::BadCursor { .. })));
    }
}
