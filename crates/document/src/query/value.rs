//! The values of filters: text in a URL, JSON in a body, each brought to the type of what it is
//! compared with and to the form in which that is stored.

use std::borrow::Cow;

use serde_json::Value as Json;
use stratus_storage::{MAX_SAFE_INTEGER, Value, parse_uuid};

use super::Operand;
use crate::{
    collection::{Field, FieldKind},
    definition::{ColumnType, FieldType},
    error::{DocumentError, Result},
    physical::{Key, column_type},
    validate::{self, Purpose, normal_number, parse_moment},
};

/// How many items a list has at most.
const MAX_ITEMS: usize = 1_000;

/// What stands behind an operator, and where.
pub(crate) struct Operands<'a> {
    pub(crate) operand: &'a Operand,
    /// Of a parameter its name, of a member of a body a JSON pointer.
    pub(crate) pointer: &'a str,
}

/// One value as it was written.
pub(crate) struct Written<'a> {
    value: Spelt<'a>,
    pointer: Cow<'a, str>,
}

enum Spelt<'a> {
    Text(&'a str),
    Json(&'a Json),
}

impl<'a> Operands<'a> {
    fn wrong(&self, message: &str) -> DocumentError {
        DocumentError::parameter(self.pointer, message)
    }

    /// The one value.
    pub(crate) fn one(&self) -> Written<'a> {
        let value = match self.operand {
            Operand::Text(text) => Spelt::Text(text),
            Operand::Json(json) => Spelt::Json(json),
        };
        Written { value, pointer: self.pointer.into() }
    }

    /// The values of a list: in a URL, joined by commas.
    pub(crate) fn list(&self) -> Result<Vec<Written<'a>>> {
        let items: Vec<_> = match self.operand {
            Operand::Text(text) => {
                if text.split(',').any(str::is_empty) {
                    return Err(self.wrong("has an empty item in its list"));
                }
                let items = text.split(',').map(Spelt::Text);
                items.map(|value| Written { value, pointer: self.pointer.into() }).collect()
            }
            // Its items have places of their own: counted before these are written.
            Operand::Json(Json::Array(items)) if items.len() > MAX_ITEMS => return Err(self.too_many()),
            Operand::Json(Json::Array(items)) => {
                let items = items.iter().enumerate();
                let place = |at: usize| Cow::from(format!("{}/{at}", self.pointer));
                items.map(|(at, item)| Written { value: Spelt::Json(item), pointer: place(at) }).collect()
            }
            Operand::Json(_) => return Err(self.wrong("must be a list")),
        };
        if items.len() > MAX_ITEMS {
            return Err(self.too_many());
        }
        Ok(items)
    }

    fn too_many(&self) -> DocumentError {
        self.wrong(&format!("has more than {MAX_ITEMS} items"))
    }

    /// The values of a list as one JSON text, and how many are different; their order and
    /// repetitions mean nothing.
    pub(crate) fn json_list(&self, typed: &dyn Fn(&Written<'_>) -> Result<Value>) -> Result<(String, u32)> {
        let mut texts = Vec::new();
        for item in self.list()? {
            let json = match typed(&item)? {
                Value::Integer(whole) => Json::from(whole),
                // Equal, and spelt otherwise: negative zero plus zero is zero.
                Value::Real(real) => Json::from(real + 0.0),
                Value::Text(text) => Json::from(text),
                Value::Null | Value::Blob(_) => Json::Null,
            };
            texts.push(json.to_string());
        }
        texts.sort_unstable();
        texts.dedup();
        // As many as there may be are few.
        let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        Ok((format!("[{}]", texts.join(",")), count))
    }

    /// A yes or no.
    pub(crate) fn flag(&self) -> Result<bool> {
        match self.operand {
            Operand::Text(text) if text == "true" => Ok(true),
            Operand::Text(text) if text == "false" => Ok(false),
            Operand::Json(Json::Bool(flag)) => Ok(*flag),
            _ => Err(self.wrong("must be true or false")),
        }
    }
}

