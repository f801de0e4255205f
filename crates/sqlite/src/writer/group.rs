//! One transaction for a group of batches, and what becomes of them when it fails.

use std::sync::{Arc, atomic::Ordering};

use stratus_storage::{Error, Result, Rows, Statement};

use super::{Counters, Job};
use crate::{
    connection::Connection,
    error::{commit_error, duplicate, is_doubtful, storage_error},
};

type Answer = Result<Vec<Rows>>;

/// How many groups without a failure it takes after one with a failure until savepoints are left out
/// again. A savepoint costs a seventh of its batch, a group that is run twice about as much as itself:
/// so the worst that failures can do is little more than what savepoints always cost.
const CAREFUL_GROUPS: u32 = 8;

/// Why a group without savepoints was not committed.
enum Failed {
    /// A batch failed and the transaction did not, so that savepoints save its neighbours. With its
    /// place and its error if there is no sense in running it again.
    Batch(Option<(usize, Error)>),
    /// The transaction is lost, or could not be committed.
    Group(Spoiled),
}

/// Why a group could not be committed together.
struct Spoiled {
    /// Which batch ended the transaction, if it was one of them, and its error if that is final.
    culprit: Option<(usize, Error)>,
    /// Whether the group may be found committed after a crash.
    doubtful: bool,
}

/// Commits groups of batches.
pub(super) struct Committer {
    connection: Connection,
    counters: Arc<Counters>,
    /// How many groups more have a savepoint for each batch.
    careful: u32,
}

impl Committer {
    pub(super) fn new(connection: Connection, counters: Arc<Counters>) -> Self {
        Self { connection, counters, careful: 0 }
    }

