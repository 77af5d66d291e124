//! Background work: bulk changes and the jobs that carry them out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Workspace, suite, uuid};

suite![
    a_bulk_change_starts_a_job,
    every_change_is_applied,
    a_bulk_change_takes_every_filter,
    only_matching_todos_change_and_each_once,
    an_empty_filter_is_refused,
    bad_bulk_changes_name_their_faults,
    foreign_references_are_refused,
    jobs_are_listed_newest_first,
    a_finished_job_cannot_be_cancelled,
    a_cancelled_job_stops_and_says_how_far_it_came,
    unknown_jobs_are_not_found,
    v1_starts_the_same_job,
];

async fn bulk(ws: &Workspace, body: Value) -> Answer {
    ws.post("/api/v2/todos/bulk-process").json(body).send().await
}

/// Starts a bulk change and waits for its end.
pub async fn done(ws: &Workspace, body: Value) -> Value {
    let started = bulk(ws, body).await;
    started.has_status(202);
    ended(ws, started.header("location")).await
}

/// Waits until a job has ended, and returns it.
pub async fn ended(ws: &Workspace, path: &str) -> Value {
    let mut job = Value::Null;
    for _ in 0..300 {
        job = ws.get(path).send().await.ok();
        if !["queued", "running"].contains(&job["status"].as_str().unwrap()) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the job has not ended: {job}");
}

async fn a_bulk_change_starts_a_job() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    let started = bulk(&ws, json!({ "filter": { "status": ["pending"] }, "action": "complete" })).await;
    let body = started.json(202);
    let id = body["job_id"].as_str().unwrap();
    assert_eq!(body, json!({ "message": "Processing started", "job_id": id }));
    assert_eq!(started.header("location"), format!("/api/v2/jobs/{id}"));
    let job = ended(&ws, started.header("location")).await;
    let mut keys: Vec<&str> = job.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected =
        ["attempts", "created_at", "error", "finished_at", "id", "kind", "processed", "started_at", "status", "total"];
    assert_eq!(keys, expected, "{job}");
    assert_eq!(job["id"], id);
    assert_eq!(job["kind"], "todos.bulk");
    assert_eq!(job["status"], "succeeded");
    assert_eq!((&job["total"], &job["processed"]), (&json!(1), &json!(1)), "{job}");
    assert_eq!(job["error"], Value::Null);
    for field in ["created_at", "started_at", "finished_at"] {
        assert!(job[field].is_string(), "{field} of {job}");
    }
}

async fn every_change_is_applied() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let path =
        format!("/api/v2/todos/{}", ws.todo(json!({ "title": "x", "tags": ["old"] })).await["id"].as_str().unwrap());
    for (change, field, value) in [
        (json!({ "action": "set_priority", "priority": "urgent" }), "priority", json!("urgent")),
        (json!({ "action": "complete" }), "status", json!("completed")),
        (json!({ "action": "reopen" }), "status", json!("pending")),
        (json!({ "action": "add_tag", "tag": "New" }), "tags", json!(["New", "old"])),
        (json!({ "action": "remove_tag", "tag": "OLD" }), "tags", json!(["New"])),
    ] {
        let mut body = change;
        body["filter"] = json!({ "q": "x" });
        done(&ws, body.clone()).await;
        let todo = ws.get(&path).send().await.ok();
        assert_eq!(todo[field], value, "after {body}: {todo}");
    }
    done(&ws, json!({ "filter": { "q": "x" }, "action": "assign", "assignee_id": ada["id"] })).await;
    assert_eq!(ws.get(&path).send().await.ok()["assignee"]["name"], "Ada");
    done(&ws, json!({ "filter": { "q": "x" }, "action": "assign", "assignee_id": null })).await;
    assert_eq!(ws.get(&path).send().await.ok()["assignee"], Value::Null);
    done(&ws, json!({ "filter": { "q": "x" }, "action": "delete" })).await;
    ws.get(&path).send().await.problem(404, "todo_not_found");
    ws.post(&format!("{path}/restore")).send().await.ok();
}

