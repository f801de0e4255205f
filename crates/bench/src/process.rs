//! Servers in processes of their own, and what the system knows about them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{options, store};

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program that says where it listens in its first line.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = format!("{:?}", command.get_program());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| {
            format!("cannot start {name}: `cargo build --release -p native-app` makes it")
        })?;
        let output = child.stdout.take().context("a child without standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").and_then(|it| it.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                anyhow::bail!("{name} did not say where it listens")
            }
        }
    }

    /// Starts the real server over a database of the demo's collections; its log goes nowhere.
    pub(crate) fn stratus(context: &options::Context, data: &std::path::Path, log: &str) -> Result<Self> {
        let mut command = Command::new(context.stratus());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", log, "--log-format", "json", "--data"])
            .arg(data)
            .arg("--collections")
            .arg(store::collections_folder())
            .env("STRATUS_ADMIN_TOKEN", "a token that nobody uses in a bench")
            .stderr(Stdio::null());
        Self::start(&mut command)
    }

    /// Seconds of the processor that its threads have had.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let mut nanos = 0_u64;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let first = text.split(' ').next().unwrap_or_default();
            nanos += first.parse::<u64>().context("schedstat is not what it was")?;
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Bytes of memory that it has now, and had at most.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| {
            let line = text.lines().find_map(|it| it.strip_prefix(name)).context("status lacks a line")?;
            let kib = line.trim().trim_end_matches(" kB").parse::<u64>()?;
            anyhow::Ok(kib * 1024)
        };
        Ok((of("VmRSS:")?, of("VmHWM:")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if pid.is_none_or(|pid| kill_process(pid, Signal::TERM).is_err()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
