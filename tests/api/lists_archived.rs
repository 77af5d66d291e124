//! Archived lists: their todos are passed over, and nothing is written there.

use serde_json::{Value, json};

use crate::harness::{Workspace, id, suite, uuid};
use crate::jobs::{done, ended};
use crate::lists::{archive, count, list, path, todo_path};

suite![
    todos_of_an_archived_list_are_shown_only_with_archived,
    nothing_is_written_in_an_archived_list,
    a_bulk_change_leaves_archived_lists_alone,
    nothing_comes_into_a_list_after_it_was_archived,
    archiving_while_a_bulk_change_runs_leaves_the_rest_alone,
    a_bulk_change_into_a_list_that_is_archived_ends,
];

pub async fn finished(ws: &Workspace, accepted: &Value) -> Value {
    ended(ws, &format!("/api/v2/jobs/{}", accepted["job_id"].as_str().unwrap())).await
}

async fn todos_of_an_archived_list_are_shown_only_with_archived() {
    let ws = Workspace::new().await;
    let (home, old) = (list(&ws, "Home").await, list(&ws, "Old").await);
    let hidden = ws.todo(json!({ "title": "old thing", "list_id": old["id"] })).await;
    ws.todo(json!({ "title": "home thing", "list_id": home["id"] })).await;
    ws.titled("inbox thing").await;
    archive(&ws, &old, true).await;
    let read = ws.get(&todo_path(&hidden)).send().await.ok();
    assert_eq!(read["title"], "old thing", "it is readable");
    for sort in ["created_at", "updated_at", "due_date", "priority", "title", "position"] {
        let titles = ws.titles(&[("sort", sort), ("limit", "1")]).await;
        assert_eq!(titles.len(), 2, "{sort}: {titles:?}");
        assert_eq!(ws.titles(&[("sort", sort), ("archived", "true")]).await.len(), 3, "{sort}");
        assert_eq!(ws.titles(&[("sort", sort), ("list", id(&old))]).await, [""; 0], "{sort}");
        let with = [("sort", sort), ("list", id(&old)), ("archived", "true")];
        assert_eq!(ws.titles(&with).await, ["old thing"], "{sort}");
    }
    assert_eq!(ws.titles(&[("q", "thing")]).await.len(), 2);
    assert_eq!(ws.titles(&[("q", "old")]).await, [""; 0]);
    assert_eq!(ws.titles(&[("q", "old"), ("archived", "true")]).await, ["old thing"]);
    let several = [("list", "none"), ("list", id(&old)), ("list", id(&home)), ("sort", "title")];
    assert_eq!(ws.titles(&several).await, ["home thing", "inbox thing"]);
    let with = [&several[..], &[("archived", "true")]].concat();
    assert_eq!(ws.titles(&with).await, ["home thing", "inbox thing", "old thing"]);
    assert_eq!(ws.titles(&[&with[..2], &with[3..]].concat()).await, ["inbox thing", "old thing"]);
    archive(&ws, &old, false).await;
    assert_eq!(ws.titles(&[("q", "thing")]).await.len(), 3);
}

async fn nothing_is_written_in_an_archived_list() {
    let ws = Workspace::new().await;
    let (home, old) = (list(&ws, "Home").await, list(&ws, "Old").await);
    let inside = ws.todo(json!({ "title": "inside", "list_id": old["id"] })).await;
    let gone = ws.todo(json!({ "title": "gone", "list_id": old["id"] })).await;
    let outside = ws.todo(json!({ "title": "outside" })).await;
    ws.delete(&todo_path(&gone)).send().await.no_content();
    archive(&ws, &old, true).await;
    let (inside, outside) = (todo_path(&inside), todo_path(&outside));
    let put = ws.put(&format!("/api/v2/todos/{}", uuid())).header("if-none-match", "*");
    let operation = json!({ "operations": [{ "op": "create", "todo": { "title": "x", "list_id": old["id"] } }] });
    for refused in [
        ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": old["id"] })),
        ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": inside.rsplit('/').next() })),
        put.json(json!({ "title": "x", "list_id": old["id"] })),
        ws.patch(&outside).json(json!({ "list_id": old["id"] })),
        ws.post(&format!("{outside}/move")).json(json!({ "list_id": old["id"] })),
        ws.post(&format!("{outside}/move")).json(json!({ "parent_id": inside.rsplit('/').next() })),
        ws.patch(&inside).json(json!({ "title": "y" })),
        ws.put(&inside).header("if-match", "*").json(json!({ "title": "y" })),
        ws.post(&format!("{inside}/complete")).json(json!({})),
        ws.post(&format!("{inside}/move")).json(json!({ "place": "first" })),
        ws.post(&format!("{}/restore", todo_path(&gone))),
        ws.post("/api/v2/todos/bulk-process")
            .json(json!({ "filter": { "completed": false }, "action": "move", "list_id": old["id"] })),
    ] {
        refused.send().await.problem(409, "list_archived").faults_are(0);
    }
    let refused = ws.post("/api/v2/todos/batch").json(operation).send().await;
    refused.problem(409, "list_archived").at("/operations/0", "list_archived");
    // It may leave the list, by going elsewhere or into the bin.
    let moved = ws.patch(&inside).json(json!({ "list_id": home["id"], "title": "y" })).send().await.ok();
    assert_eq!((&moved["list_id"], &moved["title"]), (&home["id"], &json!("y")));
    archive(&ws, &home, true).await;
    let out = json!({ "list_id": null, "after": outside.rsplit('/').next() });
    assert_eq!(ws.post(&format!("{inside}/move")).json(out).send().await.ok()["list_id"], Value::Null);
    archive(&ws, &home, false).await;
    ws.patch(&inside).json(json!({ "list_id": home["id"] })).send().await.ok();
    archive(&ws, &home, true).await;
    ws.delete(&inside).send().await.no_content();
    ws.delete(&path(&home)).send().await.no_content();
}

