//! Nothing crosses from one workspace to another: generated from the OpenAPI documents, so that no route is forgotten.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::client::Call;
use crate::harness::contract::{Document, Operation};
use crate::harness::generated::{self, Filling};
use crate::harness::{Answer, Client, Workspace, suite, uuid};

suite![
    every_path_of_another_workspace_leads_nowhere,
    every_id_of_another_workspace_in_a_body_is_refused,
    every_parameter_of_another_workspace_finds_nothing,
    every_cursor_of_another_workspace_is_refused,
    every_list_shows_ones_own_alone,
    administration_is_closed_to_every_other_scope,
    the_same_id_may_exist_twice,
];

/// Two of everything in a workspace, all with the same word in their names.
pub struct Things {
    /// Where they are.
    pub workspace: Workspace,
    word: &'static str,
    /// The id of one by version and kind: a text in version 2, a number in version 1.
    ids: BTreeMap<(&'static str, &'static str), Value>,
}

impl Things {
    /// A workspace of its own with two of everything.
    pub async fn new(word: &'static str) -> Self {
        let workspace = Workspace::new().await;
        let mut ids = BTreeMap::new();
        for number in 1..=2 {
            let department = workspace.department(&format!("{word} department {number}")).await;
            let employee = workspace.employee(&format!("{word} person {number}")).await;
            let path = format!("/api/v2/employees/{}", employee["id"].as_str().unwrap());
            workspace.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
            let tag = format!("{word} tag {number}");
            let body = json!({ "title": format!("{word} todo"), "tags": [tag], "assignee_id": employee["id"] });
            let todo = workspace.todo(body).await;
            let list = json!({ "name": format!("{word} list {number}") });
            let list = workspace.post("/api/v2/lists").json(list).send().await.created();
            let bulk = json!({ "filter": { "tag": ["nothing has this"] }, "action": "complete" });
            let job = workspace.post("/api/v2/todos/bulk-process").json(bulk).send().await.json(202);
            ids.extend([
                (("v2", "todos"), todo["id"].clone()),
                (("v2", "employees"), employee["id"].clone()),
                (("v2", "departments"), department["id"].clone()),
                (("v2", "lists"), list["id"].clone()),
                (("v2", "jobs"), job["job_id"].clone()),
            ]);
        }
        let old = workspace.get("/api/v1/todos").send().await.ok()[1].clone();
        ids.extend([
            (("v2", "tags"), workspace.all("/api/v2/tags", &[]).await[0]["id"].clone()),
            (("v1", "todos"), old["id"].clone()),
            (("v1", "employees"), old["assignee"]["id"].clone()),
            (("v1", "departments"), old["assignee"]["department"]["id"].clone()),
        ]);
        Self { workspace, word, ids }
    }

    /// A client with the scopes that the operation needs.
    async fn client(&self, operation: &Operation) -> Client {
        let scopes: &[&str] = if needs_admin(operation) { &["admin"] } else { &["todos:read", "todos:write"] };
        self.workspace.with_scopes(scopes).await
    }

    /// The id of one of a kind.
    pub fn id(&self, version: &'static str, kind: &str) -> Value {
        let found = self.ids.iter().find(|((of, known), _)| *of == version && *known == kind);
        found.unwrap_or_else(|| panic!("the test knows no {kind} for {version}")).1.clone()
    }

