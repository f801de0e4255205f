//! Committing what was prepared, all or nothing, and which of the writes a failure is due to.

use stratus_storage::{
    Bookmark, Committed, Consistency, Error as StorageError, OpId, Row, Rows, Statement, commit,
};

use super::{
    DocumentsService,
    kept::{self, Keeping},
    operation::{Failed, Keyed, Outcome},
    write::Prepared,
};
use crate::{
    document::{Document, Scope},
    error::DocumentError,
};

/// The position of the write `?1`, and the slugs that the version rows `?2` found.
const RECEIPT: &str = "SELECT e.seq AS seq, (SELECT json_group_object(r.value, \
     (SELECT d.slug FROM documents AS d WHERE d.id = r.value)) FROM json_each(?2) AS r) AS slugs \
     FROM events AS e WHERE e.op_id = ?1";

/// Ends a batch that is never committed: it fails here where nothing before has failed.
const REHEARSAL: &str = "INSERT INTO rehearsals (passed) VALUES (1)";
/// The name of the guard by which it does.
const PASSED: &str = "rehearsal";

/// Why nothing was committed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It would not be the next time either, or it is for the operation to say.
    Failed(Failed),
    /// Someone got in between. Look again.
    Overtaken,
}

impl Failure {
    pub(super) fn into_error(self) -> DocumentError {
        match self {
            Self::Failed(failed) => failed.error,
            Self::Overtaken => DocumentError::Contended,
        }
    }
}

/// The statements of several writes in one list.
struct Batch {
    statements: Vec<Statement>,
    /// Where the statements of the writes begin.
    start: usize,
    /// Where those of each end.
    ends: Vec<usize>,
}

impl DocumentsService {
    /// Commits what was prepared, and keeps it under its key. Says what each write left behind, and
    /// how far the last of them went.
    pub(super) async fn commit(
        &self,
        scope: &Scope,
        mut prepared: Vec<Prepared<'_>>,
        keyed: Option<&Keyed<'_>>,
    ) -> Result<(Vec<Outcome>, Option<Bookmark>), Failure> {
        let outcomes = |prepared: Vec<Prepared<'_>>| prepared.into_iter().map(|it| it.outcome).collect();
        let last = prepared.iter().rev().find_map(|it| Some(it.event.as_ref()?.0.clone()));
        if last.is_none() && keyed.is_none() {
            return Ok((outcomes(prepared), None));
        }
        let found: Vec<_> = prepared.iter().filter_map(|it| Some(it.slug_of.as_ref()?.0.clone())).collect();
        let keeping = keyed.map(|it| self.keep_all(scope, it, last.as_ref(), &prepared, &found));
        let receipt = receipt(last.as_ref(), &found, keeping.as_ref());
        let mut batch = Batch::of(&mut prepared, keeping);
        let session = self.database.session(Consistency::Primary);
        let committed = match commit(&*self.database, &*session, &batch.statements, &receipt).await {
            Ok(committed) => committed,
            Err(error) => return Err(self.failure(error, &mut batch, &prepared).await),
        };
        let seq = name_slugs(&mut prepared, &batch, &committed).map_err(|it| Failure::Failed(it.into()))?;
        let bookmark = last.is_some().then(|| Bookmark::new(seq.unsigned_abs(), session.bookmark()));
        Ok((outcomes(prepared), bookmark))
    }

