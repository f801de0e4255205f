//! Values of fields, good and bad.

use serde_json::{Map, Value, json};

use super::dice::Dice;

const TEXTS: [&str; 18] = [
    "Aleph",
    "Bet",
    "bet",
    "Éclair",
    "e\u{301}clair",
    "東京",
    "🚀 away",
    "a b",
    "  ",
    "",
    "'quoted\"",
    "100%",
    "back\\slash",
    "line\nbreak",
    "\u{ffff}",
    "Z\u{200d}z",
    "true",
    "1.0",
];
const NUMBERS: [&str; 16] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "0.1",
    "1.5",
    "-2.25",
    "3.0",
    "1e3",
    "1e-7",
    "123456.789",
    "0.30000000000000004",
    "1000000000000000",
    "9007199254740991",
    "-9007199254740991",
    "9007199254740993",
];
const INTEGERS: [&str; 10] =
    ["0", "1", "-1", "7", "20", "20.0", "1e2", "9007199254740991", "-9007199254740991", "9007199254740992"];
const DAYS: [&str; 6] = ["2026-11-21", "2000-02-29", "0001-01-01", "9999-12-31", "1999-12-31", "2026-13-01"];
const MOMENTS: [&str; 6] = [
    "2026-11-21T09:00:00Z",
    "2026-11-21T10:00:00+01:00",
    "2026-11-21T09:00:00.0005Z",
    "1969-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59Z",
    "2026-11-21",
];
const WORDS: [&str; 6] = ["sea", "old", "new", "ÉTÉ", "a,b", "x y"];

impl Dice {
    pub(super) fn text(&mut self) -> String {
        let text = (*self.pick(&TEXTS)).to_owned();
        match self.below(10) {
            0 => text + &self.below(5).to_string(),
            1 => text.repeat(20),
            _ => text,
        }
    }

    fn written(&mut self, of: &[&str]) -> Value {
        let text: &str = self.pick::<&str>(of);
        serde_json::from_str(text).unwrap()
    }

    pub(super) fn number(&mut self) -> Value {
        if self.percent(50) { json!(self.below(40)) } else { self.written(&NUMBERS) }
    }

    pub(super) fn integer(&mut self) -> Value {
        if self.percent(70) { json!(self.below(10)) } else { self.written(&INTEGERS) }
    }

    pub(super) fn flag(&mut self) -> Value {
        json!(self.percent(50))
    }

    /// One of several, of which the last one is bad.
    fn mostly(&mut self, of: &[&str]) -> Value {
        let good = if self.percent(95) { of.len() - 1 } else { of.len() };
        json!(self.pick(&of[..good]))
    }

    pub(super) fn day(&mut self) -> Value {
        self.mostly(&DAYS)
    }

    pub(super) fn moment(&mut self) -> Value {
        self.mostly(&MOMENTS)
    }

    pub(super) fn words(&mut self) -> Value {
        let from = self.below(WORDS.len());
        let count = self.below(4);
        WORDS.iter().cycle().skip(from).take(count).map(|it| json!(it)).collect()
    }

    /// One of the words, as it stands in a filter.
    pub(super) fn word(&mut self) -> String {
        (*self.pick(&WORDS)).to_owned()
    }

    /// Any JSON, so many levels deep at most.
    pub(super) fn any(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => self.number(),
            2 => json!(self.text()),
            3 => self.flag(),
            4 => (0..self.below(4)).map(|_| self.any(depth - 1)).collect(),
            _ => {
                let members = (0..self.below(4)).map(|_| (self.text(), self.any(depth - 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The fields of a document, some of them missing; `ids` are of documents to refer to.
    pub(super) fn fields(&mut self, collection: &str, ids: &dyn Fn(&mut Self, &str) -> String) -> Value {
        let mut fields = match collection {
            "places" => self.place(ids),
            "kinds" => self.kinds(ids),
            "pages" => json!({
                "title": self.text(), "code": format!("c{}", self.below(60)), "kind": self.pick(&["a", "b"]),
                "seo": {"title": self.pick(&["short", "long enough"])},
            }),
            "authors" => {
                json!({"name": format!("N{}", self.text()), "bio": self.text(), "email": "a@example.org"})
            }
            "categories" => json!({"name": format!("C{}", self.text()), "description": self.text()}),
            _ => json!({
                "title": format!("T{}", self.text()), "body": format!("b{}", self.text()),
                "author": ids(self, "authors"), "categories": [ids(self, "categories")], "tags": self.words(),
                "featured": self.flag(), "rating": self.number(),
            }),
        };
        let members = fields.as_object_mut().unwrap();
        let is_needed = |name: &str| ["name", "title", "body", "author"].contains(&name);
        members.retain(|name, _| is_needed(name) && !self.percent(3) || self.percent(60));
        if self.percent(2) {
            members.insert("nothing".to_owned(), self.any(1));
        }
        fields
    }

    fn place(&mut self, ids: &dyn Fn(&mut Self, &str) -> String) -> Value {
        json!({
            "name": format!("P{}", self.text()), "people": self.integer(), "height": self.number(),
            "founded": self.day(), "seen": self.moment(), "open": self.flag(), "tags": self.words(),
            "marks": [self.number(), self.number()], "near": [ids(self, "places")], "within": ids(self, "places"),
        })
    }

    fn kinds(&mut self, ids: &dyn Fn(&mut Self, &str) -> String) -> Value {
        json!({
            "text": self.pick(&["ab", "漢字", "nine char", "a"]), "textarea": self.text(), "markdown": self.text(),
            "number": self.number(), "integer": self.integer(), "boolean": self.flag(), "date": self.day(),
            "datetime": self.moment(), "color": self.pick(&["#ABC", "#a1b2c3"]),
            "select": self.pick(&["one", "two"]), "multiselect": ["x", "z"], "tags": self.words(),
            "json": self.any(3), "object": {"depth": self.below(11), "inner": {"word": self.text()}},
            "array": [self.integer(), self.integer()],
            "blocks": [{"type": "quote", "words": format!("w{}", self.text())}, {"type": "image"}],
            "reference": ids(self, "kinds"), "references": [ids(self, "kinds")],
        })
    }
}
