//! From what a client wrote to typed conditions: unknown names are refused, values take the type of
//! their field.

use stratus_storage::Value;

use super::{
    Operand, RawCondition,
    condition::{Comparison, Condition, Target, Test, Through},
    operator::{Kind, OPERATORS, Operator},
    path::{Crossing, Hop, MAX_HOPS, Named, NoPlace, Place, Reach, place, seen_as},
    value::{Operands, Written, facet_column},
};
use crate::{
    collection::{Collection, Field, FieldKind},
    definition::{ColumnType, PARENT_KEY},
    error::{DocumentError, Result},
    physical::{Key, State},
    registry::Registry,
};

/// How many comparisons a filter has at most.
pub const MAX_CONDITIONS: usize = 32;
/// How many references all its paths follow together: each is a look at other documents.
const MAX_ALL_HOPS: usize = 32;
/// How deep `and`, `or` and `not` nest.
const MAX_NESTING: usize = 8;

/// The collections that each path of a filter leads into, in their order.
pub(crate) fn crossings<'a>(
    registry: &'a Registry,
    collection: &'a Collection,
    filters: &'a [RawCondition],
) -> Vec<Crossing<'a>> {
    let mut found = Vec::new();
    let mut left: Vec<&RawCondition> = filters.iter().collect();
    while let Some(condition) = left.pop() {
        match condition {
            RawCondition::All(inner) | RawCondition::Any(inner) => left.extend(inner),
            RawCondition::Not(inner) => left.push(inner),
            RawCondition::Test { path, .. } => found.push(Crossing::of(registry, collection, path)),
        }
    }
    found
}

/// Types a filter: what is returned must hold as a whole.
///
/// # Errors
///
/// [`DocumentError::BadParameter`] and [`DocumentError::Unindexed`].
pub(crate) fn typed(
    reach: Reach<'_>,
    collection: &Collection,
    state: State,
    filters: &[RawCondition],
) -> Result<Condition> {
    let mut typing = Typing { reach, collection, state, tests: 0, hops: 0 };
    Ok(Condition::all(typing.each(filters, 0)?))
}

struct Typing<'a> {
    reach: Reach<'a>,
    collection: &'a Collection,
    state: State,
    tests: usize,
    hops: usize,
}

/// The whole filter, in the words of the request that a pointer is into.
fn whole(pointer: &str) -> &'static str {
    if pointer.starts_with('/') { "/filter" } else { "filter" }
}

impl Typing<'_> {
    fn each(&mut self, conditions: &[RawCondition], depth: usize) -> Result<Vec<Condition>> {
        conditions.iter().map(|it| self.condition(it, depth)).collect()
    }

    fn condition(&mut self, raw: &RawCondition, depth: usize) -> Result<Condition> {
        match raw {
            RawCondition::Test { path, operator, operand, pointer } => {
                if depth > MAX_NESTING {
                    let message = format!("nests `and`, `or` and `not` more than {MAX_NESTING} deep");
                    return Err(DocumentError::parameter(whole(pointer), message));
                }
                self.test(path, operator, operand, pointer)
            }
            RawCondition::All(conditions) => self.each(conditions, depth + 1).map(Condition::all),
            RawCondition::Any(conditions) => self.each(conditions, depth + 1).map(Condition::any),
            RawCondition::Not(condition) => self.condition(condition, depth + 1).map(Condition::negated),
        }
    }

    fn test(&mut self, path: &str, operator: &str, operand: &Operand, pointer: &str) -> Result<Condition> {
        let wrong = |message: String| DocumentError::parameter(pointer, message);
        self.tests += 1;
        if self.tests > MAX_CONDITIONS {
            let message = format!("has more than {MAX_CONDITIONS} conditions");
            return Err(DocumentError::parameter(whole(pointer), message));
        }
        let Place { hops, named } = self.place(path, pointer)?;
        self.hops += hops.len();
        if self.hops > MAX_ALL_HOPS {
            let message = format!("follows more than {MAX_ALL_HOPS} references");
            return Err(DocumentError::parameter(whole(pointer), message));
        }
        let operator = Operator::named(operator)
            .ok_or_else(|| wrong(format!("has an unknown operator; there are {}", OPERATORS.join(", "))))?;
        let operands = Operands { operand, pointer };
        let is_negative = operator.is_negative(&operands)?;
        let state = if hops.is_empty() { self.state } else { seen_as(self.state) };
        let collection = hops.last().map_or(self.collection, |it| it.collection);
        let condition = match named {
            Named::System(key) => system(key, operator, &operands)?,
            Named::Type => one_of_words(operator, &operands, &|it| it == collection.name())?,
            Named::Status => status(state, operator, &operands)?,
            Named::Field { field, is_many } => self::field(field, is_many, operator, &operands)?,
        };
        let through = hops.iter().rev().fold(condition, |condition, hop| self.through(hop, condition));
        Ok(if is_negative { through.negated() } else { through })
    }

    fn place<'p>(&self, path: &'p str, pointer: &str) -> Result<Place<'p>>
    where
        Self: 'p,
    {
        place(self.reach, self.collection, path, self.state).map_err(|error| {
            // The name is not repeated: what is private and what is not there look alike.
            let message = match error {
                NoPlace::Unknown => {
                    format!(
                        "names no field to filter by; there are {}",
                        self.collection.filterable().join(", ")
                    )
                }
                NoPlace::TooFar => format!("follows more than {MAX_HOPS} references in one path"),
            };
            DocumentError::parameter(whole(pointer), message)
        })
    }

    /// What holds of no document holds of none that a reference leads to; and SQLite can't use an index
    /// by its name where it sees that nothing is looked for.
    fn through(&self, hop: &Hop<'_>, condition: Condition) -> Condition {
        if matches!(condition, Condition::Constant(false)) {
            return condition;
        }
        Condition::Through(Through {
            field: hop.field.to_owned(),
            collection: hop.collection.clone(),
            is_many: hop.is_many,
            state: self.state,
            condition: Box::new(condition),
        })
    }
}

