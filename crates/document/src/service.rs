//! The one path that documents are written through.
//!
//! A write is at most two round trips: a look at the head and the public row, then one batch of
//! version row, derived rows, guards, event and generation. What the look showed is guarded by the
//! head's revision, which every accepted write moves.
//!
//! [`Operation`]s say what shall be written, one or several at once; `run` looks and prepares the
//! statements of each, `commit` writes them all or nothing.

mod commit;
mod content;
mod create;
mod duplicate;
mod erase;
mod failure;
mod guards;
mod kept;
mod lifecycle;
mod names;
mod operation;
mod permissions;
mod place;
mod room;
mod run;
mod save;
mod state;
mod write;

use std::{fmt, sync::Arc};

pub(crate) use content::{Content, texts};
pub use operation::{Answer, Change, Done, Failed, Keyed, MakeAnswer, Operation, Outcome, Step};
pub use permissions::Permissions;
use serde_json::{Map, Value as Json};
use stratus_access::Action;
use stratus_storage::{Bookmark, Clock, Database, Entropy, Timestamp};

use crate::{
    document::Document,
    error::{DocumentError, Result},
    query::CursorKey,
    registry::Registry,
    repository::DocumentRepository,
};

/// How often a write without an expected revision is tried when others get in between.
const MAX_ATTEMPTS: usize = 16;
/// How often a document is tried to be made when others get in between.
const MAX_CREATES: usize = 4;

/// A member of a request that can be absent, null, or there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Member<T> {
    /// Not mentioned: what is there stays.
    #[default]
    Absent,
    /// `null`: there shall be none.
    Null,
    /// A value.
    Value(T),
}

impl<T: Clone> Member<T> {
    /// What there shall be, given what there is.
    fn over(&self, present: Option<T>) -> Option<T> {
        match self {
            Self::Absent => present,
            Self::Null => None,
            Self::Value(value) => Some(value.clone()),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// What a request says of a document: the body of a create, a replace or a patch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// Its slug. A create without one derives it, where the collection says from what.
    pub slug: Member<String>,
    /// Its locale.
    pub locale: Option<String>,
    /// Not visible before, in milliseconds UTC.
    pub publish_at: Member<Timestamp>,
    /// Not visible from then on, in milliseconds UTC.
    pub expire_at: Member<Timestamp>,
    /// The id of its parent, of the same collection.
    pub parent: Member<String>,
    /// Where it stands among its siblings, 0 where nothing is said.
    pub order: Member<i64>,
    /// The id of a document of the same collection whose translation it is.
    pub translation_of: Member<String>,
    /// Publish it in the same write.
    pub publish: bool,
    /// Its fields: the whole of them, or a merge patch (RFC 7396).
    pub fields: Option<Map<String, Json>>,
}

/// Which revisions of the head a write is meant for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Any. The write is tried again when another one gets in between.
    #[default]
    Any,
    /// One of these.
    Revisions(Vec<i64>),
}

impl Precondition {
    fn check(&self, revision: i64) -> Result<()> {
        match self {
            Self::Revisions(expected) if !expected.contains(&revision) => {
                Err(DocumentError::StaleRevision { current: revision })
            }
            _ => Ok(()),
        }
    }
}

/// What a write left behind.
#[derive(Clone, Debug)]
pub struct Written {
    /// The head.
    pub document: Document,
    /// Read at least this to see the write; nothing when nothing was written.
    pub bookmark: Option<Bookmark>,
}

/// The one path that documents are written through.
#[derive(Clone)]
pub struct DocumentsService {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    repository: DocumentRepository,
}

impl fmt::Debug for DocumentsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentsService").finish_non_exhaustive()
    }
}

impl DocumentsService {
    /// A service over a database whose schema [`install`](crate::install) has prepared.
    pub fn new(
        database: Arc<dyn Database>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        key: CursorKey,
    ) -> Self {
        let repository = DocumentRepository::new(Arc::clone(&database), registry, Arc::clone(&clock), key);
        Self { database, clock, entropy, repository }
    }

    /// The repository over the same database.
    pub fn repository(&self) -> &DocumentRepository {
        &self.repository
    }
}

/// The rights that a write asks for.
#[derive(Clone, Copy, Debug)]
struct Needs<'a> {
    /// In any case.
    always: &'a [Action],
    /// Whether the one to publish besides, where something of the document is public.
    publish_if_public: bool,
}

impl<'a> Needs<'a> {
    fn always(always: &'a [Action]) -> Self {
        Self { always, publish_if_public: false }
    }
}

/// The rights that a save asks for: publishing and windows are more than content, and a place moves
/// what is public at once.
fn rights_for(input: &Input) -> Needs<'static> {
    if input.publish || !input.publish_at.is_absent() || !input.expire_at.is_absent() {
        return Needs::always(&[Action::Update, Action::Publish]);
    }
    let moves = !input.order.is_absent() || !input.translation_of.is_absent();
    Needs { always: &[Action::Update], publish_if_public: moves }
}
