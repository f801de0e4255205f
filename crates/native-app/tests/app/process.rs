//! Starting and stopping the binary, and looking into what it leaves behind.

use std::{
    fmt::Display,
    fs,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::{Answer, Connection};

pub(crate) const TOKEN: &str = "a-token-of-the-tests-0123456789abcdef";
const BINARY: &str = env!("CARGO_BIN_EXE_stratus");

/// How long anything may take that should happen soon. Generous: machines are busy.
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

/// The demo's definitions.
pub(crate) fn demo_collections() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/demo/collections")
}

/// The binary with a data folder and nothing of the environment of whoever runs the tests.
pub(crate) fn stratus(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(arguments).arg("--data").arg(data);
    command
}

pub(crate) fn clean(command: &mut Command) -> &mut Command {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for name in names.filter(|it| it.starts_with("STRATUS_") || it == "RUST_LOG") {
        command.env_remove(name);
    }
    command.stdin(Stdio::null())
}

/// What a command that ends by itself said, and its exit code.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// It failed with one sentence that has each of these in it.
    #[track_caller]
    pub(crate) fn refused(self, says: &[&str]) {
        let Self { stdout, stderr, .. } = self.expect(1);
        let last = stderr.lines().filter(|it| !it.starts_with('{')).collect::<Vec<_>>().join("\n");
        assert!(last.starts_with("stratus: ") && stdout.is_empty(), "{stdout}{stderr}");
        for text in says {
            assert!(last.contains(text), "{last} lacks {text}");
        }
    }
}

pub(crate) fn finish(mut command: Command) -> Finished {
    let output = command.output().expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    errors: Arc<Mutex<String>>,
    copier: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the demo with the token of the tests.
    pub(crate) fn demo(data: &Path) -> Self {
        Self::start(data, &["--demo"])
    }

    /// Serves on a free port with the token of the tests.
    pub(crate) fn start(data: &Path, options: &[&str]) -> Self {
        let mut command = stratus(data, &["serve", "--listen", "127.0.0.1:0"]);
        command.args(options).env("STRATUS_ADMIN_TOKEN", TOKEN);
        Self::run(command)
    }

    /// Runs a command that becomes a server, and waits for its first line.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
        let errors = Arc::new(Mutex::new(String::new()));
        let reader = child.stderr.take().expect("standard error");
        let copied = Arc::clone(&errors);
        let copier = Some(thread::spawn(move || copy(reader, &copied)));
        let (line, first) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("standard output"));
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|it| line.send(it)));
        let first = first.recv_timeout(SOON).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("it does not serve: {}", errors.lock().expect("the log"));
        });
        let address = first.strip_prefix("listening on http://").and_then(|it| it.parse().ok());
        let address = address.unwrap_or_else(|| panic!("`{first}` is not what the first line should be"));
        Self { child, address, errors, copier }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).expect("a connection")
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.connect().ask("GET", path, &[], "").expect(path)
    }

    /// Asks as the admin.
    #[track_caller]
    pub(crate) fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        self.connect().ask(method, path, &[("authorization", &bearer)], body).expect(path)
    }

    /// What it has written to standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().expect("the log").clone()
    }

    /// Waits until standard error has a text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        until(|| self.errors().contains(text).then_some(()))
            .unwrap_or_else(|| panic!("`{text}` never came: {}", self.errors()));
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running server");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let ended = until(|| self.child.try_wait().expect("the server"));
        ended.unwrap_or_else(|| panic!("it does not end: {}", self.errors()))
    }

    /// Asks it to stop, waits until it has, and hands back all that it wrote to standard error.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.wait();
        let copied = self.copier.take().map(JoinHandle::join);
        assert!(matches!(copied, Some(Ok(()))), "standard error can't be read");
        assert_eq!(status.code(), Some(0), "{}", self.errors());
        self.errors()
    }

    /// Ends it as a loss of power would, as far as the program is concerned.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a running server");
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy(mut from: impl Read, to: &Mutex<String>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        to.lock().expect("the log").push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests wait for real processes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Looks again and again until there is something, or until it should long have been there.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let since = now();
    while since.elapsed() < SOON {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// The database of a folder, opened without the program.
pub(crate) fn sqlite(data: &Path) -> rusqlite::Connection {
    let path = data.join("stratus.db");
    assert!(path.exists(), "there is no {}", path.display());
    rusqlite::Connection::open(path).expect("a database")
}

/// The first cell of a query.
#[track_caller]
pub(crate) fn number(connection: &rusqlite::Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).expect(sql)
}

/// A folder of definitions.
pub(crate) fn definitions(files: &[(&str, &str)]) -> TempDir {
    let folder = folder();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// A path as an argument.
pub(crate) fn shown(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Says what a test did or could not do; shown when it fails, or with `--nocapture`.
#[expect(clippy::print_stdout, reason = "where libtest collects what tests say")]
pub(crate) fn say(text: impl Display) {
    println!("{text}");
}
