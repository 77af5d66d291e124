//! The old version: exactly as its clients know it.

use serde_json::{Value, json};

use crate::harness::{Answer, Workspace, suite};

suite![
    a_todo_has_the_old_shape,
    todos_live_from_creation_to_deletion,
    pages_skip_and_limit,
    filters_of_the_old_version,
    completed_is_writable,
    a_put_needs_no_condition,
    what_only_v2_knows_survives,
    stats_are_the_same,
    employees_and_departments_are_listed,
    errors_come_in_the_envelope,
    every_answer_says_that_it_is_deprecated,
    successors_are_named,
    conditions_work_as_in_v2,
    ids_are_integers,
];

/// Asserts the headers that every answer of version 1 carries.
#[track_caller]
pub fn assert_deprecated(answer: &Answer) {
    let unix = answer.header("deprecation").strip_prefix('@').and_then(|unix| unix.parse::<i64>().ok());
    assert!(unix.is_some_and(|unix| unix > 1_700_000_000), "RFC 9745 wants @<unix time>: {answer}");
    let sunset = answer.header("sunset");
    assert!(sunset.ends_with(" GMT") && sunset.len() == 29, "RFC 8594 wants an HTTP-date: {answer}");
    let links = answer.all("link").join(", ");
    assert!(links.contains("/docs/migrating>; rel=\"deprecation\""), "{answer}");
    assert!(links.contains("rel=\"successor-version\"") && links.contains("</api/v2"), "{answer}");
}

async fn a_todo_has_the_old_shape() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
    let employees = ws.get("/api/v1/employees").send().await.ok();
    let body = json!({ "title": "Old", "tags": ["b", "a"], "assignee_id": employees[0]["id"],
        "due_date": "2030-01-01T01:00:00+01:00" });
    let made = ws.post("/api/v1/todos").json(body).send().await;
    let todo = made.created();
    let mut keys: Vec<&str> = todo.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "assignee",
        "completed",
        "completed_at",
        "created_at",
        "description",
        "due_date",
        "id",
        "priority",
        "status",
        "tags",
        "title",
        "updated_at",
        "version",
    ];
    assert_eq!(keys, expected, "{made}");
    assert!(todo["id"].is_i64(), "{made}");
    assert_eq!(made.header("location"), format!("/api/v1/todos/{}", todo["id"]));
    assert_eq!(todo["due_date"], "2030-01-01T00:00:00Z");
    let tags = todo["tags"].as_array().unwrap();
    assert_eq!(tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(tags.iter().all(|tag| tag["id"].is_i64() && tag.as_object().unwrap().len() == 2), "{made}");
    assert_eq!(todo["assignee"]["id"], employees[0]["id"]);
    assert_eq!(todo["assignee"]["name"], "Ada");
    assert!(todo["assignee"]["department"]["id"].is_i64(), "{made}");
    assert!(!made.text().contains("-7"), "no UUID shows: {made}");
    assert_deprecated(&made);
}

async fn todos_live_from_creation_to_deletion() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v1/todos").json(json!({ "title": "Old" })).send().await;
    let path = made.header("location");
    let read = ws.get(path).send().await;
    assert_eq!(read.ok(), made.created());
    assert_deprecated(&read);
    let patched = ws.patch(path).json(json!({ "title": "New", "priority": "low" })).send().await;
    assert_eq!((&patched.ok()["title"], &patched.ok()["version"]), (&json!("New"), &json!(2)));
    assert_deprecated(&patched);
    let gone = ws.delete(path).send().await;
    gone.no_content();
    assert_deprecated(&gone);
    ws.get(path).send().await.v1_error(404, "todo_not_found");
}

