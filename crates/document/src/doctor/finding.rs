//! What a doctor can find, and what helps against it.

use std::{collections::HashMap, fmt};

/// How many findings of one kind are named.
const MAX_NAMED: u32 = 1_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// A column or index that the definitions or the migrations need is missing, is another one, or
    /// `schema_state` is wrong about it.
    Schema,
    /// A definition that is stored and can't be read.
    Definition,
    /// A setting that is no JSON.
    Setting,
    /// A root without a head, with two, or whose head is not its newest version.
    Head,
    /// A root with two public rows, or a public row that was never published.
    Published,
    /// A root of which one row is in the trash and another is not.
    Trash,
    /// A version number that is below 1 or given twice.
    Version,
    /// A revision below 1.
    Revision,
    /// A column of a row that holds what it can't, as after a write of another program.
    Type,
    /// Rows of one root that disagree about its tenant, its collection or its beginning.
    Split,
    /// Two documents with one slug, or with one value of a unique field.
    Duplicate,
    /// A row of a collection that is not defined.
    UnknownCollection,
    /// An id, a slug or a locale that no program would have written.
    Name,
    /// Content that is no JSON object, or has members that are no fields.
    Content,
    /// A private value among what may leave the server, or a public one among what may not.
    Privacy,
    /// More than a backend takes in one row, or than a document may have of derived rows.
    TooLarge,
    /// Facets that differ from the content, or belong to history.
    Facets,
    /// References that differ from the content, or belong to history.
    References,
    /// Facets, references or permissions of what is not there, or documents of an idempotency key
    /// that is not.
    Orphan,
    /// A strong reference of a live document to one that is not live.
    MissingReference,
    /// A parent that is not there, or that is below its own child.
    Parent,
    /// A generation that is not where the log is, is missing, or has no stamp.
    Generation,
    /// A document that the log knows nothing of, or one of the log that is not there.
    Log,
    /// An idempotency key that no write would have left, or one whose answer tells of what is not
    /// there.
    Key,
}

impl FindingKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Definition => "definition",
            Self::Setting => "setting",
            Self::Head => "head",
            Self::Published => "published",
            Self::Trash => "trash",
            Self::Version => "version",
            Self::Revision => "revision",
            Self::Type => "type",
            Self::Split => "split",
            Self::Duplicate => "duplicate",
            Self::UnknownCollection => "unknown-collection",
            Self::Name => "name",
            Self::Content => "content",
            Self::Privacy => "privacy",
            Self::TooLarge => "too-large",
            Self::Facets => "facets",
            Self::References => "references",
            Self::Orphan => "orphan",
            Self::MissingReference => "missing-reference",
            Self::Parent => "parent",
            Self::Generation => "generation",
            Self::Log => "log",
            Self::Key => "key",
        }
    }

    /// What helps, in words.
    pub fn cure(self) -> &'static str {
        match self {
            Self::Schema => {
                "`stratus doctor --fix` adds and replaces; if it can't, cure what else is found before"
            }
            Self::Definition => {
                "start once with --collections, or define a collection of that name again, to store it anew"
            }
            Self::Setting => "`stratus settings remove` it, and set it again",
            Self::Head => {
                "`stratus doctor --fix` makes the newest version the head; if two are the newest, restore a backup"
            }
            Self::Published => {
                "`stratus doctor --fix` keeps the newest public version; if two are the newest, restore a backup"
            }
            Self::Trash => {
                "`stratus doctor --fix` follows the head; if its slug is taken by now, change that one's before"
            }
            Self::Version => "keep what you need of the document in a new one, and erase it",
            Self::Revision => "`stratus doctor --fix` counts on from the greatest",
            Self::Type => "correct the row with SQL, or restore a backup; nothing else is examined before",
            Self::Split => "restore a backup: no row says which of them is right",
            Self::Duplicate => "change or trash one of them, then `stratus doctor --fix` makes the index",
            Self::UnknownCollection => "define the collection again (--collections), or restore a backup",
            Self::Name => "export the document, correct it, erase it here, and import it again",
            Self::Content => {
                "save the document anew; if it can't be read, restore another version of it or a backup"
            }
            Self::Privacy => "`stratus doctor --fix` puts each value where its field belongs",
            Self::TooLarge => "make the document smaller, or split it",
            Self::Facets | Self::References => "`stratus doctor --fix` derives them from the content",
            Self::Orphan => {
                "`stratus doctor --fix` deletes it, as it has no effect, or lets it name the right collection"
            }
            Self::MissingReference => "recover the target, or save the document without the reference",
            Self::Parent => {
                "save the document with another parent, or with none; erase it if it is in the trash"
            }
            Self::Generation => "`stratus doctor --fix` takes it from the log",
            Self::Log => "`stratus doctor --fix` tells the log",
            Self::Key => {
                "`stratus doctor --fix` forgets it: whoever asks again under it has it done anew; or only its answer, if that is all"
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// Where: a collection and an id.
    pub subject: String,
    /// What, in words.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind.name(), self.subject, self.message)
    }
}

/// Findings in the making.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    counts: HashMap<FindingKind, u32>,
}

impl Findings {
    /// Keeps a finding, unless there are so many of its kind that more would help nobody.
    pub(crate) fn push(&mut self, kind: FindingKind, subject: &str, message: &str) {
        let count = self.counts.entry(kind).or_insert(0);
        *count += 1;
        if *count <= MAX_NAMED {
            self.list.push(Finding { kind, subject: subject.to_owned(), message: message.to_owned() });
        }
    }

    /// Whether there is one of a kind.
    pub(crate) fn has(&self, kind: FindingKind) -> bool {
        self.counts.contains_key(&kind)
    }

    pub(crate) fn into_list(self) -> Vec<Finding> {
        let Self { mut list, counts } = self;
        let mut more: Vec<_> = counts.into_iter().filter(|(_, count)| *count > MAX_NAMED).collect();
        more.sort_unstable();
        list.extend(more.into_iter().map(|(kind, count)| {
            let message = format!("{} more like these", count - MAX_NAMED);
            Finding { kind, subject: "and".to_owned(), message }
        }));
        list
    }
}
