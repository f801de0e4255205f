//! Values on their way to D1 and back.

use stratus_storage::{Error, MAX_SAFE_INTEGER, Result, Rows, Statement, Value};
use worker::{
    js_sys::{Array, Object, Reflect, Uint8Array},
    wasm_bindgen::{JsCast as _, JsValue},
};

use crate::js::bytes;

/// What a number from JavaScript is: it knows no difference between `3` and `3.0`.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 {
        Value::Integer(value as i64)
    } else {
        Value::Real(value)
    }
}

/// Refuses what D1 would round or turn into NULL.
pub(crate) fn check_value(value: &Value) -> Result<()> {
    match value {
        Value::Integer(value) => Value::integer(*value).map(drop),
        Value::Real(value) if !value.is_finite() => {
            Err(Error::Refused { what: format!("the number {value}: only finite ones can be stored") })
        }
        _ => Ok(()),
    }
}

/// The parameters of a statement, as D1 takes them. Integers go as `f64`, exact within ±(2^53−1).
pub(crate) fn params(statement: &Statement) -> Array {
    statement.params.iter().map(to_js).collect()
}

fn to_js(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Integer(value) => JsValue::from_f64(*value as f64),
        Value::Real(value) => JsValue::from_f64(*value),
        Value::Text(text) => JsValue::from_str(text),
        Value::Blob(bytes) => Uint8Array::from(bytes.as_slice()).into(),
    }
}

/// The rows of one result. Each comes as an object whose members stand in the order of the SELECT,
/// which holds for every name that is not a number.
pub(crate) fn rows(result: &JsValue) -> Result<Rows> {
    let objects = member(result, "results").filter(Array::is_array);
    let objects = objects.ok_or_else(|| unexpected("a result without rows"))?;
    let (mut cells, mut width) = (Vec::new(), 0);
    for object in objects.unchecked_ref::<Array>().iter() {
        if !object.is_object() {
            return Err(unexpected("a row that is no object"));
        }
        let values = Object::values(object.unchecked_ref::<Object>());
        let found = values.length() as usize;
        if found == 0 || (width != 0 && found != width) {
            return Err(unexpected("rows of different widths"));
        }
        width = found;
        for value in values.iter() {
            cells.push(from_js(&value)?);
        }
    }
    Ok(Rows::new(width, cells, work(result)))
}

fn from_js(value: &JsValue) -> Result<Value> {
    if value.is_null() || value.is_undefined() {
        Ok(Value::Null)
    } else if let Some(value) = value.as_f64() {
        Ok(number(value))
    } else if let Some(text) = value.as_string() {
        Ok(Value::Text(text))
    } else if let Some(bytes) = bytes(value) {
        Ok(Value::Blob(bytes))
    } else {
        Err(unexpected("a cell that is no SQL value"))
    }
}

/// D1's `rows_read`.
fn work(result: &JsValue) -> u64 {
    let read = member(result, "meta").and_then(|meta| member(&meta, "rows_read"));
    read.and_then(|it| it.as_f64()).map_or(0, |it| it as u64)
}

/// A member of what should be an object, if it is one and has it.
fn member(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok()
}

pub(crate) fn unexpected(what: &str) -> Error {
    Error::Unexpected { what: format!("D1 answered with {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_integers() {
        let max = MAX_SAFE_INTEGER;
        for (value, expected) in [
            (0.0, Value::Integer(0)),
            (-3.0, Value::Integer(-3)),
            (0.5, Value::Real(0.5)),
            (max as f64, Value::Integer(max)),
            (1e300, Value::Real(1e300)),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn what_d1_would_change_is_refused() {
        assert!(matches!(check_value(&Value::Integer(i64::MAX)), Err(Error::TooLarge { .. })));
        assert!(matches!(check_value(&Value::Real(f64::NAN)), Err(Error::Refused { .. })));
        assert!(check_value(&Value::Integer(-MAX_SAFE_INTEGER)).is_ok());
    }
}
