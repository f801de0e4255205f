//! The result of one statement.

use crate::{Error, Result, Value};

/// The result of one statement: rows in order, each with `width` cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    width: usize,
    cells: Vec<Value>,
    work: u64,
}

impl Rows {
    /// Rows from their cells, one row after the other.
    ///
    /// `work` is what the backend spent, in its own unit: D1's `rows_read`, SQLite's VM steps.
    pub fn new(width: usize, cells: Vec<Value>, work: u64) -> Self {
        debug_assert!(width == 0 && cells.is_empty() || width != 0 && cells.len().is_multiple_of(width));
        Self { width, cells, work }
    }

    /// What the backend spent on it, in its own unit: D1's `rows_read`, SQLite's VM steps.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// How many bytes its cells take up, about: see [`Value::size`].
    pub fn size(&self) -> usize {
        self.cells.iter().map(Value::size).sum()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The first row, if any.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
        self.cells.chunks_exact(self.width.max(1)).map(|cells| Row { cells })
    }

    /// The rows, in order, to take texts out of.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = RowMut<'_>> + ExactSizeIterator {
        self.cells.chunks_exact_mut(self.width.max(1)).map(|cells| RowMut { cells })
    }
}

/// One row of a result, to take texts out of: they are moved, not copied.
#[derive(Debug)]
pub struct RowMut<'rows> {
    cells: &'rows mut [Value],
}

impl RowMut<'_> {
    /// What has not been taken; what has is empty.
    pub fn as_row(&self) -> Row<'_> {
        Row { cells: self.cells }
    }

    /// Takes the text in a column.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn take_text(&mut self, column: usize) -> Result<String> {
        match self.cells.get_mut(column) {
            Some(Value::Text(text)) => Ok(std::mem::take(text)),
            _ => Err(unexpected(column, "text")),
        }
    }

    /// Takes the text in a column, or `None` for NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn take_optional_text(&mut self, column: usize) -> Result<Option<String>> {
        if self.as_row().value(column)?.is_null() { Ok(None) } else { self.take_text(column).map(Some) }
    }
}

/// One row of a result. Columns are counted from 0, in the order of the SELECT.
#[derive(Clone, Copy, Debug)]
pub struct Row<'rows> {
    cells: &'rows [Value],
}

impl<'rows> Row<'rows> {
    /// Whatever is in it, copied.
    pub fn to_rows(&self) -> Rows {
        Rows { width: self.cells.len(), cells: self.cells.to_vec(), work: 0 }
    }

    /// The cell in a column.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when there is no such column.
    pub fn value(&self, column: usize) -> Result<&'rows Value> {
        self.cells.get(column).ok_or_else(|| unexpected(column, "a column"))
    }

    /// The text in a column.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn text(&self, column: usize) -> Result<&'rows str> {
        self.value(column)?.as_text().ok_or_else(|| unexpected(column, "text"))
    }

    /// The text in a column, or `None` for NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn optional_text(&self, column: usize) -> Result<Option<&'rows str>> {
        if self.value(column)?.is_null() { Ok(None) } else { self.text(column).map(Some) }
    }

    /// The integer in a column.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn integer(&self, column: usize) -> Result<i64> {
        self.value(column)?.as_integer().ok_or_else(|| unexpected(column, "an integer"))
    }

    /// The integer in a column, or `None` for NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is anything else.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>> {
        if self.value(column)?.is_null() { Ok(None) } else { self.integer(column).map(Some) }
    }

    /// The flag in a column: 0 is false, any other integer true.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is not an integer.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.integer(column)? != 0)
    }
}

fn unexpected(column: usize, wanted: &str) -> Error {
    Error::Unexpected { what: format!("column {column} of a result is not {wanted}") }
}
