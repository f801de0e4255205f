//! `{"filter": {"or": [{"price": {"gte": 10}}]}, "sort": "-publishedAt"}`.

use serde_json::{Map, Value};
use stratus_document::{Count, ListParams, Operand, RawCondition};

use super::all;
use crate::{
    input,
    problem::{Code, Problem},
};

/// The members of a query in a body.
const MEMBERS: [&str; 9] =
    ["filter", "sort", "limit", "after", "before", "fields", "count", "state", "locale"];

/// A query as it came in a body.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) params: ListParams,
    /// The choice of fields, as the parameter `fields` has it.
    pub(crate) fields: Option<String>,
}

/// Reads the body of a query.
///
/// # Errors
///
/// `bad_request` with the place of what has a wrong type, `unknown_member`.
pub(crate) fn query(body: Value) -> Result<Query, Problem> {
    let mut members = input::object(body, &MEMBERS)?;
    let filters = match members.shift_remove("filter") {
        None => Vec::new(),
        Some(Value::Object(filter)) => conditions(filter, "/filter")?,
        Some(_) => return Err(wrong("/filter", "must be an object")),
    };
    let limit = match members.shift_remove("limit") {
        None => None,
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(wrong("/limit", "must be a number")),
    };
    let count = match members.shift_remove("count").as_ref().map(Value::as_str) {
        None | Some(Some("none")) => Count::None,
        Some(Some("exact")) => Count::Exact,
        Some(_) => return Err(wrong("/count", "must be one of `none`, `exact`")),
    };
    let sort = list(&mut members, "sort")?;
    let fields = list(&mut members, "fields")?;
    let mut text = |name: &str| match members.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(&format!("/{name}"), "must be text")),
    };
    let (after, before) = (text("after")?, text("before")?);
    let (state, locale) = (text("state")?, text("locale")?);
    Ok(Query { params: ListParams { filters, sort, limit, after, before, state, locale, count }, fields })
}

/// A refusal that names its place.
fn wrong(pointer: &str, why: &str) -> Problem {
    let message = format!("`{pointer}` {why}");
    Problem::new(Code::BadRequest, message.clone()).at(pointer, Code::BadRequest.name(), message)
}

/// A text of names that are joined by commas, or a list of names.
fn list(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    let pointer = format!("/{name}");
    match members.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            let texts = texts.filter(|it| !it.is_empty());
            texts.map(|it| Some(it.join(","))).ok_or_else(|| wrong(&pointer, "must be a list of texts"))
        }
        Some(_) => Err(wrong(&pointer, "must be text or a list of texts")),
    }
}

/// The conditions of one object, which must all hold.
fn conditions(members: Map<String, Value>, at: &str) -> Result<Vec<RawCondition>, Problem> {
    let mut conditions = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "and" => conditions.push(RawCondition::All(each(value, &format!("{at}/and"))?)),
            "or" => conditions.push(RawCondition::Any(each(value, &format!("{at}/or"))?)),
            "not" => {
                let inner = group(value, &format!("{at}/not"))?;
                conditions.push(RawCondition::Not(Box::new(inner)));
            }
            path => tests(path, value, at, &mut conditions)?,
        }
    }
    Ok(conditions)
}

fn each(value: Value, at: &str) -> Result<Vec<RawCondition>, Problem> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.into_iter().enumerate().map(|(n, item)| group(item, &format!("{at}/{n}"))).collect()
        }
        _ => Err(wrong(at, "must be a list of at least one object")),
    }
}

fn group(value: Value, at: &str) -> Result<RawCondition, Problem> {
    match value {
        Value::Object(members) if !members.is_empty() => conditions(members, at).map(all),
        _ => Err(wrong(at, "must be an object with at least one condition")),
    }
}

/// What is said of one path: a value that it equals, or an object of operators.
fn tests(path: &str, value: Value, at: &str, found: &mut Vec<RawCondition>) -> Result<(), Problem> {
    let pointer = format!("{at}/{}", path.replace('~', "~0").replace('/', "~1"));
    let test = |operator: &str, operand: Value, pointer: String| RawCondition::Test {
        path: path.to_owned(),
        operator: operator.to_owned(),
        operand: Operand::Json(operand),
        pointer,
    };
    match value {
        Value::Object(operators) if !operators.is_empty() => {
            for (operator, operand) in operators {
                let escaped = operator.replace('~', "~0").replace('/', "~1");
                found.push(test(&operator, operand, format!("{pointer}/{escaped}")));
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(test("eq", value, pointer)),
        // The name may be a guess: it is not repeated.
        Value::Object(_) | Value::Array(_) | Value::Null => {
            return Err(wrong(at, "has a field with neither a value nor an object of operators"));
        }
    }
    Ok(())
}
