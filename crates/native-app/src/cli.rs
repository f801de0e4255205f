//! What can be asked of the binary: commands, options, their environment twins, and their help.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use stratus_access::TenantId;
use stratus_api::DEFAULT_BODY_LIMIT;
use stratus_sqlite::Synchronous;
use tracing_subscriber::EnvFilter;

const ABOUT_EXITS: &str = "\
Exit codes:
  0  it did what it was asked
  1  it failed; the reason and the cure are on standard error
  2  the command line is not right
  3  a check found something wrong";

const EXAMPLES: &str = "\
Examples:
  stratus serve --demo                      a blog to look at, on http://127.0.0.1:8080
  stratus serve --collections ./collections your own collections
  stratus collections check ./collections   is what I wrote right?
  stratus migrate status                    what is applied, what is pending
  stratus export content.ndjson             every document, one a line
  stratus import content.ndjson             and back, here or elsewhere
  stratus doctor                            is what is stored sound?";

const SERVE_EXAMPLES: &str = "\
Environment:
  STRATUS_ADMIN_TOKEN  the admin's bearer token, 32 characters or more. Without it the first start
                       makes one, prints it once on standard error, and keeps its digest only.

Examples:
  stratus serve --demo
  stratus serve --data /var/lib/stratus --collections ./collections --listen 0.0.0.0:8080
  STRATUS_ADMIN_TOKEN=$(openssl rand -hex 32) stratus serve --demo --listen 127.0.0.1:0

The first line on standard output, once it answers, is `listening on http://HOST:PORT`. SIGINT and
SIGTERM let requests in flight finish for up to 10 seconds; a second one ends it at once.";

const STATUS_EXAMPLES: &str = "\
Examples:
  stratus migrate status
  stratus migrate status --data /var/lib/stratus";

const UP_EXAMPLES: &str = "\
Examples:
  stratus migrate up
  stratus migrate up --data /var/lib/stratus --collections ./collections

`stratus serve` does the same when it starts, except that it rewrites nothing, and drops columns and
indexes only with --collections.";

const CHECK_EXAMPLES: &str = "\
Examples:
  stratus collections check ./collections
  STRATUS_COLLECTIONS=./collections stratus collections check

Ends with 3 when a definition is faulty, which makes it a step for CI.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  stratus doctor
  stratus doctor --data /var/lib/stratus
  stratus doctor --fix

Prints `clean`, or what it finds with what helps against it, and ends with 3 then. Without --fix
nothing is changed. With it, what has one answer is repaired: flags follow from version numbers, facets
and references from the content, generations from the log, columns and indexes from the definitions.
A server may be running meanwhile; copy the database first all the same.";

const SETTINGS_EXAMPLES: &str = "\
Examples:
  stratus settings list
  stratus settings get site name
  stratus settings set site name '\"My site\"'
  stratus settings set mail retry '{\"times\": 3}'
  stratus settings remove site name

A value is JSON, up to 64 KiB: a text stands in quotes, and those in the shell's. Settings that hold
credentials, and the program's own notes, are listed without their values.";

const SWEEP_EXAMPLES: &str = "\
Examples:
  stratus sweep
  stratus sweep --data /var/lib/stratus

What is published for a time becomes visible and invisible by itself; a sweep records in the log when
that happened, for those who follow it. `stratus serve` sweeps by itself, every --sweep-interval
seconds. Several may sweep at once: each window is recorded once. It also forgets the answers that are
kept under idempotency keys, a day after they were given.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  stratus export content.ndjson
  stratus export posts.ndjson --collection posts --collection authors --state published
  stratus export - --versions | gzip > content.ndjson.gz

Each line is one document: collections by name, the documents of each by id. Private fields are in
it, so keep the file as you keep the database. Documents in the trash are not. Two exports of equal
databases are equal, byte for byte. A server may be running meanwhile: each document is exported as
it is at one moment. The file takes its place once it is whole.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  stratus import content.ndjson
  stratus import content.ndjson --dry-run --on-error skip
  cat authors.ndjson | stratus import - --collection authors

