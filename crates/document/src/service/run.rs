//! How writes are done: one look for all operations, then one batch of all their statements.
//!
//! A single write is a batch of one. What a look showed is guarded, so whatever gets in between
//! undoes the whole batch, and it is looked at and prepared again.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use stratus_access::Action;
use stratus_storage::{Consistency, Rows, Statement, parse_uuid};

use super::{
    DocumentsService, Input, MAX_ATTEMPTS, MAX_CREATES, Member, Needs, Precondition, Written,
    commit::Failure,
    kept::{self, Kept},
    names::Names,
    operation::{Change, Done, Failed, Keyed, Operation, Outcome, Step},
    place::{self, Groups, Kin},
    rights_for,
    room::{MAX_HELD, Room, Rooms, is_withheld},
    state,
    write::Prepared,
};
use crate::{
    collection::Collection,
    document::Scope,
    error::{DocumentError, Result},
};

/// An operation, and the collection that it is in.
struct Plan<'a> {
    operation: &'a Operation<'a>,
    collection: &'a Arc<Collection>,
}

/// What decides whether a caller may make a document.
#[derive(Debug, PartialEq, Eq)]
struct Making<'a> {
    collection: &'a str,
    publishes: bool,
    translates: bool,
}

impl<'a> Making<'a> {
    fn of(collection: &'a str, input: &Input) -> Self {
        let publishes = rights_for(input).always.contains(&Action::Publish);
        Self { collection, publishes, translates: matches!(input.translation_of, Member::Value(_)) }
    }
}

/// What was there when it was looked at.
struct Looked {
    rows: Vec<Rows>,
    /// Which of the rows each operation asked for.
    ranges: Vec<Range<usize>>,
    kept: Option<Kept>,
    /// The backend's own bookmark of the look.
    seen: Option<String>,
}

impl DocumentsService {
    /// Does writes, all or nothing: two round trips, or one where there is nothing to look at.
    ///
    /// No two of them may be of one document, and none may name as the original of a translation
    /// what another one writes. Under a key they are done once: whoever asks again within a day, and
    /// still has the rights, gets the answer that was kept.
    ///
    /// # Errors
    ///
    /// Those of the single writes, with the operation that each is due to: the first one that
    /// fails. [`DocumentError::Repeated`] for the second operation of one document;
    /// [`DocumentError::KeyReused`], [`DocumentError::AnswerNotKept`].
    pub async fn write(
        &self,
        scope: &Scope,
        operations: &[Operation<'_>],
        keyed: Option<&Keyed<'_>>,
    ) -> Result<Done, Failed> {
        refuse_repeated(operations)?;
        let mut plans = Vec::with_capacity(operations.len());
        let mut granted = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            let collection = self.collection_of(scope, operation, &mut granted).await;
            let collection = collection.map_err(Failed::at(at))?;
            plans.push(Plan { operation, collection });
        }
        let mut attempt = 1;
        loop {
            let mut looked = self.look(scope, &plans, keyed).await?;
            if let (Some(keyed), Some(kept)) = (keyed, looked.kept.take()) {
                self.require_rights(scope, &plans, &looked).await?;
                return Ok(self.again(keyed, kept, looked.seen)?);
            }
            let done = match self.prepare_all(scope, &plans, &looked).await {
                (prepared, None) => self.commit(scope, prepared, keyed).await,
                (earlier, Some(failed)) => Err(self.first_failure(earlier, failed).await),
            };
            let (failed, limit) = match done {
                Ok((outcomes, bookmark)) => return Ok(Done::Now { outcomes, bookmark }),
                Err(Failure::Overtaken) => (Failed::from(DocumentError::Contended), MAX_ATTEMPTS),
                Err(Failure::Failed(failed)) => {
                    let limit = failed.at.and_then(|at| plans.get(at)?.attempts(&failed.error));
                    (failed, limit.unwrap_or(0))
                }
            };
            if limit == 0 {
                return Err(failed);
            }
            if attempt >= limit {
                return Err(Failed { at: failed.at, error: DocumentError::Contended });
            }
            attempt += 1;
        }
    }

