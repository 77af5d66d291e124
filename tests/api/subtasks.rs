//! Subtasks: todos below todos, as deep as may be, into the bin and out of it together.

use serde_json::{Value, json};

use crate::harness::follower::{Follower, settle};
use crate::harness::{Workspace, database, id, suite, uuid};
use crate::jobs::done;

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
    what_is_below_goes_into_the_bin_and_comes_back_together,
    a_child_alone_comes_back_as_a_root,
    what_went_into_the_bin_before_stays_there,
    a_restored_child_that_would_be_too_deep_comes_back_as_a_root,
    #[database]
    a_purged_parent_leaves_its_children,
    a_bulk_deletion_takes_what_is_below,
    a_batch_writes_subtasks,
    a_batch_deletes_a_todo_and_what_is_below_it_in_any_order,
    a_batch_tells_each_todo_once,
    opposite_moves_at_once_make_no_cycle,
    a_parent_is_deleted_while_a_child_is_moved_in,
    #[database]
    a_parent_is_deleted_while_its_child_comes_back,
    writers_at_once_leave_sound_trees,
    moves_and_lists_are_logged,
    a_copy_that_follows_changes_has_the_same_trees,
];

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", id(todo))
}

async fn read(ws: &Workspace, todo: &Value) -> Value {
    ws.get(&path(todo)).send().await.ok()
}

async fn below(ws: &Workspace, parent: &Value, title: &str) -> Value {
    ws.todo(json!({ "title": title, "parent_id": parent["id"] })).await
}

async fn list(ws: &Workspace, name: &str) -> Value {
    ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created()
}

/// So many todos, each below the one before.
async fn chain(ws: &Workspace, levels: usize) -> Vec<Value> {
    let mut todos = vec![ws.todo(json!({ "title": "1" })).await];
    for level in 2..=levels {
        let parent = todos.last().unwrap().clone();
        todos.push(below(ws, &parent, &level.to_string()).await);
    }
    todos
}

async fn restore(ws: &Workspace, todo: &Value) -> Value {
    ws.post(&format!("{}/restore", path(todo))).send().await.ok()
}

async fn delete(ws: &Workspace, todo: &Value) {
    ws.delete(&path(todo)).send().await.no_content();
}

async fn a_subtask_is_a_todo_in_the_list_of_its_parent() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"] })).await;
    assert_eq!((&parent["parent_id"], &parent["subtasks"]), (&Value::Null, &json!({ "total": 0, "completed": 0 })));
    let body = json!({ "title": "child", "parent_id": parent["id"], "list_id": home["id"], "tags": ["t"], "priority": "high" });
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

async fn what_is_below_goes_into_the_bin_and_comes_back_together() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 4).await;
    let top = read(&ws, &levels[0]).await;
    ws.patch(&path(&levels[0])).json(json!({ "status": "completed" })).send().await.ok();
    delete(&ws, &levels[1]).await;
    assert_eq!(ws.titles(&[]).await, ["1"]);
    let bin = ws.titles(&[("deleted", "true"), ("sort", "title")]).await;
    assert_eq!(bin, ["2", "3", "4"]);
    ws.get(&path(&levels[3])).send().await.problem(404, "todo_not_found");
    let back = restore(&ws, &levels[1]).await;
    assert_eq!((&back["parent_id"], &back["subtasks"]), (&top["id"], &json!({ "total": 1, "completed": 0 })));
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("sort", "title")]).await, ["1", "2", "3", "4"]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, [""; 0]);
    assert_eq!(restore(&ws, &levels[1]).await, back, "a live todo is left as it is");
}

async fn a_child_alone_comes_back_as_a_root() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let levels = chain(&ws, 4).await;
    ws.patch(&path(&levels[0])).json(json!({ "list_id": home["id"] })).send().await.ok();
    delete(&ws, &levels[0]).await;
    // With what is below it, which went there with it.
    let alone = restore(&ws, &levels[2]).await;
    assert_eq!((&alone["parent_id"], &alone["list_id"]), (&Value::Null, &home["id"]));
    let history = ws.get(&format!("{}/history", path(&levels[2]))).send().await.ok();
    let restored = &history["items"][0];
    let from = json!({ "id": levels[1]["id"], "title": "2" });
    assert_eq!((&restored["type"], &restored["version"]), (&json!("todo.restored"), &alone["version"]));
    assert_eq!(restored["changes"], json!({ "parent": { "from": from, "to": null } }));
    assert_eq!(read(&ws, &levels[3]).await["parent_id"], levels[2]["id"]);
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["3", "4"]);
    // The others come back without those.
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("sort", "title")]).await, ["1", "2"]);
    assert_eq!(ws.titles(&[("parent", "none"), ("sort", "title")]).await, ["1", "3"]);
}

