//! What a todo tells of its subtasks is fresh at once, whichever way one of them is written and though it was just read
//! from the cache.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::harness::mcp::tool;
use crate::harness::{Answer, Call, Workspace, suite, uuid};
use crate::jobs::done;

suite![
    #[redis]
    counts_of_subtasks_are_fresh_after_every_write,
    #[redis]
    counts_of_subtasks_are_fresh_after_every_bulk_change,
    #[redis]
    counts_of_subtasks_are_fresh_after_every_tool,
];

/// A parent in a list and assigned to somebody, its subtask, which nobody has, and one below that.
struct Family {
    ws: Workspace,
    ada: String,
    home: String,
    parent: String,
    middle: String,
    leaf: String,
    steps: Cell<u32>,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

fn path(todo: &str) -> String {
    format!("/api/v2/todos/{todo}")
}

/// What the reads compare of a todo.
fn gist(todo: &Value) -> Value {
    ["id", "updated_at", "subtasks", "status", "list_id", "parent_id"].map(|field| todo[field].clone()).into()
}

fn gists(page: &Value) -> Value {
    page["items"].as_array().unwrap().iter().map(gist).collect()
}

impl Family {
    async fn new() -> Self {
        let ws = Workspace::new().await;
        let ada = id(&ws.employee("Ada").await);
        let home = id(&ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created());
        let parent = id(&ws.todo(json!({ "title": "parent", "list_id": home, "assignee_id": ada })).await);
        let middle = id(&ws.todo(json!({ "title": "middle", "parent_id": parent })).await);
        let leaf = id(&ws.todo(json!({ "title": "leaf", "parent_id": middle })).await);
        Self { ws, ada, home, parent, middle, leaf, steps: Cell::new(0) }
    }

    fn lists(&self) -> [String; 2] {
        [format!("/api/v2/todos?assignee={}", self.ada), format!("/api/v2/todos?list={}", self.home)]
    }

    /// The parent and its subtask, null while it is in the bin, and the lists.
    async fn shown(&self) -> Vec<Value> {
        let mut shown = Vec::new();
        for todo in [&self.parent, &self.middle] {
            let answer = self.ws.get(&path(todo)).send().await;
            shown.push(if answer.status == 404 { Value::Null } else { gist(&answer.ok()) });
        }
        for list in self.lists() {
            shown.push(gists(&self.ws.get(&list).send().await.ok()));
        }
        shown
    }

    /// The same from lists with a limit that nobody has asked for before.
    async fn stored(&self) -> Vec<Value> {
        let limit = 100 - self.steps.replace(self.steps.get() + 1);
        let page = async |path: String| gists(&self.ws.get(&format!("{path}&limit={limit}")).send().await.ok());
        let mut stored = Vec::new();
        for todo in [&self.parent, &self.middle] {
            let tree = page(format!("/api/v2/todos?root={todo}")).await;
            let own = tree.as_array().unwrap().iter().find(|gist| gist[0] == todo.as_str());
            stored.push(own.cloned().unwrap_or_default());
        }
        for list in self.lists() {
            stored.push(page(list).await);
        }
        stored
    }

    /// Everything comes from the cache, then somebody writes: who reads now sees it.
    async fn after(&self, what: &str, write: impl Future<Output = ()>) {
        for path in [path(&self.parent), path(&self.middle)].into_iter().chain(self.lists()) {
            if self.ws.get(&path).send().await.status == 200 {
                self.ws.cached(&path).await;
            }
        }
        let before = self.shown().await;
        write.await;
        let after = self.shown().await;
        assert_eq!(after, self.stored().await, "after {what}");
        assert_ne!(after, before, "{what} changes nothing");
    }

