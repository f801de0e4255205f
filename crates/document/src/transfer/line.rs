//! A line of an import: one document, in the form that an export writes or in the one that people do.

use std::{fmt::Display, str::FromStr};

use serde_json::{Map, Value as Json};
use stratus_access::Entry;
use stratus_storage::{MAX_SAFE_INTEGER, Timestamp, parse_uuid};

use super::strict;
use crate::{
    document::parse_time,
    entries,
    service::Member,
    slug::{is_locale, is_slug},
    validate::{FieldError, pointer, shorten},
};

/// How many permissions of its own a document has at most, as where they are put.
const MAX_PERMISSIONS: usize = 200;
/// The highest version number of a line: far from where the next save could not count on.
const MAX_VERSION: i64 = u32::MAX as i64;

type Fields = Map<String, Json>;

/// A line, taken apart; its fields are not looked into yet.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: Option<String>,
    pub(super) collection: Option<String>,
    pub(super) slug: Member<String>,
    pub(super) locale: Option<String>,
    /// An id or a slug.
    pub(super) parent: Member<String>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) published_at: Member<Timestamp>,
    pub(super) order: Option<i64>,
    pub(super) group: Option<String>,
    pub(super) permissions: Option<Vec<Entry>>,
    pub(super) body: Body,
}

/// What a line says of the rows of its document.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Fields alone: everything that is not mentioned stays as it is, or is as a create makes it.
    Bare(Bare),
    /// The rows, exactly. Without a head of its own the public row is the head.
    Exact { published: Option<Box<RowLine>>, head: Option<Box<RowLine>>, versions: Vec<RowLine> },
}

/// The content of a line as people write it.
#[derive(Clone, Debug)]
pub(super) struct Bare {
    pub(super) fields: Fields,
    pub(super) publish: bool,
    pub(super) publish_at: Member<Timestamp>,
    pub(super) expire_at: Member<Timestamp>,
}

/// One row of an exported document.
#[derive(Clone, Debug)]
pub(super) struct RowLine {
    pub(super) version: Option<i64>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) publish_at: Option<Timestamp>,
    pub(super) expire_at: Option<Timestamp>,
    pub(super) fields: Fields,
    pub(super) slug: Member<String>,
    pub(super) locale: Option<String>,
    /// An id: exports know no slugs here.
    pub(super) parent: Member<String>,
}

/// What can be said of a line that is not right, so that others which refer to it can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Remains {
    pub(super) id: Option<String>,
    pub(super) collection: Option<String>,
    pub(super) slug: Option<String>,
}

impl Line {
    /// Parses a line and checks everything but its fields.
    pub(super) fn parse(text: &str) -> Result<Self, (Vec<FieldError>, Remains)> {
        let members = match strict::parse(text) {
            Ok(Json::Object(members)) => members,
            Ok(_) => {
                let fault = FieldError::new("", "type", "a line is a JSON object");
                return Err((vec![fault], Remains::default()));
            }
            Err(fault) => return Err((vec![fault], Remains::default())),
        };
        let remains = |members: &Fields| {
            let text = |name| members.get(name).and_then(Json::as_str).map(str::to_owned);
            Remains { id: text("id"), collection: text("type"), slug: text("slug") }
        };
        let (id, kind, slug) = (members.get("id"), members.get("type"), members.get("slug"));
        let named = [("id", id), ("type", kind), ("slug", slug)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())))
            .collect::<Fields>();
        let mut taken = Taken { members, at: String::new(), faults: Vec::new() };
        let line = taken.line();
        let faults = taken.finish();
        if faults.is_empty() { Ok(line) } else { Err((faults, remains(&named))) }
    }
}

/// The members of an object, taken one by one; what is left over is unknown.
struct Taken {
    members: Fields,
    at: String,
    faults: Vec<FieldError>,
}

