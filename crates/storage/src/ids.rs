//! Ids: UUIDv7 text, minted from the ports so that they are the same in every program.

use std::fmt;

use uuid::{Builder, Uuid};

use crate::{Clock, Entropy};

/// The id of one write: UNIQUE in the event log, so that its outcome can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpId(String);

impl OpId {
    /// A new id.
    pub fn mint(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        Self(mint_uuid_v7(clock, entropy))
    }

    /// The id as UUIDv7 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no UUID in its canonical, lower-case, hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidUuid;

/// A new UUIDv7 (RFC 9562) as canonical text: 48 bits of milliseconds, 74 bits of randomness.
pub fn mint_uuid_v7(clock: &dyn Clock, entropy: &dyn Entropy) -> String {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(clock.now()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// Checks that a text is a UUID in canonical form and hands it back.
///
/// # Errors
///
/// [`InvalidUuid`] for anything else, upper case included: two spellings of one id would be two
/// keys.
pub fn parse_uuid(text: &str) -> Result<&str, InvalidUuid> {
    let uuid = Uuid::try_parse(text).map_err(|_| InvalidUuid)?;
    let mut buffer = Uuid::encode_buffer();
    if uuid.hyphenated().encode_lower(&mut buffer) == text { Ok(text) } else { Err(InvalidUuid) }
}