async fn pages_skip_and_limit() {
    let ws = Workspace::new().await;
    for number in 0..60 {
        ws.titled(&format!("t{number:02}")).await;
    }
    let titles = async |query: &str| -> Vec<String> {
        let page = ws.get(&format!("/api/v1/todos{query}")).send().await.ok();
        let items = page.as_array().expect("a bare array");
        items.iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = (0..60).map(|number| format!("t{number:02}")).collect();
    assert_eq!(titles("").await, all[..50]);
    assert_eq!(titles("?limit=100").await, all);
    assert_eq!(titles("?skip=55").await, all[55..]);
    assert_eq!(titles("?skip=10&limit=5").await, all[10..15]);
    assert_eq!(titles("?skip=60").await, [""; 0]);
    for wrong in [
        "limit=0",
        "limit=101",
        "skip=-1",
        "skip=x",
        "limit=",
        "cursor=x",
        "sort=title",
        "q=t",
        "skip=99999999999999999999",
    ] {
        let answer = ws.get(&format!("/api/v1/todos?{wrong}")).send().await;
        let message = answer.v1_error(400, "invalid_parameter");
        assert!(message.contains(wrong.split('=').next().unwrap()), "the message names the parameter: {answer}");
    }
}

async fn filters_of_the_old_version() {
    let ws = Workspace::new().await;
    for (title, status, priority, tags) in [
        ("a", "pending", "low", json!(["x"])),
        ("b", "completed", "high", json!(["x", "y"])),
        ("c", "in_progress", "high", json!([])),
    ] {
        ws.todo(json!({ "title": title, "status": status, "priority": priority, "tags": tags })).await;
    }
    for (query, expected) in [
        ("status=pending", "a"),
        ("priority=high", "bc"),
        ("completed=true", "b"),
        ("completed=false", "ac"),
        ("tag=x", "ab"),
        ("tag=x&priority=high", "b"),
    ] {
        let page = ws.get(&format!("/api/v1/todos?{query}")).send().await.ok();
        let titles: String = page.as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect();
        assert_eq!(titles, expected, "{query}");
    }
}

async fn completed_is_writable() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v1/todos").json(json!({ "title": "x", "completed": true })).send().await;
    assert_eq!(made.created()["status"], "completed");
    let path = made.header("location");
    let patch = async |body: Value| ws.patch(path).json(body).send().await.ok();
    assert_eq!(patch(json!({ "completed": false })).await["status"], "pending");
    assert_eq!(patch(json!({ "status": "in_progress" })).await["status"], "in_progress");
    assert_eq!(
        patch(json!({ "completed": false })).await["status"],
        "in_progress",
        "only `completed` becomes `pending`"
    );
    assert_eq!(patch(json!({ "status": "cancelled" })).await["status"], "cancelled");
    assert_eq!(patch(json!({ "completed": false })).await["status"], "cancelled");
    let done = patch(json!({ "completed": true })).await;
    assert_eq!((&done["status"], &done["completed"]), (&json!("completed"), &json!(true)));
}

async fn a_put_needs_no_condition() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v1/todos").json(json!({ "title": "x", "description": "d", "tags": ["a"] })).send().await;
    let put = ws.put(made.header("location")).json(json!({ "title": "y" })).send().await;
    let todo = put.ok();
    assert_eq!((&todo["title"], &todo["description"], &todo["tags"]), (&json!("y"), &Value::Null, &json!([])));
    assert_deprecated(&put);
    ws.put("/api/v1/todos/999999999").json(json!({ "title": "y" })).send().await.v1_error(404, "todo_not_found");
}

async fn what_only_v2_knows_survives() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let body = json!({ "title": "x", "status": "in_progress", "assignee_id": ada["id"],
        "due_date": "2030-01-01T00:00:00.123456Z" });
    let todo = ws.todo(body).await;
    let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    let old = ws.get("/api/v1/todos").send().await.ok()[0]["id"].as_i64().unwrap();
    let old_path = format!("/api/v1/todos/{old}");
    // Written back exactly as v1 shows it, nothing changes.
    let shown = ws.get(&old_path).send().await.ok();
    let tags: Vec<Value> = shown["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    let back = json!({
        "title": shown["title"], "description": shown["description"], "status": shown["status"],
        "priority": shown["priority"],
        "due_date": shown["due_date"], "tags": tags, "assignee_id": shown["assignee"]["id"],
    });
    ws.put(&old_path).json(back).send().await.ok();
    assert_eq!(ws.get(&path).send().await.ok(), todo);
    ws.patch(&old_path).json(json!({ "title": "y" })).send().await.ok();
    let after = ws.get(&path).send().await.ok();
    for field in ["id", "status", "assignee", "due_date", "created_at"] {
        assert_eq!(after[field], todo[field], "{field}");
    }
}