impl Taken {
    fn line(&mut self) -> Line {
        let body = self.body();
        let line = Line {
            id: self.checked("id", |it| parse_uuid(it).is_ok(), "must be the id of a document"),
            collection: self.text("type"),
            slug: self.slug(),
            locale: self.locale(),
            parent: self.nullable("parent", |text| {
                let known = parse_uuid(text).is_ok() || is_slug(text);
                known.then(|| text.to_owned()).ok_or("must be the id or the slug of a document")
            }),
            created_at: self.time("createdAt"),
            published_at: self.nullable("publishedAt", time),
            order: self.integer("order", -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
            group: self.checked("translationGroup", |it| parse_uuid(it).is_ok(), "must be an id"),
            permissions: self.permissions(),
            body,
        };
        self.agree(&line);
        line
    }

    /// What the members say together.
    fn agree(&mut self, line: &Line) {
        let is_public = match &line.body {
            // Without `publish` it may be published already, or not.
            Body::Bare(bare) => bare.publish,
            Body::Exact { published, head, versions } => {
                self.versions(published.as_deref(), head.as_deref(), versions);
                published.is_some()
            }
        };
        if !is_public && matches!(line.published_at, Member::Value(_)) {
            self.fault("/publishedAt", "unpublished", "the line publishes nothing");
        }
        if line.id.is_some() && line.parent == Member::Value(line.id.clone().unwrap_or_default()) {
            self.fault("/parent", "cycle", "a document can't be its own parent");
        }
    }

    /// The head counts highest, and no number is there twice.
    fn versions(&mut self, published: Option<&RowLine>, head: Option<&RowLine>, versions: &[RowLine]) {
        let mut seen = std::collections::BTreeSet::new();
        let highest = head.or(published).and_then(|it| it.version);
        if head.is_some()
            && let Some(version) = published.and_then(|it| it.version)
            && !(highest.is_some_and(|highest| version < highest) && seen.insert(version))
        {
            self.fault("/published/version", "version", "must be below the version of the head");
        }
        for (n, row) in versions.iter().enumerate() {
            let at = format!("/versions/{n}/version");
            match row.version {
                // It may be there and be no number.
                None if self.faults.iter().any(|it| it.pointer == at) => {}
                None => self.fault(at, "required", "`version` is required"),
                Some(version) if highest.is_none_or(|highest| version >= highest) => {
                    self.fault(at, "version", "must be below the version of the head");
                }
                Some(version) if !seen.insert(version) => {
                    self.fault(at, "version", format!("version {version} is there twice"));
                }
                Some(_) => {}
            }
        }
    }

    fn body(&mut self) -> Body {
        if self.members.contains_key("head") || self.members.contains_key("published") {
            return self.exact();
        }
        let bare = Bare {
            fields: self.fields(),
            publish: self.flag("publish"),
            publish_at: self.nullable("publishAt", time),
            expire_at: self.nullable("expireAt", time),
        };
        if let (Member::Value(from), Member::Value(to)) = (&bare.publish_at, &bare.expire_at) {
            self.window(Some(*from), Some(*to));
        }
        Body::Bare(bare)
    }

    fn exact(&mut self) -> Body {
        let published = self.row("published");
        let head = match self.members.get("head") {
            Some(Json::String(same)) if same == "same" => {
                self.members.swap_remove("head");
                if published.is_none() {
                    self.fault("/head", "required", "is `same`, and there is nothing published");
                }
                None
            }
            None => {
                self.fault("/head", "required", "`head` is required beside `published`");
                None
            }
            Some(_) => self.row("head"),
        };
        let versions = match self.members.swap_remove("versions") {
            None => Vec::new(),
            Some(Json::Array(items)) => {
                let rows = items.into_iter().enumerate();
                rows.filter_map(|(n, row)| self.row_of(row, format!("/versions/{n}"))).collect()
            }
            Some(_) => {
                self.fault("/versions", "type", "must be a list");
                Vec::new()
            }
        };
        Body::Exact { published, head, versions }
    }

    fn row(&mut self, name: &str) -> Option<Box<RowLine>> {
        let row = self.members.swap_remove(name)?;
        self.row_of(row, format!("/{name}")).map(Box::new)
    }

    fn row_of(&mut self, row: Json, at: String) -> Option<RowLine> {
        let Json::Object(members) = row else {
            let what = if at == "/head" { "an object, or \"same\"" } else { "an object" };
            self.fault(at, "type", format!("must be {what}"));
            return None;
        };
        let mut taken = Self { members, at, faults: Vec::new() };
        let row = RowLine {
            version: taken.integer("version", 1, MAX_VERSION),
            updated_at: taken.time("updatedAt"),
            publish_at: taken.optional("publishAt", time),
            expire_at: taken.optional("expireAt", time),
            fields: taken.fields(),
            slug: taken.slug(),
            locale: taken.locale(),
            parent: taken.nullable("parent", |text| {
                parse_uuid(text).map(str::to_owned).map_err(|_| "must be the id of a document")
            }),
        };
        taken.window(row.publish_at, row.expire_at);
        self.faults.extend(taken.finish());
        Some(row)
    }

    fn window(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            self.fault_at("expireAt", "too_small", "must be after `publishAt`");
        }
    }

    fn fields(&mut self) -> Fields {
        match self.members.swap_remove("fields") {
            Some(Json::Object(fields)) => return fields,
            Some(_) => self.fault_at("fields", "type", "must be an object"),
            None => self.fault_at("fields", "required", "`fields` is required"),
        }
        Fields::new()
    }

