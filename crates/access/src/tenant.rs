//! The boundary that every statement carries.

use std::{fmt, str::FromStr, sync::Arc};

/// The id of a tenant: `^[a-z0-9][a-z0-9-]{0,62}$`.
///
/// It comes from the configuration (host → tenant), never from a request header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// A text that is no tenant id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tenant id: lower-case letters, digits and dashes, 63 bytes at most")]
pub struct InvalidTenant(String);

impl TenantId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The tenant `default`, which serves every host unless configuration says otherwise.
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenant;

    fn from_str(text: &str) -> Result<Self, InvalidTenant> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let sound = (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-');
        if sound { Ok(Self(text.into())) } else { Err(InvalidTenant(text.to_owned())) }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
