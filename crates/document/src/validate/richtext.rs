//! The block tree of rich text: `{"type": "doc", "content": [node…]}`.
//!
//! A node is `{"type", "attrs"?, "content"?, "text"?, "marks"?}`. What a link may point at is
//! checked here, so that no renderer has to be trusted with it.

use serde_json::Value as Json;

use super::format;

/// The kinds of nodes in a tree of rich text.
pub const NODES: [&str; 13] = [
    "paragraph",
    "heading",
    "text",
    "bulletList",
    "orderedList",
    "listItem",
    "blockquote",
    "codeBlock",
    "horizontalRule",
    "hardBreak",
    "image",
    "embed",
    "table",
];
const MARKS: [&str; 6] = ["bold", "italic", "underline", "strike", "code", "link"];

/// Every fault of a tree, with the pointer into it.
pub(super) fn faults(tree: &Json) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    if tree.get("type").and_then(Json::as_str) == Some("doc") {
        members(tree, "", &["type", "content"], &mut faults);
        children(tree, "", &mut faults);
    } else {
        faults.push((String::new(), "must be {\"type\": \"doc\", \"content\": […]}".to_owned()));
    }
    faults
}

fn node(json: &Json, at: &str, faults: &mut Vec<(String, String)>) {
    let kind = json.get("type").and_then(Json::as_str).unwrap_or_default();
    if !NODES.contains(&kind) {
        faults.push((format!("{at}/type"), format!("must be one of: {}", NODES.join(", "))));
        return;
    }
    members(json, at, &["type", "attrs", "content", "text", "marks"], faults);
    if (kind == "text") != json.get("text").is_some_and(Json::is_string) {
        faults.push((format!("{at}/text"), "a `text` node has text, and no other has".to_owned()));
    }
    let marks = json.get("marks").and_then(Json::as_array);
    for (n, mark) in marks.into_iter().flatten().enumerate() {
        let kind = mark.get("type").and_then(Json::as_str).unwrap_or_default();
        if !MARKS.contains(&kind) {
            faults.push((format!("{at}/marks/{n}/type"), format!("must be one of: {}", MARKS.join(", "))));
        }
        address(mark, "href", &format!("{at}/marks/{n}"), faults);
    }
    address(json, "src", at, faults);
    children(json, at, faults);
}

fn members(json: &Json, at: &str, known: &[&str], faults: &mut Vec<(String, String)>) {
    for name in json.as_object().into_iter().flat_map(|it| it.keys()) {
        if !known.contains(&name.as_str()) {
            faults.push((super::pointer(at, name), "is no member of a node".to_owned()));
        }
    }
}

fn children(json: &Json, at: &str, faults: &mut Vec<(String, String)>) {
    match json.get("content") {
        Some(Json::Array(nodes)) => {
            nodes.iter().enumerate().for_each(|(n, json)| node(json, &format!("{at}/content/{n}"), faults));
        }
        None => {}
        Some(_) => faults.push((format!("{at}/content"), "must be a list of nodes".to_owned())),
    }
}

fn address(json: &Json, name: &str, at: &str, faults: &mut Vec<(String, String)>) {
    let Some(address) = json.get("attrs").and_then(|attrs| attrs.get(name)) else { return };
    let text = address.as_str().unwrap_or_default();
    let relative = text.starts_with('/') && !text.starts_with("//") || text.starts_with('#');
    let mail = text.strip_prefix("mailto:").is_some_and(|it| format::email(it).is_ok());
    if !relative && !mail && format::url(text).is_err() {
        faults.push((
            format!("{at}/attrs/{name}"),
            "must be an http, https, mailto or local address".to_owned(),
        ));
    }
}
