//! One query, asked for page by page, and what the pages must show.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stratus_query_oracle::{Oracle, Query, Reader};

use super::World;
use crate::app::wire::Request;

/// Walks through a list and back, and compares each page with what the oracle expects there.
pub(super) async fn check(
    world: &mut World,
    oracle: &Oracle<'_>,
    query: &Query,
) -> Result<(), TestCaseError> {
    let numbers = oracle.expected(query);
    let shown = |number: &usize| {
        let id = |number| oracle.id(number);
        let fields = oracle.content(*number, query.stage).shown(oracle.docs, *number, &id);
        (id(*number), Value::Object(fields))
    };
    let documents: Vec<(String, Value)> = numbers.iter().map(shown).collect();
    let mut pages: Vec<&[(String, Value)]> = documents.chunks(query.limit as usize).collect();
    if pages.is_empty() {
        pages.push(&[]);
    }
    let asking = Asking { oracle, query, counts: query.counts.then_some(documents.len()) };
    let mut place = None;
    for (at, expected) in pages.iter().enumerate() {
        let page = asking.page(world, place.as_ref(), at).await?;
        prop_assert_eq!(&page.shown, expected, "page {} of {:?}", at, query);
        prop_assert_eq!(page.next.is_some(), at + 1 < pages.len(), "what follows page {} of {:?}", at, query);
        prop_assert_eq!(page.prev.is_some(), at > 0, "what precedes page {} of {:?}", at, query);
        place = page.next.map(|it| ("after", it));
        if at + 1 == pages.len() {
            place = page.prev.map(|it| ("before", it));
        }
    }
    for (at, expected) in pages.iter().enumerate().rev().skip(1) {
        let page = asking.page(world, place.as_ref(), at).await?;
        prop_assert_eq!(&page.shown, expected, "back on page {} of {:?}", at, query);
        prop_assert_eq!(page.prev.is_some(), at > 0, "what precedes page {}, back, of {:?}", at, query);
        prop_assert!(page.next.is_some(), "what follows page {}, back, of {:?}", at, query);
        place = page.prev.map(|it| ("before", it));
    }
    Ok(())
}

/// Where a page begins or ends: the name of the parameter, and the cursor.
type Place = (&'static str, String);

/// What an answer shows: ids with fields, and the way on.
struct Page {
    shown: Vec<(String, Value)>,
    next: Option<String>,
    prev: Option<String>,
}

struct Asking<'a> {
    oracle: &'a Oracle<'a>,
    query: &'a Query,
    /// How many there must be, if that is asked.
    counts: Option<usize>,
}

impl Asking<'_> {
    /// The page with a number, by an address or by a body, in turn: cursors are of both.
    async fn page(
        &self,
        world: &mut World,
        place: Option<&Place>,
        number: usize,
    ) -> Result<Page, TestCaseError> {
        let by_address = if number.is_multiple_of(2) { self.address(place) } else { None };
        let request = by_address.unwrap_or_else(|| self.body(place));
        let request = if self.query.reader == Reader::Admin { request.by_admin() } else { request };
        let answer = world.ask(&request).await?;
        prop_assert_eq!(answer["meta"]["count"].as_u64(), self.counts.map(|it| it as u64), "{}", request);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let documents = answer["data"].as_array().cloned().unwrap_or_default();
        let shown =
            documents.into_iter().map(|mut it| (text(&it["id"]).unwrap_or_default(), it["fields"].take()));
        let (next, prev) = (text(&answer["page"]["next"]), text(&answer["page"]["prev"]));
        Ok(Page { shown: shown.collect(), next, prev })
    }

    /// What is asked beside the filter.
    fn members(&self, place: Option<&Place>) -> Vec<(&'static str, String)> {
        let mut members = vec![("state", self.query.stage.name().to_owned())];
        members.extend(self.query.sort.map(|it| ("sort", it.to_owned())));
        members.extend(self.counts.map(|_| ("count", "exact".to_owned())));
        members.extend(place.cloned());
        members
    }

    fn address(&self, place: Option<&Place>) -> Option<Request> {
        let filter = self.query.filter.brackets(&|number| self.oracle.id(number))?;
        let encoded = |it: &str| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string();
        let mut parameters = vec![format!("limit={}", self.query.limit)];
        parameters.extend(filter.iter().map(|(name, it)| format!("{}={}", encoded(name), encoded(it))));
        parameters.extend(self.members(place).iter().map(|(name, it)| format!("{name}={}", encoded(it))));
        Some(Request::new("GET", &format!("/api/things?{}", parameters.join("&"))))
    }

    fn body(&self, place: Option<&Place>) -> Request {
        let mut members = Map::new();
        members.insert("filter".to_owned(), self.query.filter.json(&|number| self.oracle.id(number)));
        members.insert("limit".to_owned(), json!(self.query.limit));
        let texts = self.members(place).into_iter().map(|(name, it)| (name.to_owned(), json!(it)));
        members.extend(texts);
        Request::new("POST", "/api/things/query").with_json(&Value::Object(members))
    }
}
