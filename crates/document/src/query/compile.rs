//! From a typed query to SQL: one driving index, one statement for each stretch of the order.
//!
//! A page after a cursor is the rows beyond one point of an order. Where the order is uniform and
//! no NULL is in the way, that is one comparison of row values; otherwise it is a few stretches,
//! each a seek: equal in all keys and beyond in the id, then equal in fewer keys and beyond in the
//! next. They go in one batch, in order.

use std::fmt::Write as _;

use stratus_access::Action;
use stratus_storage::{Statement, Value};

use super::{Cursor, Filter, ListQuery, Position};
use crate::{
    collection::Collection,
    document::COLUMNS,
    physical::{Direction, Key},
    sql::{Builder, right_to_read},
};

/// How many index entries a walk looks at when it has conditions to check row by row.
pub(crate) const MAX_WALK: i64 = 5_000;

/// The statements of one page, and how to read their rows.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) statements: Vec<Statement>,
    /// Rows come last first and are to be turned round.
    pub(crate) reversed: bool,
    /// Rows end with `ok` and `n`: the walk was bounded.
    pub(crate) bounded: bool,
    pub(crate) key_count: usize,
}

/// One stretch of the order.
enum Stretch<'a> {
    /// All of it.
    Whole,
    /// Beyond a point, by row value.
    Beyond(&'a Cursor),
    /// Equal in the first keys, then beyond in the next; beyond in the id when there is no next.
    Split { cursor: &'a Cursor, equal: usize, then: Then },
}

#[derive(Clone, Copy)]
enum Then {
    Id,
    BeyondValue,
    AllValues,
    AllNulls,
}

pub(crate) struct Viewer<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) principals: &'a str,
    pub(crate) now: i64,
}

impl Plan {
    pub(crate) fn of(collection: &Collection, query: &ListQuery, viewer: &Viewer<'_>) -> Self {
        let reversed = matches!(query.position, Position::Before(_));
        let turn = |direction: Direction| if reversed { direction.reversed() } else { direction };
        let sort: Vec<(Key, Direction)> =
            query.sort.iter().map(|(key, direction)| (key.clone(), turn(*direction))).collect();
        let order = Order { sort, id_direction: turn(query.id_direction) };
        let compiler =
            Compiler { collection, query, viewer, order: &order, action: right_to_read(query.state) };
        let bounded = query.filters.iter().any(|it| !compiler.is_bound(it));
        let statements = order.stretches(&query.position);
        let statements = statements.iter().map(|it| compiler.statement(it, bounded)).collect();
        Self { statements, reversed, bounded, key_count: order.sort.len() }
    }
}

struct Order {
    sort: Vec<(Key, Direction)>,
    id_direction: Direction,
}

impl Order {
    fn stretches<'a>(&self, position: &'a Position) -> Vec<Stretch<'a>> {
        let cursor = match position {
            Position::Start => return vec![Stretch::Whole],
            Position::After(cursor) | Position::Before(cursor) => cursor,
        };
        if self.is_one_comparison(cursor) {
            return vec![Stretch::Beyond(cursor)];
        }
        let mut stretches = vec![Stretch::Split { cursor, equal: self.sort.len(), then: Then::Id }];
        for equal in (0..self.sort.len()).rev() {
            let (key, direction) = &self.sort[equal];
            let then: &[Then] = match (direction, cursor.values[equal].is_null()) {
                (Direction::Ascending, true) => &[Then::AllValues],
                (Direction::Descending, true) => &[],
                (Direction::Descending, false) if key.nullable => &[Then::BeyondValue, Then::AllNulls],
                (_, false) => &[Then::BeyondValue],
            };
            stretches.extend(then.iter().map(|&then| Stretch::Split { cursor, equal, then }));
        }
        stretches
    }

    /// Row values compare as the order does when all keys go one way, no value is NULL, and no
    /// NULL lies beyond: ascending, NULLs are behind.
    fn is_one_comparison(&self, cursor: &Cursor) -> bool {
        self.sort.iter().zip(&cursor.values).all(|((key, direction), value)| {
            *direction == self.id_direction
                && !value.is_null()
                && (*direction == Direction::Ascending || !key.nullable)
        })
    }
}

struct Compiler<'a> {
    collection: &'a Collection,
    query: &'a ListQuery,
    viewer: &'a Viewer<'a>,
    order: &'a Order,
    action: Action,
}

