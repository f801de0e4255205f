//! One import: first every line is staged, then they are written in batches, targets first.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read, Seek},
};

use futures_util::future::join;
use sha2::{Digest as _, Sha256};
use stratus_storage::{Consistency, Error as StorageError, commit};

use super::{
    batch::Prepared,
    import::{ImportError, ImportOptions, Importer, LineFault, OnError, Report, Summary},
    references::ranks,
    source::Source,
    stage::{Stage, Staged, State, line_of},
    target::Target,
    write::Batch,
};
use crate::{install::is_empty, validate::FieldError};

/// How many documents are written together, and how many bytes their lines have, about.
pub(super) const BATCH_LINES: usize = 500;
const BATCH_BYTES: u64 = 4 << 20;
/// How often a batch is tried when others write to the same documents.
const MAX_ATTEMPTS: usize = 8;
/// How many targets are remembered to be live.
pub(super) const MAX_LIVE: usize = 100_000;

/// Why a run ends early.
pub(super) enum Halt {
    /// A line was not right, and that is where it shall stop.
    Stopped,
    Failed(ImportError),
}

impl From<StorageError> for Halt {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// One import under way.
pub(super) struct Run<'a, S> {
    pub(super) importer: &'a Importer,
    pub(super) options: &'a ImportOptions,
    pub(super) report: &'a mut (dyn FnMut(Report<'_>) + Send),
    pub(super) source: Source<S>,
    pub(super) stage: Stage,
    pub(super) ranks: BTreeMap<String, i64>,
    summary: Summary,
    /// How many lines are staged, and how many are refused that are not.
    pub(super) lines: u64,
    pub(super) unstaged: u64,
    /// There is no document yet, so that nothing has to be compared with.
    pub(super) is_fresh: bool,
    /// Whatever this run has written is in `live`: what is not there need not be looked up.
    pub(super) knows_all: bool,
    /// What is not unique is looked for before it is written.
    pub(super) is_careful: bool,
    /// Some lines turned out to be of documents with other ids than theirs.
    pub(super) has_renames: bool,
    /// Lines whose slug or parent has to be looked up.
    pub(super) has_open: bool,
    /// Every line up to this place has had its turn.
    pub(super) cursor: i64,
    /// Documents that are known to be live, with their collections.
    pub(super) live: HashMap<String, String>,
}

