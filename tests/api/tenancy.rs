//! Nothing crosses from one workspace to another: generated from the OpenAPI documents, so that no route is forgotten.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::contract::{Document, Operation};
use crate::harness::{Answer, Client, Workspace, suite};

suite![
    every_path_of_another_workspace_leads_nowhere,
    every_body_that_refers_to_another_workspace_is_refused,
    every_filter_by_another_workspace_finds_nothing,
    every_list_shows_ones_own_alone,
    the_same_id_may_exist_twice,
];

/// One of everything, in a workspace that is not the caller's.
struct Foreign {
    workspace: Workspace,
    /// The ids by kind, as v2 (text) and v1 (number) know them.
    ids: BTreeMap<(&'static str, &'static str), String>,
}

impl Foreign {
    async fn new() -> Self {
        let workspace = Workspace::new().await;
        let employee = workspace.employee("Secret Person").await;
        let department = workspace.department("Secret Department").await;
        let path = format!("/api/v2/employees/{}", employee["id"].as_str().unwrap());
        workspace.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
        let body = json!({ "title": "secret todo", "tags": ["secret tag"], "assignee_id": employee["id"] });
        let todo = workspace.todo(body).await;
        let tag = workspace.all("/api/v2/tags", &[]).await[0].clone();
        let bulk = json!({ "filter": { "tag": ["nothing has this"] }, "action": "complete" });
        let job = workspace.post("/api/v2/todos/bulk-process").json(bulk).send().await.json(202);
        let old = workspace.get("/api/v1/todos").send().await.ok()[0].clone();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let ids = BTreeMap::from([
            (("v2", "todos"), text(&todo["id"])),
            (("v2", "employees"), text(&employee["id"])),
            (("v2", "departments"), text(&department["id"])),
            (("v2", "tags"), text(&tag["id"])),
            (("v2", "jobs"), text(&job["job_id"])),
            (("v1", "todos"), text(&old["id"])),
            (("v1", "employees"), text(&old["assignee"]["id"])),
        ]);
        Self { workspace, ids }
    }

    /// Asserts that everything is as it was.
    async fn is_untouched(&self) {
        let todo = self.workspace.all("/api/v2/todos", &[]).await;
        assert_eq!(todo.len(), 1, "{todo:?}");
        assert_eq!((&todo[0]["title"], &todo[0]["status"]), (&json!("secret todo"), &json!("pending")), "{todo:?}");
        assert_eq!(todo[0]["tags"], json!(["secret tag"]), "{todo:?}");
        assert_eq!(todo[0]["assignee"]["name"], "Secret Person", "{todo:?}");
    }
}

/// A body that the operation would take, so that nothing but the id is wrong.
fn body_for(operation: &Operation) -> Option<Value> {
    let path = operation.path.as_str();
    match operation.method.as_str() {
        "PUT" | "PATCH" if path.contains("/todos") => Some(json!({ "title": "mine now" })),
        "PATCH" => Some(json!({ "name": "mine now" })),
        _ => None,
    }
}

fn send(client: &Client, operation: &Operation, path: &str) -> crate::harness::client::Call {
    let mut call = client.call(&operation.method, path);
    if operation.method == "PUT" {
        call = call.header("if-match", "*");
    }
    match body_for(operation) {
        Some(body) => call.json(body),
        None => call,
    }
}

#[track_caller]
fn reveals_nothing(answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    assert!(!text.contains("secret"), "{answer}");
}

async fn every_path_of_another_workspace_leads_nowhere() {
    let (ws, foreign) = (Workspace::new().await, Foreign::new().await);
    let mut called = 0;
    for document in Document::both(&ws.server).await {
        for operation in document.operations.iter().filter(|operation| operation.path.contains("{id}")) {
            let kind = operation.path.split('/').nth(3).unwrap_or_default();
            if kind == "admin" {
                continue;
            }
            let key = foreign.ids.keys().find(|(version, known)| *version == document.version && *known == kind);
            let key = key.unwrap_or_else(|| panic!("the test knows no {kind} for {}", operation.name()));
            let path = operation.path.replace("{id}", &foreign.ids[key]);
            let answer = send(&ws, operation, &path).send().await;
            assert!(
                [404, 412].contains(&answer.status),
                "{} is not 404 (or 412 for If-Match: *): {answer}",
                operation.name()
            );
            assert!(answer.status == 404 || operation.method == "PUT", "{answer}");
            reveals_nothing(&answer);
            called += 1;
        }
    }
    assert!(called >= 15, "only {called} operations have an id in their path");
    foreign.is_untouched().await;
}

