//! The body of `POST /batch`: which operations, on what. What each says of a document is read as the
//! body of its single call is.

use serde_json::{Map, Value, json};
use stratus_access::Action;
use stratus_document::{Change, Input, Operation, Precondition, Step};

use super::{document, object, version};
use crate::{
    conditional,
    problem::{Code, Problem},
};

/// How many operations one batch has at most.
pub(crate) const MAX_OPERATIONS: usize = 100;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Create,
    Duplicate,
    Patch,
    Replace,
    Restore,
    Step(Step),
}

impl Kind {
    const ALL: [(&'static str, Self); 10] = [
        ("create", Self::Create),
        ("duplicate", Self::Duplicate),
        ("patch", Self::Patch),
        ("replace", Self::Replace),
        ("restore", Self::Restore),
        ("publish", Self::Step(Step::Publish)),
        ("unpublish", Self::Step(Step::Unpublish)),
        ("trash", Self::Step(Step::Trash)),
        ("recover", Self::Step(Step::Recover)),
        ("erase", Self::Step(Step::Erase)),
    ];

    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["op", "collection", "document", "ref"],
            Self::Duplicate => &["op", "collection", "id", "document", "ref"],
            Self::Patch | Self::Replace => &["op", "collection", "id", "ifMatch", "document"],
            Self::Restore => &["op", "collection", "id", "ifMatch", "version"],
            Self::Step(_) => &["op", "collection", "id", "ifMatch"],
        }
    }
}

/// An operation whose own members are in order. What it says of a document is not read yet.
#[derive(Debug)]
pub(crate) struct Asked {
    kind: Kind,
    pub(crate) collection: String,
    id: String,
    if_match: Option<String>,
    document: Option<Value>,
    version: Option<Value>,
    name: Option<String>,
}

/// An operation that is read as a whole.
#[derive(Debug)]
pub(crate) struct Given {
    kind: Kind,
    collection: String,
    id: String,
    precondition: Precondition,
    input: Input,
    version: i64,
    name: Option<String>,
}

/// Reads the body of a batch: between one and a hundred operations.
///
/// # Errors
///
/// `bad_request`, `unknown_member`, each with its place.
pub(crate) fn operations(body: Value) -> Result<Vec<Asked>, Problem> {
    let mut members = object(body, &["operations"])?;
    let list = members.shift_remove("operations");
    let Some(Value::Array(items)) = list else {
        return Err(bad("/operations", "must be a list of operations"));
    };
    if items.is_empty() || items.len() > MAX_OPERATIONS {
        let message = format!("a batch has 1 to {MAX_OPERATIONS} operations, not {}", items.len());
        return Err(bad("/operations", &message));
    }
    let mut operations: Vec<Asked> = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let asked = Asked::read(item).map_err(|it| it.within(&place(at)))?;
        if asked.name.is_some() && operations.iter().any(|it| it.name == asked.name) {
            return Err(bad("/ref", "was given to an operation before").within(&place(at)));
        }
        operations.push(asked);
    }
    Ok(operations)
}

fn is_name(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(is_sign)
}

/// Where an operation stands in the body.
pub(crate) fn place(at: usize) -> String {
    format!("/operations/{at}")
}

impl Asked {
    fn read(item: Value) -> Result<Self, Problem> {
        let Value::Object(members) = item else { return Err(bad("", "must be an object")) };
        let name = members.get("op").and_then(Value::as_str);
        let Some((_, kind)) = Kind::ALL.into_iter().find(|(it, _)| name == Some(it)) else {
            let names = Kind::ALL.map(|(name, _)| name).join(", ");
            return Err(bad("/op", &format!("must be one of {names}")));
        };
        let mut members = object(Value::Object(members), kind.members())?;
        let collection = text(&mut members, "collection")?;
        let collection = collection.ok_or_else(|| bad("/collection", "must be the name of a collection"))?;
        let id = match kind {
            Kind::Create => String::new(),
            _ => text(&mut members, "id")?.ok_or_else(|| bad("/id", "must be the id of a document"))?,
        };
        let if_match = text(&mut members, "ifMatch")?;
        let (document, version) = (members.shift_remove("document"), members.shift_remove("version"));
        if document.is_none() && matches!(kind, Kind::Create | Kind::Patch | Kind::Replace) {
            return Err(bad("/document", "must be what the single call takes as its body"));
        }
        let name = text(&mut members, "ref")?;
        if name.as_deref().is_some_and(|it| !is_name(it)) {
            return Err(bad("/ref", "must be a name of 1 to 64 of [A-Za-z0-9_-]"));
        }
        Ok(Self { kind, collection, id, if_match, document, version, name })
    }

    /// The right that it asks for in its collection.
    pub(crate) fn right(&self) -> Action {
        match self.kind {
            Kind::Create | Kind::Duplicate => Action::Create,
            Kind::Patch | Kind::Replace | Kind::Restore => Action::Update,
            Kind::Step(step) => step.right(),
        }
    }

    /// Reads what it is meant for and what it says of a document.
    ///
    /// # Errors
    ///
    /// Those of the single calls.
    pub(crate) fn read_on(self) -> Result<Given, Problem> {
        let Self { kind, collection, id, if_match, document: said, version: number, name } = self;
        let precondition = match &if_match {
            Some(text) => conditional::meant_for(text).ok_or_else(|| {
                let detail = "`ifMatch` is neither `*` nor a list of tags in quotes";
                Problem::new(Code::InvalidHeader, detail).at("/ifMatch", Code::InvalidHeader.name(), detail)
            })?,
            None if matches!(kind, Kind::Patch | Kind::Replace | Kind::Restore) => {
                let detail = "say with `ifMatch` which version this is meant for: its tag, or `*` for any";
                let code = Code::PreconditionRequired;
                return Err(Problem::new(code, detail).at("/ifMatch", code.name(), detail));
            }
            None => Precondition::Any,
        };
        let input = said.map(document).transpose().map_err(|it| it.within("/document"))?;
        let version = match kind {
            Kind::Restore => version(json!({ "version": number }))?,
            _ => 0,
        };
        Ok(Given { kind, collection, id, precondition, input: input.unwrap_or_default(), version, name })
    }
}

impl Given {
    /// The operation as the service takes it.
    pub(crate) fn operation(&self) -> Operation<'_> {
        let Self { id, precondition, input, version, .. } = self;
        let version = *version;
        let change = match self.kind {
            Kind::Create => Change::Create(input),
            Kind::Duplicate => Change::Duplicate { id, input },
            Kind::Patch => Change::Patch { id, precondition, input },
            Kind::Replace => Change::Replace { id, precondition, input },
            Kind::Restore => Change::Restore { id, precondition, version },
            Kind::Step(step) => Change::Step { id, precondition, step },
        };
        Operation { name: self.name.as_deref(), ..Operation::new(&self.collection, change) }
    }

    /// Where what it says of a document stands in the operation, if it can say anything.
    pub(crate) fn document_place(&self) -> &'static str {
        match self.kind {
            Kind::Create | Kind::Duplicate | Kind::Patch | Kind::Replace => "/document",
            Kind::Restore | Kind::Step(_) => "",
        }
    }
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match members.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(&format!("/{name}"), "must be text")),
    }
}

fn bad(pointer: &str, message: &str) -> Problem {
    let detail = format!("the batch is not in order: {message}");
    Problem::new(Code::BadRequest, detail).at(pointer, Code::BadRequest.name(), message)
}
