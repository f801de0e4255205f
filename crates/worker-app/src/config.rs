//! What a deployment says of itself: variables and secrets of the Worker.

use std::fmt;

use stratus_api::{AdminToken, Authenticator, Tenants};
use worker::Env;

/// The name of the database's binding.
const DATABASE: &str = "DB";
/// The secret that makes its bearer the role `admin`.
const ADMIN_TOKEN: &str = "STRATUS_ADMIN_TOKEN";
/// A JSON object of hosts and their tenants.
const TENANTS: &str = "STRATUS_TENANTS";
/// The least severe that is logged.
const LOG: &str = "STRATUS_LOG";

/// Why a deployment can't serve. Somebody has to correct it.
#[derive(Debug)]
pub(crate) struct Misconfigured(String);

impl Misconfigured {
    /// With a sentence that says what to correct.
    pub(crate) fn new(reason: String) -> Self {
        Self(reason)
    }
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

/// The binding of the database.
pub(crate) fn database(env: &Env) -> Result<worker::D1Database, Misconfigured> {
    let why = |error| Misconfigured(format!("the binding `{DATABASE}` is no D1 database: {error}"));
    env.d1(DATABASE).map_err(why)
}

/// Who may sign in. Without the secret nobody can.
pub(crate) fn authenticator(env: &Env) -> Result<Authenticator, Misconfigured> {
    let Some(token) = text(env, ADMIN_TOKEN) else { return Ok(Authenticator::anonymous_only()) };
    match AdminToken::new(token) {
        Ok(token) => Ok(Authenticator::with_admin(&token)),
        Err(error) => Err(Misconfigured(format!("the secret {ADMIN_TOKEN} can't be used: {error}"))),
    }
}

/// Which tenant a host belongs to.
pub(crate) fn tenants(env: &Env) -> Result<Tenants, Misconfigured> {
    let Some(text) = text(env, TENANTS) else { return Ok(Tenants::single()) };
    Tenants::by_host(&text).map_err(|error| Misconfigured(format!("{TENANTS} can't be used: {error}")))
}

/// The least severe that is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub(crate) fn level(env: &Env) -> tracing::Level {
    text(env, LOG).and_then(|it| it.parse().ok()).unwrap_or(tracing::Level::WARN)
}

/// A variable or a secret; one that is empty counts as none.
fn text(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|it| it.to_string()).filter(|it| !it.is_empty())
}