fn test(target: Target, comparison: Comparison) -> Condition {
    Condition::Test(Test { target, comparison })
}

fn system(key: Key, operator: Operator, operands: &Operands<'_>) -> Result<Condition> {
    let kind = match (key.name.as_str(), key.column_type) {
        (name, ColumnType::Text) if !["id", PARENT_KEY].contains(&name) => Kind::Text,
        _ => Kind::Ordered,
    };
    operator.applies_to(kind, false, operands)?;
    if operator == Operator::Exists {
        return Ok(match key.name.as_str() {
            // A document at the top has the empty text.
            PARENT_KEY => test(Target::Column(key), Comparison::Equal(Value::from(""))).negated(),
            _ if key.nullable => test(Target::Column(key), Comparison::Present),
            _ => Condition::Constant(true),
        });
    }
    let comparison = operator.comparison(operands, &|operand| operand.of_key(&key))?;
    Ok(test(Target::Column(key), comparison))
}

/// All rows of a list have one type and, but for drafts, one status: a constant.
fn one_of_words(operator: Operator, operands: &Operands<'_>, is: &dyn Fn(&str) -> bool) -> Result<Condition> {
    operator.applies_to(Kind::Word, false, operands)?;
    Ok(Condition::Constant(match operator {
        Operator::Exists => true,
        Operator::In | Operator::Nin => {
            let words = operands.list()?.iter().map(Written::text).collect::<Result<Vec<_>>>()?;
            words.iter().any(|it| is(it))
        }
        _ => is(&operands.one().text()?),
    }))
}

/// All rows of a list have one status, but for drafts: a head is a draft unless it is public as well.
fn status(state: State, operator: Operator, operands: &Operands<'_>) -> Result<Condition> {
    operator.applies_to(Kind::Word, false, operands)?;
    let named = |word: &Written<'_>| {
        let text = word.text()?;
        let states = [State::Published, State::Draft, State::Trashed];
        let named = states.into_iter().find(|it| it.name() == text);
        named.ok_or_else(|| word.wrong("must be published, draft or trashed"))
    };
    // No head has the last: what is in the trash is in no list of drafts.
    let flag = |it: State| match it {
        State::Draft => 0,
        State::Published => 1,
        State::Trashed => 2,
    };
    if operator == Operator::Exists {
        return Ok(Condition::Constant(true));
    }
    // However many words there are, they are one of a few sets, and one parameter.
    let comparison = operator.comparison(operands, &|word| Ok(Value::Integer(flag(named(word)?))))?;
    match state {
        State::Draft => Ok(test(Target::Column(status_key()), comparison)),
        _ => one_of_words(operator, operands, &|it| it == state.name()),
    }
}

fn status_key() -> Key {
    Key {
        name: "status".to_owned(),
        column: "is_published".to_owned(),
        column_type: ColumnType::Integer,
        nullable: false,
        is_time: false,
    }
}

fn field(field: &Field, is_many: bool, operator: Operator, operands: &Operands<'_>) -> Result<Condition> {
    let definition = &field.definition;
    let is_reference = matches!(field.kind, FieldKind::Reference { .. });
    let column = Key::field(field);
    operator.applies_to(Kind::of(definition.kind), is_many, operands)?;
    let indexed = definition.index || definition.unique;
    if !is_reference {
        declared(field, indexed)?;
    }
    let target = match column.filter(|_| indexed) {
        Some(key) => Target::Column(key),
        None if is_reference => Target::Reference { field: field.path.clone() },
        None => Target::Facet { field: field.path.clone(), column: facet_column(field) },
    };
    if operator == Operator::Exists {
        return Ok(test(target, Comparison::Present));
    }
    Ok(test(target, operator.comparison(operands, &|operand| operand.of_field(field))?))
}

/// Fails for what can't be filtered by, naming what to declare.
fn declared(field: &Field, indexed: bool) -> Result<()> {
    let definition = &field.definition;
    if indexed || definition.facet {
        return Ok(());
    }
    let message = if definition.kind.can_be_facet() {
        format!(
            "declare `\"facet\": true` on `{0}` to filter by it, or, where it is no list, `\"index\": true`",
            field.path
        )
    } else {
        format!("`{}` has no single values to filter by, whatever is declared", field.path)
    };
    Err(DocumentError::Unindexed { message })
}
