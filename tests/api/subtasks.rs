//! Subtasks: todos below todos, as deep as may be, into the bin and out of it together.

use serde_json::{Value, json};

use crate::harness::{Workspace, id, suite, uuid};

suite![
    a_subtask_is_a_todo_in_the_list_of_its_parent,
    subtasks_are_counted_and_seen_at_once,
    todos_have_five_levels_at_most,
    nothing_is_below_itself,
    a_parent_is_a_live_todo_of_the_workspace,
    a_subtask_is_not_in_another_list_than_its_parent,
    todos_are_filtered_by_parent_and_root,
    a_parent_moves_with_what_is_below_it,
    completing_a_parent_leaves_its_subtasks_unless_asked,
];

pub fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", id(todo))
}

pub async fn read(ws: &Workspace, todo: &Value) -> Value {
    ws.get(&path(todo)).send().await.ok()
}

pub async fn below(ws: &Workspace, parent: &Value, title: &str) -> Value {
    ws.todo(json!({ "title": title, "parent_id": parent["id"] })).await
}

pub async fn list(ws: &Workspace, name: &str) -> Value {
    ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created()
}

/// So many todos, each below the one before.
pub async fn chain(ws: &Workspace, levels: usize) -> Vec<Value> {
    let mut todos = vec![ws.todo(json!({ "title": "1" })).await];
    for level in 2..=levels {
        let parent = todos.last().unwrap().clone();
        todos.push(below(ws, &parent, &level.to_string()).await);
    }
    todos
}

pub async fn restore(ws: &Workspace, todo: &Value) -> Value {
    ws.post(&format!("{}/restore", path(todo))).send().await.ok()
}

pub async fn delete(ws: &Workspace, todo: &Value) {
    ws.delete(&path(todo)).send().await.no_content();
}

async fn a_subtask_is_a_todo_in_the_list_of_its_parent() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"] })).await;
    assert_eq!((&parent["parent_id"], &parent["subtasks"]), (&Value::Null, &json!({ "total": 0, "completed": 0 })));
    let body = json!({ "title": "child", "parent_id": parent["id"], "list_id": home["id"], "tags": ["t"],
        "priority": "high" });
    let child = ws.todo(body).await;
    assert_eq!((&child["parent_id"], &child["list_id"]), (&parent["id"], &home["id"]));
    assert_eq!((&child["tags"], &child["priority"]), (&json!(["t"]), &json!("high")));
    assert_eq!(read(&ws, &child).await, child);
    assert_eq!(ws.titles(&[("list", id(&home)), ("sort", "title")]).await, ["child", "parent"]);
    let chosen = format!("/api/v2/todos/{}", uuid());
    let put = ws.put(&chosen).header("if-none-match", "*").json(json!({ "title": "x", "parent_id": child["id"] }));
    assert_eq!(put.send().await.created()["parent_id"], child["id"]);
}

async fn subtasks_are_counted_and_seen_at_once() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.todo(json!({ "title": "one" })).await, ws.todo(json!({ "title": "two" })).await);
    let counts = async |parent: &Value, total: i64, completed: i64| {
        let expected = json!({ "total": total, "completed": completed });
        for _ in 0..2 {
            assert_eq!(read(&ws, parent).await["subtasks"], expected);
            let summaries = ws.all("/api/v2/todos", &[]).await;
            let summary = summaries.iter().find(|todo| todo["id"] == parent["id"]).unwrap();
            assert_eq!(summary["subtasks"], expected);
        }
    };
    counts(&one, 0, 0).await;
    let child = below(&ws, &one, "child").await;
    counts(&one, 1, 0).await;
    let deeper = below(&ws, &child, "deeper").await;
    counts(&one, 1, 0).await;
    counts(&child, 1, 0).await;
    let patch = async |body: Value| ws.patch(&path(&child)).json(body).send().await.ok();
    patch(json!({ "status": "completed" })).await;
    counts(&one, 1, 1).await;
    patch(json!({ "status": "cancelled" })).await;
    counts(&one, 1, 0).await;
    patch(json!({ "parent_id": two["id"] })).await;
    counts(&one, 0, 0).await;
    counts(&two, 1, 0).await;
    delete(&ws, &child).await;
    counts(&two, 0, 0).await;
    restore(&ws, &child).await;
    counts(&two, 1, 0).await;
    ws.post(&format!("{}/complete", path(&deeper))).json(json!({})).send().await.ok();
    counts(&child, 1, 1).await;
    ws.put(&path(&deeper)).header("if-match", "*").json(json!({ "title": "y" })).send().await.ok();
    counts(&child, 1, 0).await;
    ws.post(&format!("{}/move", path(&child))).json(json!({ "parent_id": one["id"] })).send().await.ok();
    counts(&one, 1, 0).await;
    counts(&two, 0, 0).await;
    let batch = json!({ "operations": [{ "op": "delete", "id": child["id"] }] });
    ws.post("/api/v2/todos/batch").json(batch).send().await.ok();
    counts(&one, 0, 0).await;
    // Version 1 names todos by their integers.
    let serial = ws.get("/api/v1/todos").send().await.ok()[1]["id"].clone();
    ws.patch(&path(&two)).json(json!({ "parent_id": one["id"] })).send().await.ok();
    counts(&one, 1, 0).await;
    ws.patch(&format!("/api/v1/todos/{serial}")).json(json!({ "completed": true })).send().await.ok();
    counts(&one, 1, 1).await;
}

