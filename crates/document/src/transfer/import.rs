//! What can be asked of an import, and what it tells.

use std::{
    fmt,
    io::{self, Read, Seek},
    sync::Arc,
};

use stratus_access::{Caller, TenantId};
use stratus_storage::{Clock, Database, Entropy};

use super::{
    run::{MAX_LIVE, Run},
    target::Target,
};
use crate::{registry::Registry, validate::FieldError};

/// What happens when a line is not right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The import ends. What was complete before stays; nothing of the batch of that line is written.
    #[default]
    Stop,
    /// The import goes on without it, and without those that refer to it strongly.
    Skip,
}

/// What is imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Only lines of this collection; a line that names none is of it.
    pub collection: Option<String>,
    /// What happens when a line is not right.
    pub on_error: OnError,
}

/// Everything that is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Its number; the first is 1.
    pub line: u64,
    /// What, each with a pointer into the line.
    pub errors: Vec<FieldError>,
}

/// What an import tells on its way.
#[derive(Clone, Copy, Debug)]
pub enum Report<'a> {
    /// A line is not imported.
    Fault(&'a LineFault),
    /// So many bytes of the file have been looked at for the first time.
    Read {
        /// How many.
        bytes: u64,
    },
    /// So many lines are done, of so many.
    Done {
        /// How many.
        lines: u64,
        /// Of how many.
        of: u64,
    },
}

/// What an import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents that were not there.
    pub created: u64,
    /// Documents that were, and were different.
    pub updated: u64,
    /// Documents that were there already.
    pub unchanged: u64,
    /// Lines that were not imported.
    pub failed: u64,
    /// A line was not right and ended it.
    pub stopped: bool,
}

impl Summary {
    /// How many documents there are now, of those in the file.
    pub fn imported(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }
}

/// Why an import failed, if not for a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A collection that is not defined.
    #[error("there is no collection `{0}`")]
    UnknownCollection(String),
    /// The file can't be read.
    #[error("the lines can't be read")]
    Read(#[from] io::Error),
    /// Others kept writing to the same documents.
    #[error("the documents are being written by many at once; what is not imported yet can be later")]
    Contended,
    /// Another import of the same file ran at the same time, and took lines away from this one.
    #[error("another import of the same file ran at the same time: run it again to complete it")]
    Disturbed,
    /// The storage failed. The same import goes on where it was.
    #[error(transparent)]
    Storage(#[from] stratus_storage::Error),
}

/// Reads documents into a database whose schema [`install`](crate::install) has prepared.
///
/// Whoever runs an import may write everything: the collections' grants are not asked.
#[derive(Clone)]
pub struct Importer {
    pub(super) target: Target,
    pub(super) stage: Arc<dyn Database>,
    pub(super) is_trial: bool,
    pub(super) caller: Caller,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// How many targets a run remembers to be live.
    pub(super) max_live: usize,
}

impl fmt::Debug for Importer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importer").field("is_trial", &self.is_trial).finish_non_exhaustive()
    }
}

impl Importer {
    /// An importer of a tenant's documents; `caller` is who the log names.
    pub fn new(
        database: Arc<dyn Database>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tenant: TenantId,
        caller: Caller,
    ) -> Self {
        let target = Target { database: Arc::clone(&database), registry, tenant };
        Self { target, stage: database, is_trial: false, caller, clock, entropy, max_live: MAX_LIVE }
    }

    /// The same that only tries: everything is checked and counted, and nothing written to the
    /// database. What it has to remember goes to `scratch`, which has the same tables.
    ///
    /// Values of unique fields are compared with the database and within a batch, not across the
    /// file, and so are parents that would be below each other.
    #[must_use]
    pub fn trial(self, scratch: Arc<dyn Database>) -> Self {
        Self { stage: scratch, is_trial: true, ..self }
    }

    /// Imports the lines of a file, each of which is read twice; `report` is told of every fault.
    ///
    /// It may be stopped at any time: run again with the same file, it completes it. The same file
    /// a second time changes nothing. A line without an id is the document of its slug, or, without
    /// one, the document that the very same line made before.
    ///
    /// A line with `head` makes the document's live rows what it says: version numbers are kept
    /// where they are above those that are there; what is replaced becomes history, and history is
    /// added where its number is free. A line with `fields` alone is a create or a replace, and
    /// leaves what it doesn't mention. What is in the trash comes back.
    ///
    /// One file is imported by one run at a time: of two at once, one at least fails with
    /// [`ImportError::Disturbed`] if they came into each other's way.
    ///
    /// # Errors
    ///
    /// [`ImportError`]. A line that is not right is no error but a fault that is reported.
    pub async fn run<S: Read + Seek + Send>(
        &self,
        source: S,
        options: &ImportOptions,
        report: &mut (dyn FnMut(Report<'_>) + Send),
    ) -> Result<Summary, ImportError> {
        if let Some(name) =
            options.collection.as_ref().filter(|it| self.target.registry.collection(it).is_none())
        {
            return Err(ImportError::UnknownCollection(name.clone()));
        }
        Run::all(self, source, options, report).await
    }
}
