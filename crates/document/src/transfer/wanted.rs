//! What a document is to be: of one line, its fields checked.

use serde_json::{Map, Value as Json};
use stratus_access::Entry;
use stratus_storage::Timestamp;

use super::{
    line::{Body, Line, RowLine},
    stored::{Existing, StoredRow},
};
use crate::{
    collection::Collection,
    derived::Derived,
    error::DocumentError,
    physical::State,
    service::{Content, Member, texts},
    validate::FieldError,
};

/// What a document is to be, checked: of one line, its references being ids.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) head: WantedRow,
    pub(super) public: Public,
    pub(super) history: Vec<WantedRow>,
    /// `None` is what is there, or what a create makes of it.
    pub(super) created_at: Option<Timestamp>,
    pub(super) published_at: Option<Timestamp>,
    pub(super) order: Option<i64>,
    pub(super) group: Option<String>,
    pub(super) permissions: Option<Vec<Entry>>,
    /// The parents that its live rows have already. These may be gone: it is no fault of the line.
    pub(super) stored_parents: Vec<String>,
}

/// What the public is to see.
#[derive(Debug)]
pub(super) enum Public {
    /// Nothing.
    Nothing,
    /// The head.
    Head,
    /// Another row.
    Row(Box<WantedRow>),
    /// What it sees already.
    Stays,
}

/// A row that is to be there.
#[derive(Debug)]
pub(super) struct WantedRow {
    pub(super) slug: Option<String>,
    pub(super) locale: String,
    pub(super) parent: Option<String>,
    /// Where the line names the parent.
    pub(super) parent_at: String,
    pub(super) version: Option<i64>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) publish_at: Option<Timestamp>,
    pub(super) expire_at: Option<Timestamp>,
    pub(super) texts: (String, String),
    pub(super) fields: Map<String, Json>,
    pub(super) derived: Derived,
    /// The member of the line that it is.
    pub(super) member: &'static str,
}

/// Where the head stands: what a line and the look-ups before came to.
pub(super) struct Position {
    pub(super) slug: Option<String>,
    pub(super) locale: String,
    pub(super) parent: Option<String>,
}

impl Wanted {
    /// Checks the fields of a line. Every fault has the pointer of the line.
    pub(super) fn of(
        collection: &Collection,
        line: Line,
        position: Position,
        existing: Option<&Existing>,
        row_bytes: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let stored = existing.map(|it| [Some(&it.head), it.public.as_ref()]);
        let stored_parents =
            stored.into_iter().flatten().flatten().filter_map(|it| it.parent.clone()).collect();
        let Line { created_at, published_at, order, group, permissions, body, .. } = line;
        let published_at = match published_at {
            Member::Value(time) => Some(time),
            Member::Absent | Member::Null => None,
        };
        match body {
            Body::Bare(bare) => {
                let head = existing.map(|it| &it.head);
                let present = head.map(|head| head.fields(collection)).transpose().map_err(corrupt)?;
                let content = Content::import(collection, present.as_ref(), bare.fields);
                let content = content.map_err(|error| faults(error, ""))?;
                let window = |given: Member<Timestamp>, present: Option<Timestamp>| match given {
                    Member::Absent => present,
                    Member::Null => None,
                    Member::Value(time) => Some(time),
                };
                let publish_at = window(bare.publish_at, head.and_then(|it| it.publish_at));
                let expire_at = window(bare.expire_at, head.and_then(|it| it.expire_at));
                if publish_at.zip(expire_at).is_some_and(|(from, to)| from >= to) {
                    return Err(vec![FieldError::new("/expireAt", "too_small", "must be after `publishAt`")]);
                }
                let head = WantedRow {
                    publish_at,
                    expire_at,
                    ..WantedRow::of(collection, position, content, row_bytes, "")?
                };
                let public = if bare.publish { Public::Head } else { Public::Stays };
                let history = Vec::new();
                Ok(Self {
                    head,
                    public,
                    history,
                    created_at,
                    published_at,
                    order,
                    group,
                    permissions,
                    stored_parents,
                })
            }
            Body::Exact { published, head, versions } => {
                let at = |row: &RowLine| Position {
                    slug: or(&row.slug, &position.slug),
                    locale: row.locale.clone().unwrap_or_else(|| position.locale.clone()),
                    parent: or(&row.parent, &position.parent),
                };
                let mut history = Vec::new();
                for (n, row) in versions.into_iter().enumerate() {
                    history.push(WantedRow::history(collection, at(&row), row, row_bytes, n)?);
                }
                let exact = |row: Box<RowLine>, member: &'static str| {
                    let position = at(&row);
                    WantedRow::exact(collection, position, *row, row_bytes, member)
                };
                let (head, public) = match (head, published) {
                    (Some(head), Some(row)) => {
                        (exact(head, "/head")?, Public::Row(Box::new(exact(row, "/published")?)))
                    }
                    (Some(head), None) => (exact(head, "/head")?, Public::Nothing),
                    (None, Some(row)) => (exact(row, "/published")?, Public::Head),
                    (None, None) => {
                        return Err(vec![FieldError::new("/head", "required", "`head` is required")]);
                    }
                };
                // What such a line doesn't mention is not there.
                let order = order.or(Some(0));
                let group = group.or_else(|| Some(String::new()));
                let permissions = permissions.or_else(|| Some(Vec::new()));
                Ok(Self {
                    head,
                    public,
                    history,
                    created_at,
                    published_at,
                    order,
                    group,
                    permissions,
                    stored_parents,
                })
            }
        }
    }

    /// The rows that others can refer to, and that refer strongly.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = &WantedRow> {
        let public = match &self.public {
            Public::Row(row) => Some(&**row),
            _ => None,
        };
        [&self.head].into_iter().chain(public)
    }
}