async fn a_bulk_change_takes_every_filter() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let body = json!({
        "title": "match", "description": "words", "status": "in_progress", "priority": "high", "tags": ["a", "b"],
        "due_date": "2020-01-01T00:00:00Z", "assignee_id": ada["id"],
    });
    ws.todo(body).await;
    ws.todo(json!({ "title": "other", "tags": ["a"] })).await;
    for (number, filter) in [
        json!({ "status": ["in_progress", "completed"] }),
        json!({ "priority": ["high"] }),
        json!({ "completed": false, "tag": ["a", "b"] }),
        json!({ "assignee": ada["id"] }),
        json!({ "due_after": "2019-01-01T00:00:00Z", "due_before": "2021-01-01T00:00:00Z" }),
        json!({ "overdue": true }),
        json!({ "q": "words", "created_after": "2020-01-01T00:00:00Z", "created_before": "2999-01-01T00:00:00Z" }),
        json!({ "updated_since": "2020-01-01T00:00:00Z", "tag": ["b"] }),
    ]
    .into_iter()
    .enumerate()
    {
        let job = done(&ws, json!({ "filter": filter, "action": "add_tag", "tag": format!("mark{number}") })).await;
        assert_eq!(job["status"], "succeeded", "{filter}: {job}");
        assert_eq!(ws.titles(&[("tag", &format!("mark{number}"))]).await, ["match"], "{filter}");
    }
}

async fn only_matching_todos_change_and_each_once() {
    let ws = Workspace::new().await;
    let operations: Vec<Value> = (0..100)
        .map(|number| {
            let priority = if number % 2 == 0 { "low" } else { "high" };
            json!({ "op": "create", "todo": { "title": "x", "priority": priority } })
        })
        .collect();
    for _ in 0..5 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    }
    let job = done(&ws, json!({ "filter": { "priority": ["low"] }, "action": "complete" })).await;
    assert_eq!(
        (&job["status"], &job["total"], &job["processed"]),
        (&json!("succeeded"), &json!(250), &json!(250)),
        "{job}"
    );
    let lines = ws.get("/api/v2/todos/export?format=ndjson").send().await.text();
    for line in lines.lines() {
        let todo: Value = serde_json::from_str(line).unwrap();
        let (status, version) = if todo["priority"] == "low" { ("completed", 2) } else { ("pending", 1) };
        assert_eq!((&todo["status"], &todo["version"]), (&json!(status), &json!(version)), "{todo}");
    }
    let again = done(&ws, json!({ "filter": { "priority": ["low"] }, "action": "complete" })).await;
    assert_eq!(again["status"], "succeeded");
    let versions = ws.get("/api/v2/todos/export?format=ndjson&priority=low").send().await.text();
    assert!(!versions.contains("\"version\":3"), "what is as wanted already is left alone");
}

async fn an_empty_filter_is_refused() {
    let ws = Workspace::new().await;
    for body in [
        json!({ "filter": {}, "action": "delete" }),
        json!({ "action": "delete" }),
        json!({ "filter": null, "action": "delete" }),
        // It leaves nothing out.
        json!({ "filter": { "archived": true }, "action": "delete" }),
        json!({ "filter": { "archived": true }, "action": "move", "list_id": null }),
    ] {
        let answer = bulk(&ws, body).await;
        let problem = answer.problem(422, "invalid_body");
        assert_eq!(problem.faults()[0]["pointer"], "/filter", "{answer}");
    }
    assert_eq!(ws.all("/api/v2/jobs", &[]).await, [Value::Null; 0]);
    for name in ["status", "priority", "tag", "list"] {
        let body = json!({ "filter": { name: [], "overdue": true }, "action": "delete" });
        bulk(&ws, body).await.problem(422, "invalid_body").at(&format!("/filter/{name}"), "too_few").faults_are(1);
        let v1 = json!({ "filter": { name: [], "overdue": true }, "action": "delete" });
        ws.post("/api/v1/todos/bulk-process").json(v1).send().await.v1_error(422, "invalid_body");
        let query = format!("/api/v2/todos?{name}=&overdue=true");
        ws.get(&query).send().await.problem(400, "invalid_parameter").in_parameter(name);
        let v1 = format!("/api/v1/todos?{name}=");
        ws.get(&v1).send().await.v1_error(400, "invalid_parameter");
    }
}