    /// The path of an operation with the id of the thing that it is about.
    pub fn path(&self, version: &'static str, operation: &Operation) -> String {
        let kind = operation.path.split('/').nth(3).unwrap_or_default();
        if !operation.path.contains("{id}") {
            return operation.path.clone();
        }
        let id = self.id(version, kind);
        operation.path.replace("{id}", &id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    }

    /// Asserts that everything is as it was.
    pub async fn is_untouched(&self) {
        let lines = self.workspace.get("/api/v2/todos/export?format=ndjson&sort=created_at").send().await.text();
        let todos: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(todos.len(), 2, "{todos:?}");
        for (number, todo) in (1..).zip(&todos) {
            let word = self.word;
            assert_eq!((&todo["title"], &todo["version"]), (&json!(format!("{word} todo")), &json!(1)), "{todo}");
            assert_eq!(todo["tags"], json!([format!("{word} tag {number}")]), "{todo}");
            assert_eq!(todo["assignee"]["name"], json!(format!("{word} person {number}")), "{todo}");
            let department = &todo["assignee"]["department"]["name"];
            assert_eq!(department, &json!(format!("{word} department {number}")), "{todo}");
        }
    }
}

/// What belongs to a workspace: administration does not, nor do the documents.
fn of_a_workspace(operation: &Operation) -> bool {
    !is_administrative(operation) && !operation.path.ends_with("openapi.json")
}

/// What is about all workspaces.
fn is_administrative(operation: &Operation) -> bool {
    operation.path.starts_with("/api/v2/admin/")
}

/// What needs the scope `admin`, for one's own workspace or for all.
fn needs_admin(operation: &Operation) -> bool {
    operation.value["security"].to_string().contains("admin")
}

/// The call with a condition where the operation needs one; both where it takes two.
fn conditioned(call: impl Fn(&str) -> Call, operation: &Operation, path: &str) -> Vec<Call> {
    if operation.method != "PUT" {
        return vec![call(path)];
    }
    let mut calls = vec![call(path).header("if-match", "*")];
    if operation.path.starts_with("/api/v2/") {
        let (collection, _) = path.rsplit_once('/').unwrap();
        calls.push(call(&format!("{collection}/{}", uuid())).header("if-none-match", "*"));
    }
    calls
}

#[track_caller]
fn reveals_nothing(answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    assert!(!text.contains("secret"), "{answer}");
}

#[track_caller]
fn refuses(answer: &Answer, version: &str, status: u16, code: &str) {
    match version {
        "v1" => drop(answer.v1_error(status, code)),
        _ => drop(answer.problem(status, code)),
    }
    reveals_nothing(answer);
}

async fn every_path_of_another_workspace_leads_nowhere() {
    let (ws, foreign) = (Workspace::new().await, Things::new("secret").await);
    let mut called = 0;
    for document in Document::both(&ws.server).await {
        let operations = document.operations.iter().filter(|operation| operation.path.contains("{id}"));
        for operation in operations.filter(|operation| of_a_workspace(operation)) {
            let mut call = ws.call(&operation.method, &foreign.path(document.version, operation));
            if operation.method == "PUT" {
                call = call.header("if-match", "*");
            }
            // A body that would be taken, so that nothing but the id is wrong.
            let example = &operation.value["requestBody"]["content"]["application/json"]["example"];
            if example.is_object() {
                call = call.json(example.clone());
            }
            let kind = operation.path.split('/').nth(3).unwrap().trim_end_matches('s');
            refuses(&call.send().await, document.version, 404, &format!("{kind}_not_found"));
            called += 1;
        }
    }
    assert!(called >= 15, "only {called} operations have an id in their path");
    foreign.is_untouched().await;
}

async fn every_id_of_another_workspace_in_a_body_is_refused() {
    let (own, foreign) = (Things::new("own").await, Things::new("secret").await);
    let mut tried = Vec::new();
    for document in Document::both(&own.workspace.server).await {
        let version = document.version;
        let filling = Filling { tried: &|kind| foreign.id(version, kind), own: &|kind| own.id(version, kind) };
        for operation in document.operations.iter().filter(|operation| of_a_workspace(operation)) {
            for (pointer, body) in generated::bodies(&document, operation, filling) {
                let call = |path: &str| own.workspace.call(&operation.method, path).json(body.clone());
                for call in conditioned(call, operation, &own.path(version, operation)) {
                    let answer = call.send().await;
                    if pointer.starts_with("/filter/") {
                        // A filter finds nothing, as in the query.
                        let job = super::jobs::ended(&own.workspace, answer.has_status(202).header("location")).await;
                        assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(0)), "{body}: {job}");
                    } else if version == "v1" {
                        let message = answer.v1_error(422, "invalid_body");
                        assert!(message.contains(&pointer), "{pointer}: {answer}");
                    } else {
                        answer.problem(422, "invalid_body").at(&pointer, "not_found").faults_are(1);
                    }
                    reveals_nothing(&answer);
                }
                tried.push(format!("{} {pointer}", operation.name()));
            }
        }
    }
    assert!(tried.len() >= 25, "{tried:#?}");
    own.is_untouched().await;
    foreign.is_untouched().await;
}