    async fn after_call(&self, what: &str, call: Call) -> Answer {
        let mut answer = None;
        self.after(what, async { answer = Some(call.send().await) }).await;
        let answer = answer.unwrap();
        assert!(answer.status < 300, "{what}: {answer}");
        answer
    }
}

async fn counts_of_subtasks_are_fresh_after_every_write() {
    let family = Family::new().await;
    let Family { ws, parent, middle, leaf, .. } = &family;
    let made = path(&uuid());
    let create = ws.put(&made).header("if-none-match", "*").json(json!({ "title": "new", "parent_id": parent }));
    family.after_call("a creation under a chosen id", create).await;
    family.after_call("another status", ws.patch(&path(middle)).json(json!({ "status": "completed" }))).await;
    let replace = ws.put(&path(middle)).header("if-match", "*").json(json!({ "title": "middle" }));
    family.after_call("a replacement", replace).await;
    family.after_call("completing", ws.post(&format!("{}/complete", path(middle))).json(json!({}))).await;
    family.after_call("reopening", ws.patch(&path(middle)).json(json!({ "status": "pending" }))).await;
    let all = ws.post(&format!("{}/complete", path(parent))).json(json!({ "subtasks": "complete" }));
    family.after_call("completing all", all).await;
    for todo in [&path(leaf), &made, &path(middle)] {
        family.after_call("a deletion", ws.delete(todo)).await;
        family.after_call("a restoration", ws.post(&format!("{todo}/restore"))).await;
    }
    let to = |parent: Value| ws.post(&format!("{}/move", path(middle))).json(json!({ "parent_id": parent }));
    family.after_call("a move away", to(Value::Null)).await;
    family.after_call("a move back", to(json!(parent))).await;
    let batch = |operations: Value| ws.post("/api/v2/todos/batch").json(json!({ "operations": operations }));
    let creations = json!([
        { "op": "create", "todo": { "title": "new", "parent_id": parent } },
        { "op": "create", "todo": { "title": "new", "parent_id": middle } },
    ]);
    let results = family.after_call("a batch of creations", batch(creations)).await.ok();
    let made = [0, 1].map(|index| id(&results["results"][index]["todo"]));
    let updates: Vec<Value> =
        made.iter().map(|todo| json!({ "op": "update", "id": todo, "todo": { "status": "completed" } })).collect();
    family.after_call("a batch of changes", batch(json!(updates))).await;
    let deletions: Vec<Value> = made.iter().map(|todo| json!({ "op": "delete", "id": todo })).collect();
    family.after_call("a batch of deletions", batch(json!(deletions))).await;
    // Version 1 knows the same todos by their integers.
    let old = ws.get("/api/v1/todos").send().await.ok();
    let serial = |title: &str| {
        let todo = old.as_array().unwrap().iter().find(|todo| todo["title"] == title).unwrap();
        format!("/api/v1/todos/{}", todo["id"])
    };
    for title in ["middle", "leaf"] {
        for completed in [false, true] {
            let replace = ws.put(&serial(title)).json(json!({ "title": title, "completed": completed }));
            family.after_call("a replacement by version 1", replace).await;
        }
    }
    for title in ["leaf", "middle"] {
        family.after_call("a deletion by version 1", ws.delete(&serial(title))).await;
    }
}

async fn counts_of_subtasks_are_fresh_after_every_bulk_change() {
    let family = Family::new().await;
    let Family { ws, parent, home, middle, .. } = &family;
    let tree = json!({ "root": parent });
    for (filter, change) in [
        (json!({ "parent": parent }), json!({ "action": "complete" })),
        (tree.clone(), json!({ "action": "complete" })),
        (tree.clone(), json!({ "action": "reopen" })),
        (tree.clone(), json!({ "action": "move", "list_id": null })),
        (tree.clone(), json!({ "action": "move", "list_id": home })),
        (json!({ "parent": middle }), json!({ "action": "delete" })),
        (json!({ "parent": parent }), json!({ "action": "delete" })),
    ] {
        let mut body = change;
        body["filter"] = filter;
        let what = body.to_string();
        family.after(&what, async { assert_eq!(done(ws, body).await["status"], "succeeded") }).await;
    }
}

async fn counts_of_subtasks_are_fresh_after_every_tool() {
    let family = Family::new().await;
    let Family { ws, parent, middle, leaf, .. } = &family;
    for (name, arguments) in [
        ("add_todos", json!({ "todos": [{ "title": "new", "parent_id": middle }] })),
        ("update_todos", json!({ "todos": [{ "id": middle, "status": "completed" }] })),
        ("update_todos", json!({ "todos": [{ "id": middle, "status": "pending" }] })),
        ("complete_todos", json!({ "ids": [leaf] })),
        ("complete_todos", json!({ "ids": [parent], "subtasks": "complete" })),
        ("move_todos", json!({ "todos": [{ "id": leaf, "parent_id": parent }] })),
        ("move_todos", json!({ "todos": [{ "id": leaf, "parent_id": middle }] })),
        ("delete_todos", json!({ "ids": [leaf] })),
        ("restore_todos", json!({ "ids": [leaf] })),
        ("delete_todos", json!({ "ids": [middle] })),
        ("restore_todos", json!({ "ids": [middle] })),
    ] {
        let what = format!("{name} {arguments}");
        family.after_call(&what, tool(ws, name, arguments)).await.content();
    }
}