async fn stats_are_the_same() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    let old = ws.get("/api/v1/todos/stats").send().await;
    assert_eq!(old.ok(), ws.get("/api/v2/todos/stats").send().await.ok());
    assert_deprecated(&old);
}

async fn employees_and_departments_are_listed() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let department = ws.department("Research").await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
    let employees = ws.get("/api/v1/employees").send().await;
    let departments = ws.get("/api/v1/departments").send().await;
    assert_eq!(employees.ok()[0]["name"], "Ada");
    assert_eq!(employees.ok()[0]["email"], "ada@example.com");
    assert_eq!(departments.ok()[0]["name"], "Research");
    assert!(employees.ok()[0]["id"].is_i64() && departments.ok()[0]["id"].is_i64());
    assert_eq!(employees.ok()[0]["department"]["id"], departments.ok()[0]["id"], "{employees}");
    for list in ["employees", "departments"] {
        assert_eq!(ws.get(&format!("/api/v1/{list}?skip=1")).send().await.ok(), json!([]));
        ws.get(&format!("/api/v1/{list}?limit=0")).send().await.v1_error(400, "invalid_parameter");
    }
    assert_deprecated(&employees);
    assert_deprecated(&departments);
}

async fn errors_come_in_the_envelope() {
    let ws = Workspace::new().await;
    let path = ws.post("/api/v1/todos").json(json!({ "title": "x" })).send().await.header("location").to_owned();
    let calls = [
        (ws.post("/api/v1/todos").body("application/json", "{"), 400, "invalid_json"),
        (ws.post("/api/v1/todos").json(json!({})), 422, "invalid_body"),
        (ws.post("/api/v1/todos").json(json!({ "title": "x", "colour": 1 })), 422, "invalid_body"),
        (ws.post("/api/v1/todos").json(json!({ "title": "x", "assignee_id": 999_999_999 })), 422, "invalid_body"),
        (ws.post("/api/v1/todos").body("text/plain", "x"), 415, "unsupported_media_type"),
        (ws.get("/api/v1/todos").header("accept", "text/html"), 406, "not_acceptable"),
        (ws.get("/api/v1/todos/abc"), 400, "invalid_parameter"),
        (ws.get("/api/v1/todos/0"), 400, "invalid_parameter"),
        (ws.get("/api/v1/todos/999999999"), 404, "todo_not_found"),
        (ws.patch("/api/v1/todos"), 405, "method_not_allowed"),
        (ws.get("/api/v1/nothing"), 404, "route_not_found"),
        (ws.get("/api/v1"), 404, "route_not_found"),
        (ws.delete("/api/v1/todos/7/%FF/x"), 404, "route_not_found"),
        (ws.patch(&path).header("if-match", "\"9-x\"").json(json!({ "title": "y" })), 412, "stale_version"),
        (ws.server.anonymous().get("/api/v1/todos"), 401, "unauthenticated"),
        (ws.post("/api/v1/todos").body("application/json", " ".repeat(1 << 21)), 413, "body_too_large"),
        (ws.get(&format!("/api/v1/todos?{}", "x".repeat(9000))), 414, "uri_too_long"),
        (ws.get("/api/v1/todos").header("x-long", "x".repeat(40_000)), 431, "headers_too_large"),
    ];
    for (call, status, code) in calls {
        let answer = call.send().await;
        answer.v1_error(status, code);
        assert_deprecated(&answer);
    }
    let answer = ws.post("/api/v1/todos").json(json!({ "title": "", "priority": "x" })).send().await;
    let message = answer.v1_error(422, "invalid_body");
    assert!(message.contains("title") && message.contains("priority"), "the message says what is wrong: {answer}");
}

