//! Records in the log which publish windows have opened and closed since it was last asked, and
//! forgets what was kept for a while only: see `keys`.
//!
//! Reads compute visibility, so nothing becomes visible by a sweep; it tells those who follow the
//! log or the generations. A sweep goes from where the last one got to up to now, in rounds:
//! windows that opened, then windows that closed, a bounded number a batch. How far it got is a
//! setting that moves in the same batch, from the value that was looked at: of two sweeps at once,
//! one writes each batch and the other looks again.
//!
//! The first sweep of a database begins at the beginning of time; what happened in the distant past
//! is recorded by it once, and never again. A window that was open, or over, when its row was last
//! written is not recorded: that write was.
//!
//! A sweep stays two seconds behind the clock, because a write notes its time before it commits.
//! What can still be missed is a moment that lies between the two where they are further apart: the
//! write waited longer for others, or the clocks of two machines differ by more. The write itself
//! was recorded, after the moment: whoever follows the log and looks then sees what is so.

mod keys;
mod position;

use position::{Edge, Position, Transition};
use serde_json::{Value as Json, json};
use stratus_access::Principal;
use stratus_events::{EventKind, GuardKind, NewEvent, Reach, Stamp, advance, append, guard_when, receipt};
use stratus_storage::{
    Clock, Consistency, Database, Entropy, Error as StorageError, OpId, Statement, Timestamp, commit,
};

use crate::{
    error::{DocumentError, Result},
    registry::Registry,
};

/// How many transitions go in one batch.
const STEP: usize = 100;
/// How often a step is tried when others get in between.
const MAX_ATTEMPTS: usize = 16;

/// Rows of `?2`, `[row, revision]` each, of which one is no longer what was looked at.
const HAS_CHANGED: &str = "EXISTS (SELECT 1 FROM json_each(?2) AS t WHERE NOT EXISTS (\
     SELECT 1 FROM documents AS d WHERE d.id = json_extract(t.value, '$[0]') \
     AND d.revision = json_extract(t.value, '$[1]') AND d.is_published = 1 AND d.deleted_at IS NULL))";

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Windows that opened: documents that the public sees since.
    pub opened: u64,
    /// Windows that closed: documents that the public no longer sees.
    pub closed: u64,
    /// Idempotency keys that had expired and were forgotten, with the answers that were kept.
    pub forgotten: u64,
}

/// Records every window that opened or closed since the last sweep, and forgets idempotency keys
/// that have expired, a bounded number of them; in every tenant.
///
/// May be stopped and begun again at any time, and run in several processes at once.
///
/// # Errors
///
/// Those of the storage; [`DocumentError::Contended`] when others kept getting in between. Keys are
/// forgotten even when windows can't be recorded.
pub async fn sweep(
    database: &dyn Database,
    registry: &Registry,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Swept> {
    let sweeper = Sweeper { database, registry, clock, entropy };
    let mut swept = Swept::default();
    let recorded = sweeper.record_all(&mut swept).await;
    // They go in any case: windows that can't be recorded may stay so for long.
    let forgotten = keys::forget_expired(database, clock).await;
    recorded?;
    swept.forgotten = forgotten?;
    Ok(swept)
}

/// How a step ended.
enum Step {
    Done,
    More,
    /// The position that the step was to begin at.
    Late {
        at: Position,
    },
}

struct Sweeper<'a> {
    database: &'a dyn Database,
    registry: &'a Registry,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
}

impl Sweeper<'_> {
    /// Takes all steps that there are.
    async fn record_all(&self, swept: &mut Swept) -> Result<()> {
        let (mut failed, mut last) = (0, None);
        while failed < MAX_ATTEMPTS {
            match self.step(swept).await? {
                Step::Done => return Ok(()),
                Step::More => failed = 0,
                // Another sweep has taken this step, and that is as good; or a document was written.
                Step::Late { at } => {
                    failed = if last.as_ref() == Some(&at) { failed + 1 } else { 1 };
                    last = Some(at);
                }
            }
        }
        Err(DocumentError::Contended)
    }

    async fn step(&self, swept: &mut Swept) -> stratus_storage::Result<Step> {
        let session = self.database.session(Consistency::Primary);
        let stored = Position::stored(&session.query(&position::look()).await?)?;
        let now = self.clock.now();
        let Some(mut from) = Position::begin(stored.as_ref(), now) else { return Ok(Step::Done) };
        let mut page = Transition::all(&session.query(&from.page(self.registry, STEP)).await?)?;
        if page.is_empty() && from.edge == Edge::Opened {
            // Most sweeps find nothing: they write once.
            from = from.after(&page, STEP);
            page = Transition::all(&session.query(&from.page(self.registry, STEP)).await?)?;
        }
        let next = from.after(&page, STEP);
        let mut statements = Vec::new();
        let last = self.record(&from, &page, now, &mut statements);
        statements.push(guard_when(GuardKind::StaleAppend, HAS_CHANGED, [rows_of(&page).into()]));
        statements.extend(next.store(stored.as_ref(), now));
        // Without an event there is no receipt to look up: the step is simply taken again.
        let written = match &last {
            Some(op_id) => commit(self.database, &*session, &statements, &receipt(op_id)).await.map(drop),
            None => session.batch(&statements).await.map(drop),
        };
        match written {
            Ok(()) => {}
            Err(StorageError::Guard { guard }) if guard == GuardKind::StaleAppend.name() => {
                return Ok(Step::Late { at: from });
            }
            Err(error) => return Err(error),
        }
        let count = page.len() as u64;
        match from.edge {
            Edge::Opened => swept.opened += count,
            Edge::Closed => swept.closed += count,
        }
        Ok(if next.is_over() { Step::Done } else { Step::More })
    }

    /// Writes the events of a page, and after the last one of each collection its generation.
    ///
    /// Returns the id of the last event.
    fn record(
        &self,
        position: &Position,
        page: &[Transition],
        now: Timestamp,
        statements: &mut Vec<Statement>,
    ) -> Option<OpId> {
        let (kind, window) = match position.edge {
            Edge::Opened => (EventKind::Published, "opened"),
            Edge::Closed => (EventKind::Unpublished, "closed"),
        };
        let actor = Principal::Role("system".to_owned());
        let mut last = None;
        for (at, it) in page.iter().enumerate() {
            let op_id = OpId::mint(self.clock, self.entropy);
            statements.push(append(&NewEvent {
                op_id: &op_id,
                at: now,
                tenant: &it.tenant,
                collection: &it.collection,
                document: Some(&it.id),
                version: Some(it.version),
                kind,
                actor: &actor,
                data: json!({ "window": window }),
            }));
            let is_last = page.get(at + 1).is_none_or(|next| !next.is_beside(it));
            if is_last {
                statements.push(advance(&op_id, Reach::Public, &Stamp::draw(self.entropy)));
            }
            last = Some(op_id);
        }
        last
    }
}

/// The rows of a page for `json_each`, as they were looked at.
fn rows_of(page: &[Transition]) -> String {
    Json::from(page.iter().map(|it| json!([it.row_id, it.revision])).collect::<Vec<_>>()).to_string()
}
