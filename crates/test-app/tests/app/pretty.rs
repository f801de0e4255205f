//! JSON for people: what fits on a line stands on one.

use serde_json::Value;
use similar::TextDiff;

const WIDTH: usize = 120;

/// A value, indented by so many spaces.
pub(crate) fn json(value: &Value, indent: usize) -> String {
    let short = value.to_string();
    if short.len() + indent <= WIDTH {
        return short;
    }
    let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
    let (open, close, parts): (char, char, Vec<String>) = match value {
        Value::Array(items) => ('[', ']', items.iter().map(|it| json(it, indent + 2)).collect()),
        Value::Object(members) => {
            let member = |(key, it): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), json(it, indent + 2))
            };
            ('{', '}', members.iter().map(member).collect())
        }
        _ => return short,
    };
    if parts.is_empty() {
        return short;
    }
    format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
}

/// A text, which may be JSON.
pub(crate) fn of_text(text: &str) -> String {
    serde_json::from_str(text).map_or_else(
        |_| text.to_owned(),
        |value: Value| {
            // Every member on a line of its own: differences are shown by lines.
            serde_json::to_string_pretty(&value).unwrap_or_else(|_| text.to_owned())
        },
    )
}

/// What is different, with what stands around it.
pub(crate) fn difference(expected: &str, found: &str) -> String {
    TextDiff::from_lines(expected, found)
        .unified_diff()
        .context_radius(2)
        .header("expected", "found")
        .to_string()
}
