//! `filter[or][0][price][gte]=10`.

use std::collections::BTreeMap;

use stratus_document::{Operand, RawCondition};

use super::{all, is_among};
use crate::{
    problem::{Code, Problem},
    query_string::{Parameter, Params, about},
};

/// What is under one prefix of brackets.
#[derive(Default)]
struct Level {
    tests: Vec<RawCondition>,
    or: BTreeMap<u32, Level>,
    and: BTreeMap<u32, Level>,
    not: Option<Box<Level>>,
}

/// Takes `filter[<path>]=<value>`, `filter[<path>][<operator>]=<value>`, and both under any of
/// `filter[or][<n>]`, `filter[and][<n>]` and `filter[not]`.
///
/// # Errors
///
/// `invalid_parameter`, `repeated_parameter`.
pub(crate) fn take(params: &mut Params) -> Result<Vec<RawCondition>, Problem> {
    let mut top = Level::default();
    for parameter in params.take_tree("filter") {
        top.add(parameter)?;
    }
    Ok(top.conditions())
}

fn malformed() -> Problem {
    let why = "is written `filter[<field>]=<value>` or `filter[<field>][<operator>]=<value>`, \
               or with `[or][<number>]`, `[and][<number>]` or `[not]` in front of the field";
    about(Code::InvalidParameter, "filter", why)
}

impl Level {
    fn add(&mut self, parameter: Parameter) -> Result<(), Problem> {
        let pointer = parameter.key();
        let (mut level, mut at) = (self, 1);
        loop {
            let names = parameter.path.get(at..).unwrap_or_default();
            match names {
                [joint, number, ..] if joint == "or" || joint == "and" => {
                    let of = if joint == "or" { &mut level.or } else { &mut level.and };
                    level = of.entry(index(number).ok_or_else(malformed)?).or_default();
                    at += 2;
                }
                [joint, ..] if joint == "not" => {
                    level = level.not.get_or_insert_default();
                    at += 1;
                }
                [path] => return level.test(path, "eq", parameter.value, pointer),
                [path, operator] => return level.test(path, operator, parameter.value, pointer),
                _ => return Err(malformed()),
            }
        }
    }

    fn test(&mut self, path: &str, operator: &str, value: String, pointer: String) -> Result<(), Problem> {
        if ["or", "and"].contains(&path) {
            return Err(malformed());
        }
        if is_among(&self.tests, path, operator) {
            return Err(about(Code::RepeatedParameter, "filter", "has the same condition twice"));
        }
        self.tests.push(RawCondition::Test {
            path: path.to_owned(),
            operator: operator.to_owned(),
            operand: Operand::Text(value),
            pointer,
        });
        Ok(())
    }

    fn conditions(self) -> Vec<RawCondition> {
        let each =
            |levels: BTreeMap<u32, Self>| levels.into_values().map(|it| all(it.conditions())).collect();
        let mut conditions = self.tests;
        if !self.or.is_empty() {
            conditions.push(RawCondition::Any(each(self.or)));
        }
        if !self.and.is_empty() {
            conditions.push(RawCondition::All(each(self.and)));
        }
        if let Some(level) = self.not {
            conditions.push(RawCondition::Not(Box::new(all(level.conditions()))));
        }
        conditions
    }
}

/// A decimal number without leading zeros.
fn index(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|it| it.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}
