//! The real binary, as a user runs it: started, asked over TCP, stopped, killed.
//!
//! Stopping is by signals, so that these run on Unix only.

#![cfg(unix)]

mod bad_http;
mod cli;
mod client;
mod collections;
mod crash;
mod demo;
mod full;
mod process;
mod resources;
mod starting;
mod stopping;
mod syncing;
mod transfer;
