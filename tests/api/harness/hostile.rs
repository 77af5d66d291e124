//! Arguments that no honest client sends, made from the schema that they are meant for.

use serde_json::{Map, Value, json};

/// A place in the arguments: where a value can stand, and what the schema says of it.
pub struct Place<'a> {
    /// As a JSON Pointer; the first item of an array stands for all.
    pub pointer: String,
    /// The schema of what stands there.
    pub schema: &'a Value,
}

/// Every place of a schema but the whole of it.
pub fn places(schema: &Value) -> Vec<Place<'_>> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let items = schema["items"].is_object().then(|| ("0", &schema["items"]));
    let below = properties.map(|(name, schema)| (name.as_str(), schema)).chain(items);
    let with_below = |(name, schema)| {
        let deeper = places(schema)
            .into_iter()
            .map(move |Place { pointer, schema }| Place { pointer: format!("/{name}{pointer}"), schema });
        std::iter::once(Place { pointer: format!("/{name}"), schema }).chain(deeper)
    };
    below.flat_map(with_below).collect()
}

/// The smallest arguments that have `value` at a place. Ids that the schema asks for besides are `id`.
pub fn holding(schema: &Value, pointer: &str, value: Value, id: &str) -> Value {
    let Some((name, rest)) = pointer.strip_prefix('/').map(|path| path.split_at(path.find('/').unwrap_or(path.len())))
    else {
        return value;
    };
    if schema["items"].is_object() && name == "0" {
        return json!([holding(&schema["items"], rest, value, id)]);
    }
    let mut object = least(schema, id);
    object[name] = holding(&schema["properties"][name], rest, value, id);
    object
}

/// The smallest value that the schema takes.
fn least(schema: &Value, id: &str) -> Value {
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return word.clone();
    }
    match types(schema).first() {
        Some(&"object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), least(&schema["properties"][name], id));
            Value::Object(required.map(field).collect::<Map<_, _>>())
        }
        Some(&"array") => (0..schema["minItems"].as_u64().unwrap_or(0)).map(|_| least(&schema["items"], id)).collect(),
        Some(&"string") if schema["format"] == "uuid" => json!(id),
        Some(&"string") => schema["examples"][0].clone(),
        Some(&"integer") => schema["minimum"].clone(),
        other => panic!("how is a {other:?} filled in? {schema}"),
    }
}

/// The types that a schema takes; none of them if it does not say.
pub fn types(schema: &Value) -> Vec<&str> {
    let own: Vec<&str> = match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let branches = ["oneOf", "anyOf"].iter().flat_map(|word| schema[*word].as_array().into_iter().flatten());
    own.into_iter().chain(branches.flat_map(types)).collect()
}

/// Whether the type of a value is one that the schema takes.
pub fn takes(schema: &Value, value: &Value) -> bool {
    let of_value: &[&str] = match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(number) if number.is_f64() => &["number"],
        Value::Number(_) => &["number", "integer"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    };
    types(schema).iter().any(|known| of_value.contains(known))
}

/// Values of every type, none of which is what anybody means; `foreign` is an id of somebody else's.
pub fn values(foreign: &str) -> Vec<Value> {
    let deep = (0..90).fold(json!([]), |inner, _| json!([inner]));
    let texts = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "\u{202e}\u{feff}\u{ffff}",
        "' OR 1=1; DROP TABLE todos; --",
        "%s%n{{7*7}}${x}<script>",
        "00000000-0000-0000-0000-000000000000",
        "9999-12-31T23:59:59.999999999-14:00",
        "0000-00-00T99:99:99Z",
        foreign,
    ];
    let numbers = [json!(0), json!(-1), json!(i64::MIN), json!(u64::MAX), json!(0.5), json!(1e308), json!(-0.0)];
    let many: Value = (0..10_000).collect();
    let others = [Value::Null, json!(true), json!("x".repeat(100_000)), json!([]), json!([null]), many, deep];
    let objects = [json!({}), json!({ "\u{0}": { "__proto__": [] } }), json!({ "title": {}, "id": {}, "x": null })];
    texts.map(Value::from).into_iter().chain(numbers).chain(others).chain(objects).collect()
}
