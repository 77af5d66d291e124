//! The OpenAPI documents as the server publishes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Server;

/// The methods that OpenAPI knows.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A published document.
pub struct Document {
    /// `v1` or `v2`.
    pub version: &'static str,
    /// The document itself.
    pub value: Value,
    /// Its operations.
    pub operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// The whole path with its placeholders.
    pub path: String,
    /// The operation's object.
    pub value: Value,
}

impl Document {
    /// Both versions.
    pub async fn both(server: &Arc<Server>) -> [Self; 2] {
        [Self::fetch(server, "v1").await, Self::fetch(server, "v2").await]
    }

    /// One version.
    pub async fn fetch(server: &Arc<Server>, version: &'static str) -> Self {
        let value = server.anonymous().get(&format!("/api/{version}/openapi.json")).send().await.ok();
        let base = value["servers"][0]["url"].as_str().unwrap_or_default();
        let base = base.split_once("://").map_or(base, |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
        let base = base.trim_end_matches('/').to_owned();
        let mut operations = Vec::new();
        for (path, item) in value["paths"].as_object().expect("a document has paths") {
            for (method, operation) in item.as_object().expect("a path item is an object") {
                if METHODS.contains(&method.as_str()) {
                    let path = format!("{base}{path}");
                    operations.push(Operation { method: method.to_uppercase(), path, value: operation.clone() });
                }
            }
        }
        Self { version, value, operations }
    }

    /// The operation that a request reaches. Literal segments win over placeholders.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let candidates = self.operations.iter().filter(|operation| operation.method == method && operation.fits(path));
        candidates.min_by_key(|operation| operation.path.matches('{').count())
    }

    /// The error codes that the document names in the schemas of its errors.
    pub fn error_codes(&self) -> BTreeSet<String> {
        self.codes(["instance", "timestamp"])
    }

    /// The codes of single faults that the document names.
    pub fn fault_codes(&self) -> BTreeSet<String> {
        self.codes(["pointer", "parameter"])
    }

    /// The values of `code` in the schemas that have one of the `companions`, too.
    fn codes(&self, companions: [&str; 2]) -> BTreeSet<String> {
        let mut codes = BTreeSet::new();
        for schema in self.value["components"]["schemas"].as_object().into_iter().flat_map(|schemas| schemas.values()) {
            let properties = &schema["properties"];
            if companions.iter().any(|name| properties[name].is_object()) {
                collect_enum(self.resolve(&properties["code"]), &mut codes);
            }
        }
        codes
    }

    /// Follows a `$ref`, if it is one.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.value.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
            None => schema,
        }
    }
}

impl Operation {
    /// `GET /api/v2/todos/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The statuses that are documented.
    pub fn statuses(&self) -> BTreeSet<String> {
        self.value["responses"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    }

    /// The codes of errors that are documented: each has an example.
    pub fn codes(&self, document: &Document) -> BTreeSet<String> {
        let responses = self.value["responses"].as_object().into_iter().flat_map(|map| map.values());
        let contents = responses.filter_map(|response| document.resolve(response)["content"].as_object());
        let examples = contents.flat_map(|content| content.values()).filter_map(|media| media["examples"].as_object());
        examples.flat_map(|examples| examples.keys().cloned()).collect()
    }

    fn fits(&self, path: &str) -> bool {
        let (mut template, mut actual) = (self.path.split('/'), path.split('/'));
        loop {
            match (template.next(), actual.next()) {
                (None, None) => return true,
                (Some(known), Some(given)) if known == given => {}
                (Some(known), Some(given)) if known.starts_with('{') && !given.is_empty() => {}
                _ => return false,
            }
        }
    }
}

fn collect_enum(schema: &Value, into: &mut BTreeSet<String>) {
    for value in schema["enum"].as_array().into_iter().flatten() {
        into.extend(value.as_str().map(str::to_owned));
    }
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        into.extend(branch["const"].as_str().map(str::to_owned));
    }
}
