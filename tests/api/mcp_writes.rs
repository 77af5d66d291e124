//! Tools that write, all of their todos or none.

use serde_json::{Value, json};

use crate::harness::mcp::call;
use crate::harness::{Workspace, suite, uuid};
use crate::subtasks_at_once::assert_sound;

suite![
    todos_are_added_all_or_none,
    todos_are_changed_all_or_none,
    a_stale_version_is_refused,
    todos_are_completed,
    todos_are_added_with_their_subtasks,
    todos_are_completed_with_their_subtasks,
    todos_are_moved_all_or_none,
    what_was_deleted_is_restored,
    todos_that_come_back_together_are_no_deeper_than_trees_may_be,
    deleting_is_all_or_none,
    restoring_is_all_or_none,
];

/// Todos called as these, below a todo, and their ids.
pub async fn below(ws: &Workspace, parent: &Value, titles: impl IntoIterator<Item = String>) -> Vec<Value> {
    let drafts: Vec<Value> = titles.into_iter().map(|title| json!({ "title": title, "parent_id": parent })).collect();
    let mut ids = Vec::new();
    for drafts in drafts.chunks(50) {
        let added = call(ws, "add_todos", json!({ "todos": drafts })).await.content();
        ids.extend(added["todos"].as_array().unwrap().iter().map(|todo| todo["id"].clone()));
    }
    ids
}

async fn todos_are_added_all_or_none() {
    let ws = Workspace::new().await;
    let drafts = json!([{ "title": "one", "tags": ["a"] }, { "title": "two", "priority": "urgent" }]);
    let added = call(&ws, "add_todos", json!({ "todos": drafts })).await.content();
    assert_eq!(added["todos"].as_array().unwrap().len(), 2);
    for todo in added["todos"].as_array().unwrap() {
        let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(ws.get(&path).send().await.ok(), *todo, "a whole todo, as a read shows it");
    }
    let broken = json!({ "todos": [{ "title": "three" }, { "title": "four", "assignee_id": uuid() }] });
    let refused = call(&ws, "add_todos", broken).await;
    refused.refusal(422, "invalid_body").at("/todos/1/assignee_id", "not_found");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
}

async fn todos_are_added_with_their_subtasks() {
    let ws = Workspace::new().await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    let drafts = json!([
        { "title": "party", "list_id": list["id"], "subtasks": [
            { "title": "food", "tags": ["shop"], "subtasks": [{ "title": "cake" }] },
            { "title": "guests" },
        ] },
        { "title": "other" },
    ]);
    let added = call(&ws, "add_todos", json!({ "todos": drafts })).await.content()["todos"].clone();
    let titles: Vec<&Value> = added.as_array().unwrap().iter().map(|todo| &todo["title"]).collect();
    assert_eq!(titles, ["party", "food", "cake", "guests", "other"]);
    for todo in added.as_array().unwrap() {
        let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(ws.get(&path).send().await.ok(), *todo, "a whole todo, as a read shows it");
    }
    assert_eq!((&added[2]["parent_id"], &added[2]["list_id"]), (&added[1]["id"], &list["id"]));
    assert_eq!((&added[3]["parent_id"], &added[4]["parent_id"]), (&added[0]["id"], &Value::Null));
    let deep = json!({ "title": "1", "subtasks": [{ "title": "2", "subtasks": [{ "title": "3", "subtasks": [
        { "title": "4", "subtasks": [{ "title": "5", "subtasks": [{ "title": "6" }] }] },
    ] }] }] });
    let many: Vec<Value> = (0..26).map(|_| json!({ "title": "x", "subtasks": [{ "title": "y" }] })).collect();
    let at = "/todos/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/parent_id";
    for (todos, pointer, code) in [
        (json!([deep]), at, "too_deep"),
        (json!(many), "/todos", "too_many"),
        (json!([{ "title": "x", "subtasks": [{ "title": "" }] }]), "/todos/0/subtasks/0/title", "too_short"),
        (json!([{ "title": "x", "subtasks": [] }]), "/todos/0/subtasks", "too_short"),
        (
            json!([{ "title": "x", "subtasks": [{ "title": "y", "parent_id": added[0]["id"] }] }]),
            "/todos/0/subtasks/0/parent_id",
            "invalid_value",
        ),
        (
            json!([{ "title": "x", "subtasks": [{ "title": "y", "assignee_id": uuid() }] }]),
            "/todos/0/subtasks/0/assignee_id",
            "not_found",
        ),
    ] {
        let refused = call(&ws, "add_todos", json!({ "todos": todos })).await;
        refused.refusal(422, "invalid_body").at(pointer, code).faults_are(1);
    }
    assert_eq!(ws.titles(&[]).await.len(), 5);
}

