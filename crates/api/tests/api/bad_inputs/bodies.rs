//! Queries and bodies that are too large to be written down.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A body by its recipe.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Generated {
    ManyFieldsFilter { n: usize },
    OrFilter { n: usize },
    Bulk { n: usize },
    FieldOf { field: String, char: char, len: usize },
    ArrayField { field: String, n: usize },
    NestedObject { depth: usize },
    NestedObjectInData { depth: usize },
    ManyKeys { n: usize },
    ChunkedStream { len: usize },
    GzipZeros { inflated: u64 },
}

impl Generated {
    pub(crate) fn body(&self, author: &str) -> Body {
        let post = |name: &str, value: Value| {
            let mut fields = json!({"title": "x", "body": "text", "author": author});
            fields[name] = value;
            Body::from(json!({ "fields": fields }).to_string())
        };
        match self {
            Self::ManyFieldsFilter { n } => {
                let conditions = (0..*n).map(|it| (format!("field{it}"), json!({"eq": it})));
                Body::from(json!({"filter": conditions.collect::<Map<_, _>>()}).to_string())
            }
            Self::OrFilter { n } => {
                let clauses: Vec<_> = (0..*n).map(|it| json!({"title": {"eq": it.to_string()}})).collect();
                Body::from(json!({"filter": {"or": clauses}}).to_string())
            }
            Self::Bulk { n } => {
                let writes = (0..*n)
                    .map(|it| json!({"op": "create", "collection": "posts", "slug": format!("s{it}")}));
                Body::from(Value::from_iter(writes).to_string())
            }
            Self::FieldOf { field, char, len } => post(field, char.to_string().repeat(*len).into()),
            Self::ArrayField { field, n } => post(field, (0..*n).map(|it| it.to_string()).collect()),
            Self::NestedObject { depth } => nested("", "", *depth),
            Self::NestedObjectInData { depth } => nested("{\"fields\":{\"title\":", "}}", *depth),
            Self::ManyKeys { n } => {
                let keys: Vec<_> = (0..*n).map(|it| format!("\"k{it}\":0")).collect();
                Body::from(format!("{{\"fields\":{{{}}}}}", keys.join(",")))
            }
            Self::ChunkedStream { len } => {
                let chunk = Bytes::from_static(&[b' '; 64 * 1024]);
                let chunks = (0..len / chunk.len()).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
                Body::from_stream(stream::iter(chunks))
            }
            // What it would inflate to does not matter to who never inflates.
            Self::GzipZeros { inflated } => {
                let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
                bytes.resize(usize::try_from(inflated / 1_024).unwrap(), 0);
                Body::from(bytes)
            }
        }
    }
}

fn nested(before: &str, after: &str, depth: usize) -> Body {
    Body::from(format!("{before}{}1{}{after}", "{\"a\":".repeat(depth), "}".repeat(depth)))
}

/// A query as a client encodes it; placeholders stay, to be filled in later.
pub(crate) fn query(parameters: &Map<String, Value>) -> String {
    let encode = |text: &str| {
        if text.starts_with('{') && text.ends_with('}') {
            return text.to_owned();
        }
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    };
    let pairs = parameters.iter().map(|(name, value)| {
        let value = value.as_str().unwrap();
        match (name.as_str(), value.strip_prefix("__gen:")) {
            ("__raw", _) => value.to_owned(),
            (name, Some(count)) => {
                let words: Vec<_> = (0..count.parse().unwrap()).map(|it: u32| it.to_string()).collect();
                format!("{}={}", encode(name), words.join(","))
            }
            (name, None) => format!("{}={}", encode(name), encode(value)),
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}