fn or(given: &Member<String>, otherwise: &Option<String>) -> Option<String> {
    match given {
        Member::Absent => otherwise.clone(),
        Member::Null => None,
        Member::Value(value) => Some(value.clone()),
    }
}

impl WantedRow {
    fn of(
        collection: &Collection,
        Position { slug, locale, parent }: Position,
        content: Content,
        row_bytes: usize,
        member: &'static str,
    ) -> Result<Self, Vec<FieldError>> {
        let texts = content.texts(collection);
        check_size(&texts, row_bytes, member)?;
        Ok(Self {
            slug,
            locale,
            parent,
            parent_at: "/parent".to_owned(),
            version: None,
            updated_at: None,
            publish_at: None,
            expire_at: None,
            texts,
            fields: content.fields,
            derived: content.derived,
            member,
        })
    }

    fn exact(
        collection: &Collection,
        position: Position,
        row: RowLine,
        row_bytes: usize,
        member: &'static str,
    ) -> Result<Self, Vec<FieldError>> {
        let content = Content::exact(collection, &row.fields).map_err(|error| faults(error, member))?;
        let wanted = Self::of(collection, position, content, row_bytes, member)?;
        let RowLine { version, updated_at, publish_at, expire_at, parent, .. } = row;
        let parent_at = match parent {
            Member::Value(_) => format!("{member}/parent"),
            Member::Absent | Member::Null => wanted.parent_at.clone(),
        };
        Ok(Self { parent_at, version, updated_at, publish_at, expire_at, ..wanted })
    }

    /// History may have been written under other definitions: only its members must be known.
    fn history(
        collection: &Collection,
        Position { slug, locale, parent }: Position,
        row: RowLine,
        row_bytes: usize,
        n: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let unknown = row.fields.keys().find(|name| collection.shape().field(name).is_none());
        if let Some(name) = unknown {
            let at = crate::validate::pointer(&format!("/versions/{n}/fields"), name);
            let message = format!("there is no field `{}`", crate::validate::shorten(name));
            return Err(vec![FieldError::new(at, "unknown_field", message)]);
        }
        let texts = texts(collection, &row.fields);
        check_size(&texts, row_bytes, &format!("/versions/{n}"))?;
        let RowLine { version, updated_at, publish_at, expire_at, fields, .. } = row;
        let (derived, member) = (Derived::default(), "");
        Ok(Self {
            slug,
            locale,
            parent,
            parent_at: String::new(),
            version,
            updated_at,
            publish_at,
            expire_at,
            texts,
            fields,
            derived,
            member,
        })
    }

    /// A pointer into its content as one into the line.
    pub(super) fn pointer(&self, at: &str) -> String {
        format!("{}{at}", self.member)
    }

    /// Whether it is that row, but for when it is visible.
    pub(super) fn is(&self, collection: &Collection, row: &StoredRow) -> stratus_storage::Result<bool> {
        let same_place = self.slug == row.slug && self.locale == row.locale && self.parent == row.parent;
        Ok(same_place && !row.is_trashed && row.has_texts(collection, &self.texts)?)
    }
}

/// A content must fit into a row.
fn check_size(texts: &(String, String), row_bytes: usize, member: &str) -> Result<(), Vec<FieldError>> {
    let size = texts.0.len() + texts.1.len();
    if size <= row_bytes {
        return Ok(());
    }
    let message = format!("the document is {size} bytes as it is stored; {row_bytes} at most");
    Err(vec![FieldError::new(format!("{member}/fields"), "too_large", message)])
}

/// The faults of a content, from the pointers of a request's body to those of the line.
fn faults(error: DocumentError, member: &str) -> Vec<FieldError> {
    match error {
        DocumentError::Invalid(faults) => {
            let moved =
                faults.into_iter().map(|it| FieldError { pointer: format!("{member}{}", it.pointer), ..it });
            moved.collect()
        }
        other => vec![FieldError::new(member, "invalid", other.to_string())],
    }
}

fn corrupt(error: stratus_storage::Error) -> Vec<FieldError> {
    vec![FieldError::new("", "corrupt", error.to_string())]
}

impl Wanted {
    /// Its row in a state, as far as the line says what it is.
    pub(super) fn row_in(&self, state: State) -> Option<&WantedRow> {
        match (state, &self.public) {
            (State::Draft, _) | (State::Published, Public::Head) => Some(&self.head),
            (State::Published, Public::Row(row)) => Some(row),
            _ => None,
        }
    }
}
