//! From text to a typed query: states, orders, places, and the index that drives it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use stratus_access::TenantId;

use super::{
    Condition, Cursor, CursorKey, DEFAULT_LIMIT, ListParams, ListQuery, MAX_LIMIT, Position, Reach, Sent,
    filter,
};
use crate::{
    collection::Collection,
    document::hex,
    error::{DocumentError, Result},
    physical::{Direction, Index, Key, State, last_direction},
    registry::Registry,
    slug::is_locale,
};

impl State {
    /// Parses the parameter `state`; published is what is meant where nothing is said.
    ///
    /// # Errors
    ///
    /// [`DocumentError::BadParameter`] for any other text.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        match text {
            None | Some("published") => Ok(Self::Published),
            Some("draft") => Ok(Self::Draft),
            Some("trashed") => Ok(Self::Trashed),
            Some(_) => Err(DocumentError::parameter("state", "must be published, draft or trashed")),
        }
    }
}

/// The locale of a request, or the collection's own.
pub(crate) fn locale(collection: &Collection, text: Option<&str>) -> Result<String> {
    let locale = text.unwrap_or_else(|| collection.default_locale());
    if is_locale(locale) {
        Ok(locale.to_owned())
    } else {
        Err(DocumentError::parameter("locale", "must be a locale such as `en`, `pt-BR` or `default`"))
    }
}

impl ListQuery {
    /// Parses the parameters of a list and picks the index that drives it. Cursors are read with the
    /// key of the repository that made them. For callers who may read every collection of the
    /// registry; [`DocumentRepository::query`](crate::DocumentRepository::query) is for any.
    ///
    /// # Errors
    ///
    /// [`DocumentError::BadParameter`], [`DocumentError::BadCursor`], or
    /// [`DocumentError::Unindexed`] when no declared index serves it.
    pub fn parse(
        registry: &Registry,
        tenant: &TenantId,
        collection: &Collection,
        params: &ListParams,
        key: &CursorKey,
    ) -> Result<Self> {
        Self::parse_within(Reach { registry, tenant, closed: &BTreeSet::new() }, collection, params, key)
    }

    /// [`parse`](Self::parse) for someone who may not read every collection.
    pub(crate) fn parse_within(
        reach: Reach<'_>,
        collection: &Collection,
        params: &ListParams,
        key: &CursorKey,
    ) -> Result<Self> {
        let state = State::parse(params.state.as_deref())?;
        let locale = locale(collection, params.locale.as_deref())?;
        let filter = filter::typed(reach, collection, state, &params.filters)?;
        // Bound to what the filter says, and not to the order in which it says so.
        let said = (!params.filters.is_empty()).then(|| filter.canonical());
        let filters = filter.conjuncts();
        let (sort, id_direction) = sort(collection, state, params.sort.as_deref())?;
        let limit = limit(params.limit.as_deref())?;
        let (index, bound) = drive(collection, state, &filters, &sort, id_direction)?;
        // A key that the index answers with one value orders nothing.
        let sort: Vec<_> = sort.into_iter().filter(|(key, _)| !bound.contains(&key.column)).collect();
        let whose = [reach.tenant.as_str(), collection.name(), state.name(), &locale];
        let fingerprint = fingerprint(whose, said.as_deref(), &sort, id_direction);
        let decode = |cursor| Cursor::decode(key, cursor, &fingerprint, &sort);
        let position = match (&params.after, &params.before) {
            (None, None) => Position::Start,
            (Some(text), None) => Position::After(decode(Sent { parameter: "after", text })?),
            (None, Some(text)) => Position::Before(decode(Sent { parameter: "before", text })?),
            (Some(_), Some(_)) => {
                return Err(DocumentError::parameter("before", "can't be combined with `after`"));
            }
        };
        let is_plain = params.filters.is_empty() && params.sort.is_none() && position == Position::Start;
        Ok(Self {
            state,
            locale,
            filters,
            sort,
            id_direction,
            limit,
            position,
            fingerprint,
            index,
            is_plain,
            bound,
            count: params.count,
        })
    }
}

fn limit(text: Option<&str>) -> Result<u32> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let digits = !text.starts_with('0') && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = digits.then(|| text.parse().ok()).flatten().filter(|it| (1..=MAX_LIMIT).contains(it));
    limit.ok_or_else(|| DocumentError::parameter("limit", format!("must be a number from 1 to {MAX_LIMIT}")))
}

type Sort = (Vec<(Key, Direction)>, Direction);