    /// Does one write, and says what it left behind.
    pub(super) async fn one(
        &self,
        scope: &Scope,
        operation: Operation<'_>,
    ) -> Result<(Outcome, Option<stratus_storage::Bookmark>)> {
        let done = self.write(scope, &[operation], None).await.map_err(|it| it.error)?;
        let Done::Now { outcomes, bookmark } = done else { return Err(DocumentError::AnswerNotKept) };
        let outcome = outcomes.into_iter().next().unwrap_or(Outcome::Erased);
        Ok((outcome, bookmark))
    }

    /// The same for one that leaves a head behind.
    pub(super) async fn one_written(&self, scope: &Scope, operation: Operation<'_>) -> Result<Written> {
        match self.one(scope, operation).await? {
            (Outcome::Head(document), bookmark) => Ok(Written { document: *document, bookmark }),
            (Outcome::Erased, _) => Err(DocumentError::NotFound),
        }
    }

    /// The collection of an operation, if the caller may make what it makes there. What was `granted`
    /// to one before is not asked again: each may cost a round trip.
    async fn collection_of<'o>(
        &self,
        scope: &Scope,
        operation: &Operation<'o>,
        granted: &mut Vec<Making<'o>>,
    ) -> Result<&Arc<Collection>> {
        let (Change::Create(input) | Change::Duplicate { input, .. }) = operation.change else {
            return self.repository.known(operation.collection);
        };
        let making = Making::of(operation.collection, input);
        if granted.contains(&making) {
            return self.repository.known(operation.collection);
        }
        let collection = self.creatable(scope, operation.collection, input).await?;
        granted.push(making);
        Ok(collection)
    }

    /// Looks at everything that the operations are about, at one moment.
    async fn look(
        &self,
        scope: &Scope,
        plans: &[Plan<'_>],
        keyed: Option<&Keyed<'_>>,
    ) -> Result<Looked, Failed> {
        let mut statements: Vec<_> = keyed.map(|it| kept::look(scope, it)).into_iter().collect();
        let mut ranges = Vec::with_capacity(plans.len());
        let mut rooms = Rooms::of(plans.iter().map(|it| it.operation));
        for (at, plan) in plans.iter().enumerate() {
            let (start, room) = (statements.len(), rooms.next(plan.operation));
            statements.extend(self.looks(scope, plan, &room).map_err(Failed::at(at))?);
            ranges.push(start..statements.len());
        }
        let session = self.database.session(Consistency::Primary);
        let rows = match statements.as_slice() {
            [] => Vec::new(),
            [one] => vec![session.query(one).await?],
            several => session.batch(several).await?,
        };
        let kept = match (keyed, rows.first()) {
            (Some(_), Some(rows)) => self.kept(rows)?,
            _ => None,
        };
        let rows_of_all = ranges.iter().all(|it| it.end <= rows.len());
        if !rows_of_all {
            let what = "fewer results than statements".to_owned();
            return Err(stratus_storage::Error::Unexpected { what }.into());
        }
        Ok(Looked { rows, ranges, kept, seen: session.bookmark() })
    }

    fn looks(&self, scope: &Scope, plan: &Plan<'_>, room: &Room) -> Result<Vec<Statement>> {
        let Plan { operation, collection } = plan;
        let original = operation.input().and_then(|input| place::target(scope, collection, input));
        let Some(id) = operation.named() else { return Ok(original.into_iter().collect()) };
        let id = parse_uuid(id).map_err(|_| DocumentError::NotFound)?;
        let mut looks = match operation.change {
            Change::Duplicate { .. } => self.source_looks(scope, collection, id, room),
            _ => state::looks(scope, collection, id, operation.needs(), &scope.rights(), room),
        };
        if let Change::Restore { version, .. } = operation.change {
            looks.push(state::version_look(scope, collection, id, version, room));
        }
        looks.extend(original);
        Ok(looks)
    }

    /// Fails unless the caller may still do what was done under their key. What is erased since is
    /// no one's.
    async fn require_rights(&self, scope: &Scope, plans: &[Plan<'_>], looked: &Looked) -> Result<(), Failed> {
        let is_unseen = |range: &Range<usize>| looked.rows[range.clone()].iter().take(2).all(Rows::is_empty);
        let named = plans.iter().zip(&looked.ranges);
        let unseen = named.filter_map(|(plan, range)| plan.operation.named().filter(|_| is_unseen(range)));
        let unseen: Vec<_> = unseen.map(str::to_owned).collect();
        let hidden = if unseen.is_empty() { BTreeSet::new() } else { self.existing(scope, &unseen).await? };
        for (at, (plan, range)) in plans.iter().zip(&looked.ranges).enumerate() {
            let Plan { operation, collection } = plan;
            let Some(id) = operation.named() else { continue };
            let rows = &looked.rows[range.clone()];
            if is_unseen(range) && !hidden.contains(id) {
                continue;
            }
            let seen = match operation.change {
                Change::Duplicate { .. } => self.source(scope, collection, id, rows).await.map(drop),
                _ => self.seen_again(scope, plan, id, rows).await,
            };
            match seen {
                Ok(()) | Err(DocumentError::Trashed) => {}
                Err(error) => return Err(Failed { at: Some(at), error }),
            }
        }
        Ok(())
    }

    /// What was written once, as it is seen now. Only callers who may recover it are told of what is in
    /// the trash, but for those who may put it there.
    async fn seen_again(&self, scope: &Scope, plan: &Plan<'_>, id: &str, rows: &[Rows]) -> Result<()> {
        let Plan { operation, collection } = plan;
        let current = self.seen(scope, collection, id, operation.needs(), rows).await?;
        let is_of_trash =
            matches!(operation.change, Change::Step { step: Step::Trash | Step::Recover | Step::Erase, .. });
        if !is_of_trash {
            self.require_live(scope, collection, current).await?;
        }
        Ok(())
    }

    /// Prepares the operations, as far as they can be: those before the first that fails by what was
    /// seen.
    async fn prepare_all<'a>(
        &'a self,
        scope: &'a Scope,
        plans: &[Plan<'a>],
        looked: &Looked,
    ) -> (Vec<Prepared<'a>>, Option<Failed>) {
        let mut prepared = Vec::with_capacity(plans.len());
        let mut groups = Groups::of(plans.iter().filter_map(|it| it.operation.input()));
        let (mut names, mut held) = (Names::default(), Held::default());
        for (at, (plan, range)) in plans.iter().zip(&looked.ranges).enumerate() {
            let rows = &looked.rows[range.clone()];
            let next = match held.look(plan.operation, rows) {
                Ok(()) => self.prepare(scope, plan, rows, &mut groups, &names).await,
                Err(error) => Err(error),
            };
            let next = next.and_then(|it| {
                held.add(it.statements.iter().map(Statement::size))?;
                Ok(it)
            });
            match next {
                Ok(next) => {
                    if let Some(name) = plan.operation.name.filter(|_| plan.operation.written().is_none()) {
                        names.add(name, &next.subject.id);
                    }
                    prepared.push(next);
                }
                Err(error) => return (prepared, Some(Failed { at: Some(at), error })),
            }
        }
        (prepared, None)
    }

    async fn prepare<'a>(
        &'a self,
        scope: &'a Scope,
        plan: &Plan<'a>,
        rows: &[Rows],
        groups: &mut Groups<'_>,
        names: &Names,
    ) -> Result<Prepared<'a>> {
        let Plan { operation, collection } = *plan;
        let resolved = operation.input().and_then(|input| names.resolve(collection, input));
        let change = match &resolved {
            Some(input) => operation.change.with_input(input),
            None => operation.change,
        };
        let (id, input) = match change {
            Change::Create(input) => {
                let is_editable = collection.allows(&scope.caller, Action::Update);
                let kin = Kin { original: rows.first(), name: operation.name, is_editable };
                return self.create_root(scope, collection, input, kin, groups);
            }
            Change::Duplicate { id, input } => {
                let source = self.source(scope, collection, id, rows).await?;
                // The head is seen by those who may change it, and a copy has the same permissions.
                let is_editable = rows.first().is_some_and(|it| !it.is_empty());
                let kin = Kin { original: rows.get(2), name: operation.name, is_editable };
                return self.copy_root(scope, collection, &source, input, kin, groups);
            }
            Change::Patch { id, input, .. } | Change::Replace { id, input, .. } => (id, Some(input)),
            Change::Restore { id, .. } | Change::Step { id, .. } => (id, None),
        };
        let needs = operation.needs();
        let mut current = self.seen(scope, collection, id, needs, rows).await?;
        if !matches!(change, Change::Step { step: Step::Recover | Step::Erase, .. }) {
            current = self.require_live(scope, collection, current).await?;
        }
        operation.precondition().check(current.head.document.revision)?;
        let also = rows.get(state::count(needs));
        match change {
            Change::Step { step, .. } => self.step_root(scope, collection, &current, step),
            _ => {
                let original = match input {
                    Some(input) => self.original(collection, input, also, groups)?,
                    None => None,
                };
                self.save_root(scope, collection, &current, change, also, original)
            }
        }
    }
}

