//! Todos in lists: how they come there, are found there, and are counted.

use serde_json::{Value, json};

use crate::harness::{Workspace, id, suite, uuid};
use crate::jobs::done;
use crate::lists::{archive, count, list, path, todo_path};
use crate::lists_archived::finished;

suite![
    open_todos_are_counted,
    a_list_that_holds_todos_stays,
    todos_of_a_deleted_list_come_back_into_the_inbox,
    todos_are_filtered_by_list,
    a_put_of_a_client_that_knows_no_lists_leaves_them_alone,
    references_to_lists_must_exist,
    a_batch_writes_into_lists,
    version_1_sees_todos_of_lists_and_keeps_them_there,
    an_export_tells_lists_and_parents,
    statistics_count_all_todos_that_are_not_in_the_bin,
    counts_are_seen_at_once,
    #[database]
    kept_counts_of_lists_are_right_after_many_writers,
];

async fn open_todos_are_counted() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    ws.todo(json!({ "title": "done", "status": "completed", "list_id": home["id"] })).await;
    ws.todo(json!({ "title": "inbox" })).await;
    assert_eq!(count(&ws, &home).await, 1);
    let path = todo_path(&todo);
    let patch = async |body: Value| ws.patch(&path).json(body).send().await.ok();
    for (status, expected) in [("completed", 0), ("in_progress", 1), ("cancelled", 0), ("pending", 1)] {
        patch(json!({ "status": status })).await;
        assert_eq!(count(&ws, &home).await, expected, "{status}");
    }
    patch(json!({ "list_id": work["id"] })).await;
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 1));
    patch(json!({ "list_id": home["id"], "status": "completed" })).await;
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 0));
    patch(json!({ "status": "pending" })).await;
    ws.delete(&path).send().await.no_content();
    assert_eq!(count(&ws, &home).await, 0);
    ws.post(&format!("{path}/restore")).send().await.ok();
    assert_eq!(count(&ws, &home).await, 1);
    patch(json!({ "list_id": null })).await;
    assert_eq!(count(&ws, &home).await, 0);
}

async fn a_list_that_holds_todos_stays() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"], "status": "completed" })).await;
    ws.delete(&path(&home)).send().await.problem(409, "list_not_empty");
    let body = json!({ "filter": { "list": [home["id"]] }, "action": "move", "list_id": work["id"] });
    assert_eq!(done(&ws, body).await["status"], "succeeded");
    assert_eq!(ws.get(&todo_path(&todo)).send().await.ok()["list_id"], work["id"]);
    ws.delete(&path(&home)).send().await.no_content();
    done(&ws, json!({ "filter": { "list": [work["id"]] }, "action": "delete" })).await;
    ws.delete(&path(&work)).send().await.no_content();
}

async fn todos_of_a_deleted_list_come_back_into_the_inbox() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    ws.delete(&todo_path(&todo)).send().await.no_content();
    ws.delete(&path(&home)).send().await.no_content();
    for filter in [&[("deleted", "true")][..], &[("deleted", "true"), ("list", "none")]] {
        assert_eq!(ws.all("/api/v2/todos", filter).await[0]["list_id"], Value::Null);
    }
    let restored = ws.post(&format!("{}/restore", todo_path(&todo))).send().await.ok();
    assert_eq!(restored["list_id"], Value::Null);
    assert_eq!(ws.titles(&[("list", "none")]).await, ["x"]);
}

async fn todos_are_filtered_by_list() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    for (title, list) in [("a", id(&home)), ("b", id(&work)), ("c", id(&home))] {
        ws.todo(json!({ "title": title, "list_id": list })).await;
    }
    ws.titled("inbox").await;
    let sort = ("sort", "title");
    assert_eq!(ws.titles(&[("list", id(&home)), sort]).await, ["a", "c"]);
    assert_eq!(ws.titles(&[("list", id(&home)), ("list", id(&work)), sort]).await, ["a", "b", "c"]);
    assert_eq!(ws.titles(&[("list", "none"), sort]).await, ["inbox"]);
    assert_eq!(ws.titles(&[("list", "none"), ("list", id(&work)), sort]).await, ["b", "inbox"]);
    for sort in ["created_at", "-updated_at", "due_date", "-priority", "title", "position", "-position"] {
        let mut titles = ws.titles(&[("list", id(&home)), ("sort", sort), ("limit", "1")]).await;
        titles.sort_unstable();
        assert_eq!(titles, ["a", "c"], "{sort}");
        assert_eq!(ws.titles(&[("list", "none"), ("sort", sort), ("limit", "1")]).await, ["inbox"], "{sort}");
    }
    let foreign = list(&other, "Home").await;
    assert_eq!(ws.titles(&[("list", id(&foreign))]).await, [""; 0]);
    let summary = &ws.all("/api/v2/todos", &[("list", id(&work))]).await[0];
    assert_eq!(summary["list_id"], work["id"]);
    assert_eq!((&summary["parent_id"], &summary["subtasks"]), (&Value::Null, &json!({ "total": 0, "completed": 0 })));
    ws.get("/api/v2/todos?list=7").send().await.problem(400, "invalid_parameter").in_parameter("list");
}