async fn todos_have_five_levels_at_most() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 5).await;
    let sixth = ws.post("/api/v2/todos").json(json!({ "title": "6", "parent_id": levels[4]["id"] })).send().await;
    sixth.problem(422, "invalid_body").at("/parent_id", "too_deep");
    // What is below counts, too: a todo with one below it fits below the third, not below the fourth.
    let other = chain(&ws, 2).await;
    let moved = ws.patch(&path(&other[0])).json(json!({ "parent_id": levels[3]["id"] })).send().await;
    moved.problem(422, "invalid_body").at("/parent_id", "too_deep");
    ws.patch(&path(&other[0])).json(json!({ "parent_id": levels[2]["id"] })).send().await.ok();
    // In the bin they do not count.
    let third = chain(&ws, 2).await;
    delete(&ws, &third[1]).await;
    ws.patch(&path(&third[0])).json(json!({ "parent_id": levels[3]["id"] })).send().await.ok();
}

async fn nothing_is_below_itself() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    for below in &levels {
        for refused in [
            ws.patch(&path(&levels[0])).json(json!({ "parent_id": below["id"] })),
            ws.post(&format!("{}/move", path(&levels[0]))).json(json!({ "parent_id": below["id"], "place": "first" })),
        ] {
            refused.send().await.problem(422, "invalid_body").at("/parent_id", "cycle");
        }
    }
    // To stay where it is is no cycle.
    let same = ws.patch(&path(&levels[2])).json(json!({ "parent_id": levels[1]["id"] })).send().await.ok();
    assert_eq!(same, levels[2]);
}

async fn a_parent_is_a_live_todo_of_the_workspace() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let gone = ws.todo(json!({ "title": "gone" })).await;
    delete(&ws, &gone).await;
    let foreign = other.todo(json!({ "title": "foreign" })).await;
    let todo = ws.todo(json!({ "title": "x" })).await;
    for parent in [gone["id"].clone(), foreign["id"].clone(), json!(uuid())] {
        let batch = json!({ "operations": [{ "op": "update", "id": todo["id"], "todo": { "parent_id": parent } }] });
        let batch = ws.post("/api/v2/todos/batch").json(batch).send().await;
        batch.problem(422, "invalid_body").at("/operations/0/todo/parent_id", "not_found");
        for refused in [
            ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": parent })),
            ws.patch(&path(&todo)).json(json!({ "parent_id": parent })),
            ws.post(&format!("{}/move", path(&todo))).json(json!({ "parent_id": parent })),
        ] {
            refused.send().await.problem(422, "invalid_body").at("/parent_id", "not_found");
        }
        assert_eq!(ws.titles(&[("parent", parent.as_str().unwrap())]).await, [""; 0]);
    }
    assert_eq!(read(&ws, &todo).await, todo);
}

async fn a_subtask_is_not_in_another_list_than_its_parent() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"] })).await;
    let child = below(&ws, &parent, "child").await;
    for refused in [
        ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": parent["id"], "list_id": work["id"] })),
        ws.patch(&path(&child)).json(json!({ "list_id": work["id"] })),
        ws.patch(&path(&child)).json(json!({ "list_id": null })),
    ] {
        refused.send().await.problem(422, "invalid_body").at("/list_id", "invalid_value");
    }
    let out = ws.patch(&path(&child)).json(json!({ "list_id": work["id"], "parent_id": null })).send().await.ok();
    assert_eq!((&out["list_id"], &out["parent_id"]), (&work["id"], &Value::Null));
    // To another list a move takes it out of its parent by itself.
    ws.patch(&path(&child)).json(json!({ "parent_id": parent["id"] })).send().await.ok();
    let moved = ws.post(&format!("{}/move", path(&child))).json(json!({ "list_id": work["id"] })).send().await.ok();
    assert_eq!((&moved["list_id"], &moved["parent_id"]), (&work["id"], &Value::Null));
}

