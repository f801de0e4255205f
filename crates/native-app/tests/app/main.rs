//! The real binary, as a user runs it: started, asked over TCP, stopped, killed.
//!
//! Stopping is by signals, so that these run on Unix only.

#![cfg(unix)]

mod bad_http;
mod cli;
mod client;
mod collections;
mod compression;
mod crash;
mod demo;
mod doctor;
mod full;
mod indexes;
mod keys;
mod process;
mod resources;
mod settings;
mod sonicjs;
mod starting;
mod stopping;
mod sweeping;
mod syncing;
mod transfer;
