//! The log: on standard error, text for people or JSON for machines.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::cli::{Global, LogFormat};

const DEFAULT_FILTER: &str = "info";

/// Starts the log.
pub(crate) fn start(global: &Global) -> anyhow::Result<()> {
    let filter = match &global.log {
        Some(filter) => EnvFilter::try_new(filter)?,
        None => from_environment()?,
    };
    let is_terminal = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let is_text = match global.log_format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        log.with_ansi(is_terminal).init();
    } else {
        log.json().flatten_event(true).with_ansi(false).init();
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