    fn slug(&mut self) -> Member<String> {
        self.nullable("slug", |text| {
            let message = "must be lower-case words of [a-z0-9] joined by dashes, 200 bytes at most";
            is_slug(text).then(|| text.to_owned()).ok_or(message)
        })
    }

    fn locale(&mut self) -> Option<String> {
        self.checked("locale", is_locale, "must be a locale such as `en`, `pt-BR` or `default`")
    }

    fn permissions(&mut self) -> Option<Vec<Entry>> {
        let Json::Array(items) = self.members.swap_remove("permissions")? else {
            self.fault("/permissions", "type", "must be a list");
            return None;
        };
        if items.len() > MAX_PERMISSIONS {
            let message = format!("a document has at most {MAX_PERMISSIONS} entries");
            self.fault("/permissions", "too_many", message);
            return None;
        }
        let mut permissions = Vec::new();
        for (n, item) in items.into_iter().enumerate() {
            let at = format!("/permissions/{n}");
            match item {
                Json::Object(members) => {
                    let mut taken = Self { members, at, faults: Vec::new() };
                    permissions.extend(taken.permission());
                    self.faults.extend(taken.finish());
                }
                _ => self.fault(at, "type", "must be an object"),
            }
        }
        entries::sort(&mut permissions);
        let before = permissions.len();
        permissions.dedup_by(|a, b| entries::order(a) == entries::order(b));
        if permissions.len() < before {
            self.fault("/permissions", "duplicate", "one principal has two entries for one action");
        }
        Some(permissions)
    }

    fn permission(&mut self) -> Option<Entry> {
        let principal = self.part("principal");
        let action = self.part("action");
        let effect = self.part("effect");
        Some(Entry { principal: principal?, action: action?, effect: effect? })
    }

    /// A member of an entry, in its words.
    fn part<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        if !self.members.contains_key(name) {
            self.fault_at(name, "required", format!("`{name}` is required"));
            return None;
        }
        let parsed = self.text(name)?.parse();
        parsed.map_err(|error: T::Err| self.fault_at(name, "format", error.to_string())).ok()
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.checked(name, |_| true, "must be text")
    }

    fn checked(&mut self, name: &str, fits: impl Fn(&str) -> bool, message: &'static str) -> Option<String> {
        match self.members.swap_remove(name)? {
            Json::String(text) if fits(&text) => return Some(text),
            Json::String(_) => self.fault_at(name, "format", message),
            _ => self.fault_at(name, "type", message),
        }
        None
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        match self.nullable(name, time) {
            Member::Value(time) => Some(time),
            Member::Absent => None,
            Member::Null => {
                self.fault_at(name, "type", "must be a moment");
                None
            }
        }
    }

    /// What may as well be `null` as not be there.
    fn optional<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, &'static str>) -> Option<T> {
        match self.nullable(name, read) {
            Member::Value(value) => Some(value),
            Member::Absent | Member::Null => None,
        }
    }

    fn nullable<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, &'static str>) -> Member<T> {
        match self.members.swap_remove(name) {
            None => Member::Absent,
            Some(Json::Null) => Member::Null,
            Some(Json::String(text)) => match read(&text) {
                Ok(value) => Member::Value(value),
                Err(message) => {
                    self.fault_at(name, "format", message);
                    Member::Absent
                }
            },
            Some(_) => {
                self.fault_at(name, "type", "must be text or null");
                Member::Absent
            }
        }
    }

    fn integer(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let number = self.members.swap_remove(name)?;
        let fits = number.as_i64().filter(|it| (least..=most).contains(it));
        if fits.is_none() {
            self.fault_at(name, "type", format!("must be a whole number from {least} to {most}"));
        }
        fits
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.members.swap_remove(name) {
            None => false,
            Some(Json::Bool(flag)) => flag,
            Some(_) => {
                self.fault_at(name, "type", "must be true or false");
                false
            }
        }
    }

    fn fault_at(&mut self, member: &str, code: &'static str, message: impl Into<String>) {
        let at = pointer(&self.at, member);
        self.fault(at, code, message);
    }

    fn fault(&mut self, at: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.faults.push(FieldError::new(at, code, message));
    }

    /// Every fault, the members that are left over among them.
    fn finish(mut self) -> Vec<FieldError> {
        for name in self.members.keys().cloned().collect::<Vec<_>>() {
            let message = format!("there is no member `{}`", shorten(&name));
            self.fault_at(&name, "unknown_member", message);
        }
        self.faults
    }
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    parse_time(text).ok_or("must be a moment such as 2026-11-21T09:30:00Z")
}
