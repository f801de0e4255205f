//! The binary, asked whatever its own description says that can be asked.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    tools,
    workspace::{Workspace, run as run_command},
};

/// The token of the program that is asked.
const TOKEN: &str = "the-token-of-the-fuzz-0123456789abcdef";

/// How many requests each operation gets.
const EXAMPLES: &str = "20";

/// How long it may all take: that the program begins to serve, and both runs.
const DEADLINE: Duration = Duration::from_secs(5 * 60);

/// Who asks, and how many of their requests succeed at least.
const CALLERS: [(Caller, &str); 2] = [(Caller::Anyone, "100"), (Caller::Admin, "400")];

/// What must hold of every answer.
const CHECKS: [&str; 5] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Anyone,
    Admin,
}

/// Serves the demo from a new folder, and lets schemathesis ask.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = tools::schemathesis(workspace)?;
    run_command(workspace.cargo().args(["build", "--quiet", "--package", "native-app"]))?;
    let folder = workspace.target.join("openapi");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let deadline = deadline();
    let server = Server::start(workspace, &folder, deadline)?;
    for (caller, successes) in CALLERS {
        println!("asked by {caller:?}");
        let mut fuzz = fuzz(workspace, &python, &server, caller);
        wait(Running(fuzz.env("STRATUS_SUCCESSES", successes).spawn()?), deadline)?;
    }
    server.stop()
}

fn fuzz(workspace: &Workspace, python: &Path, server: &Server, caller: Caller) -> Command {
    let ours = workspace.root.join("xtask/openapi");
    let mut fuzz = workspace.program(python);
    fuzz.args(["-m", "schemathesis.cli", "run", "--no-color", "--warnings", "off", "--workers", "2"]);
    fuzz.args(["--phases", "examples,fuzzing", "--max-examples", EXAMPLES, "--generation-deterministic"]);
    fuzz.args(["--request-timeout", "30", "--checks", &CHECKS.join(",")]);
    if caller == Caller::Admin {
        fuzz.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
    }
    fuzz.arg(format!("{}/openapi.json", server.address));
    fuzz.env("STRATUS_URL", &server.address).env("STRATUS_ADMIN_TOKEN", TOKEN);
    fuzz.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", ours);
    fuzz.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "127.0.0.1");
    // What it writes beside its report is of this run only.
    fuzz.current_dir(&server.folder);
    fuzz
}

#[expect(clippy::disallowed_methods, reason = "other programs take the time of this machine")]
fn deadline() -> Instant {
    Instant::now() + DEADLINE
}

/// How long there is until then.
#[expect(clippy::disallowed_methods, reason = "other programs take the time of this machine")]
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn wait(mut fuzz: Running, deadline: Instant) -> Result<()> {
    while !left(deadline).is_zero() {
        if let Some(status) = fuzz.0.try_wait()? {
            ensure!(status.success(), "an answer is not what `/openapi.json` says, see above");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("asking took longer than {} seconds", DEADLINE.as_secs())
}

/// The first line that a program prints, or whatever it had printed of it when it ended.
fn first_line(output: ChildStdout, deadline: Instant) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    // It ends with the program, whose guard kills it.
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens any more once the deadline is over.
        let _ = sender.send(read.map(|_| line));
    });
    let line = receiver.recv_timeout(left(deadline)).context("the binary has not said that it serves")?;
    Ok(line?)
}

/// A program that ends when this is dropped, however that comes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The binary with the demo, until it is dropped.
struct Server {
    _process: Running,
    address: String,
    folder: PathBuf,
}

impl Server {
    fn start(workspace: &Workspace, folder: &Path, deadline: Instant) -> Result<Self> {
        let mut serve = workspace.program(workspace.target.join("debug/stratus"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STRATUS_") {
                serve.env_remove(name);
            }
        }
        serve.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        serve.env("STRATUS_ADMIN_TOKEN", TOKEN).stdout(Stdio::piped());
        let mut process = Running(serve.stderr(File::create(folder.join("stratus.log"))?).spawn()?);
        let output = process.0.stdout.take().context("the binary has no output")?;
        let mut server = Self { _process: process, address: String::new(), folder: folder.to_owned() };
        let line = first_line(output, deadline)?;
        let address = line.trim().strip_prefix("listening on ");
        server.address = address.with_context(|| format!("it does not serve: {}", server.log()))?.to_owned();
        Ok(server)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("stratus.log")).unwrap_or_default()
    }

    /// Ends it, if nothing went wrong inside.
    fn stop(self) -> Result<()> {
        let log = self.log();
        let errors: Vec<_> = log.lines().filter(|it| it.contains("\"level\":\"ERROR\"")).collect();
        ensure!(errors.is_empty(), "the binary has logged\n{}", errors.join("\n"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent() -> Running {
        Running(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "other programs take the time of this machine")]
    fn a_program_that_says_nothing_is_not_waited_for() {
        let mut program = silent();
        let output = program.0.stdout.take().unwrap();
        let error = first_line(output, Instant::now()).unwrap_err().to_string();
        assert_eq!(error, "the binary has not said that it serves");
        assert!(wait(program, Instant::now()).is_err());
    }

    #[test]
    fn a_program_ends_with_its_guard() {
        let mut program = silent();
        let mut output = program.0.stdout.take().unwrap();
        drop(program);
        // All that held its output is gone.
        assert_eq!(std::io::Read::read(&mut output, &mut [0]).unwrap(), 0);
    }
}
