//! Conditions as SQL: each is true or false, never NULL, so that its negation is what it says.

use stratus_storage::Value;

use super::condition::{Comparison, Condition, Target, Test, Through};
use crate::sql::{Across, Builder, Hop};

/// What the driving index answers: bare, as the planner knows it.
pub(crate) fn answered(sql: &mut Builder, test: &Test) {
    if let Some(key) = test.key() {
        compare(sql, &format!("d.{}", key.column), &test.comparison);
    }
}

/// Whether all of them hold of row `d`.
pub(crate) fn all(sql: &mut Builder, conditions: &[&Condition], across: Across<'_>) {
    sql.halves(conditions, " AND ", &mut |sql, it| condition(sql, it, "d", across));
}

/// `row` is the alias of the document.
fn condition(sql: &mut Builder, condition: &Condition, row: &str, across: Across<'_>) {
    let mut joined = |conditions: &[Condition], joint| {
        sql.halves(conditions, joint, &mut |sql, it| self::condition(sql, it, row, across));
    };
    match condition {
        Condition::Constant(holds) => {
            sql.push(if *holds { "1" } else { "0" });
        }
        Condition::All(conditions) => joined(conditions, " AND "),
        Condition::Any(conditions) => joined(conditions, " OR "),
        Condition::Not(inner) => {
            sql.push("NOT (");
            self::condition(sql, inner, row, across);
            sql.push(")");
        }
        Condition::Test(test) => self::test(sql, test, row),
        Condition::Through(through) => follow(sql, through, across),
    }
}

/// A path along references begins at the row of the list.
fn follow(sql: &mut Builder, through: &Through, across: Across<'_>) {
    let (mut hops, mut through) = (Vec::new(), through);
    let last = loop {
        let Through { field, collection, is_many, .. } = through;
        hops.push(Hop { field, collection, is_many: *is_many });
        match &*through.condition {
            Condition::Through(next) => through = next,
            last => break last,
        }
    };
    sql.follows(&hops, through.state, across, |sql, row| condition(sql, last, row, across));
}

fn test(sql: &mut Builder, test: &Test, row: &str) {
    match &test.target {
        Target::Column(key) => {
            sql.push("(");
            compare(sql, &format!("{row}.{}", key.column), &test.comparison);
            // What is absent compares with nothing.
            sql.push(if key.nullable { ") IS TRUE" } else { ")" });
        }
        Target::Facet { field, column } => {
            let rows =
                format!("document_facets AS f WHERE f.document_id = {row}.pk AND f.field_name = '{field}'");
            one_of(sql, &rows, &format!("f.{column}"), &test.comparison);
        }
        Target::Reference { field } => {
            let rows = format!(
                "document_references AS r WHERE r.from_document_id = {row}.pk AND r.field_name = '{field}'"
            );
            one_of(sql, &rows, "r.to_root_id", &test.comparison);
        }
    }
}

/// Whether one of some rows compares, or, where each of a list is asked for, one with each of it.
fn one_of(sql: &mut Builder, rows: &str, value: &str, comparison: &Comparison) {
    match comparison {
        // The list is taken apart once, and not for each row.
        Comparison::Each { list, count } => {
            sql.push("(SELECT count(DISTINCT ").push(value).push(") FROM ").push(rows);
            sql.push(" AND ").push(value).push(" IN (SELECT value FROM json_each(").bind(list.as_str());
            sql.push("))) = ").bind(*count);
        }
        Comparison::Present => {
            sql.push("EXISTS (SELECT 1 FROM ").push(rows).push(")");
        }
        comparison => {
            sql.push("EXISTS (SELECT 1 FROM ").push(rows).push(" AND ");
            compare(sql, value, comparison);
            sql.push(")");
        }
    }
}

/// A comparison of one value.
fn compare(sql: &mut Builder, with: &str, comparison: &Comparison) {
    let mut operator = |name: &str, value: &Value| {
        sql.push(with).push(name).bind(value.clone());
    };
    match comparison {
        Comparison::Equal(value) => operator(" = ", value),
        Comparison::Less(value) => operator(" < ", value),
        Comparison::AtMost(value) => operator(" <= ", value),
        Comparison::Greater(value) => operator(" > ", value),
        Comparison::AtLeast(value) => operator(" >= ", value),
        Comparison::Between(from, to) => {
            operator(" BETWEEN ", from);
            sql.push(" AND ").bind(to.clone());
        }
        Comparison::Starts(from, to) => {
            operator(" >= ", from);
            sql.push(" AND ").push(with).push(" < ").bind(to.clone());
        }
        Comparison::In(list) => {
            sql.push(with).push(" IN (SELECT value FROM json_each(").bind(list.as_str()).push("))");
        }
        // Of one value: the list has at most it.
        Comparison::Each { list, count } => {
            sql.push("((").push(with).push(" IN (SELECT value FROM json_each(").bind(list.as_str());
            sql.push("))) IS TRUE) = ").bind(*count);
        }
        Comparison::Present => {
            sql.push(with).push(" IS NOT NULL");
        }
        Comparison::Contains(part) => {
            sql.push("instr(").push(with).push(", ").bind(part.as_str()).push(") > 0");
        }
        Comparison::Ends(part) => {
            sql.push("substr(").push(with).push(", length(").push(with).push(") - length(");
            sql.bind(part.as_str());
            let number = sql.bound();
            // An empty part is found behind the last character.
            sql.push(") + 1) = ").again_bound(number);
        }
    }
}
