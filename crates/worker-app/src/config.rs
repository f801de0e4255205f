//! What a deployment says of itself: variables and secrets of the Worker.

use std::{fmt, time::Duration};

use stratus_api::{AdminToken, Authenticator, Tenants};
use stratus_d1::D1Database;
use worker::{Env, js_sys::Reflect};

/// The name of the database's binding.
const DATABASE: &str = "DB";
/// The secret that makes its bearer the role `admin`.
const ADMIN_TOKEN: &str = "STRATUS_ADMIN_TOKEN";
/// A JSON object of hosts and their tenants.
const TENANTS: &str = "STRATUS_TENANTS";
/// How many milliseconds a call to the database may take.
const DEADLINE: &str = "STRATUS_D1_DEADLINE_MS";
/// What it may be set to: a write that is read for, sent and looked up takes three of them, which is
/// less than a request may take.
const DEADLINES: std::ops::RangeInclusive<u64> = 100..=9_000;
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
    let deadline =
        deadline(text(env, DEADLINE, "STRATUS_D1_DEADLINE_MS = \"5000\" under [vars]")?.as_deref())?;
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
    let cure = "wrangler secret put STRATUS_ADMIN_TOKEN";
    let Some(token) = text(env, ADMIN_TOKEN, cure)? else { return Ok(Authenticator::anonymous_only()) };
    match AdminToken::new(token) {
        Ok(token) => Ok(Authenticator::with_admin(&token)),
        Err(error) => Err(Misconfigured(format!("the secret {ADMIN_TOKEN} can't be used: {error}"))),
    }
}

/// Which tenant a host belongs to.
pub(crate) fn tenants(env: &Env) -> Result<Tenants, Misconfigured> {
    let cure = "STRATUS_TENANTS = '{\"blog.example\":\"blog\"}' under [vars]";
    let Some(text) = text(env, TENANTS, cure)? else { return Ok(Tenants::single()) };
    Tenants::by_host(&text).map_err(|error| Misconfigured(format!("{TENANTS} can't be used: {error}")))
}

/// The least severe that is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub(crate) fn level(env: &Env) -> Result<tracing::Level, Misconfigured> {
    level_of(text(env, LOG, "STRATUS_LOG = \"warn\" under [vars]")?.as_deref())
}

fn level_of(text: Option<&str>) -> Result<tracing::Level, Misconfigured> {
    let Some(text) = text else { return Ok(tracing::Level::WARN) };
    let why = |_| {
        Misconfigured(format!("{LOG} can't be used: it is `error`, `warn`, `info` or `debug`, not {text:?}"))
    };
    text.parse().map_err(why)
}

/// A variable or a secret; one that is empty counts as none. What is there and is no text is wrong:
/// whoever has set it believes that it holds.
fn text(env: &Env, name: &str, cure: &str) -> Result<Option<String>, Misconfigured> {
    let value = Reflect::get(env, &name.into()).unwrap_or_default();
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    match value.as_string() {
        Some(text) => Ok(Some(text).filter(|it| !it.is_empty())),
        None => Err(Misconfigured(format!("{name} can't be used: it is not a text; set it with `{cure}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_or_refused() {
        assert_eq!(level_of(None).unwrap(), tracing::Level::WARN);
        assert_eq!(level_of(Some("debug")).unwrap(), tracing::Level::DEBUG);
        let said = level_of(Some("verbose")).unwrap_err().to_string();
        assert_eq!(
            said,
            "STRATUS_LOG can't be used: it is `error`, `warn`, `info` or `debug`, not \"verbose\""
        );
    }

    #[test]
    fn a_deadline_is_a_number_of_milliseconds() {
        let check = |text: Option<&str>| deadline(text).map_err(|it| it.to_string());
        assert_eq!(check(None), Ok(D1Database::DEADLINE));
        assert_eq!(check(Some("250")), Ok(Duration::from_millis(250)));
        for wrong in ["0", "99", "9001", "-1", "1.5", "5s", "soon"] {
            let why = check(Some(wrong)).unwrap_err();
            assert!(why.contains("STRATUS_D1_DEADLINE_MS"), "{why}");
        }
    }
}