async fn every_answer_says_that_it_is_deprecated() {
    let ws = Workspace::new().await;
    for call in [
        ws.get("/api/v1/todos"),
        ws.call("HEAD", "/api/v1/todos"),
        ws.call("OPTIONS", "/api/v1/todos"),
        ws.get("/api/v1/openapi.json"),
        ws.get("/api/v1/todos").header("if-none-match", "*"),
    ] {
        assert_deprecated(&call.send().await);
    }
    let current = ws.get("/api/v2/todos").send().await;
    assert!(current.optional("deprecation").is_none() && current.optional("sunset").is_none(), "{current}");
    // A path that only begins like version 1 is none of it.
    let other = ws.get("/api/v1x").send().await;
    other.problem(404, "route_not_found");
    assert!(other.optional("deprecation").is_none(), "{other}");
}

async fn successors_are_named() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    let list = ws.get("/api/v1/todos").send().await;
    assert!(list.all("link").join(", ").contains("</api/v2/todos>; rel=\"successor-version\""), "{list}");
    let expected = format!("</api/v2/todos/{id}>; rel=\"successor-version\"");
    let path = format!("/api/v1/todos/{}", list.ok()[0]["id"]);
    let title = || json!({ "title": "y" });
    let (reader, admin) = (ws.with_scopes(&["todos:read"]).await, ws.with_scopes(&["admin"]).await);
    // Nothing is told to those who may not know of todos.
    let stranger = admin.get(&path).send().await;
    assert!(stranger.status == 403 && !stranger.all("link").join(", ").contains(&id), "{stranger}");
    for (call, status) in [
        (ws.get(&path), 200),
        (reader.delete(&path), 403),
        (ws.get(&path).header("if-none-match", "*"), 304),
        (ws.patch(&path).json(title()), 200),
        (ws.patch(&path).json(json!({ "title": "" })), 422),
        (ws.patch(&path).json(json!({ "assignee_id": 999_999 })), 422),
        (ws.patch(&path).body("application/json", "{"), 400),
        (ws.patch(&path).body("text/plain", "{}"), 415),
        (ws.get(&format!("{path}?x=1")), 400),
        (ws.get(&path).header("accept", "image/png"), 406),
        (ws.post(&path).json(title()), 405),
        (ws.patch(&path).header("if-match", "\"99-x\"").json(title()), 412),
        (ws.delete(&path).header("if-match", "\"99-x\""), 412),
        (ws.delete(&path), 204),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{answer}");
        let links = answer.all("link").join(", ");
        assert!(links.contains(&expected), "expected {expected}: {answer}");
        assert_eq!(links.matches("successor-version").count(), 1, "{answer}");
    }
    // Nothing is told of what is not there, or is another's.
    let other = Workspace::new().await.titled("another's").await;
    let gone = ws.get(&path).send().await;
    assert!(gone.status == 404 && !gone.all("link").join(", ").contains(&id), "{gone}");
    let strange = ws.get("/api/v1/todos/999999999").send().await;
    assert!(strange.status == 404 && !strange.all("link").join(", ").contains(&other), "{strange}");
    let stats = ws.get("/api/v1/todos/stats").send().await;
    assert!(stats.all("link").join(", ").contains("</api/v2/todos/stats>"), "{stats}");
}

async fn conditions_work_as_in_v2() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v1/todos").json(json!({ "title": "x" })).send().await;
    let path = made.header("location");
    let read = ws.get(path).send().await;
    ws.get(path).header("if-none-match", read.etag()).send().await.has_status(304);
    ws.patch(path).header("if-match", read.etag()).json(json!({ "title": "y" })).send().await.ok();
    ws.delete(path).header("if-match", read.etag()).send().await.v1_error(412, "stale_version");
}

async fn ids_are_integers() {
    let ws = Workspace::new().await;
    let uuid = ws.titled("x").await;
    for wrong in [uuid.as_str(), "x", "1.0", "-1", "0", "99999999999999999999", "01x"] {
        ws.get(&format!("/api/v1/todos/{wrong}")).send().await.v1_error(400, "invalid_parameter");
    }
}
