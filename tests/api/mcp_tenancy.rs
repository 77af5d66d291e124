//! Nothing of another workspace reaches an assistant: what it asks for there is answered as what is nowhere.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::hostile::{holding, places};
use crate::harness::mcp::{DEFINITIONS, call, definition};
use crate::harness::{Answer, Workspace, suite, uuid};
use crate::tenancy::Things;

suite![
    ids_of_other_workspaces_are_as_unknown_ones,
    names_of_other_workspaces_are_as_unknown_ones,
    keys_of_other_workspaces_are_free,
];

/// Where the tools take the id of something that must be there.
const IDS: &[(&str, &[&str])] = &[
    ("find_todos", &["assignee", "department", "list/0", "parent", "root"]),
    ("get_todos", &["ids/0"]),
    ("add_todos", &["todos/0/assignee_id", "todos/0/list_id", "todos/0/parent_id"]),
    ("update_todos", &["todos/0/assignee_id", "todos/0/id", "todos/0/list_id", "todos/0/parent_id"]),
    ("complete_todos", &["ids/0"]),
    ("move_todos", &["todos/0/after", "todos/0/before", "todos/0/id", "todos/0/list_id", "todos/0/parent_id"]),
    ("delete_todos", &["ids/0"]),
    ("restore_todos", &["ids/0"]),
    ("what_changed", &["by"]),
];

/// One that the definition of its tool does not show.
const OF_A_SUBTASK: &str = "/todos/0/subtasks/0/assignee_id";

fn schema(name: &str) -> &'static Value {
    &definition(name)["inputSchema"]
}

fn takes_ids(schema: &Value) -> bool {
    let branches = ["oneOf", "anyOf"].iter().flat_map(|word| schema[*word].as_array().into_iter().flatten());
    std::iter::once(schema).chain(branches).any(|schema| schema["format"] == "uuid")
}

/// What a tool says, but for what is another thing in each answer.
#[track_caller]
fn told(answer: &Answer, asked_for: &str) -> String {
    let result = answer.result();
    let mut text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    for member in ["instance", "complete_since"] {
        text.as_object_mut().unwrap().remove(member);
    }
    let told = format!("{}, {text}", result["isError"]).replace(asked_for, "…");
    assert!(!told.to_lowercase().contains("secret"), "{answer}");
    told
}

async fn ids_of_other_workspaces_are_as_unknown_ones() {
    let tools = DEFINITIONS.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap());
    let found = tools.flat_map(|name| {
        let ids = places(schema(name)).into_iter().filter(|place| takes_ids(place.schema));
        ids.map(move |place| (name, place.pointer))
    });
    let found: BTreeSet<_> = found.collect();
    let known = IDS.iter().flat_map(|(name, places)| places.iter().map(move |place| (*name, format!("/{place}"))));
    assert_eq!(found, known.collect(), "the ids that tools take");
    let (ws, theirs) = (Workspace::new().await, Things::new("secret").await);
    let own = ws.titled("ours").await;
    let binned = theirs.workspace.titled("secret, in the bin").await;
    theirs.workspace.delete(&format!("/api/v2/todos/{binned}")).send().await.no_content();
    let kinds = ["todos", "lists", "employees", "departments", "tags", "jobs"];
    let mut foreign = kinds.map(|kind| theirs.id("v2", kind).as_str().unwrap().to_owned()).to_vec();
    foreign.push(binned);
    for (name, pointer) in found.into_iter().chain([("add_todos", OF_A_SUBTASK.to_owned())]) {
        let ask = async |id: &str| {
            let mut arguments = holding(schema(name), &pointer, json!(id), &own);
            if pointer == OF_A_SUBTASK {
                arguments["todos"][0]["subtasks"][0]["title"] = "below".into();
            }
            call(&ws, name, arguments).await
        };
        let unknown = uuid();
        let nowhere = ask(&unknown).await;
        match name {
            "find_todos" => assert_eq!(nowhere.content(), json!({ "items": [], "next_cursor": null }), "{pointer}"),
            "get_todos" => assert_eq!(nowhere.content()["not_found"], json!([unknown])),
            "what_changed" => assert_eq!(nowhere.content()["changes"], json!([])),
            _ => {
                nowhere.refusal(422, "invalid_body").at(&pointer, "not_found").faults_are(1);
            }
        }
        let nowhere = told(&nowhere, &unknown);
        for id in &foreign {
            assert_eq!(told(&ask(id).await, id), nowhere, "{name} with {id} at {pointer}");
        }
    }
    theirs.is_untouched().await;
    let kept = ws.get(&format!("/api/v2/todos/{own}")).send().await.ok();
    assert_eq!((&kept["version"], ws.titles(&[]).await), (&json!(1), vec!["ours".to_owned()]));
}

async fn names_of_other_workspaces_are_as_unknown_ones() {
    let (ws, theirs) = (Workspace::new().await, Things::new("secret").await);
    ws.titled("ours").await;
    for name in ["overview", "find_todos", "what_changed"] {
        let answer = call(&ws, name, json!({})).await;
        answer.content();
        told(&answer, "nothing");
    }
    let overview = call(&ws, "overview", json!({})).await.content();
    assert_eq!([&overview["people"], &overview["lists"], &overview["tags"]], [&json!([]); 3]);
    assert_eq!(overview["counts"]["total"], 1);
    for (argument, foreign) in [("tag", json!(["Secret tag 1"])), ("text", json!("secret"))] {
        let found = call(&ws, "find_todos", json!({ argument: foreign })).await;
        assert_eq!(found.content(), json!({ "items": [], "next_cursor": null }), "{argument}");
    }
    // A name makes a tag of its own here.
    let tagged = call(&ws, "add_todos", json!({ "todos": [{ "title": "x", "tags": ["SECRET tag 1"] }] })).await;
    assert_eq!(tagged.content()["todos"][0]["tags"], json!(["SECRET tag 1"]));
    theirs.is_untouched().await;
}

async fn keys_of_other_workspaces_are_free() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    for (workspace, title) in [(&ws, "ours"), (&other, "theirs"), (&other, "theirs")] {
        let arguments = json!({ "todos": [{ "title": title }], "idempotency_key": "k" });
        assert_eq!(call(workspace, "add_todos", arguments).await.content()["todos"][0]["title"], title);
    }
    assert_eq!((ws.titles(&[]).await, other.titles(&[]).await), (vec!["ours".to_owned()], vec!["theirs".to_owned()]));
}