async fn todos_are_filtered_by_parent_and_root() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 4).await;
    let second = below(&ws, &levels[0], "2b").await;
    ws.titled("alone").await;
    let sort = ("sort", "title");
    assert_eq!(ws.titles(&[("parent", "none"), sort]).await, ["1", "alone"]);
    assert_eq!(ws.titles(&[("parent", id(&levels[0])), sort]).await, ["2", "2b"]);
    assert_eq!(ws.titles(&[("root", id(&levels[1])), sort]).await, ["2", "3", "4"]);
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("parent", id(&levels[0])), sort]).await, ["2", "2b"]);
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("completed", "true")]).await, [""; 0]);
    for sort in ["created_at", "-updated_at", "due_date", "priority", "-title", "position", "-position"] {
        let paged = [("sort", sort), ("limit", "1"), ("root", id(&levels[0]))];
        let mut titles = ws.titles(&paged).await;
        titles.sort_unstable();
        assert_eq!(titles, ["1", "2", "2b", "3", "4"], "{sort}");
        let mut titles = ws.titles(&[("sort", sort), ("limit", "1"), ("parent", id(&levels[0]))]).await;
        titles.sort_unstable();
        assert_eq!(titles, ["2", "2b"], "{sort}");
    }
    delete(&ws, &second).await;
    assert_eq!(ws.titles(&[("parent", id(&levels[0]))]).await, ["2"]);
    for (name, value) in [("parent", "7"), ("root", "none"), ("root", "x"), ("archived", "1")] {
        ws.get("/api/v2/todos")
            .query(&[(name, value)])
            .send()
            .await
            .problem(400, "invalid_parameter")
            .in_parameter(name);
    }
}

async fn a_parent_moves_with_what_is_below_it() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let levels = chain(&ws, 3).await;
    for (body, expected) in [
        (json!({ "list_id": home["id"] }), &home["id"]),
        (json!({ "list_id": work["id"] }), &work["id"]),
        (json!({ "list_id": null }), &Value::Null),
    ] {
        ws.patch(&path(&levels[0])).json(body).send().await.ok();
        for todo in &levels {
            assert_eq!(&read(&ws, todo).await["list_id"], expected);
        }
    }
    let other = ws.todo(json!({ "title": "other", "list_id": home["id"] })).await;
    ws.patch(&path(&levels[0])).json(json!({ "parent_id": other["id"] })).send().await.ok();
    let deepest = read(&ws, &levels[2]).await;
    assert_eq!((&deepest["list_id"], &deepest["version"]), (&home["id"], &json!(5)));
    assert_eq!(ws.get(&format!("/api/v2/lists/{}", id(&home))).send().await.ok()["count"], 4);
}

async fn completing_a_parent_leaves_its_subtasks_unless_asked() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    let given_up = ws.todo(json!({ "title": "x", "parent_id": levels[0]["id"], "status": "cancelled" })).await;
    let complete = |body: Value| ws.post(&format!("{}/complete", path(&levels[0]))).json(body);
    complete(json!({ "subtasks": "all" })).send().await.problem(422, "invalid_body").at("/subtasks", "invalid_value");
    let kept = complete(json!({ "subtasks": "keep" })).send().await.ok();
    assert_eq!((&kept["status"], &kept["subtasks"]), (&json!("completed"), &json!({ "total": 2, "completed": 0 })));
    assert_eq!(read(&ws, &levels[1]).await["status"], "pending");
    ws.patch(&path(&levels[0])).json(json!({ "status": "pending" })).send().await.ok();
    let stale = complete(json!({ "subtasks": "complete" })).header("if-match", "\"1-x\"").send().await;
    stale.problem(412, "stale_version");
    let call = || complete(json!({ "subtasks": "complete" })).header("idempotency-key", "k");
    let all = call().send().await.ok();
    assert_eq!((&all["status"], &all["subtasks"]), (&json!("completed"), &json!({ "total": 2, "completed": 1 })));
    for todo in &levels {
        let todo = read(&ws, todo).await;
        assert_eq!(todo["status"], "completed");
        assert!(todo["completed_at"].is_string());
    }
    assert_eq!(read(&ws, &given_up).await["status"], "cancelled", "it is not open");
    let replay = call().send().await;
    assert_eq!((replay.header("idempotent-replayed"), replay.ok()), ("true", all));
    // Completing the last child tells, and decides nothing.
    let parent = ws.todo(json!({ "title": "p" })).await;
    let child = below(&ws, &parent, "c").await;
    ws.patch(&path(&child)).json(json!({ "status": "completed" })).send().await.ok();
    let parent = read(&ws, &parent).await;
    assert_eq!((&parent["status"], &parent["subtasks"]), (&json!("pending"), &json!({ "total": 1, "completed": 1 })));
    let missing = format!("/api/v2/todos/{}/complete", uuid());
    ws.post(&missing).json(json!({})).send().await.problem(404, "todo_not_found");
}