fn sort(collection: &Collection, state: State, text: Option<&str>) -> Result<Sort> {
    let text = text.unwrap_or(if state == State::Published { "-publishedAt" } else { "-updatedAt" });
    let mut keys: Vec<(Key, Direction)> = Vec::new();
    let wrong = |message: String| DocumentError::parameter("sort", message);
    for name in text.split(',') {
        let (bare, direction) = match name.strip_prefix('-') {
            Some(bare) => (bare, Direction::Descending),
            None => (name, Direction::Ascending),
        };
        let field = collection.public_field_at(bare);
        // All rows of a list have one type and, but for drafts, one status: these order nothing.
        if bare == "type" || bare == "status" && state != State::Draft {
            continue;
        }
        let system = Key::system_of(collection.shape(), bare, state);
        if system.is_none() && field.is_none() {
            return Err(wrong(format!("names no field to sort by; there are {}", sortable(collection))));
        }
        let key = system.or_else(|| field.and_then(Key::field));
        let key = key.ok_or_else(|| wrong(format!("`{bare}` has no single value to sort by")))?;
        if keys.iter().any(|(it, _)| it.column == key.column) {
            return Err(wrong(format!("`{bare}` is named twice")));
        }
        keys.push((key, direction));
    }
    // `id` tells every row apart: what stands after it orders nothing.
    match keys.iter().position(|(key, _)| key.name == "id") {
        Some(at) => {
            let id_direction = keys[at].1;
            keys.truncate(at);
            Ok((keys, id_direction))
        }
        None => {
            let id_direction = last_direction(&keys);
            Ok((keys, id_direction))
        }
    }
}

/// Picks the index whose columns are some of the equalities, then exactly the sort keys.
///
/// Returns its name and the columns that it answers with one value.
fn drive(
    collection: &Collection,
    state: State,
    filters: &[Condition],
    sort: &[(Key, Direction)],
    id_direction: Direction,
) -> Result<(String, Vec<String>)> {
    let equal = |column: &str| filters.iter().any(|it| equal_column(it) == Some(column));
    if let Some(index) = collection.indexes().iter().find(|it| it.state == state && it.is_given(&equal)) {
        // One document at most, which is any order.
        let columns =
            index.keys.iter().map(|(key, _)| &key.column).chain(sort.iter().map(|(key, _)| &key.column));
        return Ok((index.name.clone(), columns.cloned().collect()));
    }
    let candidates = collection.indexes().iter().filter(|it| it.state == state && !it.unique);
    let served = candidates.filter_map(|index| Some((index, serves(index, &equal, sort, id_direction)?)));
    let best = served.max_by_key(|(index, bound)| (bound.len(), std::cmp::Reverse(index.keys.len())));
    best.map(|(index, bound)| (index.name.clone(), bound)).ok_or_else(|| {
        if state == State::Trashed {
            let message = "the trash is sorted by `updatedAt` alone".to_owned();
            return unindexed(message);
        }
        if sort.is_empty() || last_direction(sort) != id_direction {
            let message = "`id` alone is no order, and it goes the way of the key before it: leave it out";
            return unindexed(message.to_owned());
        }
        let keys = sort.iter().map(|(key, direction)| match direction {
            Direction::Ascending => format!("\"{}\"", key.name),
            Direction::Descending => format!("\"-{}\"", key.name),
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        unindexed(format!("to sort like this, declare \"indexes\": [[{keys}]]"))
    })
}

fn unindexed(message: String) -> DocumentError {
    DocumentError::Unindexed { parameter: "sort".to_owned(), message }
}

/// The column that a condition gives one value.
fn equal_column(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Test(test) => test.equal_column(),
        _ => None,
    }
}

fn serves(
    index: &Index,
    equal: &dyn Fn(&str) -> bool,
    sort: &[(Key, Direction)],
    id_direction: Direction,
) -> Option<Vec<String>> {
    let bound = index.keys.iter().take_while(|(key, _)| equal(&key.column)).count();
    let (bound, rest) = index.keys.split_at(bound);
    let bound: Vec<String> = bound.iter().map(|(key, _)| key.column.clone()).collect();
    let sort: Vec<_> = sort.iter().filter(|(key, _)| !bound.contains(&key.column)).collect();
    let same_keys = rest.len() == sort.len()
        && rest.iter().zip(&sort).all(|((have, _), (want, _))| have.column == want.column);
    let forward = rest.iter().zip(&sort).all(|((_, have), (_, want))| have == want)
        && last_direction(&index.keys) == id_direction;
    let backward = rest.iter().zip(&sort).all(|((_, have), (_, want))| have.reversed() == *want)
        && last_direction(&index.keys).reversed() == id_direction;
    (same_keys && (forward || backward)).then_some(bound)
}

/// What cursors are bound to: whose documents are listed (the tenant, the collection, the state, the
/// locale), and how.
fn fingerprint(
    whose: [&str; 4],
    filter: Option<&str>,
    sort: &[(Key, Direction)],
    id_direction: Direction,
) -> String {
    let mut text = String::with_capacity(200);
    for part in whose {
        text.push_str(part);
        text.push('|');
    }
    if let Some(filter) = filter {
        text.push_str(filter);
        text.push('|');
    }
    for (key, direction) in sort {
        text.push_str(&key.column);
        text.push_str(direction.sql());
        text.push('|');
    }
    text.push_str(id_direction.sql());
    hex(&Sha256::digest(text.as_bytes())[..8])
}

fn sortable(collection: &Collection) -> String {
    let indexes = collection.indexes().iter().filter(|it| !it.unique && it.state == State::Published);
    let mut names: Vec<_> = indexes.flat_map(|it| &it.keys).map(|(key, _)| key.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
