//! What holds for every schema, and for those of bodies.

use serde_json::Value;

/// UUIDs have one form; numbers are counts that a double holds exactly, unless a type says more.
pub(super) fn bound(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let kinds = object.get("type").cloned();
            let is = |kind: &str| match &kinds {
                Some(Value::String(one)) => one == kind,
                Some(Value::Array(several)) => several.iter().any(|one| one == kind),
                _ => false,
            };
            if is("integer") {
                object.entry("format").or_insert("int64".into());
                object.entry("minimum").or_insert(0.into());
                object.entry("maximum").or_insert(9_007_199_254_740_991_i64.into());
            }
            if is("string") && object.get("format").is_some_and(|format| format == "uuid") {
                object.insert("minLength".to_owned(), 36.into());
                object.insert("maxLength".to_owned(), 36.into());
                object.insert("pattern".to_owned(), UUID.into());
            }
            object.values_mut().for_each(bound);
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        _ => {}
    }
}

/// Objects of an answer may get further fields, so one may fit several alternatives: a department has all that a tag
/// has. `oneOf` would refuse it.
pub(super) fn overlap(schema: &mut Value) {
    if let Value::Object(object) = schema
        && let Some(Value::Array(alternatives)) = object.get("oneOf")
        && alternatives.iter().filter(|alternative| alternative.get("$ref").is_some()).count() > 1
        && let Some(alternatives) = object.remove("oneOf")
    {
        object.insert("anyOf".to_owned(), alternatives);
    }
}

/// Version 4 or 7.
const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";

/// Objects of a body take no other fields than those that are named.
pub(super) fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
