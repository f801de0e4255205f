//! Who asks: a sequence of requests that follows from a seed and the answers so far.

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use stratus_document::format_time;

use super::dice::Dice;
use crate::app::{
    target::LAST_BOOKMARK,
    wire::{Answer, Request},
};

const COLLECTIONS: [(usize, &str); 6] =
    [(30, "places"), (20, "kinds"), (20, "pages"), (10, "authors"), (8, "categories"), (12, "posts")];

/// An id that nobody has.
const NOBODY: &str = "01a1fd55-7e68-7e97-b910-34455a9ebff1";

/// How many documents of a collection are remembered: those from before are left alone.
const REMEMBERED: usize = 25;

/// What is done.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Create,
    Change,
    Replace,
    Step(&'static str),
    Trash,
    Restore,
    Duplicate,
    Permit,
    List,
    Query,
    GoOn,
    Read,
    ReadBySlug,
    Look(&'static str),
}

const DEEDS: [(usize, Deed); 21] = [
    (16, Deed::Create),
    (14, Deed::Change),
    (4, Deed::Replace),
    (8, Deed::Step("publish")),
    (3, Deed::Step("unpublish")),
    (4, Deed::Step("recover")),
    (1, Deed::Step("erase")),
    (4, Deed::Trash),
    (3, Deed::Restore),
    (2, Deed::Duplicate),
    (3, Deed::Permit),
    (18, Deed::List),
    (14, Deed::Query),
    (8, Deed::GoOn),
    (7, Deed::Read),
    (3, Deed::ReadBySlug),
    (3, Deed::Look("versions")),
    (2, Deed::Look("versions/1")),
    (3, Deed::Look("referrers")),
    (2, Deed::Look("translations")),
    (2, Deed::Look("permissions")),
];

/// What is known of a document.
#[derive(Clone, Debug, Default)]
struct Known {
    id: String,
    tag: Option<String>,
    slug: Option<String>,
}

/// Makes requests up and learns from answers.
pub(super) struct Player {
    dice: Dice,
    known: HashMap<&'static str, Vec<Known>>,
    /// Lists and where they go on.
    pages: Vec<(Request, String)>,
}

impl Player {
    pub(super) fn new(seed: u32) -> Self {
        Self { dice: Dice::new(seed), known: HashMap::new(), pages: Vec::new() }
    }

    /// How long until the next request, in milliseconds: some come at the same time.
    pub(super) fn pause(&mut self) -> i64 {
        self.dice.weigh(&[(3, 0), (5, 1), (1, 1_000), (1, 600_000)])
    }

    /// The next request.
    pub(super) fn request(&mut self, now: i64) -> Request {
        let collection = self.dice.weigh(&COLLECTIONS);
        let deed = self.dice.weigh(&DEEDS);
        let known = self.some(collection);
        let of = |rest: &str| format!("/api/{collection}/{}{rest}", known.id);
        let request = match deed {
            Deed::Create => {
                let body = self.document(collection, now, 50);
                Request::new("POST", &format!("/api/{collection}")).with_json(&body)
            }
            Deed::Change | Deed::Replace => {
                let method = if matches!(deed, Deed::Change) { "PATCH" } else { "PUT" };
                let body = self.document(collection, now, 30);
                let request = self.condition(Request::new(method, &of("")), &known, 95);
                request.with_json(&body)
            }
            Deed::Step(step) => self.condition(Request::new("POST", &of(&format!("/{step}"))), &known, 20),
            Deed::Trash => self.condition(Request::new("DELETE", &of("")), &known, 20),
            Deed::Restore => {
                let request = self.condition(Request::new("POST", &of("/restore")), &known, 95);
                request.with_json(&json!({"version": self.dice.below(4) + 1}))
            }
            Deed::Duplicate => Request::new("POST", &of("/duplicate")),
            Deed::Permit => {
                let request = self.condition(Request::new("PUT", &of("/permissions")), &known, 95);
                let entries = self.entries();
                request.with_json(&json!({ "permissions": entries }))
            }
            Deed::List => self.list(collection),
            Deed::Query => self.query(collection),
            Deed::GoOn => self.go_on().unwrap_or_else(|| self.list(collection)),
            Deed::Read => {
                let query = *self.dice.pick(&[
                    "",
                    "",
                    "?state=draft",
                    "?state=trashed",
                    "?fields=title",
                    "?fields=name",
                    "?fields=title,author(name),categories(name)",
                    "?fields=name,near(name,within(name)),within(name,near(name))",
                    "?state=draft&fields=author(name),categories(name)",
                    "?state=draft&fields=near(near(near(name))),within(within(name))",
                ]);
                self.read(Request::new("GET", &of(query)), &known)
            }
            Deed::ReadBySlug => {
                let slug = known.slug.clone().unwrap_or_else(|| "a-slug".to_owned());
                let query = *self.dice.pick(&["", "?state=draft", "?locale=de"]);
                self.read(Request::new("GET", &format!("/api/{collection}/slug/{slug}{query}")), &known)
            }
            Deed::Look(what) => self.read(Request::new("GET", &of(&format!("/{what}"))), &known),
        };
        let is_read = request.method == "GET" || request.path.ends_with("/query");
        let is_editor = !is_read || request.path.contains("state=") || self.dice.percent(50);
        if is_editor && self.dice.percent(97) {
            return request.by_admin();
        }
        request
    }

    /// A document that was seen, or nobody.
    fn some(&mut self, collection: &str) -> Known {
        let known = self.known.get(collection).map_or(&[][..], Vec::as_slice);
        if known.is_empty() || self.dice.percent(2) {
            return Known { id: NOBODY.to_owned(), ..Known::default() };
        }
        known[self.dice.below(known.len())].clone()
    }

    /// The body of a write; `published` times in a hundred it is for the public.
    fn document(&mut self, collection: &'static str, now: i64, published: usize) -> Value {
        let known = &self.known;
        let ids = |dice: &mut Dice, of: &str| match known.get(of) {
            Some(known) if !known.is_empty() && !dice.percent(1) => dice.pick(known).id.clone(),
            _ => NOBODY.to_owned(),
        };
        let mut body = json!({ "fields": self.dice.fields(collection, &ids) });
        let dice = &mut self.dice;
        if dice.percent(published) {
            body["publish"] = json!(true);
        }
        if dice.percent(5) {
            body["slug"] = json!(format!("slug-{}", dice.below(8)));
        }
        if dice.percent(6) {
            let moment = now + i64::try_from(dice.below(3_000_000)).unwrap_or_default() - 1_000_000;
            body[*dice.pick(&["publishAt", "expireAt"])] = json!(format_time(moment));
        }
        if collection == "pages" {
            if dice.percent(30) {
                body["parent"] = json!(ids(dice, "pages"));
                body["order"] = dice.integer();
            }
            if dice.percent(20) {
                body["locale"] = json!(dice.pick(&["en", "de", "fr"]));
                body["translationOf"] = json!(ids(dice, "pages"));
            }
        }
        body
    }

    fn entries(&mut self) -> Vec<Value> {
        let dice = &mut self.dice;
        let entry = |dice: &mut Dice| {
            json!({
                "principal": dice.pick(&["public", "role:editor", "user:u1", "role:admin"]),
                "action": dice.pick(&["read", "update", "delete", "publish"]),
                "effect": dice.weigh(&[(4, "allow"), (1, "deny")]),
            })
        };
        (0..dice.below(3)).map(|_| entry(dice)).collect()
    }

    /// Adds a condition, which mostly holds.
    fn condition(&mut self, request: Request, known: &Known, chance: usize) -> Request {
        if !self.dice.percent(chance) {
            return request;
        }
        match &known.tag {
            Some(tag) if self.dice.percent(50) => request.with("if-match", tag),
            _ => request.with("if-match", "*"),
        }
    }

    fn read(&mut self, request: Request, known: &Known) -> Request {
        match (&known.tag, self.dice.below(10)) {
            (Some(tag), 0 | 1) => request.with("if-none-match", tag),
            (_, 2) => request.with("stratus-bookmark", LAST_BOOKMARK),
            (_, 3) => Request { method: "HEAD".to_owned(), ..request },
            _ => request,
        }
    }

    fn list(&mut self, collection: &'static str) -> Request {
        let mut query: Vec<String> = vec![format!("limit={}", self.dice.below(12) + 1)];
        for _ in 0..self.dice.weigh(&[(4, 0), (4, 1), (2, 2)]) {
            query.push(self.filter(collection));
        }
        if self.dice.percent(60) {
            let keys: &[&str] = match collection {
                "places" => {
                    &["name", "people", "height", "founded", "seen", "open", "-height,name", "height,-name"]
                }
                "kinds" => &["number", "integer", "boolean", "date", "datetime", "object.depth"],
                "posts" => &["title", "featured", "rating", "featured,-publishedAt"],
                "pages" => &["title", "order", "parent,order"],
                _ => &["name"],
            };
            let key = *self.dice.pick(keys);
            let key = if self.dice.percent(15) {
                *self.dice.pick(&["createdAt", "updatedAt", "publishedAt", "slug"])
            } else {
                key
            };
            query.push(format!(
                "sort={}{key}",
                if self.dice.percent(40) && !key.starts_with('-') { "-" } else { "" }
            ));
        }
        if self.dice.percent(40) {
            query.push(format!(
                "state={}",
                self.dice.weigh(&[(6, "draft"), (2, "published"), (2, "trashed")])
            ));
        }
        if self.dice.percent(30) {
            let fields: &[&str] = match collection {
                "places" => &["name", "name,within(name,near(name,within(name)))", "near(near(name))"],
                "authors" | "categories" => &["name"],
                "kinds" => &["text", "text,references(text,reference(text))"],
                _ => &["title", "title,author(name)", "author(name),categories(name)"],
            };
            query.push(format!("fields={}", self.dice.pick(fields)));
        }
        Request::new("GET", &format!("/api/{collection}?{}", query.join("&")))
    }

    fn filter(&mut self, collection: &str) -> String {
        let dice = &mut self.dice;
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (field, value) = match collection {
            "places" => match dice.below(8) {
                0 => ("name", format!("P{}", dice.text())),
                1 => ("people", text(dice.integer())),
                2 => ("height", text(dice.number())),
                3 => ("founded", text(dice.day())),
                4 => ("seen", text(dice.moment())),
                5 => ("open", text(dice.flag())),
                6 => ("marks", text(dice.number())),
                _ => ("tags", dice.word()),
            },
            "kinds" => match dice.below(6) {
                0 => ("number", text(dice.number())),
                1 => ("integer", text(dice.integer())),
                2 => ("boolean", text(dice.flag())),
                3 => ("object.depth", dice.below(10).to_string()),
                4 => ("multiselect", "x".to_owned()),
                _ => ("tags", dice.word()),
            },
            "pages" => ("code", format!("c{}", dice.below(60))),
            "posts" => match dice.below(3) {
                0 => ("tags", dice.word()),
                1 => ("rating", text(dice.number())),
                _ => ("featured", text(dice.flag())),
            },
            _ => ("name", dice.text()),
        };
        let operator = if dice.percent(40) {
            ""
        } else {
            *dice.pick(&[
                "[gt]",
                "[gte]",
                "[lt]",
                "[lte]",
                "[ne]",
                "[in]",
                "[nin]",
                "[contains]",
                "[starts]",
                "[ends]",
                "[all]",
            ])
        };
        format!("filter[{field}]{operator}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
    }

    /// A list by a query in a body: conditions of every operator, nested, and along references.
    fn query(&mut self, collection: &'static str) -> Request {
        let mut body = json!({"limit": self.dice.below(12) + 1});
        if self.dice.percent(85) {
            body["filter"] = self.conditions(collection, 3);
        }
        if self.dice.percent(40) {
            body["count"] = json!("exact");
        }
        if self.dice.percent(40) {
            body["state"] = json!(self.dice.weigh(&[(6, "draft"), (2, "published"), (2, "trashed")]));
        }
        let sorts: &[&str] = match collection {
            "places" => &["name", "-people", "height,-name", "-height,name"],
            "kinds" => &["number", "-integer", "object.depth"],
            "posts" | "pages" => &["title", "-title"],
            _ => &["name", "-name"],
        };
        if self.dice.percent(40) && body["state"] != "trashed" {
            body["sort"] = json!(self.dice.pick(sorts));
        }
        Request::new("POST", &format!("/api/{collection}/query")).with_json(&body)
    }

    fn conditions(&mut self, collection: &'static str, depth: usize) -> Value {
        let mut members = Map::new();
        for _ in 0..self.dice.below(2) + 1 {
            let (name, value) = match self.dice.below(if depth == 0 { 1 } else { 6 }) {
                0..3 => self.condition_of(collection),
                3 => ("not".to_owned(), self.conditions(collection, depth - 1)),
                joint => {
                    let count = self.dice.below(2) + 1;
                    let each = (0..count).map(|_| self.conditions(collection, depth - 1)).collect();
                    ((if joint == 4 { "or" } else { "and" }).to_owned(), Value::Array(each))
                }
            };
            members.insert(name, value);
        }
        Value::Object(members)
    }

    /// A path, and an operator with its operand.
    fn condition_of(&mut self, collection: &'static str) -> (String, Value) {
        const FLAGS: &[&str] = &["eq", "ne", "in", "exists"];
        const NUMBERS: &[&str] = &["eq", "ne", "gt", "lte", "in", "nin", "between", "exists"];
        const TEXTS: &[&str] =
            &["eq", "ne", "gte", "lt", "in", "nin", "between", "exists", "contains", "starts", "ends"];
        const MANY: &[&str] =
            &["eq", "ne", "in", "any", "all", "none", "exists", "contains", "starts", "ends", "between"];
        let dice = &mut self.dice;
        let (places, posts, kinds) = (
            [
                ("name", TEXTS),
                ("people", NUMBERS),
                ("height", NUMBERS),
                ("open", FLAGS),
                ("tags", MANY),
                ("founded", NUMBERS),
                ("marks", NUMBERS),
                ("within.name", TEXTS),
                ("near.people", NUMBERS),
                ("near.tags", MANY),
                ("near.within.open", FLAGS),
                ("near.near.near.name", TEXTS),
                ("near", &["exists"]),
            ],
            [
                ("title", TEXTS),
                ("rating", NUMBERS),
                ("featured", FLAGS),
                ("tags", MANY),
                ("author.name", TEXTS),
                ("categories.name", TEXTS),
                ("author.slug", TEXTS),
            ],
            [
                ("number", NUMBERS),
                ("integer", NUMBERS),
                ("boolean", FLAGS),
                ("tags", MANY),
                ("reference.integer", NUMBERS),
                ("references.boolean", FLAGS),
                ("array", NUMBERS),
                ("blocks.quote.by.name", TEXTS),
            ],
        );
        let (path, operators): (&str, &[&str]) = match collection {
            "places" => *dice.pick(&places),
            "posts" => *dice.pick(&posts),
            "kinds" => *dice.pick(&kinds),
            "pages" => *dice.pick(&[("title", TEXTS), ("code", TEXTS), ("slug", TEXTS), ("order", NUMBERS)]),
            _ => ("name", TEXTS),
        };
        let last = path.rsplit('.').next().unwrap_or_default();
        let value = |dice: &mut Dice| match last {
            "people" | "integer" | "array" | "order" => json!(dice.below(10)),
            "height" | "number" | "marks" | "rating" => dice.number(),
            "open" | "boolean" | "featured" => dice.flag(),
            "founded" => dice.day(),
            "tags" => json!(dice.word()),
            "code" => json!(format!("c{}", dice.below(60))),
            _ => {
                let text = dice.text();
                let part: String = text.chars().take(dice.below(4)).collect();
                json!(if dice.percent(40) {
                    part
                } else {
                    format!("{}{part}", dice.pick(&["P", "T", "N", "C"]))
                })
            }
        };
        let operator = *dice.pick(operators);
        let operand = match operator {
            "exists" => dice.flag(),
            "between" => json!([value(dice), value(dice)]),
            "in" | "nin" | "any" | "all" | "none" => (0..dice.below(4)).map(|_| value(dice)).collect(),
            _ => value(dice),
        };
        (path.to_owned(), json!({ operator: operand }))
    }

    /// Leafs on in a list that was seen.
    fn go_on(&mut self) -> Option<Request> {
        if self.pages.is_empty() {
            return None;
        }
        let (list, place) = self.pages.swap_remove(self.dice.below(self.pages.len()));
        if list.method == "POST" {
            let mut body: Value = serde_json::from_slice(&list.body).ok()?;
            let (name, cursor) = place.split_once('=')?;
            body.as_object_mut()?.retain(|name, _| name != "after" && name != "before");
            body[name] = json!(cursor);
            return Some(Request::new("POST", &list.path).with_json(&body));
        }
        let path = list.path.split("&after=").next()?.split("&before=").next()?.to_owned();
        Some(Request { path: format!("{path}&{place}"), ..Request::new("GET", "") })
    }

    /// Remembers what an answer tells.
    pub(super) fn learn(&mut self, request: &Request, answer: &Answer) {
        let Some(body) = answer.json() else { return };
        let data = &body["data"];
        if let Some(id) = data["id"].as_str() {
            let Some((_, collection)) = COLLECTIONS.iter().find(|(_, it)| data["type"] == *it) else {
                return;
            };
            let known = self.known.entry(collection).or_default();
            known.retain(|it| it.id != id);
            let slug = data["slug"].as_str().map(str::to_owned);
            known.push(Known { id: id.to_owned(), tag: answer.headers.get("etag").cloned(), slug });
            if known.len() > REMEMBERED {
                known.remove(0);
            }
        }
        if data.is_array() && (request.path.contains('?') || request.path.ends_with("/query")) {
            for (name, parameter) in [("next", "after"), ("prev", "before")] {
                if let Some(cursor) = body["page"][name].as_str() {
                    self.pages.push((request.clone(), format!("{parameter}={cursor}")));
                }
            }
            let surplus = self.pages.len().saturating_sub(40);
            self.pages.drain(..surplus);
        }
    }
}