A line is what `stratus export` writes, or a document as people write it:
  {\"slug\": \"hello\", \"publish\": true, \"fields\": {\"title\": \"Hello\", \"author\": \"ada-okafor\"}}
with `type` unless --collection is given, and `id`, `locale`, `parent`, `createdAt`, `publishedAt`,
`publishAt`, `expireAt`, `order`, `translationGroup` and `permissions` where they matter. Without
`publish` it becomes a draft, and what is public stays so. References and parents are ids or slugs,
of the file, in any order, or of the database.

A document that is there already, by its id or else by its slug, is changed to what the line says if
it differs. The same file a second time changes nothing, and one that was interrupted is completed by
running it again. A server may be running meanwhile.

Ends with 1 when it stops at a line, and with 3 when it skips some: they are named on standard error.";

/// A headless CMS in one binary, with embedded SQLite.
#[derive(Debug, Parser)]
#[command(name = "stratus", version, after_help = format!("{EXAMPLES}\n\n{ABOUT_EXITS}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The folder that holds stratus.db
    #[arg(long, global = true, env = "STRATUS_DATA", value_name = "DIR", default_value = "./data")]
    pub(crate) data: PathBuf,

    /// The folder of collection definitions (*.json); without it, those that are stored
    #[arg(long, global = true, env = "STRATUS_COLLECTIONS", value_name = "DIR")]
    pub(crate) collections: Option<PathBuf>,

    /// What to log, as in `info` or `stratus_api=debug,warn`; RUST_LOG counts where this is not given
    #[arg(long, global = true, env = "STRATUS_LOG", value_name = "FILTER", value_parser = filter)]
    pub(crate) log: Option<String>,

    /// How to log; `auto` is text on a terminal, and JSON otherwise
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// A line for people.
    Text,
    /// An object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API
    Serve(Serve),
    /// Look at the schema, or bring it up to date
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Work with collection definitions
    #[command(subcommand)]
    Collections(CollectionsCommand),
    /// Write documents to a file, one a line
    Export(Export),
    /// Read documents from a file, one a line
    Import(Import),
    /// Examine the database: the file itself, and whether what is stored agrees with itself
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// Record in the log which publish windows have opened and closed
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep,
    /// Look at settings, or change them
    #[command(subcommand, after_help = SETTINGS_EXAMPLES)]
    Settings(SettingsCommand),
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// List settings by name, with their values
    #[command(after_help = SETTINGS_EXAMPLES)]
    List {
        /// Only those of this category
        category: Option<String>,
    },
    /// Print the value of a setting as JSON; fails if there is none
    #[command(after_help = SETTINGS_EXAMPLES)]
    Get {
        /// Its category
        category: String,
        /// Its key
        key: String,
    },
    /// Set a setting; makes the database if there is none
    #[command(after_help = SETTINGS_EXAMPLES)]
    Set {
        /// Its category: a lower-case letter, then lower-case letters, digits, `_`, `.` and `-`
        category: String,
        /// Its key, of the same
        key: String,
        /// Its value, as JSON
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Remove a setting
    #[command(after_help = SETTINGS_EXAMPLES)]
    Remove {
        /// Its category
        category: String,
        /// Its key
        key: String,
    },
}

/// How to examine.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Repair what can be repaired without guessing, and examine again
    #[arg(long)]
    pub(crate) fix: bool,
}

/// How to serve.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, env = "STRATUS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    #[arg(value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Serve the demo's collections, with its content if the database has none
    #[arg(long, conflicts_with = "collections")]
    pub(crate) demo: bool,

    /// A JSON file of hosts and their tenants: {"blog.example": "blog"}
    #[arg(long, env = "STRATUS_TENANTS", value_name = "FILE")]
    pub(crate) tenants: Option<PathBuf>,

    /// When a write is answered: once it is on disk, or before the disk has it for certain
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) synchronous: WhenSafe,

    /// The longest body of a request, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_BODY_LIMIT)]
    pub(crate) body_limit: usize,

    /// How long a request may take
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) request_timeout: Duration,

    /// How often to record which publish windows have opened and closed; 0 is never
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_or_never)]
    pub(crate) sweep_interval: Duration,

    /// Refuse what Cloudflare D1 refuses, to try out here what shall run there
    #[arg(long)]
    pub(crate) d1_strict: bool,
}

/// When a commit is safe from a loss of power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenSafe {
    /// Before it is answered: nothing acknowledged is ever lost
    #[default]
    Full,
    /// A little later: a loss of power may lose the last writes, a crash loses nothing
    Normal,
}

impl From<WhenSafe> for Synchronous {
    fn from(when: WhenSafe) -> Self {
        match when {
            WhenSafe::Full => Self::Full,
            WhenSafe::Normal => Self::Normal,
        }
    }
}

/// What to export.
#[derive(Args, Debug)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct Export {
    /// The file to write; `-` is standard output
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Only documents of this collection; may be given several times
    #[arg(long = "collection", value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// Which of a document's versions
    #[arg(long, value_name = "STATE", value_enum, default_value_t)]
    pub(crate) state: Exported,

    /// With older versions
    #[arg(long)]
    pub(crate) versions: bool,

    /// Whose documents
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) tenant: TenantId,
}

/// Which versions of documents are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exported {
    /// The newest one of every document, and the public one
    #[default]
    All,
    /// The public one of every document that has one, and nothing else
    Published,
    /// The newest one of every document, as if nothing were published
    Draft,
}

/// What to import.
#[derive(Args, Debug)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// The file to read; `-` is standard input
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Only lines of this collection; lines without a `type` are of it
    #[arg(long = "collection", value_name = "NAME")]
    pub(crate) only: Option<String>,

    /// What to do when a line is not right
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(crate) on_error: WhenFaulty,

    /// Check everything and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Whose documents
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) tenant: TenantId,
}

/// What to do when a line is not right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenFaulty {
    /// Stop there; what was written before stays
    #[default]
    Stop,
    /// Go on without it, and without those that refer to it strongly
    Skip,
}

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Show which migrations are applied; nothing is changed
    #[command(after_help = STATUS_EXAMPLES)]
    Status,
    /// Apply what is pending, add what the collections need, drop what none needs, rewrite older documents
    #[command(after_help = UP_EXAMPLES)]
    Up,
}

/// What to do with definitions.
#[derive(Debug, Subcommand)]
pub(crate) enum CollectionsCommand {
    /// Check the definitions in a folder and name every fault
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The folder; without it, that of --collections
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// The filter is parsed again where it is used: it can't be cloned, which clap asks for.
fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| format!("{error}; give HOST:PORT"))?;
    found.next().ok_or_else(|| "that host has no address".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("give a whole number of seconds, 1 or more".to_owned()),
    }
}

fn seconds_or_never(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u32>().map_err(|_| "give a whole number of seconds, or 0".to_owned())?;
    Ok(Duration::from_secs(seconds.into()))
}