/// The bytes that a batch holds so far.
#[derive(Debug, Default)]
struct Held(usize);

impl Held {
    /// Adds what an operation looked at.
    fn look(&mut self, operation: &Operation<'_>, rows: &[Rows]) -> Result<()> {
        match (rows.iter().any(is_withheld), operation.change) {
            (false, _) => self.add(rows.iter().map(Rows::size)),
            (true, Change::Duplicate { .. }) => Err(DocumentError::TooLarge {
                what: format!(
                    "the copies of a batch take equal shares of {MAX_HELD} bytes, and this document more than one: copy it in a batch of fewer"
                ),
            }),
            (true, _) => Err(Self::too_much()),
        }
    }

    fn add(&mut self, sizes: impl Iterator<Item = usize>) -> Result<()> {
        self.0 += sizes.sum::<usize>();
        if self.0 > MAX_HELD { Err(Self::too_much()) } else { Ok(()) }
    }

    fn too_much() -> DocumentError {
        let what = format!(
            "with this operation the batch takes more than {MAX_HELD} bytes, of what is there and of what it writes: do it in several batches"
        );
        DocumentError::TooLarge { what }
    }
}

impl Operation<'_> {
    /// The rights to the document that it asks for.
    fn needs(&self) -> Needs<'static> {
        match self.change {
            Change::Step { step, .. } => Needs::always(step.rights()),
            _ => self.input().map_or(Needs::always(&[Action::Update]), rights_for),
        }
    }
}

