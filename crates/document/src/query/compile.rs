//! From a typed query to SQL: one driving index, one statement for each stretch of the order.
//!
//! A page after a cursor is the rows beyond one point of an order. Where the order is uniform and
//! no NULL is in the way, that is one comparison of row values; otherwise it is a few stretches,
//! each a seek: equal in all keys and beyond in the id, then equal in fewer keys and beyond in the
//! next. They go in one batch, in order.

use stratus_access::Action;
use stratus_storage::{Row, Statement, Value};

use super::{Condition, Count, Cursor, ListQuery, Position, Test, predicate};
use crate::{
    collection::Collection,
    document::{COLUMN_COUNT, COLUMNS},
    physical::{Direction, Key},
    sql::{Across, Base, Builder, right_to_read},
};

/// How many index entries a walk looks at.
///
/// Whatever is not a matter of the index is looked at row by row: other conditions, publish
/// windows, the document's own permissions. Without a bound, a caller could ask for the one visible
/// document behind a million that are not.
pub(crate) const MAX_WALK: i64 = 5_000;

/// The statements of one page, and how to read their rows.
///
/// Rows are [`COLUMNS`], then the sort keys; of a count, the number alone. A row without an id says that its walk stopped before
/// the page was full, and where; see [`Plan::is_stop`].
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) statements: Vec<Statement>,
    /// Whether the last statement counts.
    pub(crate) counts: bool,
    /// Rows come last first and are to be turned round.
    pub(crate) reversed: bool,
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

