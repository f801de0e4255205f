//! Cursors: the position of one row in one order, opaque and bound to its query.
//!
//! base64url of `<8 bytes of SHA-256 over query and payload><payload>`, the payload being the JSON
//! list of the row's sort values with its id last. A cursor is no secret and grants nothing: its
//! values are bound as parameters. The checksum tells a foreign or damaged one from a typo.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use stratus_storage::{Value, parse_uuid};

use crate::{
    error::{DocumentError, Result},
    physical::{Direction, Key},
};

const CHECKSUM_BYTES: usize = 8;
/// Sort values are text of documents, which may be long.
const MAX_TEXT: usize = 64 * 1024;

/// The position of one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor {
    /// The values of the sort keys.
    pub(crate) values: Vec<Value>,
    /// The root id.
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn encode(&self, fingerprint: &str) -> String {
        let mut list: Vec<Json> = self.values.iter().map(to_json).collect();
        list.push(Json::from(self.id.as_str()));
        let payload = Json::Array(list).to_string();
        let mut bytes = checksum(fingerprint, payload.as_bytes());
        bytes.extend_from_slice(payload.as_bytes());
        Base64UrlUnpadded::encode_string(&bytes)
    }

    pub(crate) fn decode(text: &str, fingerprint: &str, keys: &[(Key, Direction)]) -> Result<Self> {
        let bytes = (text.len() <= MAX_TEXT).then(|| Base64UrlUnpadded::decode_vec(text).ok()).flatten();
        let bytes = bytes.filter(|it| it.len() > CHECKSUM_BYTES).ok_or(DocumentError::BadCursor)?;
        let (sum, payload) = bytes.split_at(CHECKSUM_BYTES);
        if sum != checksum(fingerprint, payload) {
            return Err(DocumentError::BadCursor);
        }
        let mut list: Vec<Json> = serde_json::from_slice(payload).map_err(|_| DocumentError::BadCursor)?;
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

fn checksum(fingerprint: &str, payload: &[u8]) -> Vec<u8> {
    let digest = Sha256::new().chain_update(fingerprint).chain_update([0]).chain_update(payload).finalize();
    digest[..CHECKSUM_BYTES].to_vec()
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Integer(whole) => Json::from(*whole),
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
