//! The admin token: given by the environment, or made on the first start and kept as a digest.

use std::env;

use anyhow::{Context as _, bail};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use stratus_access::Principal;
use stratus_api::{AdminToken, Authenticator, digest_token};
use stratus_document::{Settings, SettingsError};
use stratus_storage::Entropy;

use crate::output;

const VARIABLE: &str = "STRATUS_ADMIN_TOKEN";

/// Where the digest is among the settings.
const CATEGORY: &str = "auth";
const KEY: &str = "admin_token_digest";

/// The token that the environment gives, if it gives one.
pub(crate) fn given() -> anyhow::Result<Option<AdminToken>> {
    match env::var(VARIABLE) {
        Ok(secret) => AdminToken::new(secret).map(Some).with_context(|| format!("{VARIABLE} can't be used")),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{VARIABLE} can't be used: it is not UTF-8"),
    }
}

/// Knows the token that was given, or else the one that the database has the digest of, or else a
/// new one, which is shown once.
pub(crate) async fn authenticator(
    given: Option<&AdminToken>,
    settings: &Settings,
    entropy: &dyn Entropy,
) -> anyhow::Result<Authenticator> {
    if let Some(token) = given {
        return Ok(Authenticator::with_admin(token));
    }
    let digest = match stored(settings).await? {
        Some(digest) => digest,
        None => make(settings, entropy).await?,
    };
    Authenticator::with_admin_digest(&digest).with_context(damaged)
}

async fn stored(settings: &Settings) -> anyhow::Result<Option<String>> {
    match settings.get(CATEGORY, KEY).await {
        // Not the reason as well: it may repeat what is stored.
        Err(SettingsError::Mismatch { .. }) => bail!(damaged()),
        other => other.context("the digest of the admin token can't be read"),
    }
}

fn damaged() -> String {
    format!("the setting `{CATEGORY}/{KEY}` is damaged: set {VARIABLE} instead, or remove it for a new token")
}

/// Makes a token, keeps its digest, and shows it. Of two programs that start at once one does.
async fn make(settings: &Settings, entropy: &dyn Entropy) -> anyhow::Result<String> {
    let mut secret = [0; 32];
    entropy.fill(&mut secret);
    let token = Base64UrlUnpadded::encode_string(&secret);
    let digest = digest_token(&token);
    if settings.set_if_absent(&Principal::admin(), CATEGORY, KEY, &digest).await? {
        output::notice(format_args!("admin token (shown once): {token}"));
        return Ok(digest);
    }
    stored(settings).await?.context("another program made an admin token and took it back")
}