async fn what_went_into_the_bin_before_stays_there() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    delete(&ws, &levels[2]).await;
    delete(&ws, &levels[0]).await;
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("deleted", "true")]).await, ["3"]);
    let back = restore(&ws, &levels[2]).await;
    assert_eq!(back["parent_id"], levels[1]["id"], "its parent is there");
}

async fn a_restored_child_that_would_be_too_deep_comes_back_as_a_root() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let (levels, pair) = (chain(&ws, 4).await, chain(&ws, 2).await);
    ws.patch(&path(&levels[0])).json(json!({ "list_id": home["id"] })).send().await.ok();
    delete(&ws, &pair[1]).await;
    ws.patch(&path(&pair[0])).json(json!({ "parent_id": levels[3]["id"] })).send().await.ok();
    let back = restore(&ws, &pair[1]).await;
    assert_eq!((&back["parent_id"], &back["list_id"]), (&Value::Null, &home["id"]));
    // A child that fits follows its parent into the list where that is now.
    let other = ws.todo(json!({ "title": "other" })).await;
    let late = below(&ws, &other, "late").await;
    delete(&ws, &late).await;
    ws.patch(&path(&other)).json(json!({ "list_id": home["id"] })).send().await.ok();
    let back = restore(&ws, &late).await;
    assert_eq!((&back["parent_id"], &back["list_id"]), (&other["id"], &home["id"]));
}

async fn a_purged_parent_leaves_its_children() {
    let database = database::connect().await;
    let ws = Workspace::new().await;
    let levels = chain(&ws, 2).await;
    delete(&ws, &levels[0]).await;
    let purge = "delete from todos where uid = $1::text::uuid";
    assert_eq!(database.execute(purge, &[&id(&levels[0])]).await.unwrap(), 1);
    let back = restore(&ws, &levels[1]).await;
    assert_eq!(back["parent_id"], Value::Null);
    let expired = "update todos set deleted_at = now() - interval '31 days' where uid = $1::text::uuid";
    let levels = chain(&ws, 2).await;
    delete(&ws, &levels[0]).await;
    database.execute(expired, &[&id(&levels[0])]).await.unwrap();
    ws.post(&format!("{}/restore", path(&levels[0]))).send().await.problem(404, "todo_not_found");
    assert_eq!(restore(&ws, &levels[1]).await["parent_id"], Value::Null);
}

async fn a_bulk_deletion_takes_what_is_below() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    ws.patch(&path(&levels[0])).json(json!({ "tags": ["x"] })).send().await.ok();
    ws.titled("other").await;
    let job = done(&ws, json!({ "filter": { "tag": ["x"] }, "action": "delete" })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(ws.titles(&[]).await, ["other"]);
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0]))]).await.len(), 3);
    // A parent and its child that both match go together, too.
    done(&ws, json!({ "filter": { "root": levels[0]["id"] }, "action": "delete" })).await;
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0]))]).await.len(), 3);
}

async fn a_batch_writes_subtasks() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    let other = ws.todo(json!({ "title": "other" })).await;
    let batch = json!({ "operations": [
        { "op": "create", "todo": { "title": "new", "parent_id": other["id"] } },
        { "op": "update", "id": levels[1]["id"], "todo": { "parent_id": other["id"] } },
        { "op": "delete", "id": levels[0]["id"] },
    ] });
    let results = ws.post("/api/v2/todos/batch").json(batch).send().await.ok()["results"].clone();
    assert_eq!(results[1]["todo"]["parent_id"], other["id"]);
    assert_eq!(ws.titles(&[("root", id(&other)), ("sort", "title")]).await, ["2", "3", "new", "other"]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, ["1"]);
    let cycle = json!({ "operations": [
        { "op": "create", "todo": { "title": "never" } },
        { "op": "update", "id": other["id"], "todo": { "parent_id": levels[2]["id"] } },
    ] });
    let refused = ws.post("/api/v2/todos/batch").json(cycle).send().await;
    refused.problem(422, "invalid_body").at("/operations/1/todo/parent_id", "cycle");
    assert_eq!(ws.titles(&[]).await.len(), 4);
}