    /// Takes the write lock, waiting for other processes as long as the busy timeout says.
    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.connection.control("BEGIN IMMEDIATE")
    }

    /// Runs a group in the transaction that has begun, commits it, and answers.
    pub(super) fn commit(&mut self, mut group: Vec<Job>) {
        group.retain(|job| !job.answer.is_canceled());
        match group.as_slice() {
            [] => self.abandon(),
            [only] => {
                let answer = self.finish_alone(&only.statements);
                self.answer(group, vec![answer]);
            }
            _ => match self.together(&group) {
                Ok(answers) => self.answer(group, answers),
                Err(spoiled) => self.one_by_one(group, spoiled),
            },
        }
    }

    /// Answers a group whose transaction could not begin.
    pub(super) fn refuse(&self, group: Vec<Job>, error: &Error) {
        let answers = refusals(&group, error);
        self.answer(group, answers);
    }

    /// Folds the write-ahead log into the file, as far as other processes let it.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection.ask("PRAGMA wal_checkpoint(TRUNCATE)").map(drop)
    }

    /// All of a group in one transaction. A savepoint makes SQLite copy every page that its batch
    /// changes, so there are none until a batch fails: then all is undone, and done again with a
    /// savepoint for each. The groups after it are likely to have such batches too.
    fn together(&mut self, group: &[Job]) -> Result<Vec<Answer>, Spoiled> {
        if self.careful > 0 {
            self.careful -= 1;
            return self.carefully(group, None);
        }
        let culprit = match self.boldly(group) {
            Ok(answers) => return Ok(answers),
            Err(Failed::Group(spoiled)) => return Err(spoiled),
            Err(Failed::Batch(culprit)) => culprit,
        };
        match self.begin() {
            Ok(()) => self.carefully(group, culprit),
            Err(error) => Ok(refusals(group, &storage_error(error))),
        }
    }

    /// Without savepoints: the first failure undoes all of it.
    fn boldly(&self, group: &[Job]) -> Result<Vec<Answer>, Failed> {
        let mut answers = Vec::with_capacity(group.len());
        for (at, job) in group.iter().enumerate() {
            match self.run(&job.statements) {
                Err(error) => {
                    let is_lost = self.connection.is_autocommit();
                    let culprit = self.connection.timed_out().then_some((at, error));
                    self.abandon();
                    if is_lost {
                        return Err(Failed::Group(Spoiled { culprit, doubtful: false }));
                    }
                    let again = at + usize::from(culprit.is_none());
                    self.counters.reruns.fetch_add(again as u64, Ordering::Relaxed);
                    return Err(Failed::Batch(culprit));
                }
                answer => answers.push(answer),
            }
        }
        self.commit_group().map_err(Failed::Group)?;
        Ok(answers)
    }

    /// A savepoint for each batch but the one that has its error already.
    fn carefully(
        &mut self,
        group: &[Job],
        mut culprit: Option<(usize, Error)>,
    ) -> Result<Vec<Answer>, Spoiled> {
        let mut answers = Vec::with_capacity(group.len());
        for (at, job) in group.iter().enumerate() {
            let answer = match culprit.take_if(|culprit| culprit.0 == at) {
                Some((_, error)) => Ok(Err(error)),
                None => self.in_savepoint(&job.statements),
            };
            match answer {
                Ok(answer) => answers.push(answer),
                Err(culprit) => {
                    self.abandon();
                    let culprit = culprit.map(|error| (at, error));
                    return Err(Spoiled { culprit, doubtful: false });
                }
            }
        }
        if answers.iter().any(Result::is_err) {
            self.careful = CAREFUL_GROUPS;
        }
        self.commit_group()?;
        Ok(answers)
    }

    fn commit_group(&self) -> Result<(), Spoiled> {
        if let Err(error) = self.connection.control("COMMIT") {
            tracing::debug!(%error, "a group could not be committed; its batches are run one by one");
            self.abandon();
            return Err(Spoiled { culprit: None, doubtful: is_doubtful(&error) });
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// One batch of a group. The outer error says that the transaction is lost, with the error that
    /// is the batch's final answer if there is no sense in running it again.
    fn in_savepoint(&self, statements: &[Statement]) -> Result<Answer, Option<Error>> {
        let control = |sql| self.connection.control(sql).map_err(|_| None);
        control("SAVEPOINT batch")?;
        let answer = self.run(statements);
        if answer.is_err() {
            // A constraint with ROLLBACK, a full disk and an interrupted write end the transaction.
            if self.connection.is_autocommit() {
                return Err(answer.err().filter(|_| self.connection.timed_out()));
            }
            control("ROLLBACK TO batch")?;
        }
        control("RELEASE batch")?;
        Ok(answer)
    }

    /// Every batch in its own transaction: those that are sound are committed, those that are not
    /// have only themselves to blame.
    fn one_by_one(&self, group: Vec<Job>, mut spoiled: Spoiled) {
        for (at, job) in group.into_iter().enumerate() {
            let answer = match spoiled.culprit.take_if(|culprit| culprit.0 == at) {
                Some((_, error)) => Err(error),
                None => self.again(&job.statements, &mut spoiled.doubtful),
            };
            self.answer(vec![job], vec![answer]);
        }
    }

    /// Runs a batch again, in its own transaction. The first that is committed overwrites whatever
    /// reached the disk of a doubtful group; until then no failure is certain.
    fn again(&self, statements: &[Statement], doubtful: &mut bool) -> Answer {
        self.counters.reruns.fetch_add(1, Ordering::Relaxed);
        let answer = self.begin().map_err(storage_error).and_then(|()| self.finish_alone(statements));
        match answer {
            Err(error) if *doubtful => Err(Error::OutcomeUnknown { reason: error.to_string() }),
            answer => {
                *doubtful &= answer.is_err();
                answer
            }
        }
    }

    /// Runs one batch in the transaction that has begun, and commits or rolls back.
    fn finish_alone(&self, statements: &[Statement]) -> Answer {
        let answer = self.run(statements);
        if answer.is_err() {
            self.abandon();
            return answer;
        }
        if let Err(error) = self.connection.control("COMMIT") {
            self.abandon();
            return Err(commit_error(error));
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        answer
    }

    fn run(&self, statements: &[Statement]) -> Answer {
        self.connection.start_watch();
        statements.iter().map(|statement| self.connection.run(statement)).collect()
    }

    /// Rolls back what is open.
    fn abandon(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.control("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn answer(&self, group: Vec<Job>, answers: Vec<Answer>) {
        self.counters.batches.fetch_add(answers.len() as u64, Ordering::Relaxed);
        for (job, answer) in group.into_iter().zip(answers) {
            // Nobody listens any more: it is committed all the same.
            let _ = job.answer.send(answer);
        }
    }
}

fn refusals(group: &[Job], error: &Error) -> Vec<Answer> {
    group.iter().map(|_| Err(duplicate(error))).collect()
}