async fn todos_are_completed_with_their_subtasks() {
    let ws = Workspace::new().await;
    let parent = ws.todo(json!({ "title": "p" })).await;
    ws.todo(json!({ "title": "c", "parent_id": parent["id"] })).await;
    let complete = async |subtasks: &str| {
        let arguments = json!({ "ids": [parent["id"]], "subtasks": subtasks });
        call(&ws, "complete_todos", arguments).await.content()["todos"][0]["subtasks"].clone()
    };
    assert_eq!(complete("keep").await, json!({ "total": 1, "completed": 0 }));
    assert_eq!(complete("complete").await, json!({ "total": 1, "completed": 1 }));
    let wrong = json!({ "ids": [parent["id"]], "subtasks": "all" });
    call(&ws, "complete_todos", wrong).await.refusal(422, "invalid_body").at("/subtasks", "invalid_value");
}

async fn todos_are_moved_all_or_none() {
    let ws = Workspace::new().await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    let (a, b) = (ws.todo(json!({ "title": "a" })).await, ws.todo(json!({ "title": "b" })).await);
    let moves = json!({ "todos": [
        { "id": a["id"], "list_id": list["id"] },
        { "id": b["id"], "list_id": list["id"], "before": a["id"], "if_version": 1 },
    ] });
    let moved = call(&ws, "move_todos", moves.clone()).await.content()["todos"].clone();
    assert_eq!((&moved[0]["list_id"], &moved[1]["list_id"]), (&list["id"], &list["id"]));
    let list = list["id"].as_str().unwrap();
    let order = async || call(&ws, "find_todos", json!({ "list": [list], "sort": "position" })).await.content();
    let titles = |found: &Value| [found["items"][0]["title"].clone(), found["items"][1]["title"].clone()];
    assert_eq!(titles(&order().await), ["b", "a"]);
    call(&ws, "move_todos", moves).await.refusal(412, "stale_version").at("/todos/1", "stale_version");
    let broken = json!({ "todos": [{ "id": a["id"], "place": "first" }, { "id": b["id"], "parent_id": b["id"] }] });
    call(&ws, "move_todos", broken).await.refusal(422, "invalid_body").at("/todos/1/parent_id", "cycle");
    assert_eq!(titles(&order().await), ["b", "a"], "all or none");
    let twice = json!({ "todos": [{ "id": a["id"], "place": "first" }, { "id": a["id"], "place": "last" }] });
    call(&ws, "move_todos", twice).await.refusal(422, "invalid_body").at("/todos/1/id", "duplicate");
}

async fn todos_are_changed_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.todo(json!({ "title": "one", "description": "d", "tags": ["a"] })).await["id"].clone();
    let two = ws.titled("two").await;
    let changes = json!([{ "id": one, "description": null, "tags": ["b"] }, { "id": two, "status": "in_progress" }]);
    let changed = call(&ws, "update_todos", json!({ "todos": changes })).await.content()["todos"].clone();
    let (first, second) = (&changed[0], &changed[1]);
    assert_eq!((&first["description"], &first["tags"], &first["title"]), (&Value::Null, &json!(["b"]), &json!("one")));
    assert_eq!((&second["status"], &second["version"]), (&json!("in_progress"), &json!(2)));
    let missing = json!({ "todos": [{ "id": one, "title": "changed" }, { "id": uuid(), "title": "x" }] });
    call(&ws, "update_todos", missing).await.refusal(422, "invalid_body").at("/todos/1/id", "not_found");
    let nobody = json!({ "todos": [{ "id": one, "title": "changed", "assignee_id": uuid() }] });
    call(&ws, "update_todos", nobody).await.refusal(422, "invalid_body").at("/todos/0/assignee_id", "not_found");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
}

async fn a_stale_version_is_refused() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.titled("one").await, ws.titled("two").await);
    let change = |version: i64| {
        json!({ "todos": [{ "id": one, "title": "new" }, { "id": two, "if_version": version,
        "title": "new" }] })
    };
    let refused = call(&ws, "update_todos", change(2)).await;
    refused.refusal(412, "stale_version").at("/todos/1", "stale_version");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
    call(&ws, "update_todos", change(1)).await.content();
}

