//! The admin token: given by the environment, or made on the first start and kept as a digest.

use std::env;

use anyhow::{Context as _, bail};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value as Json;
use stratus_api::{AdminToken, Authenticator, digest_token};
use stratus_storage::{Clock, Consistency, Database, Entropy, Statement, Value};

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
    database: &dyn Database,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> anyhow::Result<Authenticator> {
    if let Some(token) = given {
        return Ok(Authenticator::with_admin(token));
    }
    let digest = match stored(database).await? {
        Some(digest) => digest,
        None => make(database, clock, entropy).await?,
    };
    let broken = || format!("the setting `{CATEGORY}/{KEY}` is damaged: set {VARIABLE} instead");
    Authenticator::with_admin_digest(&digest).with_context(broken)
}

async fn stored(database: &dyn Database) -> anyhow::Result<Option<String>> {
    let select = Statement::new(
        "SELECT value FROM settings WHERE category = ?1 AND key = ?2",
        vec![CATEGORY.into(), KEY.into()],
    );
    let rows = database.session(Consistency::Primary).query(&select).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let value: Json = serde_json::from_str(row.text(0)?).unwrap_or_default();
    Ok(Some(value.as_str().unwrap_or_default().to_owned()))
}

/// Makes a token, keeps its digest, and shows it. Of two programs that start at once one does.
async fn make(database: &dyn Database, clock: &dyn Clock, entropy: &dyn Entropy) -> anyhow::Result<String> {
    let mut secret = [0; 32];
    entropy.fill(&mut secret);
    let token = Base64UrlUnpadded::encode_string(&secret);
    let digest = digest_token(&token);
    let insert = Statement::new(
        "INSERT INTO settings (category, key, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO NOTHING RETURNING 1 AS made",
        vec![
            CATEGORY.into(),
            KEY.into(),
            Json::from(digest.as_str()).to_string().into(),
            Value::Integer(clock.now()),
        ],
    );
    let answers = database.session(Consistency::Primary).batch(&[insert]).await?;
    if answers.first().is_some_and(|rows| !rows.is_empty()) {
        output::notice(format_args!("admin token (shown once): {token}"));
        return Ok(digest);
    }
    stored(database).await?.context("another program made an admin token and took it back")
}
