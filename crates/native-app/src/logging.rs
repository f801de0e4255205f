//! The log: on standard error, text for people or JSON for machines.

mod json;
mod lines;

use std::{
    io::{self, IsTerminal as _, Stderr},
    panic,
    sync::LazyLock,
};

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::{json::Json, lines::Lines};
use crate::cli::{Global, LogFormat};

const DEFAULT_FILTER: &str = "info";

/// Every line of the log passes here.
static LINES: LazyLock<Lines<Stderr>> = LazyLock::new(|| Lines::new(io::stderr()));

/// Starts the log.
pub(crate) fn start(global: &Global) -> anyhow::Result<()> {
    let filter = match &global.log {
        Some(filter) => EnvFilter::try_new(filter)?,
        None => from_environment()?,
    };
    let is_terminal = io::stderr().is_terminal();
    let is_text = match global.log_format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal);
        log.with_writer(&*LINES).init();
    } else {
        tracing_subscriber::registry().with(filter).with(Json::new(&*LINES)).init();
    }
    Ok(())
}

fn from_environment() -> anyhow::Result<EnvFilter> {
    match std::env::var("RUST_LOG") {
        Ok(filter) => {
            EnvFilter::try_new(&filter).with_context(|| format!("RUST_LOG=`{filter}` is no filter"))
        }
        Err(_) => Ok(EnvFilter::new(DEFAULT_FILTER)),
    }
}

/// From now on lines are written several at once, unless somebody watches them appear. For a
/// server, whose every request has one, and which learns of the signals that end it.
///
/// Whatever else goes to standard error has to [`flush`] first, and so has what ends the process.
pub(crate) fn batch() -> io::Result<()> {
    if io::stderr().is_terminal() {
        return Ok(());
    }
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        flush();
        report(panic);
    }));
    LINES.batch()
}

/// Writes what waits to be written.
pub(crate) fn flush() {
    LINES.flush();
}
