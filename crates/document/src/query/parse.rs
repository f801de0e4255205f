//! From text to a typed query: unknown names are refused, values take the type of their field.

use std::fmt::Write as _;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use stratus_storage::{MAX_SAFE_INTEGER, Value, parse_uuid};

use super::{
    Comparison, Cursor, CursorKey, DEFAULT_LIMIT, Filter, ListParams, ListQuery, MAX_LIMIT, Position,
    RawFilter,
};
use crate::{
    collection::{Collection, Field, FieldKind},
    definition::{ColumnType, FieldType, ORDER_KEY, PARENT_KEY, SYSTEM_KEYS},
    document::hex,
    error::{DocumentError, Result},
    physical::{Direction, Index, Key, State, column_type, last_direction},
    slug::is_locale,
    validate::{self, Purpose, parse_moment},
};

/// How many conditions a query has at most.
const MAX_FILTERS: usize = 20;

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
    /// key of the repository that made them.
    ///
    /// # Errors
    ///
    /// [`DocumentError::BadParameter`], [`DocumentError::BadCursor`], or
    /// [`DocumentError::Unindexed`] when no declared index serves it.
    pub fn parse(collection: &Collection, params: &ListParams, key: &CursorKey) -> Result<Self> {
        let state = State::parse(params.state.as_deref())?;
        let locale = locale(collection, params.locale.as_deref())?;
        let filters = filters(collection, state, &params.filters)?;
        let (sort, id_direction) = sort(collection, state, params.sort.as_deref())?;
        let limit = limit(params.limit.as_deref())?;
        let (index, bound) = drive(collection, state, &filters, &sort, id_direction)?;
        // A key that the index answers with one value orders nothing.
        let sort: Vec<_> = sort.into_iter().filter(|(key, _)| !bound.contains(&key.column)).collect();
        let fingerprint = fingerprint(collection, state, &locale, &filters, &sort, id_direction);
        let position = match (&params.after, &params.before) {
            (None, None) => Position::Start,
            (Some(text), None) => Position::After(Cursor::decode(key, text, &fingerprint, &sort)?),
            (None, Some(text)) => Position::Before(Cursor::decode(key, text, &fingerprint, &sort)?),
            (Some(_), Some(_)) => {
                return Err(DocumentError::parameter("before", "can't be combined with `after`"));
            }
        };
        let is_plain = filters.is_empty() && params.sort.is_none() && position == Position::Start;
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
        })
    }
}

fn limit(text: Option<&str>) -> Result<u32> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = digits.then(|| text.parse().ok()).flatten().filter(|it| (1..=MAX_LIMIT).contains(it));
    limit.ok_or_else(|| DocumentError::parameter("limit", format!("must be a number from 1 to {MAX_LIMIT}")))
}

fn filters(collection: &Collection, state: State, raw: &[RawFilter]) -> Result<Vec<Filter>> {
    if raw.len() > MAX_FILTERS {
        return Err(DocumentError::parameter("filter", format!("at most {MAX_FILTERS} conditions")));
    }
    raw.iter().map(|it| filter(collection, state, it)).collect()
}