impl Plan<'_> {
    /// How often it is tried where it fails with an error that may not come again; nothing where it
    /// will.
    fn attempts(&self, error: &DocumentError) -> Option<usize> {
        let is_any = *self.operation.precondition() == Precondition::Any;
        match (self.operation.change, error) {
            // The suffix that was drawn for it is taken, too: the next one won't be.
            (Change::Create(input) | Change::Duplicate { input, .. }, DocumentError::SlugTaken { .. }) => {
                (!matches!(input.slug, Member::Value(_))).then_some(MAX_CREATES)
            }
            (Change::Create(input) | Change::Duplicate { input, .. }, DocumentError::Contended) => {
                matches!(input.translation_of, Member::Value(_)).then_some(MAX_CREATES)
            }
            // Not this one has changed, but what it is to be a translation of.
            (
                Change::Patch { .. } | Change::Replace { .. } | Change::Restore { .. },
                DocumentError::Contended,
            ) => Some(MAX_ATTEMPTS),
            (_, DocumentError::StaleRevision { .. }) => is_any.then_some(MAX_ATTEMPTS),
            _ => None,
        }
    }
}

/// Each document is written once, and what a translation joins by none of the others. What is copied
/// is what the look saw, so nothing before may write it.
fn refuse_repeated(operations: &[Operation<'_>]) -> Result<(), Failed> {
    let original = |operation: &Operation<'_>| match operation.input().map(|it| &it.translation_of) {
        Some(Member::Value(id)) => Some(id.clone()),
        _ => None,
    };
    for (at, operation) in operations.iter().enumerate() {
        let is_repeated = operations[..at].iter().any(|earlier| {
            let (named, joined) = (operation.named(), original(operation));
            let is_written =
                named.is_some() && (named == earlier.written() || named == original(earlier).as_deref());
            is_written || (joined.is_some() && joined.as_deref() == earlier.written())
        });
        if is_repeated {
            return Err(Failed { at: Some(at), error: DocumentError::Repeated });
        }
    }
    Ok(())
}