async fn a_bulk_change_leaves_archived_lists_alone() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let inside = ws.todo(json!({ "title": "inside", "list_id": old["id"] })).await;
    let outside = ws.todo(json!({ "title": "outside" })).await;
    archive(&ws, &old, true).await;
    let complete = json!({ "filter": { "completed": false }, "action": "complete" });
    assert_eq!(done(&ws, complete).await["processed"], 1);
    assert_eq!(ws.get(&todo_path(&inside)).send().await.ok()["status"], "pending");
    assert_eq!(ws.get(&todo_path(&outside)).send().await.ok()["status"], "completed");
    let with = json!({ "filter": { "completed": false, "archived": true }, "action": "complete" });
    let refused = ws.post("/api/v2/todos/bulk-process").json(with).send().await;
    refused.problem(422, "invalid_body").at("/filter/archived", "invalid_value");
    let other = ws.todo(json!({ "title": "other" })).await;
    archive(&ws, &old, false).await;
    ws.post(&format!("{}/move", todo_path(&other))).json(json!({ "list_id": old["id"] })).send().await.ok();
    archive(&ws, &old, true).await;
    let of_old = |q: &str| json!({ "list": [old["id"]], "archived": true, "q": q });
    let out = json!({ "filter": of_old("other"), "action": "move", "list_id": null });
    assert_eq!(done(&ws, out).await["processed"], 1);
    assert_eq!(ws.titles(&[("list", "none"), ("sort", "title")]).await, ["other", "outside"]);
    assert_eq!(done(&ws, json!({ "filter": of_old("inside"), "action": "delete" })).await["processed"], 1);
    ws.delete(&path(&old)).send().await.no_content();
}

async fn nothing_comes_into_a_list_after_it_was_archived() {
    let ws = Workspace::new().await;
    for _ in 0..5 {
        let list = list(&ws, &crate::harness::unique("list")).await;
        let body = json!({ "title": "x", "list_id": list["id"] });
        let writers: Vec<_> =
            (0..12).map(|_| tokio::spawn(ws.post("/api/v2/todos").json(body.clone()).send())).collect();
        archive(&ws, &list, true).await;
        // What was created before is there; nothing is added from now on, whatever is still under way.
        let query = [("list", id(&list)), ("archived", "true"), ("limit", "100")];
        let before = ws.titles(&query).await.len();
        let mut made = 0;
        for answer in writers {
            let answer = answer.await.unwrap();
            if answer.status == 201 {
                made += 1;
            } else {
                answer.problem(409, "list_archived");
            }
        }
        assert_eq!((ws.titles(&query).await.len(), made), (before, before));
    }
}

async fn archiving_while_a_bulk_change_runs_leaves_the_rest_alone() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    for _ in 0..8 {
        let create = json!({ "op": "create", "todo": { "title": "x", "list_id": home["id"] } });
        let batch = json!({ "operations": vec![create; 100] });
        ws.post("/api/v2/todos/batch").json(batch).send().await.ok();
    }
    let body = json!({ "filter": { "list": [home["id"]] }, "action": "set_priority", "priority": "urgent" });
    let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await.json(202);
    archive(&ws, &home, true).await;
    let urgent = [("list", id(&home)), ("archived", "true"), ("priority", "urgent"), ("limit", "100")];
    let before = ws.titles(&urgent).await.len();
    assert_eq!(finished(&ws, &accepted).await["status"], "succeeded");
    assert_eq!(ws.titles(&urgent).await.len(), before, "nothing was changed after the list was archived");
    assert_eq!(count(&ws, &home).await, 800);
}

async fn a_bulk_change_into_a_list_that_is_archived_ends() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    for _ in 0..10 {
        let create = json!({ "op": "create", "todo": { "title": "x" } });
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![create; 100] })).send().await.ok();
    }
    let body = json!({ "filter": { "list": ["none"] }, "action": "move", "list_id": home["id"] });
    let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await.json(202);
    archive(&ws, &home, true).await;
    let before = count(&ws, &home).await;
    let job = finished(&ws, &accepted).await;
    assert_eq!(count(&ws, &home).await, before, "nothing comes into an archived list");
    if before < 1000 {
        assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!("the list is archived")));
    }
    assert_eq!(job["attempts"], 1, "another attempt is in vain");
}