async fn a_batch_deletes_a_todo_and_what_is_below_it_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let ws = Workspace::new().await;
        let levels = chain(&ws, 4).await;
        let operations: Vec<Value> = order.map(|level| json!({ "op": "delete", "id": levels[level]["id"] })).into();
        let batch = ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
        assert_eq!(batch["results"].as_array().unwrap().len(), 3, "{batch}");
        assert_eq!(ws.titles(&[("deleted", "true"), ("sort", "title")]).await, ["1", "2", "3", "4"]);
        restore(&ws, &levels[0]).await;
        assert_eq!(ws.titles(&[("sort", "title")]).await, ["1", "2", "3", "4"], "they went together");
    }
    // One after the other, what is gone is gone.
    let ws = Workspace::new().await;
    let levels = chain(&ws, 2).await;
    let stale = json!({ "operations": [
        { "op": "delete", "id": levels[0]["id"] },
        { "op": "delete", "id": levels[1]["id"], "if_version": 7 },
    ] });
    let refused = ws.post("/api/v2/todos/batch").json(stale).send().await;
    refused.problem(412, "stale_version").at("/operations/1", "stale_version");
    let gone = json!({ "operations": [
        { "op": "delete", "id": levels[0]["id"] },
        { "op": "update", "id": levels[1]["id"], "todo": { "title": "x" } },
    ] });
    let refused = ws.post("/api/v2/todos/batch").json(gone).send().await;
    refused.problem(422, "invalid_body").at("/operations/1/id", "not_found");
    assert_eq!(ws.titles(&[]).await.len(), 2, "all or nothing");
}

/// A parent's new list changes its subtask, too, which the next operation changes again.
async fn a_batch_tells_each_todo_once() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let levels = chain(&ws, 2).await;
    let batch = json!({ "operations": [
        { "op": "update", "id": levels[0]["id"], "todo": { "list_id": home["id"] } },
        { "op": "update", "id": levels[1]["id"], "todo": { "title": "x", "status": "completed" } },
    ] });
    ws.post("/api/v2/todos/batch").json(batch).send().await.ok();
    let history = ws.get(&format!("{}/history", path(&levels[1]))).send().await.ok();
    let types: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["todo.completed", "todo.created"]);
    let changes = json!({
        "list": { "from": null, "to": { "id": home["id"], "name": "Home" } },
        "status": { "from": "pending", "to": "completed" },
        "title": { "from": "2", "to": "x" },
    });
    assert_eq!((&history["items"][0]["changes"], &history["items"][0]["version"]), (&changes, &json!(3)));
}

async fn opposite_moves_at_once_make_no_cycle() {
    let ws = Workspace::new().await;
    for _ in 0..10 {
        let (one, two) = (ws.todo(json!({ "title": "one" })).await, ws.todo(json!({ "title": "two" })).await);
        let under = |todo: &Value, parent: &Value| {
            tokio::spawn(ws.patch(&path(todo)).json(json!({ "parent_id": parent["id"] })).send())
        };
        let (first, second) = (under(&one, &two), under(&two, &one));
        let answers = [first.await.unwrap(), second.await.unwrap()];
        let moved = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(moved, 1, "{} {}", answers[0], answers[1]);
        let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
        refused.problem(422, "invalid_body").at("/parent_id", "cycle");
    }
}

