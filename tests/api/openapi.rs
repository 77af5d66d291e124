//! The OpenAPI documents themselves.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::contract::{Document, Operation};
use crate::harness::{Server, Workspace, suite, unique};

suite![
    documents_need_no_token,
    documents_are_openapi_3_1,
    every_reference_resolves,
    every_operation_is_complete,
    every_placeholder_is_a_parameter,
    error_types_lead_to_the_documentation,
    every_example_of_a_post_can_be_sent_as_it_stands,
];

async fn documents_need_no_token() {
    let server = Server::shared().await;
    for version in ["v1", "v2"] {
        let answer = server.anonymous().get(&format!("/api/{version}/openapi.json")).send().await;
        answer.ok();
        let again =
            server.anonymous().get(&format!("/api/{version}/openapi.json")).header("if-none-match", answer.etag());
        again.send().await.has_status(304);
    }
}

async fn documents_are_openapi_3_1() {
    for document in Document::both(&Server::shared().await).await {
        let value = &document.value;
        assert!(value["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", value["openapi"]);
        for member in ["title", "version", "description"] {
            assert!(value["info"][member].is_string(), "{member} of {}", value["info"]);
        }
        let schemes = value["components"]["securitySchemes"].as_object().expect("security is documented");
        assert!(schemes.values().any(|scheme| scheme["type"] == "http" && scheme["scheme"] == "bearer"), "{schemes:?}");
    }
}

async fn every_reference_resolves() {
    for document in Document::both(&Server::shared().await).await {
        let mut references = BTreeSet::new();
        collect(&document.value, &mut references);
        assert!(references.len() > 5, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
            assert!(document.value.pointer(pointer).is_some(), "{reference} in {}", document.version);
        }
    }
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

async fn every_operation_is_complete() {
    for document in Document::both(&Server::shared().await).await {
        let mut ids = BTreeSet::new();
        for operation in &document.operations {
            let (name, value) = (operation.name(), &operation.value);
            let id = value["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no operationId"));
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(value["summary"].is_string() || value["description"].is_string(), "{name} is not described");
            assert!(value["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "{name} has no tag");
            let statuses = operation.statuses();
            assert!(statuses.iter().any(|status| status.starts_with('2')), "{name}: {statuses:?}");
            assert!(statuses.iter().any(|status| status.starts_with('4')), "{name}: {statuses:?}");
            for (status, response) in value["responses"].as_object().unwrap() {
                let response = document.resolve(response);
                assert!(response["description"].is_string(), "{status} of {name}");
            }
            if document.version == "v1" {
                assert_eq!(value["deprecated"], true, "{name}");
            }
        }
    }
}

async fn every_placeholder_is_a_parameter() {
    for document in Document::both(&Server::shared().await).await {
        for operation in &document.operations {
            let names = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
            let shared = document.value["paths"][&operation.path]["parameters"].as_array().cloned().unwrap_or_default();
            let own = operation.value["parameters"].as_array().cloned().unwrap_or_default();
            let known: Vec<Value> =
                own.iter().chain(&shared).map(|parameter| document.resolve(parameter).clone()).collect();
            for name in names {
                let found = known.iter().any(|parameter| {
                    parameter["name"] == name && parameter["in"] == "path" && parameter["required"] == true
                });
                assert!(found, "{name} of {}", operation.name());
            }
        }
    }
}

async fn error_types_lead_to_the_documentation() {
    let server = Server::shared().await;
    let answer = server.anonymous().get("/api/v2/todos").send().await;
    let problem = answer.problem(401, "unauthenticated");
    let (page, anchor) = problem.value["type"].as_str().unwrap().split_once('#').expect("a type has an anchor");
    let path = &page[page.find("/docs/").expect("it is in the documentation")..];
    let page = server.anonymous().get(path).header("accept", "text/html").send().await;
    page.has_status(200);
    assert!(page.text().contains(&format!("id=\"{anchor}\"")), "{path} has no {anchor}");
    // Every code that the document names has an anchor there.
    for code in Document::fetch(&server, "v2").await.error_codes() {
        assert!(page.text().contains(&format!("id=\"{code}\"")), "{path} has no {code}");
    }
}

async fn every_example_of_a_post_can_be_sent_as_it_stands() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    for document in Document::both(&ws.server).await {
        // What the examples refer to: the todo that the example of PUT makes, and the others of the batch.
        if let Some(put) = document.operation("PUT", "/api/v2/todos/{id}") {
            let batch = example(document.operation("POST", "/api/v2/todos/batch").unwrap());
            for id in batch["operations"].as_array().unwrap().iter().filter_map(|each| each["id"].as_str()) {
                let call = ws.put(&format!("/api/v2/todos/{id}")).header("if-none-match", "*");
                call.json(example(put).clone()).send().await.created();
            }
        }
        let posts = document.operations.iter().filter(|operation| operation.method == "POST");
        for operation in posts.filter(|operation| !operation.path.contains('{')) {
            let mut body = example(operation).clone();
            if body["workspace_id"].is_string() {
                // Workspaces get their ids from the service, and so do employees.
                body["workspace_id"] = ws.id.clone().into();
            }
            if body["employee_id"].is_string() {
                body["employee_id"] = ws.employee("Ada Byron").await["id"].clone();
            }
            if operation.path.ends_with("/workspaces") {
                body["name"] = unique(body["name"].as_str().unwrap()).into();
            }
            let client = if operation.path.contains("/admin/") { &admin } else { &*ws };
            let answer = client.post(&operation.path).json(body).send().await;
            let documented = operation.statuses().into_iter().find(|status| status.starts_with('2'));
            answer.has_status(documented.unwrap().parse().unwrap());
        }
    }
}

fn example(operation: &Operation) -> &Value {
    &operation.value["requestBody"]["content"]["application/json"]["example"]
}