async fn every_body_that_refers_to_another_workspace_is_refused() {
    let (ws, foreign) = (Workspace::new().await, Foreign::new().await);
    let own = ws.titled("own").await;
    let own_path = format!("/api/v2/todos/{own}");
    let old_path = format!("/api/v1/todos/{}", ws.get("/api/v1/todos").send().await.ok()[0]["id"]);
    let id = |kind: &'static str| json!(foreign.ids[&("v2", kind)]);
    let old_employee: Value = serde_json::from_str(&foreign.ids[&("v1", "employees")]).unwrap();
    let bulk = json!({ "filter": { "q": "own" }, "action": "assign", "assignee_id": id("employees") });
    let old_bulk = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": old_employee });
    for call in [
        ws.post("/api/v2/todos").json(json!({ "title": "x", "assignee_id": id("employees") })),
        ws.patch(&own_path).json(json!({ "assignee_id": id("employees") })),
        ws.put(&own_path).header("if-match", "*").json(json!({ "title": "x", "assignee_id": id("employees") })),
        ws.post("/api/v2/todos/batch").json(json!({ "operations": [{ "op": "delete", "id": id("todos") }] })),
        ws.post("/api/v2/todos/batch")
            .json(json!({ "operations": [{ "op": "update", "id": id("todos"), "todo": { "title": "x" } }] })),
        ws.post("/api/v2/todos/batch").json(
            json!({ "operations": [{ "op": "create", "todo": { "title": "x", "assignee_id": id("employees") } }] }),
        ),
        ws.post("/api/v2/todos/bulk-process").json(bulk),
        ws.post("/api/v2/employees")
            .json(json!({ "name": "x", "email": "x@example.com", "department_id": id("departments") })),
    ] {
        let answer = call.send().await;
        answer.problem(422, "invalid_body");
        reveals_nothing(&answer);
    }
    for call in [
        ws.post("/api/v1/todos").json(json!({ "title": "x", "assignee_id": old_employee })),
        ws.patch(&old_path).json(json!({ "assignee_id": old_employee })),
        ws.put(&old_path).json(json!({ "title": "x", "assignee_id": old_employee })),
        ws.post("/api/v1/todos/bulk-process").json(old_bulk),
    ] {
        let answer = call.send().await;
        answer.v1_error(422, "invalid_body");
        reveals_nothing(&answer);
    }
    assert_eq!(ws.titles(&[]).await, ["own"]);
    foreign.is_untouched().await;
}

async fn every_filter_by_another_workspace_finds_nothing() {
    let (ws, foreign) = (Workspace::new().await, Foreign::new().await);
    ws.titled("own").await;
    let (employee, department) = (&foreign.ids[&("v2", "employees")], &foreign.ids[&("v2", "departments")]);
    for path in ["/api/v2/todos", "/api/v2/todos/export"] {
        for (name, value) in
            [("assignee", employee.as_str()), ("department", department), ("tag", "secret tag"), ("q", "secret")]
        {
            let answer = ws.get(path).query(&[(name, value)]).send().await;
            answer.has_status(200);
            let text = answer.text();
            assert!(!text.contains("own") && !text.contains("secret todo"), "{answer}");
        }
    }
    let answer = ws.get("/api/v1/todos").query(&[("tag", "secret tag")]).send().await;
    assert_eq!(answer.ok(), json!([]));
    let body = json!({ "filter": { "assignee": employee }, "action": "delete" });
    let job = super::jobs::done(&ws, body).await;
    assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(0)), "{job}");
    foreign.is_untouched().await;
}

async fn every_list_shows_ones_own_alone() {
    let (ws, foreign) = (Workspace::new().await, Foreign::new().await);
    let mut called = 0;
    for document in Document::both(&ws.server).await {
        let reads =
            document.operations.iter().filter(|operation| operation.method == "GET" && !operation.path.contains('{'));
        for operation in
            reads.filter(|operation| operation.path.starts_with("/api/") && !operation.path.contains("/admin/"))
        {
            let answer = ws.get(&operation.path).send().await;
            answer.has_status(200);
            if !operation.path.ends_with("openapi.json") {
                reveals_nothing(&answer);
            }
            called += 1;
        }
    }
    assert!(called >= 10, "only {called} reads have no id in their path");
    foreign.is_untouched().await;
}

async fn the_same_id_may_exist_twice() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let path = format!("/api/v2/todos/{}", crate::harness::uuid());
    for (client, title) in [(&ws, "mine"), (&other, "theirs")] {
        client.put(&path).header("if-none-match", "*").json(json!({ "title": title })).send().await.created();
    }
    assert_eq!(ws.get(&path).send().await.ok()["title"], "mine");
    ws.delete(&path).send().await.no_content();
    assert_eq!(other.get(&path).send().await.ok()["title"], "theirs");
}
