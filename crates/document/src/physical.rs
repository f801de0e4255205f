//! The physical schema that a collection needs: generated columns and partial indexes.
//!
//! A generated column's name is a function of (path, type) alone, so that collections share it.
//! Indexes belong to one collection and cover published rows or heads, never history.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{
    collection::{Field, FieldKind, Shape},
    definition::{CollectionDefinition, ColumnType, DefinitionError, DefinitionProblem, ORDER_KEY},
};

/// Which rows of a collection a list shows, and an index covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// What the public may see.
    #[default]
    Published,
    /// The head of every live document.
    Draft,
    /// The head of every document in the trash.
    Trashed,
}

impl State {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Draft => "draft",
            Self::Trashed => "trashed",
        }
    }

    /// The rows, as the partial indexes have them. Without an alias: usable in an index.
    pub(crate) fn rows(self) -> &'static str {
        match self {
            Self::Published => "is_published = 1 AND deleted_at IS NULL",
            Self::Draft => "is_current_draft = 1 AND deleted_at IS NULL",
            Self::Trashed => "is_current_draft = 1 AND deleted_at IS NOT NULL",
        }
    }
}

/// Which way a key is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Least first, NULL before everything.
    Ascending,
    /// Greatest first, NULL after everything.
    Descending,
}

impl Direction {
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Ascending => "",
            Self::Descending => " DESC",
        }
    }
}

/// A generated column of `documents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// `q_<path>_<t|i|r>`.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// The JSON path into `data`.
    pub json_path: String,
}

impl Column {
    pub(crate) fn at(path: &str, column_type: ColumnType) -> Self {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let mut name = format!("q_{}_{}", path.to_ascii_lowercase().replace('.', "_"), column_type.letter());
        if !path.bytes().all(plain) {
            // Names of columns know no case: two paths may differ in it alone.
            let _ = write!(name, "_{}", &hex(path.as_bytes())[..4]);
        }
        Self { name, column_type, json_path: format!("$.{path}") }
    }
}

/// Something that lists can be sorted by: a column with what the wire calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// A dotted path, or a system key.
    pub(crate) name: String,
    pub(crate) column: String,
    pub(crate) column_type: ColumnType,
    pub(crate) nullable: bool,
    /// Milliseconds in storage, RFC 3339 on the wire.
    pub(crate) is_time: bool,
}

impl Key {
    /// The system key of a name among documents of a shape, unless one of their fields is meant.
    pub(crate) fn system_of(shape: &Shape, name: &str, state: State) -> Option<Self> {
        let is_field = name == ORDER_KEY && shape.public_field_at(name).is_some();
        Self::system(name, state).filter(|_| !is_field)
    }

    /// The column that a system key stands for among the rows of a state.
    pub(crate) fn system(name: &str, state: State) -> Option<Self> {
        use ColumnType::{Integer, Text};
        let (column, column_type, nullable, is_time) = match (name, state) {
            ("id", _) => ("root_id", Text, false, false),
            ("slug", _) => ("slug", Text, true, false),
            ("locale", _) => ("locale", Text, false, false),
            ("parent", _) => ("parent_root_id", Text, false, false),
            (ORDER_KEY, _) => ("sort_order", Integer, false, false),
            ("version", _) => ("version_number", Integer, false, false),
            ("createdAt", _) => ("created_at", Integer, false, true),
            // Trash stamps both with one moment, and its index is over the other.
            ("updatedAt", State::Trashed) => ("deleted_at", Integer, false, true),
            ("updatedAt", _) => ("updated_at", Integer, false, true),
            ("publishedAt", State::Published) => ("published_at", Integer, false, true),
            ("publishedAt", _) => ("published_at", Integer, true, true),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), column: column.to_owned(), column_type, nullable, is_time })
    }

    pub(crate) fn field(field: &Field) -> Option<Self> {
        let column = Column::at(&field.path, column_type(field)?);
        Some(Self {
            name: field.path.clone(),
            column: column.name,
            column_type: column.column_type,
            nullable: true,
            is_time: false,
        })
    }
}

/// The type of the column over a field's value: of a single reference, its target.
pub(crate) fn column_type(field: &Field) -> Option<ColumnType> {
    match &field.kind {
        FieldKind::Reference { many: false, .. } => Some(ColumnType::Text),
        _ => field.definition.kind.column_type(),
    }
}

/// An index over the rows of one collection in one state.
///
/// Its columns are the tenant, the locale, the keys, and `root_id` in the direction of the last
/// key. A unique one has no `root_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// `ix_<collection>_<state>_<keys>_<8 hex of the definition>`.
    pub name: String,
    /// The whole CREATE INDEX.
    pub sql: String,
    pub(crate) state: State,
    pub(crate) keys: Vec<(Key, Direction)>,
    pub(crate) unique: bool,
}

