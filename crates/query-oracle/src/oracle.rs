//! The naive answer.

use std::cmp::Ordering;

use crate::{Content, Doc, Fate, Filter, Query, Reader, Stage, Test, Val};

/// What a document was given when it was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// Its id, which orders what is equal otherwise.
    pub id: String,
    /// When it was published, in milliseconds, if it is visible.
    pub published_at: Option<i64>,
    /// When its latest version was changed, in milliseconds.
    pub updated_at: i64,
}

/// All documents, each with what it was given.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'a> {
    /// As they were to be made.
    pub docs: &'a [Doc],
    /// As they were, in the same order.
    pub made: &'a [Made],
}

impl<'a> Oracle<'a> {
    /// The numbers of the documents that a list shows, in order.
    pub fn expected(&self, query: &Query) -> Vec<usize> {
        let world = World { oracle: *self, reader: query.reader, stage: query.stage };
        let mut numbers: Vec<usize> = (0..self.docs.len()).filter(|it| world.shows(*it, query)).collect();
        let keys: Vec<(&str, bool)> =
            query.order().split(',').map(|it| (it.trim_start_matches('-'), it.starts_with('-'))).collect();
        let last = keys.last().is_some_and(|(_, descending)| *descending);
        numbers.sort_by(|&a, &b| {
            let compare = |(key, descending): &(&str, bool)| {
                let order = world.key(a, key).partial_cmp(&world.key(b, key)).unwrap_or(Ordering::Equal);
                if *descending { order.reverse() } else { order }
            };
            let ids = self.made[a].id.cmp(&self.made[b].id);
            let order = keys.iter().map(compare).find(|it| it.is_ne());
            order.unwrap_or(if last { ids.reverse() } else { ids })
        });
        numbers
    }

    /// What a list that shows a document shows of it.
    pub fn content(&self, number: usize, stage: Stage) -> &'a Content {
        let doc = &self.docs[number];
        if stage == Stage::Published { &doc.public } else { &doc.head }
    }

    /// The id of a document by its number, nobody's beyond the last.
    pub fn id(&self, number: usize) -> String {
        self.made.get(number).map_or(crate::NOBODY, |it| it.id.as_str()).to_owned()
    }
}

/// The documents as one reader sees them in one list.
struct World<'a> {
    oracle: Oracle<'a>,
    reader: Reader,
    stage: Stage,
}

/// A version, of the document with a number.
#[derive(Clone, Copy)]
struct Seen<'a> {
    number: usize,
    doc: &'a Doc,
    is_head: bool,
}

impl<'a> World<'a> {
    fn shows(&self, number: usize, query: &Query) -> bool {
        let doc = &self.oracle.docs[number];
        let is_head = query.stage != Stage::Published;
        doc.collection == "things"
            && self.is_listed(doc)
            && self.holds(&query.filter, Seen { number, doc, is_head })
    }

    /// Whether the list has the document, whatever it asks for.
    fn is_listed(&self, doc: &Doc) -> bool {
        let is_live = doc.fate != Fate::Trashed;
        let is_there = match self.stage {
            Stage::Published => doc.fate == Fate::Public,
            stage => self.may_update(doc) && is_live == (stage == Stage::Draft),
        };
        is_there && self.may_read(doc)
    }