async fn every_parameter_of_another_workspace_finds_nothing() {
    let (own, foreign) = (Things::new("own").await, Things::new("secret").await);
    let mut tried = 0;
    for document in Document::both(&own.workspace.server).await {
        for operation in document.operations.iter().filter(|operation| of_a_workspace(operation)) {
            for (name, is_id) in generated::query_parameters(&document, operation) {
                let value = match name.as_str() {
                    "tag" => json!("secret tag 1"),
                    "q" => json!("secret"),
                    // Who acts is a token, a job or an employee.
                    "actor" => json!(foreign.workspace.token_id),
                    _ if is_id => foreign.id(document.version, generated::kind(&name)),
                    _ => continue,
                };
                let client = own.client(operation).await;
                let answer = client.get(&operation.path).query(&[(&name, value.as_str().unwrap())]).send().await;
                answer.has_status(200);
                assert!(!answer.text().contains("own todo"), "{answer}");
                reveals_nothing(&answer);
                tried += 1;
            }
        }
    }
    assert!(tried >= 9, "only {tried} parameters name something");
}

async fn every_cursor_of_another_workspace_is_refused() {
    let (own, foreign) = (Things::new("own").await, Things::new("secret").await);
    let mut tried = 0;
    for document in Document::both(&own.workspace.server).await {
        for operation in document.operations.iter().filter(|operation| of_a_workspace(operation)) {
            let parameters = generated::query_parameters(&document, operation);
            // What has an id in its path is refused by that.
            if !parameters.iter().any(|(name, _)| name == "cursor") || operation.path.contains('{') {
                continue;
            }
            let page = foreign.client(operation).await.get(&operation.path).query(&[("limit", "1")]).send().await.ok();
            let cursor = page["next_cursor"].as_str().expect("there are two of everything");
            let answer = own.client(operation).await.get(&operation.path).query(&[("cursor", cursor)]).send().await;
            refuses(&answer, document.version, 400, "invalid_cursor");
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} lists have cursors");
}

async fn every_list_shows_ones_own_alone() {
    let (ws, foreign) = (Workspace::new().await, Things::new("secret").await);
    let admin = ws.with_scopes(&["admin"]).await;
    let mut called = 0;
    for document in Document::both(&ws.server).await {
        let reads =
            document.operations.iter().filter(|operation| operation.method == "GET" && !operation.path.contains('{'));
        for operation in reads.filter(|operation| operation.path.starts_with("/api/") && !is_administrative(operation))
        {
            let client = if needs_admin(operation) { &admin } else { &*ws };
            let answer = client.get(&operation.path).send().await;
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

async fn administration_is_closed_to_every_other_scope() {
    let (ws, foreign) = (Workspace::new().await, Workspace::new().await);
    let mut called = 0;
    for document in Document::both(&ws.server).await {
        for operation in document.operations.iter().filter(|operation| needs_admin(operation)) {
            let path = operation.path.replace("{id}", &foreign.token_id);
            let mut call = ws.call(&operation.method, &path);
            let example = &operation.value["requestBody"]["content"]["application/json"]["example"];
            if example.is_object() {
                call = call.json(example.clone());
            }
            refuses(&call.send().await, document.version, 403, "insufficient_scope");
            called += 1;
        }
    }
    assert!(called >= 5, "only {called} operations administer");
    foreign.get("/api/v2/me").send().await.ok();
}

async fn the_same_id_may_exist_twice() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let path = format!("/api/v2/todos/{}", uuid());
    for (client, title) in [(&ws, "mine"), (&other, "theirs")] {
        client.put(&path).header("if-none-match", "*").json(json!({ "title": title })).send().await.created();
    }
    assert_eq!(ws.get(&path).send().await.ok()["title"], "mine");
    ws.delete(&path).send().await.no_content();
    assert_eq!(other.get(&path).send().await.ok()["title"], "theirs");
}