impl Stretch<'_> {
    /// Whether it bounds the first key itself, from below and from above. `first` is the way that
    /// the key goes.
    fn sides(&self, first: Option<Direction>) -> [bool; 2] {
        let beyond = match first {
            Some(Direction::Descending) => [false, true],
            _ => [true, false],
        };
        match self {
            Self::Whole => [false, false],
            Self::Beyond(_) => beyond,
            Self::Split { equal: 0, then: Then::BeyondValue, .. } => beyond,
            Self::Split { equal: 0, then: Then::AllValues, .. } => [true, false],
            // One value, or none.
            Self::Split { .. } => [true, true],
        }
    }
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
    pub(crate) across: Across<'a>,
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
        let statements = order.stretches(&query.position);
        let mut statements: Vec<_> = statements.iter().map(|it| compiler.statement(it)).collect();
        let counts = query.count == Count::Exact;
        if counts {
            statements.push(compiler.count());
        }
        Self { statements, counts, reversed, key_count: order.sort.len() }
    }

    /// Whether a row is no document but the place where a walk stopped.
    pub(crate) fn is_stop(row: Row<'_>) -> stratus_storage::Result<bool> {
        Ok(row.value(0)?.is_null())
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
    /// The conditions that the index answers in a stretch, and the others. It answers equalities of
    /// its first columns, and of the column after them one bound a side, where the stretch itself
    /// has none.
    ///
    /// SQLite enters an index by one value a column, or by one lower and one upper bound: what it
    /// would have to skip entry by entry is looked at row by row, where it counts.
    fn of_index(&self, stretch: &Stretch<'_>) -> (Vec<&Test>, Vec<&Condition>) {
        let first = self.order.sort.first();
        let mut taken = stretch.sides(first.map(|(_, direction)| *direction));
        let mut given: Vec<&str> = Vec::new();
        let (mut answered, mut left) = (Vec::new(), Vec::new());
        for condition in &self.query.filters {
            match condition {
                Condition::Test(test) if self.is_answered(test, &mut given, &mut taken) => {
                    answered.push(test)
                }
                other => left.push(other),
            }
        }
        (answered, left)
    }

    fn is_answered<'t>(&self, test: &'t Test, given: &mut Vec<&'t str>, taken: &mut [bool; 2]) -> bool {
        let Some(key) = test.key() else { return false };
        match (test.equal_column(), test.comparison.side()) {
            (Some(column), _) => {
                let is_first = self.query.bound.contains(&key.column) && !given.contains(&column);
                given.push(column);
                is_first
            }
            (None, Some(side)) => {
                let is_first = self.order.sort.first().is_some_and(|(first, _)| first.column == key.column);
                is_first && !std::mem::replace(&mut taken[side as usize], true)
            }
            (None, None) => false,
        }
    }

    /// The walk is over the index alone; a row is looked at once it is known to be wanted. Where the
    /// walk stops is asked only if the page is not full: until then, the second term costs nothing.
    fn statement(&self, stretch: &Stretch<'_>) -> Statement {
        let text = self.collection.texts().plain_list(self.query.state);
        let mut sql = if self.query.is_plain { Builder::again(text) } else { Builder::default() };
        let (answered, left) = self.of_index(stretch);
        let walk = sql.aside(|sql| {
            self.walk(sql, &answered);
            self.stretch(sql, stretch);
            self.order_by(sql);
        });
        sql.push("SELECT ").push(COLUMNS);
        self.keys(&mut sql, "d", true);
        sql.push(" FROM (SELECT d.pk AS walked").push(&walk);
        sql.push(" LIMIT ").push_number(MAX_WALK).push(") AS w");
        sql.push(" CROSS JOIN documents AS d ON d.pk = w.walked");
        self.residual(&mut sql, &left);
        sql.push(" UNION ALL SELECT NULL, s.root_id");
        for _ in 2..COLUMN_COUNT {
            sql.push(", NULL");
        }
        self.keys(&mut sql, "s", false);
        sql.push(" FROM (SELECT d.root_id AS root_id");
        self.keys(&mut sql, "d", true);
        sql.push(&walk).push(" LIMIT 1 OFFSET ").push_number(MAX_WALK - 1).push(") AS s");
        // One more than the page tells whether there is another.
        sql.push(" LIMIT ").bind(self.query.limit + 1);
        if self.query.is_plain { sql.finish_in(text) } else { sql.finish() }
    }

    /// How many documents there are from one end to the other.
    fn count(&self) -> Statement {
        let mut sql = Builder::default();
        let (answered, left) = self.of_index(&Stretch::Whole);
        sql.push("SELECT count(*) AS count");
        self.walk(&mut sql, &answered);
        self.residual(&mut sql, &left);
        sql.finish()
    }

    /// What is looked at row by row.
    fn residual(&self, sql: &mut Builder, left: &[&Condition]) {
        let across = self.viewer.across;
        sql.window(self.query.state, across.now);
        sql.granted(Base::Of(self.collection), &[self.action], across.rights);
        if !left.is_empty() {
            sql.push(" AND ");
            predicate::all(sql, left, across);
        }
    }

    /// The sort keys as `k0`, `k1`, …: from their columns, or from where they have these names.
    fn keys(&self, sql: &mut Builder, alias: &str, are_columns: bool) {
        for (n, (key, _)) in (0..).zip(&self.order.sort) {
            sql.push(", ").push(alias).push(".");
            if are_columns {
                sql.push(&key.column);
            } else {
                sql.push("k").push_number(n);
            }
            sql.push(" AS k").push_number(n);
        }
    }

    fn order_by(&self, sql: &mut Builder) {
        sql.push(" ORDER BY ");
        for (key, direction) in &self.order.sort {
            sql.push("d.").push(&key.column).push(direction.sql()).push(", ");
        }
        sql.push("d.root_id").push(self.order.id_direction.sql());
    }

    fn walk(&self, sql: &mut Builder, answered: &[&Test]) {
        sql.push(" FROM documents AS d INDEXED BY ").push(&self.query.index).push(" WHERE ");
        sql.rows(self.collection, self.query.state, self.viewer.tenant);
        sql.push(" AND d.locale = ").bind(self.query.locale.as_str());
        for test in answered {
            sql.push(" AND ");
            predicate::answered(sql, test);
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