async fn a_parent_is_deleted_while_a_child_is_moved_in() {
    let ws = Workspace::new().await;
    for round in 0..12 {
        let parent = ws.todo(json!({ "title": "parent" })).await;
        if round % 2 == 0 {
            below(&ws, &parent, "there already").await;
        }
        let child = ws.todo(json!({ "title": "child" })).await;
        let moving = tokio::spawn(ws.patch(&path(&child)).json(json!({ "parent_id": parent["id"] })).send());
        let adding = ws.post("/api/v2/todos").json(json!({ "title": "new", "parent_id": parent["id"] }));
        let adding = tokio::spawn(adding.send());
        delete(&ws, &parent).await;
        let moved = moving.await.unwrap();
        let added = adding.await.unwrap();
        // Either it came first and went with its parent, or it found no parent.
        if moved.status == 200 {
            ws.get(&path(&child)).send().await.problem(404, "todo_not_found");
        } else {
            moved.problem(422, "invalid_body").at("/parent_id", "not_found");
            assert_eq!(read(&ws, &child).await["parent_id"], Value::Null);
        }
        if added.status == 201 {
            ws.get(&path(&added.created())).send().await.problem(404, "todo_not_found");
        } else {
            added.problem(422, "invalid_body").at("/parent_id", "not_found");
        }
    }
    assert_eq!(
        ws.titles(&[("parent", "none"), ("limit", "100")]).await.iter().filter(|title| *title == "new").count(),
        0
    );
}

/// Fails unless the live todos are sound trees: each parent is there, in the same list, at most five levels, counted rightly.
pub async fn assert_sound(ws: &Workspace) {
    let todos = ws.all("/api/v2/todos", &[("limit", "100"), ("archived", "true")]).await;
    let find = |wanted: &Value| todos.iter().find(|todo| todo["id"] == *wanted);
    for todo in &todos {
        let (mut above, mut levels) = (todo, 1);
        while !above["parent_id"].is_null() {
            let parent = find(&above["parent_id"]).unwrap_or_else(|| panic!("the parent of {above} is gone"));
            assert_eq!(parent["list_id"], above["list_id"], "{above} is in another list than {parent}");
            above = parent;
            levels += 1;
            assert!(levels <= 5, "{todo} is too deep");
        }
        let below: Vec<&Value> = todos.iter().filter(|other| other["parent_id"] == todo["id"]).collect();
        let completed = below.iter().filter(|other| other["completed"] == true).count();
        assert_eq!(todo["subtasks"], json!({ "total": below.len(), "completed": completed }), "{todo}");
    }
}

async fn a_parent_is_deleted_while_its_child_comes_back() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let levels = chain(&ws, 2).await;
    delete(&ws, &levels[1]).await;
    let transaction = database.transaction().await.unwrap();
    let remove = "select outcome from todo_delete_v1($1, '', null, null, false, null, $2::text::uuid, null)";
    let outcome = transaction.query_one(remove, &[&workspace, &id(&levels[0])]).await.unwrap();
    assert_eq!(outcome.get::<_, &str>(0), "done");
    let coming = tokio::spawn(ws.post(&format!("{}/restore", path(&levels[1]))).send());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    transaction.commit().await.unwrap();
    assert_eq!(coming.await.unwrap().ok()["parent_id"], Value::Null);
    assert_sound(&ws).await;
}

async fn writers_at_once_leave_sound_trees() {
    let ws = Workspace::new().await;
    let lists = [list(&ws, "a").await, list(&ws, "b").await];
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..16 {
        ids.push(ws.titled("x").await);
    }
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..25 {
        let mut calls = Vec::new();
        for _ in 0..8 {
            let (todo, other) = (&ids[random(ids.len())], &ids[random(ids.len())]);
            let path = format!("/api/v2/todos/{todo}");
            calls.push(match random(8) {
                0 | 1 => ws.patch(&path).json(json!({ "parent_id": other })),
                2 => ws.post(&format!("{path}/move")).json(json!({ "after": other })),
                3 => ws
                    .post(&format!("{path}/move"))
                    .json(json!({ "list_id": lists[random(2)]["id"], "place": "first" })),
                4 => ws.delete(&path),
                5 => ws.post(&format!("{path}/restore")),
                6 => ws.post(&format!("{path}/complete")).json(json!({ "subtasks": "complete" })),
                _ => ws.patch(&path).json(json!({ "parent_id": null, "status": "pending" })),
            });
        }
        let sent: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
        for answer in sent {
            let answer = answer.await.unwrap();
            assert!([200, 204, 404, 422].contains(&answer.status), "{answer}");
        }
        assert_sound(&ws).await;
        let (live, bin) =
            (ws.titles(&[("limit", "100")]).await, ws.titles(&[("deleted", "true"), ("limit", "100")]).await);
        assert_eq!(live.len() + bin.len(), ids.len(), "no todo is lost");
    }
}