async fn a_put_of_a_client_that_knows_no_lists_leaves_them_alone() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "p", "list_id": home["id"] })).await;
    let todo = ws.todo(json!({ "title": "x", "parent_id": parent["id"], "position": 7.25 })).await;
    assert_eq!(todo["list_id"], home["id"]);
    let path = todo_path(&todo);
    let put = async |body: Value| ws.put(&path).header("if-match", "*").json(body).send().await.ok();
    let kept = put(json!({ "title": "y" })).await;
    for field in ["list_id", "parent_id", "position"] {
        assert_eq!(kept[field], todo[field], "{field}");
    }
    let cleared = put(json!({ "title": "y", "parent_id": null, "list_id": null, "position": null })).await;
    assert_eq!((&cleared["list_id"], &cleared["parent_id"]), (&Value::Null, &Value::Null));
    assert!(cleared["position"].as_f64().unwrap() > 1e9, "the seconds of its creation: {cleared}");
}

async fn references_to_lists_must_exist() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let foreign = list(&other, "Home").await;
    for missing in [json!(uuid()), foreign["id"].clone()] {
        let created = ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": missing })).send().await;
        created.problem(422, "invalid_body").at("/list_id", "not_found");
        let todo = ws.todo(json!({ "title": "x" })).await;
        let patched = ws.patch(&todo_path(&todo)).json(json!({ "list_id": missing })).send().await;
        patched.problem(422, "invalid_body").at("/list_id", "not_found");
        let moved = ws.post(&format!("{}/move", todo_path(&todo))).json(json!({ "list_id": missing })).send().await;
        moved.problem(422, "invalid_body").at("/list_id", "not_found");
        let body = json!({ "filter": { "completed": false }, "action": "move", "list_id": missing });
        let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await;
        accepted.problem(422, "invalid_body").at("/list_id", "not_found");
        let batch = json!({ "operations": [{ "op": "create", "todo": { "title": "x", "list_id": missing } }] });
        let batch = ws.post("/api/v2/todos/batch").json(batch).send().await;
        batch.problem(422, "invalid_body").at("/operations/0/todo/list_id", "not_found");
    }
    let wrong = ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": 7, "position": "first" })).send().await;
    wrong.problem(422, "invalid_body").at("/list_id", "type").at("/position", "type").faults_are(2);
}

async fn a_batch_writes_into_lists() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    let gone = ws.todo(json!({ "title": "z", "list_id": work["id"] })).await;
    let batch = json!({ "operations": [
        { "op": "create", "todo": { "title": "y", "list_id": work["id"], "position": 1 } },
        { "op": "update", "id": todo["id"], "todo": { "list_id": work["id"] } },
        { "op": "delete", "id": gone["id"] },
    ] });
    let results = ws.post("/api/v2/todos/batch").json(batch).send().await.ok()["results"].clone();
    assert_eq!((&results[0]["todo"]["list_id"], &results[0]["todo"]["position"]), (&work["id"], &json!(1)));
    assert_eq!(results[1]["todo"]["list_id"], work["id"]);
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 2));
    assert_eq!(ws.titles(&[("list", id(&work)), ("sort", "position")]).await, ["y", "x"]);
}

async fn version_1_sees_todos_of_lists_and_keeps_them_there() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": old["id"] })).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": parent["id"], "position": 2.5 })).await;
    archive(&ws, &old, true).await;
    let todos = ws.get("/api/v1/todos").send().await.ok();
    let titles: Vec<&Value> = todos.as_array().unwrap().iter().map(|todo| &todo["title"]).collect();
    assert_eq!(titles, ["parent", "child"], "it knows no archive");
    assert!(todos[1].get("list_id").is_none() && todos[1].get("subtasks").is_none(), "{}", todos[1]);
    let path = format!("/api/v1/todos/{}", todos[1]["id"]);
    let put = ws.put(&path).json(json!({ "title": "renamed" })).send().await.ok();
    assert_eq!(put["title"], "renamed");
    ws.patch(&path).json(json!({ "completed": true })).send().await.ok();
    let kept = ws.get(&todo_path(&child)).send().await.ok();
    assert_eq!((&kept["title"], &kept["status"]), (&json!("renamed"), &json!("completed")));
    for field in ["list_id", "parent_id", "position"] {
        assert_eq!(kept[field], child[field], "{field}");
    }
    for field in ["list_id", "parent_id", "position"] {
        ws.patch(&path).json(json!({ field: null })).send().await.v1_error(422, "invalid_body");
    }
    let body = json!({ "filter": { "completed": true }, "action": "reopen" });
    let accepted = ws.post("/api/v1/todos/bulk-process").json(body).send().await.json(202);
    assert_eq!(finished(&ws, &accepted).await["processed"], 1);
    let body = json!({ "filter": { "completed": false }, "action": "move", "list_id": null });
    ws.post("/api/v1/todos/bulk-process").json(body).send().await.v1_error(422, "invalid_body");
    let body = json!({ "filter": { "list": ["none"] }, "action": "complete" });
    ws.post("/api/v1/todos/bulk-process").json(body).send().await.v1_error(422, "invalid_body");
    ws.delete(&format!("/api/v1/todos/{}", todos[0]["id"])).send().await.no_content();
    assert_eq!(ws.get("/api/v1/todos").send().await.ok(), json!([]), "what is below it went with it");
}

