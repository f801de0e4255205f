//! From a typed query to SQL: one driving index, walked in one statement.
//!
//! A page after a cursor is the rows beyond one point of an order. Where the order is uniform and
//! no NULL is in the way, that is one comparison of row values; otherwise it is a few stretches,
//! each a seek: equal in all keys and beyond in the id, then equal in fewer keys and beyond in the
//! next. They are walked one after the other, and none that comes after the page is full.

use stratus_access::Action;
use stratus_storage::{Limits, Row, Statement, Value};

use super::{Condition, Count, Cursor, ListQuery, Position, Side, Test, predicate};
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
    /// Beyond the cursor, by row value.
    Beyond,
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
            Self::Beyond => beyond,
            Self::Split { equal: 0, then: Then::BeyondValue, .. } => beyond,
            Self::Split { equal: 0, then: Then::AllValues, .. } => [true, false],
            // One value, or none.
            Self::Split { .. } => [true, true],
        }
    }

    /// Whether the first key has no value in it.
    fn is_of_nulls(&self) -> bool {
        matches!(self, Self::Split { equal: 0, then: Then::AllNulls, .. })
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
        let mut statements = vec![compiler.page(&order.stretches(&query.position))];
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
            return vec![Stretch::Beyond];
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
    /// The conditions that the index answers, and the others. It answers equalities of its first
    /// columns, and of the column after them one bound a side.
    ///
    /// SQLite enters an index by one value a column, or by one lower and one upper bound: what it
    /// would have to skip entry by entry is looked at row by row, where it counts.
    fn of_index(&self) -> (Vec<&Test>, Vec<&Condition>) {
        let mut taken = [false, false];
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
    fn page(&self, stretches: &[Stretch<'_>]) -> Statement {
        let text = self.collection.texts().plain_list(self.query.state);
        let mut sql = if self.query.is_plain { Builder::again(text) } else { Builder::default() };
        let (answered, left) = self.of_index();
        let walks = self.walks(&mut sql, stretches, &answered);
        let key_columns = sql.aside(|sql| self.keys(sql, "d", true));
        let key_names = sql.aside(|sql| self.keys(sql, "s", false));
        sql.push("SELECT ").push(COLUMNS).push(&key_columns);
        sql.push(" FROM (").push(&one_after_the_other(&walks, "d.pk AS walked", "s.walked AS walked"));
        sql.push(" LIMIT ").push_number(MAX_WALK).push(") AS w");
        sql.push(" CROSS JOIN documents AS d ON d.pk = w.walked");
        self.residual(&mut sql, &left);
        sql.push(" UNION ALL SELECT NULL, s.root_id");
        for _ in 2..COLUMN_COUNT {
            sql.push(", NULL");
        }
        sql.push(&key_names).push(" FROM (");
        let place = |root: &str, keys: &str| format!("{root} AS root_id{keys}");
        let places = [place("d.root_id", &key_columns), place("s.root_id", &key_names)];
        sql.push(&one_after_the_other(&walks, &places[0], &places[1]));
        sql.push(" LIMIT 1 OFFSET ").push_number(MAX_WALK - 1).push(") AS s");
        // One more than the page tells whether there is another.
        sql.push(" LIMIT ").bind(self.query.limit + 1);
        if self.query.is_plain { sql.finish_in(text) } else { sql.finish() }
    }

    /// The walk of each stretch. What stands in several is bound once: they share one statement's
    /// parameters.
    ///
    /// Where a stretch bounds the first key itself, it is by the cursor, which stands within the
    /// bounds that the index answers: they say nothing more there. And where they are, no value is
    /// none.
    fn walks(&self, sql: &mut Builder, stretches: &[Stretch<'_>], answered: &[&Test]) -> Vec<String> {
        let place = Place::bind(sql, &self.query.position);
        let first = self.order.sort.first().map(|(_, direction)| *direction);
        let says_more = |side: Side| stretches.iter().any(|it| !it.sides(first)[side as usize]);
        let is_range = answered.iter().any(|it| it.comparison.side().is_some());
        let answered = answered.iter().filter(|it| it.comparison.side().is_none_or(says_more));
        let terms = answered.map(|test| {
            let text = sql.aside(|sql| {
                sql.push(" AND ");
                predicate::answered(sql, test);
            });
            (test.comparison.side(), text)
        });
        let terms: Vec<_> = terms.collect();
        let walks = stretches.iter().filter(|it| !(is_range && it.is_of_nulls())).map(|stretch| {
            let sides = stretch.sides(first);
            sql.aside(|sql| {
                self.index(sql);
                for (_, text) in terms.iter().filter(|(side, _)| side.is_none_or(|it| !sides[it as usize])) {
                    sql.push(text);
                }
                self.stretch(sql, stretch, &place);
                self.order_by(sql);
            })
        });
        walks.collect()
    }

    /// How many documents there are from one end to the other.
    fn count(&self) -> Statement {
        let mut sql = Builder::default();
        let (answered, left) = self.of_index();
        sql.push("SELECT count(*) AS count");
        self.index(&mut sql);
        for test in answered {
            sql.push(" AND ");
            predicate::answered(&mut sql, test);
        }
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

    /// The entries of the index, from one end to the other.
    fn index(&self, sql: &mut Builder) {
        sql.push(" FROM documents AS d INDEXED BY ").push(&self.query.index).push(" WHERE ");
        sql.rows(self.collection, self.query.state, self.viewer.tenant);
        sql.push(" AND d.locale = ").locale(&self.query.locale);
    }

    fn stretch(&self, sql: &mut Builder, stretch: &Stretch<'_>, place: &Place) {
        match stretch {
            Stretch::Whole => {}
            Stretch::Beyond => {
                sql.push(" AND (");
                self.order.sort.iter().for_each(|(key, _)| {
                    sql.push("d.").push(&key.column).push(", ");
                });
                sql.push("d.root_id) ").push(beyond(self.order.id_direction)).push(" (");
                for value in &place.values {
                    sql.push(value).push(", ");
                }
                sql.push(&place.id).push(")");
            }
            Stretch::Split { cursor, equal, then } => {
                for (at, (key, _)) in self.order.sort.iter().enumerate().take(*equal) {
                    sql.push(" AND d.").push(&key.column);
                    match &cursor.values[at] {
                        Value::Null => sql.push(" IS NULL"),
                        _ => sql.push(" = ").push(&place.values[at]),
                    };
                }
                self.then(sql, place, *equal, *then);
            }
        }
    }

    fn then(&self, sql: &mut Builder, place: &Place, at: usize, then: Then) {
        let Some((key, direction)) = self.order.sort.get(at) else {
            sql.push(" AND d.root_id ").push(beyond(self.order.id_direction)).push(" ").push(&place.id);
            return;
        };
        sql.push(" AND d.").push(&key.column);
        match then {
            Then::AllValues => sql.push(" >= ").push(key.column_type.least()),
            Then::AllNulls => sql.push(" IS NULL"),
            Then::BeyondValue | Then::Id => {
                sql.push(" ").push(beyond(*direction)).push(" ").push(&place.values[at])
            }
        };
    }
}

/// The placeholders of a cursor's values, bound once for all stretches.
#[derive(Default)]
struct Place {
    /// Of a NULL nothing: it is not compared with.
    values: Vec<String>,
    id: String,
}

impl Place {
    fn bind(sql: &mut Builder, position: &Position) -> Self {
        let cursor = match position {
            Position::Start => return Self::default(),
            Position::After(cursor) | Position::Before(cursor) => cursor,
        };
        let mut bind = |value: &Value| {
            sql.aside(|sql| {
                sql.bind(value.clone());
            })
        };
        let values = cursor.values.iter().map(|it| if it.is_null() { String::new() } else { bind(it) });
        let values = values.collect();
        Self { values, id: bind(&Value::from(cursor.id.as_str())) }
    }
}

/// `select` of the entries of several walks, in their order: SQLite makes each when it is asked for, and
/// begins none after the last that is. `names` are what `select` calls them, in a table `s`. The limits
/// keep orders: SQLite drops those that nothing depends on.
fn one_after_the_other(walks: &[String], select: &str, names: &str) -> String {
    if let [walk] = walks {
        return format!("SELECT {select}{walk}");
    }
    let every = |it: &String| format!("SELECT {names} FROM (SELECT {select}{it} LIMIT {MAX_WALK}) AS s");
    let mut terms: Vec<_> = walks.iter().map(every).collect();
    while terms.len() > Limits::D1.compound_terms {
        let some = terms.chunks(Limits::D1.compound_terms);
        let some =
            some.map(|it| format!("SELECT {names} FROM ({} LIMIT {MAX_WALK}) AS s", it.join(" UNION ALL ")));
        terms = some.collect();
    }
    terms.join(" UNION ALL ")
}

fn beyond(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => ">",
        Direction::Descending => "<",
    }
}