async fn moves_and_lists_are_logged() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let levels = chain(&ws, 2).await;
    ws.post(&format!("{}/move", path(&levels[0]))).json(json!({ "list_id": home["id"] })).send().await.ok();
    ws.patch(&path(&levels[1])).json(json!({ "parent_id": null, "title": "y" })).send().await.ok();
    let history = ws.get(&format!("{}/history", path(&levels[1]))).send().await.ok();
    let types: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["todo.updated", "todo.moved", "todo.created"]);
    let changes = json!({
        "title": { "from": "2", "to": "y" },
        "parent": { "from": { "id": levels[0]["id"], "title": "1" }, "to": null },
    });
    assert_eq!(history["items"][0]["changes"], changes);
    let moved = json!({ "list": { "from": null, "to": { "id": home["id"], "name": "Home" } } });
    assert_eq!(history["items"][1]["changes"], moved);
    let feed = ws.get("/api/v2/changes?types=list").send().await.ok();
    let item = &feed["items"][0];
    assert_eq!((&item["type"], &item["id"], &item["data"]["name"]), (&json!("list"), &home["id"], &json!("Home")));
    let cursor = feed["next_cursor"].as_str().unwrap().to_owned();
    ws.patch(&path(&levels[0])).json(json!({ "list_id": null })).send().await.ok();
    ws.patch(&path(&levels[1])).json(json!({ "list_id": null })).send().await.ok();
    ws.delete(&format!("/api/v2/lists/{}", id(&home))).send().await.no_content();
    let mut deleted = Value::Null;
    for _ in 0..50 {
        let query = [("types", "list"), ("cursor", cursor.as_str())];
        deleted = ws.get("/api/v2/changes").query(&query).send().await.ok()["items"][0].clone();
        if deleted["deleted"] == true {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!((&deleted["id"], &deleted["deleted"], &deleted["data"]), (&home["id"], &json!(true), &Value::Null));
}

/// How many subtasks a todo has is counted in the copy, as `/docs/sync` says.
async fn a_copy_that_follows_changes_has_the_same_trees() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let (levels, other) = (chain(&ws, 4).await, chain(&ws, 2).await);
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    ws.post(&format!("{}/move", path(&levels[0]))).json(json!({ "list_id": home["id"] })).send().await.ok();
    ws.post(&format!("{}/complete", path(&levels[1]))).json(json!({ "subtasks": "complete" })).send().await.ok();
    ws.patch(&path(&other[1])).json(json!({ "parent_id": levels[1]["id"], "position": 3.5 })).send().await.ok();
    delete(&ws, &levels[2]).await;
    for _ in 0..60 {
        let to = json!({ "after": levels[0]["id"], "list_id": home["id"] });
        ws.post(&format!("{}/move", path(&other[0]))).json(to).send().await.ok();
        ws.post(&format!("{}/move", path(&below(&ws, &other[0], "new").await)))
            .json(json!({ "place": "first" }))
            .send()
            .await
            .ok();
    }
    restore(&ws, &levels[3]).await;
    settle(&ws).await;
    follower.catch_up(&ws, &[]).await;
    let lines = ws.get("/api/v2/todos/export?format=ndjson").send().await.text();
    let todos: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let copied =
        |kind: &'static str| follower.copy.iter().filter(move |((known, _), _)| known == kind).map(|(_, data)| data);
    assert_eq!(copied("todo").count(), todos.len());
    for todo in &todos {
        let mut own = follower.copy[&("todo".to_owned(), id(todo).to_owned())].clone();
        let below: Vec<&Value> = copied("todo").filter(|other| other["parent_id"] == todo["id"]).collect();
        let completed = below.iter().filter(|other| other["completed"] == true).count();
        own["subtasks"] = json!({ "total": below.len(), "completed": completed });
        own.as_object_mut().unwrap().remove("tag_ids");
        assert_eq!(own, *todo);
    }
    let list = ws.get(&format!("/api/v2/lists/{}", id(&home))).send().await.ok();
    let mut own = copied("list").next().unwrap().clone();
    own["count"] = list["count"].clone();
    assert_eq!(own, list);
}
