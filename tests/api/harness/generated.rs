//! Bodies and parameters generated from the OpenAPI documents: every place where a request can hold an id.

use serde_json::{Map, Value, json};

use super::contract::{Document, Operation};

/// Which ids to put in: by the kind of thing, as `employees`.
pub type Ids<'a> = &'a dyn Fn(&str) -> Value;

/// What fills the places of a request.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    /// For the one place that is tried.
    pub tried: Ids<'a>,
    /// For the other ids that the body needs.
    pub own: Ids<'a>,
}

/// The bodies of an operation that hold one tried id each, with the pointer to it.
pub fn bodies(document: &Document, operation: &Operation, filling: Filling<'_>) -> Vec<(String, Value)> {
    let schema = &operation.value["requestBody"]["content"]["application/json"]["schema"];
    if schema.is_null() { Vec::new() } else { tried(document, schema, "body", filling) }
}

/// The query parameters of an operation, by name; true for those that are an id.
pub fn query_parameters(document: &Document, operation: &Operation) -> Vec<(String, bool)> {
    let parameters = operation.value["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| document.resolve(parameter)).filter(|one| one["in"] == "query");
    let named = |one: &Value| one["name"].as_str().unwrap().to_owned();
    let holds_id = |one: &Value| {
        let schema = document.resolve(&one["schema"]);
        branches(document, schema).into_iter().chain([schema]).any(|schema| is_id(schema, &named(one)))
    };
    parameters.map(|one| (named(one), holds_id(one))).collect()
}

/// The kind of thing that a field or parameter of this name refers to. A name that is new here stops the test: somebody
/// has to say what must not be reachable through it.
pub fn kind(name: &str) -> &'static str {
    match name {
        "id" | "subject" | "parent" | "parent_id" | "root" | "after" | "before" => "todos",
        "list" | "list_id" => "lists",
        "assignee" | "assignee_id" => "employees",
        "department" | "department_id" => "departments",
        "workspace" | "workspace_id" => "workspaces",
        other => panic!("nobody knows what the id `{other}` refers to"),
    }
}

/// In version 2 an id shows itself by its format, in version 1 by its name.
fn is_id(schema: &Value, name: &str) -> bool {
    let number = types(schema).contains(&"integer");
    let named = name == "id" || name.ends_with("_id") || ["assignee", "department"].contains(&name);
    schema["format"] == "uuid" || (number && named)
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The branches of a combination, without those that only allow null.
fn branches<'a>(document: &'a Document, schema: &'a Value) -> Vec<&'a Value> {
    let combined = ["oneOf", "anyOf", "allOf"].iter().flat_map(|word| schema[*word].as_array().into_iter().flatten());
    combined.map(|branch| document.resolve(branch)).filter(|branch| branch["type"] != "null").collect()
}

fn tried(document: &Document, schema: &Value, name: &str, filling: Filling<'_>) -> Vec<(String, Value)> {
    let schema = document.resolve(schema);
    let branches = branches(document, schema);
    if !branches.is_empty() {
        return branches.into_iter().flat_map(|branch| tried(document, branch, name, filling)).collect();
    }
    if is_id(schema, name) {
        return vec![(String::new(), (filling.tried)(kind(name)))];
    }
    let items = schema["items"].is_object().then(|| tried(document, &schema["items"], name, filling));
    let items = items.into_iter().flatten().map(|(pointer, item)| (format!("/0{pointer}"), json!([item])));
    let mut found: Vec<_> = items.collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        for (pointer, value) in tried(document, property, name, filling) {
            let mut body = least(document, schema, "body", filling);
            body[name] = value;
            found.push((format!("/{name}{pointer}"), body));
        }
    }
    found
}

/// The smallest value that the schema takes.
fn least(document: &Document, schema: &Value, name: &str, filling: Filling<'_>) -> Value {
    let schema = document.resolve(schema);
    if let Some(branch) = branches(document, schema).first() {
        return least(document, branch, name, filling);
    }
    if is_id(schema, name) {
        return (filling.own)(kind(name));
    }
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return word.clone();
    }
    match types(schema).first() {
        Some(&"object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), least(document, &schema["properties"][name], name, filling));
            let mut object: Map<String, Value> = required.map(field).collect();
            if object.is_empty() && schema["minProperties"] == 1 {
                let flags = schema["properties"].as_object().into_iter().flatten();
                let flag = flags.clone().find(|(name, _)| *name == "completed").expect("a harmless field");
                object.insert(flag.0.clone(), json!(false));
            }
            Value::Object(object)
        }
        Some(&"array") => {
            let least_items = schema["minItems"].as_u64().unwrap_or_default();
            (0..least_items).map(|_| least(document, &schema["items"], name, filling)).collect()
        }
        Some(&"string") => schema["examples"][0].clone(),
        Some(&"integer") => schema["minimum"].clone(),
        Some(&"boolean") => json!(false),
        other => panic!("how is a {other:?} filled in? {schema}"),
    }
}
