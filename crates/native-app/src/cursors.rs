//! The key of cursors: made on the first start and kept among the settings, so that a cursor
//! outlives the server that gave it, and every server of a database knows it.

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use stratus_access::Principal;
use stratus_document::{CursorKey, Settings, SettingsError};
use stratus_storage::Entropy;

/// Where the key is among the settings. Like credentials, it is never shown.
const CATEGORY: &str = "auth";
const KEY: &str = "cursor_key";

/// The key that the database has, or else a new one.
pub(crate) async fn key(settings: &Settings, entropy: &dyn Entropy) -> anyhow::Result<CursorKey> {
    if let Some(key) = stored(settings).await? {
        return Ok(key);
    }
    let key = CursorKey::draw(entropy);
    let text = Base64UrlUnpadded::encode_string(key.bytes().context("a drawn key has its bytes")?);
    if settings.set_if_absent(&Principal::admin(), CATEGORY, KEY, &text).await? {
        return Ok(key);
    }
    stored(settings).await?.context("another program made a key for cursors and took it back")
}

async fn stored(settings: &Settings) -> anyhow::Result<Option<CursorKey>> {
    let damaged = || {
        format!(
            "the setting `{CATEGORY}/{KEY}` is damaged: `stratus settings remove {CATEGORY} {KEY}` makes a new one"
        )
    };
    let text: String = match settings.get(CATEGORY, KEY).await {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(SettingsError::Mismatch { .. }) => anyhow::bail!(damaged()),
        Err(error) => return Err(error).context("the key of cursors can't be read"),
    };
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(&text, &mut bytes).map(<[u8]>::len);
    anyhow::ensure!(decoded == Ok(32), damaged());
    Ok(Some(CursorKey::new(bytes)))
}