impl Index {
    /// What lists can be sorted by with it, in its order; nothing, if it holds what is unique.
    pub fn sort_keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|_| !self.unique).map(|(key, _)| key.name.as_str())
    }

    /// The rows that it is over.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its keys as a `sort` spells them.
    pub fn keys(&self) -> Vec<String> {
        let spelt = |(key, direction): &(Key, Direction)| match direction {
            Direction::Ascending => key.name.clone(),
            Direction::Descending => format!("-{}", key.name),
        };
        self.keys.iter().map(spelt).collect()
    }

    /// Whether it holds what is unique, and is no order.
    pub fn is_unique(&self) -> bool {
        self.unique
    }

    fn new(collection: &str, state: State, mut keys: Vec<(Key, Direction)>, unique: bool) -> Self {
        // Walked backwards it is the same index, and new rows go to its end: its pages stay full,
        // where those of a descending one are split in the middle again and again.
        if last_direction(&keys) == Direction::Descending {
            keys.iter_mut().for_each(|(_, direction)| *direction = direction.reversed());
        }
        let mut columns = String::from("tenant_id, locale");
        for (key, direction) in &keys {
            let _ = write!(columns, ", {}{}", key.column, direction.sql());
        }
        if !unique {
            let _ = write!(columns, ", root_id{}", last_direction(&keys).sql());
        }
        // Many documents may have no slug or no value; only values are unique.
        let nullable = keys.iter().filter(|(key, _)| unique && key.nullable);
        let not_null = nullable.map(|(key, _)| format!(" AND {} IS NOT NULL", key.column));
        let rows = format!("type_id = '{collection}' AND {}{}", state.rows(), not_null.collect::<String>());
        let body = format!("ON documents ({columns}) WHERE {rows}");
        let label =
            keys.iter().map(|(key, _)| key.column.trim_start_matches("q_")).collect::<Vec<_>>().join("_");
        let label: String = label.chars().take(40).collect();
        let name = format!(
            "ix_{}_{}_{label}_{}",
            collection.replace('-', "_"),
            if unique { format!("unique_{}", state.name()) } else { state.name().to_owned() },
            &hex(body.as_bytes())[..8]
        );
        let sql = format!("CREATE {}INDEX {name} {body}", if unique { "UNIQUE " } else { "" });
        Self { name, sql, state, keys, unique }
    }
}

impl Index {
    /// Whether it is unique and all its columns have one value: one row, if any.
    pub(crate) fn is_given(&self, equal: &dyn Fn(&str) -> bool) -> bool {
        self.unique && self.keys.iter().all(|(key, _)| equal(&key.column))
    }
}

/// `root_id` follows the last key, so that an index can be walked either way.
pub(crate) fn last_direction(keys: &[(Key, Direction)]) -> Direction {
    keys.last().map_or(Direction::Ascending, |(_, direction)| *direction)
}

/// What a collection needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Physical {
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
}

impl Physical {
    pub(crate) fn of(definition: &CollectionDefinition, shape: &Shape) -> Result<Self, DefinitionError> {
        let mut physical = Self::default();
        let name = definition.name.as_str();
        for (state, key) in
            [(State::Published, "publishedAt"), (State::Draft, "updatedAt"), (State::Trashed, "updatedAt")]
        {
            let keys = Key::system(key, state).map(|key| (key, Direction::Descending));
            physical.indexes.push(Index::new(name, state, keys.into_iter().collect(), false));
        }
        for state in [State::Published, State::Draft] {
            let keys = ["parent", "slug"].iter().filter_map(|key| Key::system(key, state));
            let keys = keys.map(|key| (key, Direction::Ascending)).collect();
            physical.indexes.push(Index::new(name, state, keys, true));
        }
        physical.fields(name, &shape.fields);
        let mut problems = Vec::new();
        for keys in &definition.indexes {
            physical.composite(name, shape, keys, &mut problems);
        }
        if problems.is_empty() { Ok(physical) } else { Err(DefinitionError::new(name, problems)) }
    }

    /// The index that slugs are unique in, and found by.
    pub(crate) fn slug_index(&self, state: State) -> Option<&Index> {
        let is_slug = |it: &&Index| it.keys.last().is_some_and(|(key, _)| key.name == "slug");
        self.indexes.iter().filter(|it| it.unique && it.state == state).find(is_slug)
    }

    fn fields(&mut self, collection: &str, fields: &[Field]) {
        for field in fields {
            let declared = [(field.definition.index, false), (field.definition.unique, true)];
            for (_, unique) in declared.into_iter().filter(|(wanted, _)| *wanted) {
                let Some(key) = Key::field(field) else { continue };
                self.column(field);
                for state in [State::Published, State::Draft] {
                    let keys = vec![(key.clone(), Direction::Ascending)];
                    self.indexes.push(Index::new(collection, state, keys, unique));
                }
            }
            self.fields(collection, field.fields());
        }
    }

    fn column(&mut self, field: &Field) {
        let column = column_type(field).map(|it| Column::at(&field.path, it));
        self.columns.extend(column.filter(|it| !self.columns.contains(it)));
    }

    fn composite(
        &mut self,
        collection: &str,
        shape: &Shape,
        names: &[String],
        problems: &mut Vec<DefinitionProblem>,
    ) {
        for state in [State::Published, State::Draft] {
            let mut keys = Vec::new();
            for name in names {
                let (bare, direction) = match name.strip_prefix('-') {
                    Some(bare) => (bare, Direction::Descending),
                    None => (name.as_str(), Direction::Ascending),
                };
                let field = shape.public_field_at(bare);
                if bare == "id" || keys.iter().any(|(key, _): &(Key, Direction)| key.name == bare) {
                    let message = format!(
                        "`{bare}` once too often: `id` is the last key of every index, others stand once"
                    );
                    problems.push(DefinitionProblem::new("indexes", message));
                    return;
                }
                match Key::system_of(shape, bare, state).or_else(|| field.and_then(Key::field)) {
                    Some(key) => keys.push((key, direction)),
                    None => {
                        let message =
                            format!("`{bare}` is not a field with a single public value, nor a system key");
                        problems.push(DefinitionProblem::new("indexes", message));
                        return;
                    }
                }
                if let Some(field) = field {
                    self.column(field);
                }
            }
            if keys.is_empty() {
                problems.push(DefinitionProblem::new("indexes", "an index without keys"));
                return;
            }
            let index = Index::new(collection, state, keys, false);
            if !self.indexes.contains(&index) {
                self.indexes.push(index);
            }
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