async fn bad_bulk_changes_name_their_faults() {
    let ws = Workspace::new().await;
    let filter = json!({ "status": ["pending"] });
    for (body, pointer, code) in [
        (json!({ "filter": filter }), "/action", "required"),
        (json!({ "filter": filter, "action": "explode" }), "/action", "invalid_value"),
        (json!({ "filter": filter, "action": "set_priority" }), "/priority", "required"),
        (json!({ "filter": filter, "action": "set_priority", "priority": "top" }), "/priority", "invalid_value"),
        (json!({ "filter": filter, "action": "add_tag" }), "/tag", "required"),
        (json!({ "filter": filter, "action": "add_tag", "tag": "" }), "/tag", "too_short"),
        (json!({ "filter": filter, "action": "assign" }), "/assignee_id", "required"),
        (json!({ "filter": filter, "action": "complete", "priority": "low" }), "/priority", "unknown_field"),
        (json!({ "filter": { "status": "pending" }, "action": "complete" }), "/filter/status", "type"),
        (
            json!({ "filter": { "status": ["pending", "x"] }, "action": "complete" }),
            "/filter/status/1",
            "invalid_value",
        ),
        (json!({ "filter": { "colour": "red" }, "action": "complete" }), "/filter/colour", "unknown_field"),
        (json!({ "filter": { "sort": "title" }, "action": "complete" }), "/filter/sort", "unknown_field"),
        (json!({ "filter": { "due_after": "soon" }, "action": "complete" }), "/filter/due_after", "invalid_format"),
        (json!({ "filter": { "overdue": "yes" }, "action": "complete" }), "/filter/overdue", "type"),
    ] {
        bulk(&ws, body).await.problem(422, "invalid_body").at(pointer, code);
    }
}

async fn foreign_references_are_refused() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let eve = other.employee("Eve").await["id"].clone();
    ws.titled("x").await;
    let answer = bulk(&ws, json!({ "filter": { "q": "x" }, "action": "assign", "assignee_id": eve })).await;
    answer.problem(422, "invalid_body").at("/assignee_id", "not_found");
}

async fn jobs_are_listed_newest_first() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    let mut started = Vec::new();
    for _ in 0..3 {
        let job = done(&ws, json!({ "filter": { "q": "x" }, "action": "complete" })).await;
        started.insert(0, job["id"].clone());
    }
    let listed = ws.all("/api/v2/jobs", &[("limit", "2")]).await;
    assert_eq!(listed.iter().map(|job| job["id"].clone()).collect::<Vec<_>>(), started);
}

async fn a_finished_job_cannot_be_cancelled() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    let job = done(&ws, json!({ "filter": { "q": "x" }, "action": "complete" })).await;
    let path = format!("/api/v2/jobs/{}", job["id"].as_str().unwrap());
    ws.delete(&path).send().await.problem(409, "job_finished");
}

async fn a_cancelled_job_stops_and_says_how_far_it_came() {
    let ws = Workspace::new().await;
    let operations: Vec<Value> = (0..100).map(|_| json!({ "op": "create", "todo": { "title": "x" } })).collect();
    for _ in 0..20 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    }
    // The worker may be faster than the cancellation; it cannot win every time.
    for attempt in 0..20 {
        let body = json!({ "filter": { "q": "x" }, "action": "add_tag", "tag": format!("tag {attempt}") });
        let started = bulk(&ws, body).await;
        let path = started.header("location");
        let cancelled = ws.delete(path).send().await;
        if cancelled.status == 409 {
            cancelled.problem(409, "job_finished");
            continue;
        }
        assert_eq!(cancelled.ok()["id"], ws.get(path).send().await.ok()["id"], "{cancelled}");
        let job = ended(&ws, path).await;
        assert_eq!(job["status"], "cancelled", "{job}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(ws.get(path).send().await.ok(), job, "nothing more happens");
        let tagged = ws.all("/api/v2/todos", &[("tag", &format!("tag {attempt}")), ("limit", "100")]).await.len();
        assert_eq!(job["processed"], tagged, "{job}");
        return;
    }
    panic!("no job could be cancelled");
}

async fn unknown_jobs_are_not_found() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    other.titled("x").await;
    let foreign =
        done(&other, json!({ "filter": { "q": "x" }, "action": "complete" })).await["id"].as_str().unwrap().to_owned();
    for id in [uuid(), foreign] {
        ws.get(&format!("/api/v2/jobs/{id}")).send().await.problem(404, "job_not_found");
        ws.delete(&format!("/api/v2/jobs/{id}")).send().await.problem(404, "job_not_found");
    }
    ws.get("/api/v2/jobs/7").send().await.problem(400, "invalid_parameter").in_parameter("id");
}

async fn v1_starts_the_same_job() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    let body = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
    let started = ws.post("/api/v1/todos/bulk-process").json(body).send().await;
    let id = started.json(202)["job_id"].as_str().unwrap().to_owned();
    assert_eq!(started.value()["message"], "Processing started");
    assert_eq!(started.header("location"), format!("/api/v2/jobs/{id}"));
    assert_eq!(ended(&ws, started.header("location")).await["status"], "succeeded");
    assert_eq!(ws.titles(&[("status", "completed")]).await, ["x"]);
}
