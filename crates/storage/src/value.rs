//! A value as SQLite stores it.

use crate::{Error, Result};

/// The largest integer that every backend hands through unchanged: 2^53−1.
///
/// D1 passes integers through JavaScript numbers and rounds silently above it.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// A value as SQLite stores it: a bound parameter or a cell of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer within ±[`MAX_SAFE_INTEGER`].
    Integer(i64),
    /// A finite floating-point number.
    Real(f64),
    /// UTF-8 text without NUL.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// An integer, if every backend can hand it through unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] outside ±[`MAX_SAFE_INTEGER`].
    pub fn integer(value: i64) -> Result<Self> {
        if (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&value) {
            Ok(Self::Integer(value))
        } else {
            Err(Error::TooLarge { what: format!("the integer {value} (limit ±{MAX_SAFE_INTEGER})") })
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one. A whole number that a backend returned as a real counts.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Real(value) if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 => {
                Some(*value as i64)
            }
            _ => None,
        }
    }

    /// The number, if it is one. Backends differ in whether a whole number comes back as a real.
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Self::Real(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// How many bytes it takes up, about: those of its text, or 8.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            Self::Null | Self::Integer(_) | Self::Real(_) => 8,
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
