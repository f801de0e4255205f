//! Why a call on documents failed, in the terms a caller can act on.

use stratus_access::Action;

use crate::validate::FieldError;

/// The result of a call on documents.
pub type Result<T, E = DocumentError> = std::result::Result<T, E>;

/// A document that refers to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The collection that it is in.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// Its slug, if it has one.
    pub slug: Option<String>,
    /// The dotted path of the field that refers.
    pub field: String,
    /// `strong` or `weak`.
    pub strength: String,
    /// Whether the row that refers is public.
    pub is_published: bool,
    /// Whether the row that refers is the head.
    pub is_head: bool,
}

/// Why a call on documents failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// There is none, or the caller may not know of it.
    #[error("no such document")]
    NotFound,
    /// It is in the trash. Recover it first.
    #[error("the document is in the trash")]
    Trashed,
    /// The caller lacks a right on a collection that they may read.
    #[error("the right to {action} is missing")]
    Denied {
        /// The right.
        action: Action,
    },
    /// Values that don't fit the collection.
    #[error("{} invalid values", .0.len())]
    Invalid(Vec<FieldError>),
    /// A malformed parameter of a query.
    #[error("the parameter `{parameter}` is not right: {message}")]
    BadParameter {
        /// Which parameter; of a query in a body, a JSON pointer to the member.
        parameter: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A cursor that this query didn't make.
    #[error("the cursor does not belong to this query")]
    BadCursor {
        /// Which parameter it is; of a query in a body, a JSON pointer to the member.
        parameter: String,
    },
    /// A query that no declared index serves.
    #[error("no index serves this query: {message}")]
    Unindexed {
        /// Which parameter asks for it; of a query in a body, a JSON pointer to the member.
        parameter: String,
        /// What to declare.
        message: String,
    },
    /// Finding documents took longer than a read may: a filter looks at too much, or so does a count.
    #[error("the query takes too long")]
    TooCostly,
    /// An answer refers to more documents than are put into one.
    #[error("too much to populate: {what}")]
    TooMuchToPopulate {
        /// What, and the limit.
        what: String,
    },
    /// Someone else wrote first. Read again and decide again.
    #[error("the document is at revision {current}")]
    StaleRevision {
        /// The head's revision, as last seen.
        current: i64,
    },
    /// Another document has the slug.
    #[error("the slug is taken")]
    SlugTaken {
        /// The slug.
        slug: String,
    },
    /// Another document has the value of a unique field.
    #[error("the value of `{field}` is taken")]
    NotUnique {
        /// The field's dotted path.
        field: String,
    },
    /// The group of translations has a document of the locale.
    #[error("the group has a document of the locale `{locale}`")]
    TranslationTaken {
        /// The locale.
        locale: String,
    },
    /// Live documents refer to it strongly, or are its children.
    #[error("other documents refer to it")]
    Referenced {
        /// The first of them that the caller may see.
        referrers: Vec<Referrer>,
    },
    /// What it refers to strongly is gone.
    #[error("a document that it refers to is gone")]
    MissingReference,
    /// It is not in the trash.
    #[error("the document is not in the trash")]
    NotTrashed,
    /// Publishing would hide what is visible now.
    #[error("publishing it now would hide the public version until {until}")]
    WouldHide {
        /// The head's `publishAt`, RFC 3339.
        until: String,
    },
    /// The document is larger than the backend takes.
    #[error("too large: {what}")]
    TooLarge {
        /// What, and the limit.
        what: String,
    },
    /// Another operation of the batch writes the document.
    #[error("two operations write one document")]
    Repeated,
    /// The key stands for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// What the key stands for was done, and the answer to it is not kept: it was too large, what
    /// it told of was erased, or the definitions have changed. Look at what is there.
    #[error("the answer to the write under this key is not kept")]
    AnswerNotKept,
    /// Writers kept getting in between. Try again.
    #[error("the document is being written by many at once")]
    Contended,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] stratus_storage::Error),
}

impl DocumentError {
    pub(crate) fn parameter(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadParameter { parameter: parameter.into(), message: message.into() }
    }
}
