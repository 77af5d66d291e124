//! Postgres values as JSON: `{"int32": 5}`, `"null"`, and so on, with the names of the WIT.

use serde_json::{Value, json};
use spin_sdk::pg::wit::postgres::{DbValue, Interval, ParameterValue, RangeBoundKind};

type Bound<T> = Option<(T, RangeBoundKind)>;

/// Reads a parameter; nonsense becomes NULL.
pub fn parameter(value: &Value) -> ParameterValue {
    let Some((kind, value)) = value.as_object().and_then(|object| object.iter().next()) else {
        return ParameterValue::DbNull;
    };
    let text = || value.as_str().unwrap_or_default().to_owned();
    let int = || value.as_i64().unwrap_or_default();
    let float = || value.as_f64().unwrap_or_default();
    match kind.as_str() {
        "boolean" => ParameterValue::Boolean(value.as_bool().unwrap_or_default()),
        "int8" => ParameterValue::Int8(int() as i8),
        "int16" => ParameterValue::Int16(int() as i16),
        "int32" => ParameterValue::Int32(int() as i32),
        "int64" => ParameterValue::Int64(int()),
        "floating32" => ParameterValue::Floating32(float() as f32),
        "floating64" => ParameterValue::Floating64(float()),
        "str" => ParameterValue::Str(text()),
        "binary" => ParameterValue::Binary(list(value, |n| n.as_u64().unwrap_or_default() as u8)),
        "date" => ParameterValue::Date((part(value, 0) as i32, part(value, 1) as u8, part(value, 2) as u8)),
        "time" => ParameterValue::Time((
            part(value, 0) as u8,
            part(value, 1) as u8,
            part(value, 2) as u8,
            part(value, 3) as u32,
        )),
        "datetime" => ParameterValue::Datetime((
            part(value, 0) as i32,
            part(value, 1) as u8,
            part(value, 2) as u8,
            part(value, 3) as u8,
            part(value, 4) as u8,
            part(value, 5) as u8,
            part(value, 6) as u32,
        )),
        "timestamp" => ParameterValue::Timestamp(int()),
        "uuid" => ParameterValue::Uuid(text()),
        "jsonb" => ParameterValue::Jsonb(text().into_bytes()),
        "decimal" => ParameterValue::Decimal(text()),
        "range-int32" => ParameterValue::RangeInt32((bound(value, 0, to_i32), bound(value, 1, to_i32))),
        "range-int64" => ParameterValue::RangeInt64((bound(value, 0, to_i64), bound(value, 1, to_i64))),
        "range-decimal" => ParameterValue::RangeDecimal((bound(value, 0, to_text), bound(value, 1, to_text))),
        "array-int32" => ParameterValue::ArrayInt32(list(value, |n| n.as_i64().map(|n| n as i32))),
        "array-int64" => ParameterValue::ArrayInt64(list(value, Value::as_i64)),
        "array-decimal" => ParameterValue::ArrayDecimal(list(value, |n| n.as_str().map(str::to_owned))),
        "array-str" => ParameterValue::ArrayStr(list(value, |n| n.as_str().map(str::to_owned))),
        "interval" => ParameterValue::Interval(Interval {
            micros: part(value, 0),
            days: part(value, 1) as i32,
            months: part(value, 2) as i32,
        }),
        _ => ParameterValue::DbNull,
    }
}

/// Writes a result in the same form.
pub fn result(value: &DbValue) -> Value {
    match value {
        DbValue::Boolean(v) => json!({ "boolean": v }),
        DbValue::Int8(v) => json!({ "int8": v }),
        DbValue::Int16(v) => json!({ "int16": v }),
        DbValue::Int32(v) => json!({ "int32": v }),
        DbValue::Int64(v) => json!({ "int64": v }),
        DbValue::Floating32(v) => json!({ "floating32": v }),
        DbValue::Floating64(v) => json!({ "floating64": v }),
        DbValue::Str(v) => json!({ "str": v }),
        DbValue::Binary(v) => json!({ "binary": v }),
        DbValue::Date(v) => json!({ "date": v }),
        DbValue::Time(v) => json!({ "time": v }),
        DbValue::Datetime((y, mo, d, h, mi, s, ns)) => json!({ "datetime": [y, mo, d, h, mi, s, ns] }),
        DbValue::Timestamp(v) => json!({ "timestamp": v }),
        DbValue::Uuid(v) => json!({ "uuid": v }),
        DbValue::Jsonb(v) => json!({ "jsonb": String::from_utf8_lossy(v) }),
        DbValue::Decimal(v) => json!({ "decimal": v }),
        DbValue::RangeInt32((from, to)) => json!({ "range-int32": [written(from), written(to)] }),
        DbValue::RangeInt64((from, to)) => json!({ "range-int64": [written(from), written(to)] }),
        DbValue::RangeDecimal((from, to)) => json!({ "range-decimal": [written(from), written(to)] }),
        DbValue::ArrayInt32(v) => json!({ "array-int32": v }),
        DbValue::ArrayInt64(v) => json!({ "array-int64": v }),
        DbValue::ArrayDecimal(v) => json!({ "array-decimal": v }),
        DbValue::ArrayStr(v) => json!({ "array-str": v }),
        DbValue::Interval(v) => json!({ "interval": [v.micros, v.days, v.months] }),
        DbValue::DbNull => json!("null"),
        DbValue::Unsupported(v) => json!({ "unsupported": v }),
    }
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(read).collect()
}

fn part(value: &Value, index: usize) -> i64 {
    value.get(index).and_then(Value::as_i64).unwrap_or_default()
}

/// `null` or `[value, inclusive]`.
fn bound<T>(value: &Value, index: usize, read: fn(&Value) -> T) -> Bound<T> {
    let parts = value.get(index)?.as_array()?;
    let kind = match parts.get(1).and_then(Value::as_bool) {
        Some(true) => RangeBoundKind::Inclusive,
        _ => RangeBoundKind::Exclusive,
    };
    Some((read(parts.first()?), kind))
}

fn written<T: Clone + Into<Value>>(bound: &Bound<T>) -> Value {
    match bound {
        Some((value, kind)) => json!([value.clone().into(), matches!(kind, RangeBoundKind::Inclusive)]),
        None => Value::Null,
    }
}

fn to_i32(value: &Value) -> i32 {
    to_i64(value) as i32
}

fn to_i64(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn to_text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
