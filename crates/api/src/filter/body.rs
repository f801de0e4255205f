//! `{"filter": {"or": [{"price": {"gte": 10}}]}, "sort": "-publishedAt"}`.

use serde_json::{Map, Value};
use stratus_document::{Count, ListParams, MAX_CONDITIONS, Operand, RawCondition};

use super::all;
use crate::{
    input,
    problem::{Code, Problem, shorten},
};

/// The members of a query in a body.
const MEMBERS: [&str; 9] =
    ["filter", "sort", "limit", "after", "before", "fields", "count", "state", "locale"];

/// A path longer than this names nothing: each operator under it has a copy of it.
const MAX_PATH_BYTES: usize = 1_000;

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
        Some(Value::Object(filter)) => Reader::default().conditions(filter, "/filter")?,
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
pub(crate) fn wrong(pointer: &str, why: &str) -> Problem {
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

/// Reads a filter, and counts as it reads: a body may have many more operators than a filter, and
/// each is held with its path and its place.
#[derive(Default)]
struct Reader {
    tests: usize,
}

impl Reader {
    /// The conditions of one object, which must all hold.
    fn conditions(&mut self, members: Map<String, Value>, at: &str) -> Result<Vec<RawCondition>, Problem> {
        let mut conditions = Vec::new();
        for (name, value) in members {
            match name.as_str() {
                "and" => conditions.push(RawCondition::All(self.each(value, &format!("{at}/and"))?)),
                "or" => conditions.push(RawCondition::Any(self.each(value, &format!("{at}/or"))?)),
                "not" => {
                    let inner = self.group(value, &format!("{at}/not"))?;
                    conditions.push(RawCondition::Not(Box::new(inner)));
                }
                path => self.tests(path, value, at, &mut conditions)?,
            }
        }
        Ok(conditions)
    }

    fn each(&mut self, value: Value, at: &str) -> Result<Vec<RawCondition>, Problem> {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let items = items.into_iter().enumerate();
                items.map(|(n, item)| self.group(item, &format!("{at}/{n}"))).collect()
            }
            _ => Err(wrong(at, "must be a list of at least one object")),
        }
    }

    fn group(&mut self, value: Value, at: &str) -> Result<RawCondition, Problem> {
        match value {
            Value::Object(members) if !members.is_empty() => self.conditions(members, at).map(all),
            _ => Err(wrong(at, "must be an object with at least one condition")),
        }
    }

    /// What is said of one path: a value that it equals, or an object of operators.
    fn tests(
        &mut self,
        path: &str,
        value: Value,
        at: &str,
        found: &mut Vec<RawCondition>,
    ) -> Result<(), Problem> {
        if path.len() > MAX_PATH_BYTES {
            return Err(wrong(at, &format!("has a field with a name of more than {MAX_PATH_BYTES} bytes")));
        }
        let pointer = format!("{at}/{}", escaped(path));
        match value {
            Value::Object(operators) if !operators.is_empty() => {
                for (operator, operand) in operators {
                    // Whatever it is called: a name that is none of ours may be long, or not to be shown.
                    let name = shorten(&operator.replace(char::is_control, "\u{fffd}"));
                    let place = format!("{pointer}/{}", escaped(&name));
                    found.push(self.test(path, operator, operand, place)?);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                found.push(self.test(path, "eq".to_owned(), value, pointer)?);
            }
            // The name may be a guess: it is not repeated.
            Value::Object(_) | Value::Array(_) | Value::Null => {
                return Err(wrong(at, "has a field with neither a value nor an object of operators"));
            }
        }
        Ok(())
    }

    fn test(
        &mut self,
        path: &str,
        operator: String,
        operand: Value,
        pointer: String,
    ) -> Result<RawCondition, Problem> {
        self.tests += 1;
        if self.tests > MAX_CONDITIONS {
            return Err(wrong("/filter", &format!("has more than {MAX_CONDITIONS} conditions")));
        }
        Ok(RawCondition::Test { path: path.to_owned(), operator, operand: Operand::Json(operand), pointer })
    }
}

/// A key as a segment of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(filter: Value) -> String {
        query(json!({ "filter": filter })).unwrap_err().detail().to_owned()
    }

    /// What is not taken is not held: it is refused before anything is known of the collection.
    #[test]
    fn conditions_are_counted_while_they_are_read() {
        let operators =
            |count: usize| -> Value { (0..count).map(|it| (format!("o{it}"), json!(1))).collect() };
        assert!(query(json!({ "filter": { "price": operators(32) } })).is_ok());
        for filter in [
            json!({ "price": operators(33) }),
            json!({ "or": vec![json!({ "price": 1 }); 33] }),
            json!({ "not": { "price": operators(20), "title": operators(13) } }),
        ] {
            assert!(refusal(filter).contains("`/filter` has more than 32 conditions"));
        }
    }

    #[test]
    fn names_of_operators_are_repeated_clean_and_short() {
        for (name, expected) in [
            ("\u{1b}[31mred".to_owned(), "\u{fffd}[31mred".to_owned()),
            ("y".repeat(5_000), format!("{}…", "y".repeat(100))),
        ] {
            let filter = Value::from_iter([("title", Value::from_iter([(name, json!(1))]))]);
            let found = query(json!({ "filter": filter })).unwrap().params.filters;
            let [RawCondition::Test { pointer, .. }] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(*pointer, format!("/filter/title/{expected}"));
        }
    }

    #[test]
    fn a_path_has_an_end() {
        let with = |bytes: usize| Value::from_iter([("x".repeat(bytes), json!({ "eq": 1, "ne": 2 }))]);
        assert!(query(json!({ "filter": with(1_000) })).is_ok());
        let refused = refusal(json!({ "or": [with(1_001)] }));
        assert!(
            refused.contains("`/filter/or/0` has a field with a name of more than 1000 bytes"),
            "{refused}"
        );
        assert!(!refused.contains("xxx"));
    }
}
