//! Trees of todos of which many are written at once, by one batch or by several writers, and what is told of them.

use serde_json::{Value, json};

use crate::harness::follower::{Follower, settle};
use crate::harness::{Workspace, database, id, suite};
use crate::subtasks::{below, chain, delete, list, path, read, restore};

suite![
    a_batch_writes_subtasks,
    a_batch_tells_each_todo_once,
    opposite_moves_at_once_make_no_cycle,
    a_parent_is_deleted_while_a_child_is_moved_in,
    #[database]
    a_parent_is_deleted_while_its_child_comes_back,
    writers_at_once_leave_sound_trees,
    moves_and_lists_are_logged,
    a_copy_that_follows_changes_has_the_same_trees,
];

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

/// Fails unless the live todos are sound trees: each parent is there, in the same list, at most five levels, counted
/// rightly.
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