    /// Keeps the writes under their key, by their last event, or by an id of their own where
    /// everything is as it shall be.
    fn keep_all(
        &self,
        scope: &Scope,
        keyed: &Keyed<'_>,
        last: Option<&OpId>,
        prepared: &[Prepared<'_>],
        found: &[String],
    ) -> Keeping {
        let shown = prepared.iter().map(|it| match (&it.outcome, &it.slug_of) {
            (Outcome::Head(document), Some((row_id, _))) => {
                let document = Document { slug: Some(row_id.clone()), ..Document::clone(document) };
                Outcome::Head(Box::new(document))
            }
            (outcome, _) => outcome.clone(),
        });
        let op_id = last.cloned().unwrap_or_else(|| OpId::mint(&*self.clock, &*self.entropy));
        self.keep(scope, keyed, &op_id, &shown.collect::<Vec<_>>(), found)
    }

    /// Of a write that failed before it was committed and those that would have been before it: the
    /// first that fails.
    pub(super) async fn first_failure(&self, mut earlier: Vec<Prepared<'_>>, failed: Failed) -> Failure {
        if earlier.is_empty() || matches!(failed.error, DocumentError::Storage(_)) {
            return Failure::Failed(failed);
        }
        let mut batch = Batch::of(&mut earlier, None);
        match self.rehearse(&mut batch, earlier.len()).await {
            Ok(None) => Failure::Failed(failed),
            Ok(Some(error)) => self.failure(error, &mut batch, &earlier).await,
            Err(error) => Failure::Failed(error.into()),
        }
    }

    /// What it means that a batch has failed.
    async fn failure(&self, error: StorageError, batch: &mut Batch, prepared: &[Prepared<'_>]) -> Failure {
        if kept::is_taken(&error) {
            return Failure::Overtaken;
        }
        let is_due_to_one = matches!(
            error,
            StorageError::Guard { .. }
                | StorageError::NotUnique { .. }
                | StorageError::Constraint { .. }
                | StorageError::TooLarge { .. }
        );
        let found = match prepared {
            [_] => Ok(Some((0, error))),
            _ if is_due_to_one => self.first_failing(batch).await,
            _ => Err(error),
        };
        match found {
            Ok(Some((at, error))) => {
                let error = prepared[at].meaning(error, &prepared[..at]).await;
                Failure::Failed(Failed { at: Some(at), error })
            }
            // Nothing fails any more: it was someone who got in between.
            Ok(None) => Failure::Overtaken,
            Err(error) => Failure::Failed(error.into()),
        }
    }

    /// The first write of a batch that fails, and how. Halves: a failure doesn't tell where it
    /// happened, and a batch that ends in a guard which always fails is never committed.
    async fn first_failing(&self, batch: &mut Batch) -> Result<Option<(usize, StorageError)>, StorageError> {
        let (mut passing, mut failing) = (0, batch.ends.len());
        let mut found = None;
        while passing + 1 < failing {
            let middle = passing.midpoint(failing);
            match self.rehearse(batch, middle).await? {
                None => passing = middle,
                Some(error) => {
                    failing = middle;
                    found = Some(error);
                }
            }
        }
        if found.is_none() {
            found = self.rehearse(batch, failing).await?;
        }
        Ok(found.map(|error| (failing - 1, error)))
    }

    /// How the first so many writes of a batch fail, if they do. Nothing of them stays.
    async fn rehearse(&self, batch: &mut Batch, count: usize) -> Result<Option<StorageError>, StorageError> {
        let end = batch.start_of(count);
        // Among them for as long as it takes: a copy of the others would be as large as they are.
        batch.statements.insert(end, Statement::bare(REHEARSAL));
        let rehearsed = &batch.statements[batch.start..=end];
        let answer = self.database.session(Consistency::Primary).batch(rehearsed).await;
        batch.statements.remove(end);
        match answer {
            Err(StorageError::Guard { guard }) if guard == PASSED => Ok(None),
            Err(
                error @ (StorageError::Guard { .. }
                | StorageError::NotUnique { .. }
                | StorageError::Constraint { .. }
                | StorageError::TooLarge { .. }),
            ) => Ok(Some(error)),
            Err(StorageError::OutcomeUnknown { reason }) => Err(StorageError::Unavailable { reason }),
            Err(error) => Err(error),
            Ok(_) => Err(StorageError::Unexpected { what: "a rehearsal was committed".to_owned() }),
        }
    }
}

impl Batch {
    /// Takes the statements of writes, with those that keep them around.
    fn of(prepared: &mut [Prepared<'_>], keeping: Option<Keeping>) -> Self {
        let (before, after) = keeping.map(|it| (it.before, it.after)).unwrap_or_default();
        let start = before.len();
        let mut statements = before;
        let mut ends = Vec::with_capacity(prepared.len());
        for it in prepared {
            statements.append(&mut it.statements);
            ends.push(statements.len());
        }
        statements.extend(after);
        Self { statements, start, ends }
    }

    /// Where the statements of a write begin.
    fn start_of(&self, at: usize) -> usize {
        at.checked_sub(1).and_then(|it| self.ends.get(it)).copied().unwrap_or(self.start)
    }
}

/// Looks a batch up if its answer is lost.
fn receipt(last: Option<&OpId>, found: &[String], keeping: Option<&Keeping>) -> Statement {
    match (last, keeping) {
        (None, Some(keeping)) => keeping.receipt.clone(),
        (Some(op_id), _) if found.is_empty() => stratus_events::receipt(op_id),
        (last, _) => {
            let op_id = last.map(OpId::as_str).unwrap_or_default();
            Statement::new(RECEIPT, vec![op_id.into(), kept::list(found).into()])
        }
    }
}

/// Gives the documents the slugs that their rows have found. Returns the position of the last event.
fn name_slugs(
    prepared: &mut [Prepared<'_>],
    batch: &Batch,
    committed: &Committed,
) -> stratus_storage::Result<i64> {
    let (mut seq, mut slugs) = (0, None);
    if let Committed::Found(rows) = committed
        && let Some(row) = rows.first()
    {
        seq = row.optional_integer(0)?.unwrap_or_default();
        if prepared.iter().any(|it| it.slug_of.is_some()) {
            slugs = row.optional_text(1)?.map(kept::slugs).transpose()?;
        }
    }
    for (at, it) in prepared.iter_mut().enumerate() {
        let start = batch.start_of(at);
        let answered = |statement: usize| match committed {
            Committed::Answered(results) => results.get(start + statement).and_then(Rows::first),
            Committed::Found(_) => None,
        };
        if let Some(row) = it.event.as_ref().and_then(|(_, at)| answered(*at)) {
            seq = row.integer(0)?;
        }
        let (Some((row_id, at)), Outcome::Head(document)) = (&it.slug_of, &mut it.outcome) else { continue };
        let found = |row: Row<'_>| row.optional_text(0).map(|it| it.map(str::to_owned));
        document.slug = match &slugs {
            Some(slugs) => slugs.get(row_id).and_then(|it| it.as_str()).map(str::to_owned),
            None => answered(*at).map(found).transpose()?.flatten(),
        };
    }
    Ok(seq)
}
