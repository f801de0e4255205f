//! How many connections this process can hold.

/// More than this is not asked for, however much the system would give.
const MOST_CONNECTIONS: u64 = 10_000;

/// Open files that are kept for the database, the log and the listener.
const KEPT_FILES: u64 = 128;

/// Raises the limit of open files as far as is allowed, and says how many connections that leaves.
pub(crate) fn connections() -> usize {
    let files = raise_open_files(MOST_CONNECTIONS + KEPT_FILES);
    let left = files.saturating_sub(KEPT_FILES).clamp(16, MOST_CONNECTIONS);
    usize::try_from(left).unwrap_or(16)
}

#[cfg(unix)]
fn raise_open_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = maximum.unwrap_or(u64::MAX).min(wanted);
    match current {
        Some(current) if current < allowed => {
            let raised = Rlimit { current: Some(allowed), maximum };
            if setrlimit(Resource::Nofile, raised).is_ok() { allowed } else { current }
        }
        Some(current) => current,
        None => u64::MAX,
    }
}

#[cfg(not(unix))]
fn raise_open_files(wanted: u64) -> u64 {
    // Elsewhere sockets are not counted among the files.
    wanted
}