impl<'a, S: Read + Seek + Send> Run<'a, S> {
    /// Runs an import from its beginning to its end.
    pub(super) async fn all(
        importer: &'a Importer,
        source: S,
        options: &'a ImportOptions,
        report: &'a mut (dyn FnMut(Report<'_>) + Send),
    ) -> Result<Summary, ImportError> {
        let mut source = Source::new(source);
        let mut hash = Sha256::new();
        let registry = &importer.target.registry;
        for part in [
            registry.fingerprint(),
            importer.target.tenant.as_str(),
            options.collection.as_deref().unwrap_or_default(),
        ] {
            hash.update(part);
            hash.update([0]);
        }
        let fingerprint = source.digest(hash)?;
        let now = importer.clock.now();
        let stage = Stage::open(importer.stage.clone(), &fingerprint, now).await?;
        let is_fresh = is_empty(&*importer.target.database).await?;
        let mut run = Self {
            importer,
            options,
            report,
            source,
            stage,
            ranks: ranks(registry),
            summary: Summary::default(),
            lines: 0,
            unstaged: 0,
            is_fresh,
            knows_all: is_fresh,
            is_careful: importer.is_trial,
            has_renames: false,
            has_open: false,
            cursor: -1,
            live: HashMap::new(),
        };
        match run.passes().await {
            Ok(()) => {
                let Self { stage, summary, .. } = run;
                stage.close().await?;
                Ok(summary)
            }
            Err(Halt::Stopped) => Ok(Summary { stopped: true, ..run.summary }),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    async fn passes(&mut self) -> Result<(), Halt> {
        self.stage_lines().await?;
        self.settle().await?;
        self.in_order().await?;
        self.cursor = i64::MAX;
        self.those_that_waited().await?;
        self.is_complete()
    }

    /// Every staged line must have been written or refused: what another import of the same file
    /// took away meanwhile is neither, and nobody may believe that it is there.
    fn is_complete(&self) -> Result<(), Halt> {
        let handled = self.summary.imported() + self.summary.failed;
        match handled == self.lines + self.unstaged {
            true => Ok(()),
            false => Err(Halt::Failed(ImportError::Disturbed)),
        }
    }

    /// Says that a line is not imported.
    pub(super) fn fault(&mut self, line: u64, errors: Vec<FieldError>) -> Result<(), Halt> {
        self.summary.failed += 1;
        (self.report)(Report::Fault(&LineFault { line, errors }));
        match self.options.on_error {
            OnError::Stop => Err(Halt::Stopped),
            OnError::Skip => Ok(()),
        }
    }

    /// Counts a line that is not imported for the reason that another one was told of.
    pub(super) fn count_failed(&mut self, lines: usize) {
        self.summary.failed += lines as u64;
    }

    /// Writes the lines in the order of their places. While one batch is being written the next is
    /// prepared.
    async fn in_order(&mut self) -> Result<(), Halt> {
        let mut pending: Option<Prepared> = None;
        loop {
            let lines = self.next_lines().await?;
            let prepared = match pending.take() {
                None if lines.is_empty() => return Ok(()),
                None => self.prepare(lines).await?,
                Some(mut before) => {
                    let batch = before.batch.take();
                    let target = self.importer.target.clone();
                    let again = lines.clone();
                    let (written, prepared) = join(write(&target, batch.as_ref()), self.prepare(lines)).await;
                    if self.was_written(written)? {
                        self.count(&before);
                        prepared?
                    } else {
                        self.insist(before.into_open()).await?;
                        self.prepare(again).await?
                    }
                }
            };
            self.accept(&prepared).await?;
            if !prepared.lines.is_empty() {
                pending = Some(prepared);
            }
        }
    }

    /// The next lines in the order of their places, and not too many.
    async fn next_lines(&mut self) -> Result<Vec<Staged>, Halt> {
        loop {
            let mut lines = self.stage.after(self.cursor, BATCH_LINES as u32).await?;
            shorten_to_bytes(&mut lines);
            let Some(last) = lines.last() else { return Ok(lines) };
            self.cursor = last.place;
            lines.retain(|it| it.state == State::Staged);
            if !lines.is_empty() {
                return Ok(lines);
            }
        }
    }

    /// Tells of what is not written, and notes what waits. Nothing of the batch is written before.
    async fn accept(&mut self, prepared: &Prepared) -> Result<(), Halt> {
        let mut faults: Vec<_> = prepared.faults.iter().collect();
        faults.sort_by_key(|it| it.line);
        for fault in faults {
            self.fault(fault.line, fault.errors.clone())?;
        }
        let failed = prepared.faults.iter().map(|it| (it.place, it.root_id.as_str()));
        self.stage.failed(&failed.collect::<Vec<_>>()).await?;
        self.stage.wait(&prepared.waits).await?;
        if self.live.len() > self.importer.max_live {
            self.forget_live();
        }
        // What is in the batch that is about to be written counts as being there.
        self.live.extend(prepared.done.iter().map(|it| (it.1.clone(), it.2.clone())));
        Ok(())
    }

    /// Prepares and writes lines until it succeeds, and says how many are done or failed.
    pub(super) async fn insist(&mut self, lines: Vec<Staged>) -> Result<usize, Halt> {
        for _ in 0..MAX_ATTEMPTS {
            let mut prepared = self.prepare(lines.clone()).await?;
            // Faults are told once it is certain that the rest is written.
            let batch = prepared.batch.take();
            let stops = self.options.on_error == OnError::Stop && !prepared.faults.is_empty();
            let target = self.importer.target.clone();
            if !stops {
                let written = write(&target, batch.as_ref()).await;
                if !self.was_written(written)? {
                    continue;
                }
                self.count(&prepared);
            }
            self.accept(&prepared).await?;
            let done = prepared.done.iter().map(|it| (it.0, it.1.as_str())).collect::<Vec<_>>();
            if self.cursor == i64::MAX {
                self.stage.written(&done).await?;
            }
            return Ok(done.len() + prepared.faults.len());
        }
        Err(Halt::Failed(ImportError::Contended))
    }

    /// Whether a batch was written; if not, someone else was faster, and it is worth another look.
    fn was_written(&mut self, written: Result<(), StorageError>) -> Result<bool, Halt> {
        match written {
            Ok(()) => Ok(true),
            Err(StorageError::Guard { .. } | StorageError::NotUnique { .. }) => {
                self.forget_live();
                self.is_fresh = false;
                self.is_careful = true;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// From here on the database has to be asked, even if there was nothing in it.
    fn forget_live(&mut self) {
        self.live.clear();
        self.knows_all = false;
    }

    fn count(&mut self, prepared: &Prepared) {
        self.summary.created += prepared.created;
        self.summary.updated += prepared.updated;
        self.summary.unchanged += prepared.unchanged;
        let lines = self.summary.imported() + self.summary.failed;
        (self.report)(Report::Done { lines, of: self.lines });
    }

    /// The lines at some places, and not too many.
    pub(super) async fn lines_at(&self, places: &[i64]) -> Result<Vec<Staged>, Halt> {
        let mut lines = self.stage.at(places).await?;
        shorten_to_bytes(&mut lines);
        Ok(lines)
    }

    /// Says of lines that are a circle too long to be written at once.
    pub(super) async fn refuse_circle(&mut self, places: &[i64]) -> Result<(), Halt> {
        let lines = self.stage.at(places).await?;
        let failed = lines.iter().map(|it| (it.place, it.root_id.as_str())).collect::<Vec<_>>();
        self.stage.failed(&failed).await?;
        let mut numbers: Vec<_> = places.iter().map(|it| line_of(*it)).collect();
        numbers.sort_unstable();
        let named = numbers.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = format!(
            "{} documents refer to each other strongly in a circle, the lines {named} … among them; {BATCH_LINES} \
             can be written at once",
            numbers.len()
        );
        self.count_failed(numbers.len().saturating_sub(1));
        let first = numbers.first().copied().unwrap_or_default();
        self.fault(first, vec![FieldError::new("", "circle", message)])
    }
}

/// One line at least, and else no more bytes than a batch may have.
fn shorten_to_bytes(lines: &mut Vec<Staged>) {
    let mut bytes = 0;
    let fits = |line: &Staged| {
        bytes += line.bytes;
        bytes <= BATCH_BYTES
    };
    let count = lines.iter().map(fits).take_while(|fits| *fits).count();
    lines.truncate(count.max(1));
}

/// Writes a batch, if there is anything to write.
async fn write(target: &Target, batch: Option<&Batch>) -> stratus_storage::Result<()> {
    let Some(batch) = batch else { return Ok(()) };
    let session = target.database.session(Consistency::Primary);
    let receipt = Target::receipt(&batch.op_id);
    commit(&*target.database, &*session, &batch.statements, &receipt).await.map(drop)
}
