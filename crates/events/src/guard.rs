//! Guards: conditions that undo a whole batch, by name.

use stratus_storage::{Statement, Value};

/// Why a guard refuses a batch. Each is a named CHECK of the table `guards`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// The row is not at the revision that the writer has seen.
    StaleRevision,
    /// The log is not at the position that the writer has seen.
    StaleAppend,
    /// A strong reference has no live target.
    MissingReference,
    /// A live document still refers strongly to this one.
    Referenced,
    /// The parent is not there.
    MissingParent,
}

impl GuardKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::StaleRevision,
        Self::StaleAppend,
        Self::MissingReference,
        Self::Referenced,
        Self::MissingParent,
    ];

    /// Its name: the named CHECK without its prefix `stratus_`, as
    /// [`Error::Guard`](stratus_storage::Error::Guard) carries it.
    pub fn name(self) -> &'static str {
        match self {
            Self::StaleRevision => "stale_revision",
            Self::StaleAppend => "stale_append",
            Self::MissingReference => "missing_reference",
            Self::Referenced => "referenced",
            Self::MissingParent => "missing_parent",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Refuses the batch if the statement directly before this one changed nothing.
pub fn guard_changed(kind: GuardKind) -> Statement {
    Statement::new("INSERT INTO guards (kind) SELECT ?1 WHERE changes() = 0", vec![Value::from(kind.name())])
}

/// Refuses the batch if a condition holds.
///
/// `condition` is SQL, part of the program, whose parameters start at `?2`.
pub fn guard_when(kind: GuardKind, condition: &str, params: impl IntoIterator<Item = Value>) -> Statement {
    let sql = format!("INSERT INTO guards (kind) SELECT ?1 WHERE {condition}");
    Statement::new(sql, [Value::from(kind.name())].into_iter().chain(params).collect())
}