    /// What a path sees of a document that a reference leads to.
    fn seen(&self, number: usize) -> Option<Seen<'a>> {
        let doc = self.oracle.docs.get(number)?;
        if !self.may_read(doc) || doc.fate == Fate::Trashed {
            return None;
        }
        let is_head = self.stage != Stage::Published && self.may_update(doc);
        (is_head || doc.fate == Fate::Public).then_some(Seen { number, doc, is_head })
    }

    fn may_read(&self, doc: &Doc) -> bool {
        match self.reader {
            Reader::Admin => true,
            Reader::Public if doc.hidden_from_public => false,
            Reader::Editor if doc.hidden_from_editor => false,
            Reader::Public | Reader::Editor => doc.collection != "vault" || doc.shared_with_public,
        }
    }

    fn may_update(&self, doc: &Doc) -> bool {
        match self.reader {
            Reader::Admin => true,
            Reader::Editor => doc.collection == "things" || doc.editable_by_editor,
            Reader::Public => false,
        }
    }

    /// What a document is sorted by.
    fn key(&self, number: usize, key: &str) -> Option<Val> {
        let made = &self.oracle.made[number];
        match key {
            "id" => Some(Val::Text(made.id.clone())),
            "publishedAt" => made.published_at.map(|it| Val::Number(it as f64)),
            "updatedAt" => Some(Val::Number(made.updated_at as f64)),
            key => self.oracle.content(number, self.stage).values(key, self.oracle.docs, number).pop(),
        }
    }

    fn holds(&self, filter: &Filter, seen: Seen<'a>) -> bool {
        match filter {
            Filter::All(filters) => filters.iter().all(|it| self.holds(it, seen)),
            Filter::Any(filters) => filters.iter().any(|it| self.holds(it, seen)),
            Filter::Not(inner) => !self.holds(inner, seen),
            Filter::Test(test) => {
                let (positive, negative) = match test.operator {
                    "ne" => ("eq", true),
                    "nin" | "none" => ("in", true),
                    "any" => ("in", false),
                    "exists" => ("exists", test.args[0] == Val::Flag(false)),
                    other => (other, false),
                };
                self.reaches(&test.hops, test, positive, seen) != negative
            }
        }
    }

    /// Whether one of the documents at the end of the references has such a value.
    fn reaches(&self, hops: &[&str], test: &Test, operator: &str, seen: Seen<'a>) -> bool {
        let Some((hop, rest)) = hops.split_first() else {
            let args: Vec<Val> = test.args.iter().map(|it| self.known(it)).collect();
            return compares(&self.values(test.field, seen), operator, &args);
        };
        self.values(hop, seen).iter().any(|it| {
            let Val::Document(number) = it else { return false };
            self.seen(*number).is_some_and(|next| self.reaches(rest, test, operator, next))
        })
    }

    /// Beyond the last document they are all nobody's.
    fn known(&self, arg: &Val) -> Val {
        match arg {
            Val::Document(number) if *number >= self.oracle.docs.len() => Val::Document(usize::MAX),
            other => other.clone(),
        }
    }

    fn values(&self, field: &str, seen: Seen<'a>) -> Vec<Val> {
        // Between all that they are compared with.
        let now = || vec![Val::Text("2026".to_owned())];
        let Seen { number, doc, is_head } = seen;
        let is_second = is_head && self.has_second(number);
        match field {
            "updatedAt" => now(),
            "publishedAt" if doc.fate == Fate::Draft => Vec::new(),
            "publishedAt" => now(),
            "id" => vec![Val::Document(number)],
            "type" => vec![Val::Text(doc.collection.to_owned())],
            "version" => vec![Val::Number(if is_second { 2.0 } else { 1.0 })],
            "status" => {
                let status = match doc.fate {
                    Fate::Trashed => "trashed",
                    Fate::Draft => "draft",
                    _ if is_second => "draft",
                    _ => "published",
                };
                vec![Val::Text(status.to_owned())]
            }
            field if is_head => doc.head.values(field, self.oracle.docs, number),
            field => doc.public.values(field, self.oracle.docs, number),
        }
    }

    /// Whether the head is another version than the first: wishes may lead to the same documents.
    fn has_second(&self, number: usize) -> bool {
        let Doc { public, head, .. } = &self.oracle.docs[number];
        let written = |it: &Content| it.written(self.oracle.docs, number, &|number| number.to_string());
        written(public) != written(head)
    }
}

fn compares(values: &[Val], operator: &str, args: &[Val]) -> bool {
    let one = |own: &Val| {
        let text = |it: &Val| match it {
            Val::Text(text) => text.clone(),
            _ => String::new(),
        };
        match operator {
            "exists" => true,
            "eq" => *own == args[0],
            "in" => args.contains(own),
            "gt" => *own > args[0],
            "gte" => *own >= args[0],
            "lt" => *own < args[0],
            "lte" => *own <= args[0],
            "between" => *own >= args[0] && *own <= args[1],
            "contains" => text(own).contains(&text(&args[0])),
            "starts" => text(own).starts_with(&text(&args[0])),
            "ends" => text(own).ends_with(&text(&args[0])),
            other => unreachable!("no oracle for {other}"),
        }
    };
    match operator {
        "all" => args.iter().all(|it| values.contains(it)),
        _ => values.iter().any(one),
    }
}