impl Written<'_> {
    pub(crate) fn wrong(&self, message: impl Into<String>) -> DocumentError {
        DocumentError::parameter(self.pointer.as_ref(), message)
    }

    /// A text.
    pub(crate) fn text(&self) -> Result<String> {
        let text = match &self.value {
            Spelt::Text(text) => *text,
            Spelt::Json(Json::String(text)) => text.as_str(),
            Spelt::Json(_) => return Err(self.wrong("must be text")),
        };
        // SQLite ends text at a NUL in some functions.
        if text.contains('\0') {
            return Err(self.wrong("must not contain NUL"));
        }
        Ok(text.to_owned())
    }

    /// A value of a system key.
    pub(crate) fn of_key(&self, key: &Key) -> Result<Value> {
        if key.is_time {
            let text = self.text()?;
            let millis = parse_moment(&text).map(Value::Integer);
            return millis.ok_or_else(|| self.wrong("must be a moment, RFC 3339"));
        }
        match key.column_type {
            ColumnType::Integer => self.whole(),
            ColumnType::Text | ColumnType::Real => self.text().map(Value::Text),
        }
    }

    /// A value of a field.
    pub(crate) fn of_field(&self, field: &Field) -> Result<Value> {
        let kind = field.definition.kind;
        if matches!(field.kind, FieldKind::Reference { .. }) {
            let id = self.text()?;
            let is_id = parse_uuid(&id).is_ok();
            return if is_id { Ok(Value::Text(id)) } else { Err(self.wrong("must be the id of a document")) };
        }
        match column_type(field) {
            Some(ColumnType::Integer) if kind == FieldType::Boolean => self.boolean(),
            Some(ColumnType::Integer) => self.whole(),
            Some(ColumnType::Real) => self.real(),
            Some(ColumnType::Text)
                if matches!(kind, FieldType::Date | FieldType::Datetime | FieldType::Color) =>
            {
                self.normal(field)
            }
            _ => self.text().map(Value::Text),
        }
    }

    fn boolean(&self) -> Result<Value> {
        match &self.value {
            Spelt::Text("true") | Spelt::Json(Json::Bool(true)) => Ok(Value::Integer(1)),
            Spelt::Text("false") | Spelt::Json(Json::Bool(false)) => Ok(Value::Integer(0)),
            _ => Err(self.wrong("must be true or false")),
        }
    }

    fn whole(&self) -> Result<Value> {
        let whole = match &self.value {
            Spelt::Text(text) => text.parse::<i64>().ok(),
            Spelt::Json(json) => json.as_number().and_then(normal_number).and_then(|it| it.as_i64()),
        };
        let whole = whole.filter(|it| it.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs());
        whole.map(Value::Integer).ok_or_else(|| self.wrong("must be a whole number"))
    }

    fn real(&self) -> Result<Value> {
        let real = match &self.value {
            Spelt::Text(text) => {
                let is_plain = !text.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                is_plain.then(|| text.parse::<f64>().ok()).flatten()
            }
            Spelt::Json(json) => json.as_number().and_then(|it| it.as_f64()),
        };
        let real = real.filter(|it| it.abs() <= MAX_SAFE_INTEGER as f64);
        real.map(Value::Real).ok_or_else(|| self.wrong("must be a number"))
    }

    /// What has a normal form, in it.
    fn normal(&self, field: &Field) -> Result<Value> {
        let text = self.text()?;
        match validate::value(field, &Json::from(text), Purpose::Default) {
            Ok(Json::String(text)) => Ok(Value::Text(text)),
            Ok(_) => Err(self.wrong("must be text")),
            Err(errors) => {
                Err(self.wrong(errors.into_iter().next().map(|it| it.message).unwrap_or_default()))
            }
        }
    }
}

/// The column of `document_facets` that a field's values are in.
pub(crate) fn facet_column(field: &Field) -> &'static str {
    match column_type(field) {
        Some(ColumnType::Integer | ColumnType::Real) => "value_number",
        _ => "value_text",
    }
}
