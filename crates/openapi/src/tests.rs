use std::collections::BTreeSet;

use serde_json::{Value, json};
use todo_api::extract::body::FromJson;
use todo_api::extract::fields::{Fields, LaterField};
use todo_api::extract::person::CallerPerson;
use todo_api::route::{Media, Version};
use todo_api::routes::ROUTES;
use todo_api::types::v1;
use todo_api::types::v2::admin::WorkspaceDraft;
use todo_api::types::v2::batch::Batch;
use todo_api::types::v2::bulk::Bulk;
use todo_api::types::v2::list::{Completion, NewList};
use todo_api::types::v2::people::{DepartmentDraft, DepartmentPatch, TagPatch};
use todo_api::types::v2::todo::LATER;
use todo_core::domain::list::{ListFields, Move};
use todo_core::domain::people::{EmployeeDraft, EmployeePatch};
use todo_core::domain::todo::{Draft, Patch};
use todo_core::domain::token::TokenDraft;
use todo_core::error::{Fault, Place};

use super::schema::Schemas;
use super::{document, text};

#[test]
fn the_blessed_files_are_what_the_code_says() {
    for (version, blessed) in [
        (Version::V1, include_str!("../../../openapi/v1.json")),
        (Version::V2, include_str!("../../../openapi/v2.json")),
    ] {
        assert!(
            text(version) == blessed,
            "run `cargo xtask openapi` and look at what it changes in {}",
            version.name()
        );
    }
}

#[test]
fn what_fits_two_alternatives_is_no_fault() {
    for version in Version::ALL {
        for (name, schema) in document(version)["components"]["schemas"].as_object().into_iter().flatten() {
            let alternatives = schema["oneOf"].as_array().into_iter().flatten();
            let objects = alternatives.filter(|alternative| alternative.get("$ref").is_some());
            assert!(objects.count() < 2, "{name} in {}: anyOf", version.name());
        }
    }
    assert_eq!(document(Version::V2)["components"]["schemas"]["Data"]["anyOf"].as_array().unwrap().len(), 5);
}

#[test]
fn every_schema_is_described() {
    for version in Version::ALL {
        for (name, schema) in document(version)["components"]["schemas"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name} in {}", version.name());
        }
    }
}

#[test]
fn every_route_is_an_operation_and_every_operation_a_route() {
    for version in Version::ALL {
        let document = document(version);
        let mut operations = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            operations.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let routes = ROUTES.iter().filter(|route| route.group.version() == Some(version));
        let routes: BTreeSet<String> = routes.map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(operations, routes, "document each route of {} in crates/openapi", version.name());
    }
}

#[test]
fn every_answer_is_documented_in_the_types_of_its_route() {
    for version in Version::ALL {
        let document = document(version);
        for route in ROUTES.iter().filter(|route| route.group.version() == Some(version)) {
            let served: BTreeSet<&str> = match route.media {
                Media::Json | Media::JsonWithoutStream => BTreeSet::from(["application/json"]),
                Media::Chosen(types) => types.iter().copied().collect(),
            };
            let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            let answers = operation["responses"].as_object().unwrap().values();
            for content in answers.filter_map(|answer| answer["content"].as_object()) {
                assert_eq!(content.keys().map(String::as_str).collect::<BTreeSet<_>>(), served, "{}", route.id);
            }
        }
    }
}

#[test]
fn every_operation_is_named_once() {
    for version in Version::ALL {
        let mut names = BTreeSet::new();
        for item in document(version)["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is there twice");
            }
        }
    }
}

fn faults<T: FromJson>(body: &Value) -> Vec<Fault> {
    let mut fields = Fields::root(body.clone(), CallerPerson::default()).unwrap();
    let _ = T::from_json(&mut fields);
    fields.finish()
}

