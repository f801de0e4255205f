//! The binary `stratus`: reads its configuration, picks the adapters, and serves the API.
//!
//! [`cli`] is what can be asked of it, [`serve`] how a server starts and stops, [`server`] how it
//! speaks HTTP. Everything else is a step on the way of one of these.
//!
//! # Invariants
//!
//! - Standard output carries answers only; the log and errors go to standard error.
//! - Nothing is listened to before the database is migrated, prepared and, with `--demo`, filled.
//! - A secret is never an argument, never in the log, and stored as a digest.
//! - A command that only reads never makes a database.
//! - No wire format and no rule of documents is known here.

mod address;
mod cli;
mod collections;
mod cursors;
mod database;
mod demo;
mod doctor;
mod export;
mod import;
mod logging;
mod migrate;
mod output;
mod ports;
mod prepare;
mod resources;
mod serve;
mod server;
mod settings;
mod signals;
mod sweep;
mod token;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, CollectionsCommand, Command, MigrateCommand},
    output::Outcome,
};

/// Answers are made of many small texts, on several threads: a tenth less work than with the
/// system's allocator, for some 8 MiB more when idle. Builds for tests and debuggers keep the
/// system's, which their tools know.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match run(&cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output::notice(format_args!("stratus: {error:#}"));
            ExitCode::FAILURE
        }
    };
    logging::flush();
    code
}

fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    let global = &cli.global;
    logging::start(global)?;
    match &cli.command {
        Command::Serve(options) => serve::run(global, options),
        Command::Migrate(MigrateCommand::Status) => migrate::status(global),
        Command::Migrate(MigrateCommand::Up) => migrate::up(global),
        Command::Collections(CollectionsCommand::Check { folder }) => {
            collections::check(folder.as_deref().or(global.collections.as_deref()))
        }
        Command::Sweep => sweep::run(global),
        Command::Settings(command) => settings::run(global, command),
        Command::Doctor(options) => doctor::run(global, options),
        Command::Export(options) => export::run(global, options),
        Command::Import(options) => import::run(global, options),
    }
}