impl Compiler<'_> {
    fn is_bound(&self, filter: &Filter) -> bool {
        matches!(filter, Filter::Column { key, .. } if self.query.bound.contains(&key.column))
    }

    fn statement(&self, stretch: &Stretch<'_>, bounded: bool) -> Statement {
        let mut sql = Builder::default();
        let keys = self.order.sort.iter().enumerate();
        let keys = keys.fold(String::new(), |mut text, (n, (key, _))| {
            let _ = write!(text, ", d.{} AS k{n}", key.column);
            text
        });
        sql.push("SELECT ").push(COLUMNS).push(&keys);
        if bounded {
            sql.push(", w.ok AS ok, w.n AS n FROM (SELECT d.pk AS walked, (");
            self.residual(&mut sql);
            sql.push(") AS ok, row_number() OVER (").push(&self.order_by()).push(") AS n");
            self.walk(&mut sql, stretch);
            sql.push(&format!(" LIMIT {MAX_WALK}) AS w CROSS JOIN documents AS d ON d.pk = w.walked"));
            sql.push(&format!(" WHERE w.ok OR w.n = {MAX_WALK}"));
        } else {
            self.walk(&mut sql, stretch);
        }
        // One more than the page tells whether there is another.
        sql.push(" LIMIT ").bind(self.query.limit + 1);
        sql.finish()
    }

    fn order_by(&self) -> String {
        let keys = self.order.sort.iter().fold(String::from("ORDER BY "), |mut text, (key, direction)| {
            let _ = write!(text, "d.{}{}, ", key.column, direction.sql());
            text
        });
        format!("{keys}d.root_id{}", self.order.id_direction.sql())
    }

    fn walk(&self, sql: &mut Builder, stretch: &Stretch<'_>) {
        sql.push(" FROM documents AS d INDEXED BY ").push(&self.query.index).push(" WHERE ");
        sql.rows(self.collection, self.query.state, self.viewer.tenant);
        sql.push(" AND d.locale = ").bind(self.query.locale.as_str());
        for filter in self.query.filters.iter().filter(|it| self.is_bound(it)) {
            sql.push(" AND ");
            condition(sql, filter);
        }
        self.stretch(sql, stretch);
        sql.window(self.query.state, self.viewer.now);
        sql.granted(self.collection, self.action, self.viewer.principals);
        sql.push(" ").push(&self.order_by());
    }

    fn residual(&self, sql: &mut Builder) {
        for (n, filter) in self.query.filters.iter().filter(|it| !self.is_bound(it)).enumerate() {
            if n > 0 {
                sql.push(" AND ");
            }
            condition(sql, filter);
        }
    }

    fn stretch(&self, sql: &mut Builder, stretch: &Stretch<'_>) {
        match stretch {
            Stretch::Whole => {}
            Stretch::Beyond(cursor) => {
                sql.push(" AND (");
                self.order.sort.iter().for_each(|(key, _)| {
                    sql.push("d.").push(&key.column).push(", ");
                });
                sql.push("d.root_id) ").push(beyond(self.order.id_direction)).push(" (");
                for value in &cursor.values {
                    sql.bind(value.clone()).push(", ");
                }
                sql.bind(cursor.id.as_str()).push(")");
            }
            Stretch::Split { cursor, equal, then } => {
                for ((key, _), value) in self.order.sort.iter().zip(&cursor.values).take(*equal) {
                    sql.push(" AND d.").push(&key.column);
                    match value {
                        Value::Null => sql.push(" IS NULL"),
                        value => sql.push(" = ").bind(value.clone()),
                    };
                }
                self.then(sql, cursor, *equal, *then);
            }
        }
    }

    fn then(&self, sql: &mut Builder, cursor: &Cursor, at: usize, then: Then) {
        let Some((key, direction)) = self.order.sort.get(at) else {
            sql.push(" AND d.root_id ")
                .push(beyond(self.order.id_direction))
                .push(" ")
                .bind(cursor.id.as_str());
            return;
        };
        sql.push(" AND d.").push(&key.column);
        match then {
            Then::AllValues => sql.push(" >= ").push(key.column_type.least()),
            Then::AllNulls => sql.push(" IS NULL"),
            Then::BeyondValue | Then::Id => {
                sql.push(" ").push(beyond(*direction)).push(" ").bind(cursor.values[at].clone())
            }
        };
    }
}

fn beyond(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => ">",
        Direction::Descending => "<",
    }
}

fn condition(sql: &mut Builder, filter: &Filter) {
    match filter {
        Filter::Column { key, value } => {
            sql.push("d.").push(&key.column).push(" = ").bind(value.clone());
        }
        Filter::Facet { field, column, value } => {
            sql.push(
                "EXISTS (SELECT 1 FROM document_facets AS f WHERE f.document_id = d.pk AND f.field_name = '",
            );
            sql.push(field).push("' AND f.").push(column).push(" = ").bind(value.clone()).push(")");
        }
        Filter::Reference { field, target } => {
            sql.push("EXISTS (SELECT 1 FROM document_references AS r WHERE r.from_document_id = d.pk");
            sql.push(" AND r.field_name = '").push(field).push("' AND r.to_root_id = ");
            sql.bind(target.as_str()).push(")");
        }
        Filter::Constant(holds) => {
            sql.push(if *holds { "1" } else { "0" });
        }
    }
}
