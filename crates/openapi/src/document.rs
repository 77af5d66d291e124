//! A whole document, put together from its parts.

use serde_json::{Map, Value, json};
use todo_api::route::Version;

use super::operation::Operation;
use super::schema::Schemas;
use super::{failure, header, parameter};

/// What the two documents differ in, besides their operations.
pub struct Parts {
    /// Which.
    pub version: Version,
    /// `info.version`.
    pub number: &'static str,
    /// `info.description`, in Markdown.
    pub description: &'static str,
    /// Groups of operations: name and description.
    pub tags: &'static [(&'static str, &'static str)],
    /// All operations.
    pub operations: Vec<Operation>,
    /// The schemas of their bodies and answers.
    pub schemas: Schemas,
}

/// The document.
pub fn document(parts: Parts) -> Value {
    let Parts { version, number, description, tags, operations, schemas } = parts;
    let codes: Vec<&str> = operations.iter().flat_map(|operation| &operation.codes).copied().collect();
    let responses = operations.iter().flat_map(|operation| failure::responses(version, &operation.codes));
    let responses: Map<String, Value> = responses.map(|(_, name, response)| (name, response)).collect();
    let known: Vec<&str> =
        failure::CODES.iter().map(|(_, code, _)| *code).filter(|code| codes.contains(code)).collect();
    let mut schemas = schemas;
    for (name, schema) in failure::schemas(version, &known) {
        schemas = schemas.with(&name, schema);
    }
    let bodies: Vec<String> = operations.iter().filter_map(|one| one.body_schema().map(str::to_owned)).collect();
    let tags: Vec<Value> =
        tags.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Todo API {}", version.name()),
            "version": number,
            "description": description,
            "contact": {"name": "The todo service's authors"},
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{
            "url": "/",
            "description": "This service, in whatever environment it runs: local, staging or production.",
            "x-internal": false,
        }],
        "tags": tags,
        "security": [{"bearer": []}],
        "paths": paths(&operations),
        "components": {
            "securitySchemes": {"bearer": scheme("A token, with the scopes that each operation names: `todos:read` to \
                read, `todos:write` to change. Where authentication is switched off (development), none is needed.")},
            "headers": header::all(version),
            "parameters": parameter::all(version),
            "responses": responses,
            "schemas": schemas.finish(&bodies),
        },
    });
    if version == Version::V2 {
        let admin = scheme("A token with the scope `admin`, which manages workspaces and tokens.");
        document["components"]["securitySchemes"]["admin"] = admin;
    }
    prune(&mut document);
    document
}

fn paths(operations: &[Operation]) -> Map<String, Value> {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let item = paths.entry(operation.route.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.route.method.as_str().to_ascii_lowercase(), operation.object());
        }
    }
    paths
}

fn scheme(description: &str) -> Value {
    json!({"type": "http", "scheme": "bearer", "bearerFormat": "tdo_ and 43 characters", "description": description})
}

/// Takes out components that nothing refers to, until nothing is left to take out.
fn prune(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) else {
            return;
        };
        let mut pruned = false;
        for kind in ["headers", "parameters", "responses", "schemas"] {
            if let Some(kept) = components.get_mut(kind).and_then(Value::as_object_mut) {
                let before = kept.len();
                kept.retain(|name, _| text.contains(&format!("\"#/components/{kind}/{name}\"")));
                pruned |= kept.len() < before;
            }
        }
        if !pruned {
            return;
        }
    }
}
