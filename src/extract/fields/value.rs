//! The values of fields: each parser gets a value and its pointer.

use serde_json::Value;
use todo_core::domain::id::Id;
use todo_core::domain::instant::Instant;
use todo_core::domain::text::TextError;
use todo_core::error::Fault;

/// A JSON string, as it is.
pub fn string(value: Value, pointer: &str) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(pointer, "a string", &other)),
    }
}

/// A JSON boolean.
pub fn boolean(value: Value, pointer: &str) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| wrong_type(pointer, "true or false", &value))
}

/// A positive JSON integer.
pub fn integer(value: Value, pointer: &str) -> Result<i64, Fault> {
    match value.as_i64() {
        Some(number) if number >= 1 => Ok(number),
        Some(_) => Err(Fault::at(pointer, "out_of_range", "must be at least 1")),
        None => Err(wrong_type(pointer, "an integer", &value)),
    }
}

/// A JSON number.
pub fn number(value: Value, pointer: &str) -> Result<f64, Fault> {
    value.as_f64().ok_or_else(|| wrong_type(pointer, "a number", &value))
}

/// A JSON array with at most so many items.
pub fn array(value: Value, pointer: &str, at_most: usize) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(items) if items.len() <= at_most => Ok(items),
        Value::Array(_) => Err(Fault::at(pointer, "too_many", format!("must have at most {at_most} items"))),
        other => Err(wrong_type(pointer, "an array", &other)),
    }
}

/// A string that `parse` sanitises and checks.
pub fn text<T>(parse: impl FnOnce(&str) -> Result<T, TextError>) -> impl FnOnce(Value, &str) -> Result<T, Fault> {
    move |value, pointer| {
        let text = string(value, pointer)?;
        parse(&text).map_err(|error| Fault::at(pointer, error.code, error.detail))
    }
}

/// One of several words.
pub fn word<T>(parse: impl Fn(&str) -> Option<T>, words: &str) -> impl Fn(Value, &str) -> Result<T, Fault> {
    move |value, pointer| {
        let text = string(value, pointer)?;
        parse(&text).ok_or_else(|| Fault::at(pointer, "invalid_value", format!("must be one of {words}")))
    }
}

/// An RFC 3339 instant.
pub fn instant(value: Value, pointer: &str) -> Result<Instant, Fault> {
    let text = string(value, pointer)?;
    Instant::parse(&text).map_err(|error| Fault::at(pointer, error.code, error.detail))
}

/// A UUID.
pub fn uuid(value: Value, pointer: &str) -> Result<Id, Fault> {
    let text = string(value, pointer)?;
    Id::parse_uuid(&text).ok_or_else(|| Fault::at(pointer, "invalid_format", "must be a UUID of version 4 or 7"))
}

/// An integer id.
pub fn serial(value: Value, pointer: &str) -> Result<Id, Fault> {
    integer(value, pointer).map(Id::Serial)
}

/// A value of another type.
pub(super) fn wrong_type(pointer: &str, expected: &str, got: &Value) -> Fault {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Fault::at(pointer, "type", format!("must be {expected}, not {got}"))
}