fn filter(collection: &Collection, state: State, raw: &RawFilter) -> Result<Filter> {
    let parameter = || format!("filter[{}]", raw.field);
    if raw.value.contains('\0') {
        return Err(DocumentError::parameter(parameter(), "must not contain NUL"));
    }
    let key = Key::system_of(collection.shape(), &raw.field, state);
    let field = collection.public_values_at(&raw.field);
    let known = key.is_some() || field.is_some() || raw.field == "status" || raw.field == "type";
    if !known {
        // The name is not repeated: what is private and what is not there look alike.
        let message = format!("names no field to filter by; there are {}", filterable(collection));
        return Err(DocumentError::parameter("filter", message));
    }
    let comparison = Comparison::named(&raw.operator).ok_or_else(|| {
        DocumentError::parameter(parameter(), "has an unknown operator; there are eq, gt, gte, lt and lte")
    })?;
    if comparison != Comparison::Equal && !has_order(key.as_ref(), field) {
        return Err(DocumentError::parameter(parameter(), "has no order; there is `eq`"));
    }
    match (key, field) {
        (Some(key), _) => system_filter(key, comparison, &raw.value),
        (None, Some(field)) => field_filter(field, comparison, &raw.value),
        // All rows of a list have one type and, but for a draft that is public as well, one status.
        (None, None) if raw.field == "type" => Ok(Filter::Constant(raw.value == collection.name())),
        (None, None) => {
            let key = Key {
                name: "status".to_owned(),
                column: "is_published".to_owned(),
                column_type: ColumnType::Integer,
                nullable: false,
                is_time: false,
            };
            match (raw.value.as_str(), state) {
                ("published" | "draft", State::Draft) => {
                    Ok(Filter::Column { key, comparison, value: Value::from(raw.value == "published") })
                }
                ("published" | "draft" | "trashed", _) => Ok(Filter::Constant(raw.value == state.name())),
                _ => Err(DocumentError::parameter(parameter(), "must be published, draft or trashed")),
            }
        }
    }
}

/// Whether more and less mean something of the values.
fn has_order(key: Option<&Key>, field: Option<&Field>) -> bool {
    let of_field = |field: &Field| {
        let is_reference = matches!(field.kind, FieldKind::Reference { .. });
        !is_reference && field.definition.kind != FieldType::Boolean
    };
    key.is_some() || field.is_some_and(of_field)
}

fn system_filter(key: Key, comparison: Comparison, text: &str) -> Result<Filter> {
    let parameter = format!("filter[{}]", key.name);
    let value = if key.is_time {
        let millis = parse_moment(text);
        millis
            .map(Value::Integer)
            .ok_or_else(|| DocumentError::parameter(parameter, "must be a moment, RFC 3339"))?
    } else if key.column_type == ColumnType::Integer {
        integer(text).ok_or_else(|| DocumentError::parameter(parameter, "must be a whole number"))?
    } else {
        Value::from(text)
    };
    Ok(Filter::Column { key, comparison, value })
}

fn field_filter(field: &Field, comparison: Comparison, text: &str) -> Result<Filter> {
    let definition = &field.definition;
    let wrong = |message: &str| DocumentError::parameter(format!("filter[{}]", field.path), message);
    if matches!(field.kind, FieldKind::Reference { .. }) {
        if parse_uuid(text).is_err() {
            return Err(wrong("must be the id of a document"));
        }
        return Ok(match Key::field(field).filter(|_| definition.index) {
            Some(key) => Filter::Column { key, comparison, value: Value::from(text) },
            None => Filter::Reference { field: field.path.clone(), target: text.to_owned() },
        });
    }
    let indexed = definition.index || definition.unique;
    if !indexed && !definition.facet && !definition.kind.can_be_facet() {
        return Err(DocumentError::Unindexed {
            message: format!("`{}` has no single values to filter by, whatever is declared", field.path),
        });
    }
    if !indexed && !definition.facet {
        return Err(DocumentError::Unindexed {
            message: format!(
                "declare `\"facet\": true` on `{0}` to filter by it, or, where it is no list, `\"index\": true`",
                field.path
            ),
        });
    }
    let value = typed(field, text).map_err(|message| wrong(&message))?;
    match Key::field(field).filter(|_| indexed) {
        Some(key) => Ok(Filter::Column { key, comparison, value }),
        None => {
            let column = if matches!(value, Value::Text(_)) { "value_text" } else { "value_number" };
            Ok(Filter::Facet { field: field.path.clone(), column, comparison, value })
        }
    }
}