async fn todos_are_completed() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.titled("one").await, ws.titled("two").await);
    let missing = json!({ "ids": [one, uuid()] });
    call(&ws, "complete_todos", missing).await.refusal(422, "invalid_body").at("/ids/1", "not_found");
    for tool in ["complete_todos", "delete_todos", "restore_todos"] {
        let missing = json!({ "ids": [one, one, uuid()] });
        call(&ws, tool, missing).await.refusal(422, "invalid_body").at("/ids/2", "not_found");
    }
    assert_eq!(ws.titles(&[("completed", "true")]).await, [""; 0]);
    let completed = call(&ws, "complete_todos", json!({ "ids": [two, one, two] })).await.content();
    let ids: Vec<&Value> = completed["todos"].as_array().unwrap().iter().map(|todo| &todo["id"]).collect();
    assert_eq!(ids, [&json!(two), &json!(one)]);
    assert!(completed["todos"][0]["completed_at"].is_string(), "{completed}");
    let again = call(&ws, "complete_todos", json!({ "ids": [two, one] })).await.content();
    assert_eq!(again, completed, "a second time changes nothing");
}

async fn what_was_deleted_is_restored() {
    let ws = Workspace::new().await;
    let one = ws.todo(json!({ "title": "one", "tags": ["kept"] })).await;
    let two = ws.titled("two").await;
    let ids = json!({ "ids": [two, one["id"]] });
    assert_eq!(call(&ws, "delete_todos", ids.clone()).await.content(), json!({ "deleted": [two, one["id"]] }));
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    assert_eq!(call(&ws, "overview", json!({})).await.content()["counts"]["total"], 0);
    call(&ws, "delete_todos", ids.clone()).await.refusal(422, "invalid_body").at("/ids/0", "not_found");
    let restored = call(&ws, "restore_todos", ids.clone()).await.content();
    let (first, second) = (&restored["todos"][0], &restored["todos"][1]);
    assert_eq!((&first["id"], &second["id"], &second["tags"]), (&json!(two), &one["id"], &one["tags"]));
    assert_eq!(second["version"], json!(3), "deleted and restored");
    assert_eq!(call(&ws, "restore_todos", ids).await.content(), restored, "live ones stay as they are");
    assert_eq!(call(&ws, "overview", json!({})).await.content()["tags"], json!([{ "name": "kept", "count": 1 }]));
}

async fn todos_that_come_back_together_are_no_deeper_than_trees_may_be() {
    let ws = Workspace::new().await;
    let chain = async |titles: &[&str]| {
        let mut ids: Vec<Value> = Vec::new();
        for title in titles {
            ids.push(ws.todo(json!({ "title": title, "parent_id": ids.last() })).await["id"].clone());
        }
        ids
    };
    let (high, low) = (chain(&["a", "b", "c", "d"]).await, chain(&["e", "f", "g", "h"]).await);
    let path = |id: &Value| format!("/api/v2/todos/{}", id.as_str().unwrap());
    // What is in the bin counts for nothing when its parent moves.
    ws.delete(&path(&low[1])).send().await.no_content();
    ws.post(&format!("{}/move", path(&low[0]))).json(json!({ "parent_id": high[3] })).send().await.ok();
    ws.delete(&path(&high[0])).send().await.no_content();
    let ids = json!([low[1], high[0]]);
    let restored = call(&ws, "restore_todos", json!({ "ids": ids })).await.content();
    assert_eq!(restored["todos"][0]["parent_id"], Value::Null, "too deep by now");
    assert_eq!(restored["todos"][1]["parent_id"], Value::Null);
    assert_eq!(ws.get(&path(&low[0])).send().await.ok()["parent_id"], high[3]);
    assert_eq!(ws.get(&path(&low[3])).send().await.ok()["parent_id"], low[2]);
    assert_sound(&ws).await;
    // Once more from below: there is room.
    ws.delete(&path(&low[2])).send().await.no_content();
    ws.delete(&path(&low[1])).send().await.no_content();
    let ids = json!([low[2], low[1]]);
    let restored = call(&ws, "restore_todos", json!({ "ids": ids })).await.content();
    assert_eq!(restored["todos"][0]["parent_id"], low[1]);
    assert_sound(&ws).await;
}

async fn deleting_is_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.titled("one").await;
    let refused = call(&ws, "delete_todos", json!({ "ids": [one, uuid()] })).await;
    refused.refusal(422, "invalid_body").at("/ids/1", "not_found").faults_are(1);
    assert_eq!(ws.titles(&[]).await, ["one"]);
    // As the hint says, a second call changes nothing more.
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.content();
    let binned = async || ws.all("/api/v2/todos", &[("deleted", "true")]).await;
    let before = binned().await;
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.refusal(422, "invalid_body").at("/ids/0", "not_found");
    assert_eq!(binned().await, before);
}

async fn restoring_is_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.titled("one").await;
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.content();
    let refused = call(&ws, "restore_todos", json!({ "ids": [one, uuid()] })).await;
    refused.refusal(422, "invalid_body").at("/ids/1", "not_found");
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, ["one"]);
}