async fn an_export_tells_lists_and_parents() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"], "position": -1.5 })).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": parent["id"], "position": 978_307_202.5 })).await;
    let done = json!({ "title": "done", "parent_id": parent["id"], "position": 978_307_203, "status": "completed" });
    let done = ws.todo(done).await;
    ws.titled("inbox").await;
    let export = async |format: &str| {
        let query = [("format", format), ("list", id(&home)), ("sort", "position")];
        ws.get("/api/v2/todos/export").query(&query).send().await.text()
    };
    let csv = export("csv").await;
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    let head = ",version,list_id,parent_id,position,subtasks_total,subtasks_completed";
    assert!(lines[0].ends_with(head), "{}", lines[0]);
    let (list, below) = (id(&home), id(&parent));
    assert!(lines[1].ends_with(&format!(",1,{list},,-1.5,2,1")), "{}", lines[1]);
    assert!(lines[2].ends_with(&format!(",1,{list},{below},978307202.5,0,0")), "{}", lines[2]);
    assert_eq!(lines.len(), 4);
    let lines: Vec<Value> = export("ndjson").await.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [ws.get(&todo_path(&parent)).send().await.ok(), child, done]);
    let calendar = export("ics").await;
    assert_eq!(calendar.matches(&format!("RELATED-TO:{below}\r\n")).count(), 2, "{calendar}");
    let orders: Vec<&str> = calendar.lines().filter_map(|line| line.strip_prefix("X-APPLE-SORT-ORDER:")).collect();
    assert_eq!(orders, ["-978307202", "2", "3"], "whole seconds since 2001");
}

async fn statistics_count_all_todos_that_are_not_in_the_bin() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": old["id"] })).await;
    ws.todo(json!({ "title": "child", "parent_id": parent["id"], "status": "completed" })).await;
    archive(&ws, &old, true).await;
    let stats = ws.get("/api/v2/todos/stats").send().await.ok();
    assert_eq!((&stats["total"], &stats["by_status"]["completed"]), (&json!(2), &json!(1)));
    ws.delete(&todo_path(&parent)).send().await.no_content();
    assert_eq!(ws.get("/api/v2/todos/stats").send().await.ok()["total"], 0);
}

async fn counts_are_seen_at_once() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let lists = async || ws.all("/api/v2/lists", &[]).await[0]["count"].clone();
    for expected in 0..20 {
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected), expected));
        let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected + 1), expected + 1));
        ws.patch(&todo_path(&todo)).json(json!({ "status": "completed" })).send().await.ok();
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected), expected));
        ws.post(&format!("{}/move", todo_path(&todo))).json(json!({ "list_id": null })).send().await.ok();
        ws.todo(json!({ "title": "y", "list_id": home["id"] })).await;
    }
}

async fn kept_counts_of_lists_are_right_after_many_writers() {
    let ws = Workspace::new().await;
    let lists = [list(&ws, "a").await, list(&ws, "b").await, list(&ws, "c").await];
    let mut todos = Vec::new();
    for number in 0..12 {
        todos.push(ws.todo(json!({ "title": "x", "list_id": lists[number % 3]["id"] })).await);
    }
    for round in 0..6 {
        let mut calls = Vec::new();
        for (number, todo) in todos.iter().enumerate() {
            let path = todo_path(todo);
            let list = &lists[(number + round) % 3]["id"];
            calls.push(match (number + round) % 6 {
                0 => ws.patch(&path).json(json!({ "list_id": list, "status": "completed" })),
                1 => ws.post(&format!("{path}/move")).json(json!({ "list_id": list, "place": "last" })),
                2 => ws.delete(&path),
                3 => ws.post(&format!("{path}/restore")),
                4 => ws.patch(&path).json(json!({ "status": "pending" })),
                _ => ws.post("/api/v2/todos").json(json!({ "title": "new", "parent_id": todo["id"] })),
            });
        }
        let body = json!({ "filter": { "status": ["pending"] }, "action": "move", "list_id": lists[round % 3]["id"] });
        calls.push(ws.post("/api/v2/todos/bulk-process").json(body));
        let sent: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
        for answer in sent {
            let answer = answer.await.unwrap();
            assert!([200, 201, 202, 204, 404, 422].contains(&answer.status), "{answer}");
            if answer.status == 202 {
                finished(&ws, &answer.value()).await;
            }
        }
        for list in &lists {
            let open = [("list", id(list)), ("status", "pending"), ("status", "in_progress")];
            assert_eq!(count(&ws, list).await, i64::try_from(ws.titles(&open).await.len()).unwrap(), "round {round}");
        }
    }
}