/// A value of the field's type, in the form in which values are stored.
fn typed(field: &Field, text: &str) -> Result<Value, String> {
    match column_type(field) {
        Some(ColumnType::Integer) if field.definition.kind == FieldType::Boolean => match text {
            "true" => Ok(Value::Integer(1)),
            "false" => Ok(Value::Integer(0)),
            _ => Err("must be true or false".to_owned()),
        },
        Some(ColumnType::Integer) => integer(text).ok_or_else(|| "must be a whole number".to_owned()),
        Some(ColumnType::Real) => {
            let plain = !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            let real = plain.then(|| text.parse::<f64>().ok()).flatten();
            let real = real.filter(|it| it.abs() <= MAX_SAFE_INTEGER as f64);
            real.map(Value::Real).ok_or_else(|| "must be a number".to_owned())
        }
        Some(ColumnType::Text)
            if matches!(field.definition.kind, FieldType::Date | FieldType::Datetime | FieldType::Color) =>
        {
            let normal = validate::value(field, &Json::from(text), Purpose::Default);
            match normal {
                Ok(Json::String(text)) => Ok(Value::Text(text)),
                Ok(_) => Err("must be text".to_owned()),
                Err(errors) => Err(errors.into_iter().next().map(|it| it.message).unwrap_or_default()),
            }
        }
        _ => Ok(Value::from(text)),
    }
}

fn integer(text: &str) -> Option<Value> {
    text.parse::<i64>()
        .ok()
        .filter(|it| it.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs())
        .map(Value::Integer)
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
    filters: &[Filter],
    sort: &[(Key, Direction)],
    id_direction: Direction,
) -> Result<(String, Vec<String>)> {
    let equal = |column: &str| filters.iter().any(|it| it.equal_column() == Some(column));
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
            return DocumentError::Unindexed { message };
        }
        if sort.is_empty() || last_direction(sort) != id_direction {
            let message = "`id` alone is no order, and it goes the way of the key before it: leave it out";
            return DocumentError::Unindexed { message: message.to_owned() };
        }
        let keys = sort.iter().map(|(key, direction)| match direction {
            Direction::Ascending => format!("\"{}\"", key.name),
            Direction::Descending => format!("\"-{}\"", key.name),
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        DocumentError::Unindexed { message: format!("to sort like this, declare \"indexes\": [[{keys}]]") }
    })
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

fn fingerprint(
    collection: &Collection,
    state: State,
    locale: &str,
    filters: &[Filter],
    sort: &[(Key, Direction)],
    id_direction: Direction,
) -> String {
    let mut text = String::with_capacity(200);
    for part in [collection.name(), state.name(), locale] {
        text.push_str(part);
        text.push('|');
    }
    for filter in filters {
        // Debug output is a fine serialisation here: a program that formats otherwise refuses the
        // cursors of another one instead of misreading them.
        let _ = write!(text, "{filter:?}|");
    }
    for (key, direction) in sort {
        text.push_str(&key.column);
        text.push_str(direction.sql());
        text.push('|');
    }
    text.push_str(id_direction.sql());
    hex(&Sha256::digest(text.as_bytes())[..8])
}

fn filterable(collection: &Collection) -> String {
    let mut names = Vec::new();
    for field in collection.fields().iter().filter(|it| !it.definition.private) {
        filterable_in(field, &mut names);
    }
    if !names.contains(&ORDER_KEY) {
        names.push(ORDER_KEY);
    }
    names.into_iter().chain(SYSTEM_KEYS).chain([PARENT_KEY]).collect::<Vec<_>>().join(", ")
}

fn filterable_in<'f>(field: &'f Field, names: &mut Vec<&'f str>) {
    let definition = &field.definition;
    let is_reference = matches!(field.kind, FieldKind::Reference { .. });
    if definition.index || definition.unique || definition.facet || is_reference {
        names.push(&field.path);
    }
    match &field.kind {
        FieldKind::Object(shape) => shape.fields.iter().for_each(|it| filterable_in(it, names)),
        FieldKind::Array(item) => filterable_in(item, names),
        FieldKind::Blocks(blocks) => {
            blocks.values().flat_map(|shape| &shape.fields).for_each(|it| filterable_in(it, names));
        }
        _ => {}
    }
}

fn sortable(collection: &Collection) -> String {
    let indexes = collection.indexes().iter().filter(|it| !it.unique && it.state == State::Published);
    let mut names: Vec<_> = indexes.flat_map(|it| &it.keys).map(|(key, _)| key.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
