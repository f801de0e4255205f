//! What a deployment says of itself: variables and secrets of the Worker.

use std::{fmt, time::Duration};

use stratus_api::{AdminToken, Authenticator, Tenants};
use stratus_d1::D1Database;
use worker::Env;

/// The name of the database's binding.
const DATABASE: &str = "DB";
/// The secret that makes its bearer the role `admin`.
const ADMIN_TOKEN: &str = "STRATUS_ADMIN_TOKEN";
/// A JSON object of hosts and their tenants.
const TENANTS: &str = "STRATUS_TENANTS";
/// How many milliseconds a call to the database may take.
const DEADLINE: &str = "STRATUS_D1_DEADLINE_MS";
/// What it may be set to: D1 itself gives up after 30 seconds.
const DEADLINES: std::ops::RangeInclusive<u64> = 100..=30_000;
/// How long a call may take for which no request waits: an index over all documents takes its time.
const PATIENCE: Duration = Duration::from_secs(300);
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

/// The database as requests have it, which don't wait for long.
pub(crate) fn database(env: &Env) -> Result<D1Database, Misconfigured> {
    let deadline = deadline(text(env, DEADLINE).as_deref())?;
    Ok(D1Database::new(binding(env)?).deadline(deadline))
}

/// The database as whoever migrates it has it.
pub(crate) fn patient_database(env: &Env) -> Result<D1Database, Misconfigured> {
    Ok(D1Database::new(binding(env)?).deadline(PATIENCE))
}

fn binding(env: &Env) -> Result<worker::D1Database, Misconfigured> {
    let why = |error| Misconfigured(format!("the binding `{DATABASE}` is no D1 database: {error}"));
    env.d1(DATABASE).map_err(why)
}

fn deadline(text: Option<&str>) -> Result<Duration, Misconfigured> {
    let Some(text) = text else { return Ok(D1Database::DEADLINE) };
    let sound = text.parse().ok().filter(|it| DEADLINES.contains(it));
    let (least, most) = (DEADLINES.start(), DEADLINES.end());
    let why = || Misconfigured(format!("{DEADLINE} can't be used: milliseconds, {least} to {most}"));
    sound.map(Duration::from_millis).ok_or_else(why)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_number_of_milliseconds() {
        let check = |text: Option<&str>| deadline(text).map_err(|it| it.to_string());
        assert_eq!(check(None), Ok(D1Database::DEADLINE));
        assert_eq!(check(Some("250")), Ok(Duration::from_millis(250)));
        for wrong in ["0", "99", "30001", "-1", "1.5", "5s", "soon"] {
            let why = check(Some(wrong)).unwrap_err();
            assert!(why.contains("STRATUS_D1_DEADLINE_MS"), "{why}");
        }
    }
}
