//! What can be asked of the bench, and what the answers mean.

use std::{env, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Rounds of which the median counts.
const ROUNDS: usize = 9;

/// Compares Stratus with floors of the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) hidden: Option<Hidden>,
}

/// What the bench starts itself as.
#[derive(Debug, Subcommand)]
pub(crate) enum Hidden {
    /// A bare server that gives captured answers
    #[command(hide = true)]
    Floor {
        /// Where the answers are
        folder: PathBuf,
    },
}

/// What to compare.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Small sizes and short rounds: whether it works, in seconds
    #[arg(long)]
    pub(crate) quick: bool,

    /// How many documents; 1000,10000,100000 where nothing is said
    #[arg(long, value_delimiter = ',', value_name = "NUMBER,…")]
    pub(crate) sizes: Vec<usize>,

    /// Only this comparison; may be said several times
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) only: Vec<Bench>,

    /// Put the tables into docs/performance.md
    #[arg(long)]
    pub(crate) write: bool,

    /// The binary `stratus`; without it, the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(crate) stratus: Option<PathBuf>,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// The repository against bare rusqlite
    Reads,
    /// Steps of SQLite's machine as a collection grows
    Work,
    /// The server against a bare route
    Http,
    /// Creates against bare rusqlite
    Writes,
    /// `stratus import` against bare rusqlite
    Import,
    /// Bytes on disk and in memory
    Size,
}

impl Options {
    pub(crate) fn wants(&self, bench: Bench) -> bool {
        self.only.is_empty() || self.only.contains(&bench)
    }

    /// Sizes in ascending order.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let default: &[usize] = if self.quick { &[500, 2_000] } else { &[1_000, 10_000, 100_000] };
        let mut sizes = if self.sizes.is_empty() { default.to_vec() } else { self.sizes.clone() };
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// The size that is compared where there is only one.
    pub(crate) fn largest(&self) -> usize {
        self.sizes().last().copied().unwrap_or(1_000)
    }

    /// As it would be typed.
    pub(crate) fn command(&self) -> String {
        let given = env::args().skip(1).collect::<Vec<_>>().join(" ");
        format!("cargo xtask bench {given}").trim_end().to_owned()
    }
}

/// What comparisons share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) rounds: usize,
    /// How long one side has its turn.
    pub(crate) turn: Duration,
    /// The same where other processes are to wake up first.
    pub(crate) long_turn: Duration,
    /// Where everything is written.
    pub(crate) folder: PathBuf,
}

impl Context {
    pub(crate) fn new(options: Options) -> Self {
        let (turn, long_turn) = if options.quick { (20, 150) } else { (120, 1_000) };
        let program = env::current_exe().unwrap_or_default();
        // target/release/stratus-bench
        let target = program.ancestors().nth(2).map_or_else(|| PathBuf::from("target"), PathBuf::from);
        Self {
            rounds: if options.quick { 7 } else { ROUNDS },
            turn: Duration::from_millis(turn),
            long_turn: Duration::from_millis(long_turn),
            folder: target.join("bench"),
            options,
        }
    }

    /// The binary that is compared.
    pub(crate) fn stratus(&self) -> PathBuf {
        let beside = || env::current_exe().unwrap_or_default().with_file_name("stratus");
        self.options.stratus.clone().unwrap_or_else(beside)
    }
}
