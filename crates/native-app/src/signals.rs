//! The signals that ask a server to stop.

use std::io;

/// The signals that ask a server to stop, from the moment on at which this is made.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes over from the system, which would end the process.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Keeps a file that may not grow any further (`ulimit -f`) from ending the process: the write
    /// fails like one to a full disk, and its request is told so.
    pub(crate) fn outlive_file_limits() -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let over_the_limit = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        signal(over_the_limit).map(drop)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// The keys that ask a server to stop.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// There is nothing to prepare.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// There are no such limits.
    pub(crate) fn outlive_file_limits() -> io::Result<()> {
        Ok(())
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