/// What reads the body of a schema.
fn decoder(version: Version, schema: &str) -> fn(&Value) -> Vec<Fault> {
    match (version, schema) {
        (Version::V1, "TodoDraft") => faults::<v1::todo::NewTodo>,
        (Version::V1, "TodoPatch") => faults::<v1::todo::PartialUpdate>,
        (Version::V1, "Bulk") => faults::<v1::bulk::Bulk>,
        (Version::V2, "TodoDraft") => faults::<Draft>,
        (Version::V2, "TodoPatch") => faults::<Patch>,
        (Version::V2, "Bulk") => faults::<Bulk>,
        (Version::V2, "Batch") => faults::<Batch>,
        (Version::V2, "TodoMove") => faults::<Move>,
        (Version::V2, "TodoCompletion") => faults::<Completion>,
        (Version::V2, "ListDraft") => faults::<NewList>,
        (Version::V2, "ListPatch") => faults::<ListFields>,
        (Version::V2, "TagPatch") => faults::<TagPatch>,
        (Version::V2, "EmployeeDraft") => faults::<EmployeeDraft>,
        (Version::V2, "EmployeePatch") => faults::<EmployeePatch>,
        (Version::V2, "DepartmentDraft") => faults::<DepartmentDraft>,
        (Version::V2, "DepartmentPatch") => faults::<DepartmentPatch>,
        (Version::V2, "WorkspaceDraft") => faults::<WorkspaceDraft>,
        (Version::V2, "TokenDraft") => faults::<TokenDraft>,
        _ => panic!("what reads {schema} of {}?", version.name()),
    }
}

/// The schema's name and the example of every body.
fn bodies(document: &Value) -> Vec<(String, Value)> {
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let contents = operations.map(|operation| &operation["requestBody"]["content"]["application/json"]);
    let described = contents.filter(|content| content.is_object());
    let name = |content: &Value| content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    described.map(|content| (name(content), content["example"].clone())).collect()
}

#[test]
fn every_example_of_a_body_is_accepted() {
    for version in Version::ALL {
        for (schema, example) in bodies(&document(version)) {
            assert_eq!(decoder(version, &schema)(&example), [], "{schema} of {}", version.name());
        }
    }
}

#[test]
fn every_field_that_came_after_the_first_release_is_marked_and_optional() {
    const FIRST: [&str; 7] = ["assignee_id", "description", "due_date", "priority", "status", "tags", "title"];
    let document = document(Version::V2);
    let later: BTreeSet<&str> = LATER.iter().map(|field| field.name).collect();
    for schema in ["TodoDraft", "TodoPatch"] {
        let described = &document["components"]["schemas"][schema];
        let properties = described["properties"].as_object().unwrap();
        let names: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(names, later.iter().copied().chain(FIRST).collect(), "{schema}: list a later field in LATER");
        for field in LATER {
            assert_eq!(properties[field.name]["x-added-in"], field.added_in, "{} of {schema}", field.name);
        }
        let required: &[Value] = described["required"].as_array().map_or(&[], Vec::as_slice);
        assert!(required.iter().all(|name| name == "title"), "{schema}: {required:?}");
    }
}

#[test]
fn a_later_field_says_in_its_schema_what_a_put_does_with_it() {
    const COLOR: LaterField<()> = LaterField { name: "color", added_in: "2.1.0", read: |_, _, ()| Some(()) };
    let probe = json!({"properties": {"color": {"type": "string", "description": "Its color."}, "title": {}}});
    let marked = Schemas::default().with("Probe", probe).later("Probe", &[COLOR]).finish(&[]);
    let description = "Its color. Added in 2.1.0: a PUT that does not name it leaves it alone; null clears it.";
    let color = json!({"type": "string", "description": description, "x-added-in": "2.1.0"});
    assert_eq!(marked["Probe"], json!({"properties": {"color": color, "title": {}}}));
}

#[test]
fn every_documented_field_of_a_body_can_be_written() {
    for version in Version::ALL {
        let document = document(version);
        for (schema, _) in bodies(&document) {
            let described = &document["components"]["schemas"][&schema];
            for name in described["properties"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                let body = json!({name: null});
                let refused = decoder(version, &schema)(&body).into_iter().any(|fault| {
                    fault.place == Place::Pointer(format!("/{name}"))
                        && ["unknown_field", "read_only"].contains(&fault.code)
                });
                assert!(!refused, "{name} of {schema} in {}", version.name());
            }
        }
    }
}
