//! The bodies of writes: what may stand beside `fields`, and of which type.

pub(crate) mod batch;
#[cfg(test)]
mod tests;

use std::{fmt::Display, str::FromStr};

use serde_json::{Map, Value};
use stratus_access::Entry;
use stratus_document::{FieldError, Input, Member, parse_time};
use stratus_storage::{MAX_SAFE_INTEGER, Timestamp};

use crate::problem::{Code, Problem, cut, shorten};

/// How many unknown members one answer names.
const MAX_NAMED: usize = 20;

/// Reads the body of a create, a replace or a patch.
///
/// # Errors
///
/// `bad_request` for what is no object, `unknown_member`, and `validation_failed` naming every
/// member of a wrong type.
pub(crate) fn document(body: Value) -> Result<Input, Problem> {
    const MEMBERS: [&str; 9] =
        ["slug", "locale", "publishAt", "expireAt", "parent", "order", "translationOf", "publish", "fields"];
    let mut members = object(body, &MEMBERS)?;
    let mut faults = Faults::default();
    let mut take = |name: &'static str| (members.shift_remove(name), name);
    let input = Input {
        slug: faults.optional_text(take("slug")),
        locale: faults.text(take("locale")),
        publish_at: faults.time(take("publishAt")),
        expire_at: faults.time(take("expireAt")),
        parent: faults.optional_text(take("parent")),
        order: faults.whole(take("order")),
        translation_of: faults.optional_text(take("translationOf")),
        publish: faults.flag(take("publish")),
        fields: faults.fields(take("fields")),
    };
    faults.over(input)
}

/// Reads the body of a restore: the number of a version.
///
/// # Errors
///
/// Those of [`document`].
pub(crate) fn version(body: Value) -> Result<i64, Problem> {
    let members = object(body, &["version"])?;
    let number =
        members.get("version").and_then(Value::as_i64).filter(|it| (1..=MAX_SAFE_INTEGER).contains(it));
    let mut faults = Faults::default();
    if number.is_none() {
        faults.add("version", "type", "must be the number of a version: 1 or more");
    }
    faults.over(number.unwrap_or_default())
}

/// Reads the body of a `PUT` of permissions: `{"permissions": [{"principal", "action", "effect"}]}`.
///
/// # Errors
///
/// Those of [`document`].
pub(crate) fn permissions(body: Value) -> Result<Vec<Entry>, Problem> {
    let mut members = object(body, &["permissions"])?;
    let mut faults = Faults::default();
    let Some(Value::Array(items)) = members.shift_remove("permissions") else {
        faults.add("permissions", "type", "must be a list of entries");
        return faults.over(Vec::new());
    };
    let mut entries = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let Value::Object(members) = item else {
            faults.add(&format!("permissions/{at}"), "type", "must be an object");
            continue;
        };
        const MEMBERS: [&str; 3] = ["principal", "action", "effect"];
        if let Some(name) = members.keys().find(|it| !MEMBERS.contains(&it.as_str())) {
            let message = format!("`{}` means nothing here", shorten(name));
            let detail = format!("an entry has the members {}", MEMBERS.join(", "));
            let pointer = format!("/permissions/{at}");
            return Err(Problem::new(Code::UnknownMember, detail).at(
                pointer,
                Code::UnknownMember.name(),
                message,
            ));
        }
        let entry = (
            faults.part(&members, at, "principal"),
            faults.part(&members, at, "action"),
            faults.part(&members, at, "effect"),
        );
        if let (Some(principal), Some(action), Some(effect)) = entry {
            entries.push(Entry { principal, action, effect });
        }
    }
    faults.over(entries)
}

/// Checks the body of a call that takes none: nothing, or an empty object.
///
/// # Errors
///
/// `bad_request`, `unknown_member`.
pub(crate) fn nothing(body: Option<Value>) -> Result<(), Problem> {
    body.map_or(Ok(()), |it| object(it, &[]).map(drop))
}

/// An object that has no members but these.
///
/// # Errors
///
/// `bad_request`, `unknown_member`.
pub(crate) fn object(body: Value, known: &[&str]) -> Result<Map<String, Value>, Problem> {
    let Value::Object(members) = body else {
        let message = "the body must be an object";
        return Err(Problem::new(Code::BadRequest, message).at("", Code::BadRequest.name(), message));
    };
    let mut unknown = members.keys().filter(|it| !known.contains(&it.as_str())).peekable();
    if unknown.peek().is_none() {
        return Ok(members);
    }
    let detail = match known {
        [] => "this call takes no members".to_owned(),
        known => format!("the body may have the members {}", known.join(", ")),
    };
    let problem = Problem::new(Code::UnknownMember, detail);
    Err(unknown.take(MAX_NAMED).fold(problem, |problem, name| {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let pointer = if pointer.len() > 1_000 { cut(&pointer, 1_000) } else { pointer };
        let message = format!("`{}` means nothing here", shorten(name));
        problem.at(pointer, Code::UnknownMember.name(), message)
    }))
}

type Taken = (Option<Value>, &'static str);

/// What is wrong so far.
#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, name: &str, code: &'static str, message: &str) {
        self.0.push(FieldError { pointer: format!("/{name}"), code, message: message.to_owned() });
    }

    /// The result, if nothing is wrong.
    fn over<T>(self, result: T) -> Result<T, Problem> {
        match self.0.is_empty() {
            true => Ok(result),
            false => Err(crate::refusal::invalid(self.0)),
        }
    }

    /// A member of an entry, in its words.
    fn part<T: FromStr<Err: Display>>(
        &mut self,
        members: &Map<String, Value>,
        at: usize,
        name: &str,
    ) -> Option<T> {
        let pointer = format!("permissions/{at}/{name}");
        let Some(text) = members.get(name).and_then(Value::as_str) else {
            self.add(&pointer, "type", "must be text");
            return None;
        };
        let parsed = text.parse();
        parsed.map_err(|error: T::Err| self.add(&pointer, "format", &error.to_string())).ok()
    }

    fn optional_text(&mut self, (value, name): Taken) -> Member<String> {
        match value {
            None => Member::Absent,
            Some(Value::Null) => Member::Null,
            Some(Value::String(text)) => Member::Value(text),
            Some(_) => {
                self.add(name, "type", "must be text or null");
                Member::Absent
            }
        }
    }

    fn text(&mut self, (value, name): Taken) -> Option<String> {
        match value {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.add(name, "type", "must be text");
                None
            }
        }
    }

    fn time(&mut self, (value, name): Taken) -> Member<Timestamp> {
        let text = match self.optional_text((value, name)) {
            Member::Absent => return Member::Absent,
            Member::Null => return Member::Null,
            Member::Value(text) => text,
        };
        parse_time(&text).map_or_else(
            || {
                self.add(name, "format", "must be a moment such as `2026-11-21T08:00:00Z`");
                Member::Absent
            },
            Member::Value,
        )
    }

    fn whole(&mut self, (value, name): Taken) -> Member<i64> {
        match value {
            None => Member::Absent,
            Some(Value::Null) => Member::Null,
            Some(value) => value.as_i64().map_or_else(
                || {
                    self.add(name, "type", "must be a whole number or null");
                    Member::Absent
                },
                Member::Value,
            ),
        }
    }

    fn flag(&mut self, (value, name): Taken) -> bool {
        match value {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.add(name, "type", "must be true or false");
                false
            }
        }
    }

    fn fields(&mut self, (value, name): Taken) -> Option<Map<String, Value>> {
        match value {
            None => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(_) => {
                self.add(name, "type", "must be an object");
                None
            }
        }
    }
}
