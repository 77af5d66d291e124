//! One operation, one SQL statement: every operation of the documents, as `Server-Timing` and as the host counts it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::client::Call;
use crate::harness::contract::{Document, Operation};
use crate::harness::mcp::tool;
use crate::harness::{Answer, Client, Options, Server, Workspace, database, suite, unique, uuid};

suite![
    #[embedded]
    every_operation_is_one_statement,
    #[embedded]
    an_export_is_one_statement_a_chunk,
    #[embedded]
    filters_and_pages_need_no_other_statement,
    #[embedded]
    archived_lists_cost_an_instance_one_statement_more,
    #[embedded]
    a_tree_is_changed_by_one_statement,
];

/// The number of statements that an answer tells of.
fn statements(answer: &Answer) -> u64 {
    let count = answer.header("server-timing").split_once("db;desc=\"").and_then(|(_, rest)| rest.split('"').next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no number of statements: {answer}"))
}

/// How long the check of a new token is not renewed: of its second the last 300 ms are for renewing it.
const CHECKED: Duration = Duration::from_millis(700);

/// Neither gives Redis up nor counts alone, however busy the machine is: that would be another statement.
fn patient() -> Options {
    Options::default().with("redis_timeout_ms", 5000)
}

/// Notes the use of this client's token here, so that the service does not: that would be a statement of its own. And
/// lets what goes on beside earlier responses end.
async fn use_is_noted(client: &Client) {
    let sql = "update tokens set last_used_at = now() where hash = sha256(convert_to($1, 'UTF8'))";
    let token = client.token.as_deref().unwrap();
    assert_eq!(database::connect().await.execute(sql, &[&token]).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// Sends a request right after the first one of a new token, whose authentication is a statement of its own.
async fn spent(client: &Client, call: Call) -> (Answer, u64) {
    client.get("/api/v2/me").send().await.ok();
    let before = client.server.host().counters();
    let answer = call.send().await;
    let counted = client.server.host().counters() - before;
    (answer, counted.statements)
}

/// The same by a new reader, up to four times until it took so many statements: now and then that another token is in
/// use is noted meanwhile, or a new instance asks which installation it belongs to. `path` is told the number of the
/// try.
async fn spent_alone(ws: &Workspace, path: impl Fn(usize) -> String, expected: u64) -> (Answer, u64) {
    let mut tries = 0;
    loop {
        let reader = ws.with_scopes(&["todos:read"]).await;
        use_is_noted(&reader).await;
        let spent = spent(&reader, reader.get(&path(tries))).await;
        tries += 1;
        if spent.1 == expected || tries == 4 {
            return spent;
        }
    }
}

async fn every_operation_is_one_statement() {
    let server = Server::private(patient()).await;
    let mut complaints = Vec::new();
    let documents = Document::both(&server).await;
    let mut operations: Vec<&Operation> = documents.iter().flat_map(|document| &document.operations).collect();
    // Last those that wake the worker, whose statements the host counts, too.
    operations.sort_by_key(|operation| wakes(operation));
    'operations: for operation in operations {
        let name = operation.name();
        let expected = match operation.path.rsplit('/').next() {
            // The document is part of the component; who the caller is was found out when it came in.
            Some("openapi.json" | "me") => 0,
            _ => 1,
        };
        let mut tries = 0;
        let (answer, counted) = loop {
            // Of its own, so that no read finds its answer in the cache.
            let things = Things::new(&server).await;
            let Some(call) = things.request(operation) else {
                complaints.push(format!("{name} is not known here: how many statements does it take?"));
                continue 'operations;
            };
            use_is_noted(&things.caller).await;
            let began = Instant::now();
            let spent = spent(&things.caller, call).await;
            // If that took longer, the renewal of the check may be among them; and at any time may be the note that
            // another token is in use, which is seldom.
            let alone = wakes(operation) || spent.1 == expected || tries >= 3;
            if began.elapsed() < CHECKED && alone {
                break spent;
            }
            tries += 1;
            assert!(tries < 20, "this machine never answers two requests within {CHECKED:?}");
        };
        assert!((200..300).contains(&answer.status), "{answer}");
        let told = statements(&answer);
        if told != expected || (counted != expected && !wakes(operation)) {
            complaints.push(format!("{name} took {told} statements, {counted} by the host's count, not {expected}"));
        }
    }
    // Jobs that no worker takes must not stand in another test's queue.
    let left = "DELETE FROM jobs WHERE status = 'queued' AND due_at > now() + interval '30 minutes'";
    database::connect().await.execute(left, &[]).await.unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

async fn an_export_is_one_statement_a_chunk() {
    let server = Server::private(patient()).await;
    let ws = Workspace::on(&server).await;
    let create = json!({ "op": "create", "todo": { "title": "x", "tags": ["a"] } });
    for _ in 0..12 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![&create; 100] })).send().await.ok();
    }
    let (answer, counted) = spent_alone(&ws, |_| "/api/v2/todos/export?format=ndjson".to_owned(), 3).await;
    answer.has_status(200);
    assert_eq!((answer.text().lines().count(), counted), (1200, 3), "500 a chunk");
}

async fn filters_and_pages_need_no_other_statement() {
    let server = Server::private(patient()).await;
    let ws = Workspace::on(&server).await;
    for title in ["a", "b", "c"] {
        ws.todo(json!({ "title": title, "tags": ["x"] })).await;
    }
    let first = ws.get("/api/v2/todos?limit=1").send().await.ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    let tree = Tree::new(&ws).await;
    let (list, root) = (text(&tree.list), text(&tree.todos[0]));
    for query in [
        format!("cursor={cursor}"),
        "status=pending&priority=medium&tag=x&q=a&sort=-title".to_owned(),
        "sort=due_date&overdue=false".to_owned(),
        format!("assignee={}&department={}", uuid(), uuid()),
        "deleted=true".to_owned(),
        format!("list={list}&list=none&sort=position"),
        format!("parent={root}&sort=-position"),
        format!("root={root}&status=pending"),
        format!("deleted=true&root={root}"),
        "archived=true&sort=position".to_owned(),
    ] {
        // Another limit each time, so that it is not found in the cache.
        let path = |tries: usize| format!("/api/v2/todos?{query}&limit={}", tries + 2);
        let (answer, counted) = spent_alone(&ws, path, 1).await;
        answer.ok();
        assert_eq!((statements(&answer), counted), (1, 1), "{answer}");
    }
}

/// Who does not know yet that a workspace has archived lists asks for a page once more; what is in them is on none.
async fn archived_lists_cost_an_instance_one_statement_more() {
    let server = Server::private(patient()).await;
    let ws = Workspace::on(&server).await;
    ws.titled("a").await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "old" })).send().await.created();
    ws.todo(json!({ "title": "b", "list_id": list["id"] })).await;
    let path = format!("/api/v2/lists/{}", text(&list));
    ws.patch(&path).json(json!({ "archived": true })).send().await.ok();
    let mut taken = Vec::new();
    for query in ["limit=1", "limit=2", "limit=3&sort=title", "status=pending", "limit=5"] {
        let answer = ws.get(&format!("/api/v2/todos?{query}")).send().await;
        taken.push(statements(&answer));
        let page = answer.ok();
        assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["title"]), (1, &json!("a")), "{query}");
    }
    assert!(taken[0] == 2 && taken[1..].contains(&1) && taken.iter().all(|taken| *taken <= 2), "{taken:?}");
}

/// Three todos, each below the one before, and a list in which they are not; three others at one position.
struct Tree {
    todos: Vec<Value>,
    list: Value,
    close: Vec<Value>,
}

impl Tree {
    async fn new(ws: &Workspace) -> Self {
        let mut todos = vec![ws.todo(json!({ "title": "1" })).await];
        for title in ["2", "3"] {
            let parent = todos.last().unwrap()["id"].clone();
            todos.push(ws.todo(json!({ "title": title, "parent_id": parent })).await);
        }
        let list = ws.post("/api/v2/lists").json(json!({ "name": unique("list") })).send().await.created();
        let mut close = Vec::new();
        for title in ["x", "y", "z"] {
            close.push(ws.todo(json!({ "title": title, "position": 5 })).await);
        }
        Self { todos, list, close }
    }
}

/// A write of a tree by this client.
type Change = fn(&Tree, &Client) -> Call;

/// Into the bin and out of it, moved, completed, to another list, where siblings make room, and several of these at
/// once.
const CHANGES: [(&str, Change); 8] = [
    ("delete", |tree, client| client.delete(&path(&tree.todos[0]))),
    ("restore", |tree, client| client.post(&format!("{}/restore", path(&tree.todos[0])))),
    ("move", |tree, client| {
        let to = json!({ "list_id": tree.list["id"], "place": "first" });
        client.post(&format!("{}/move", path(&tree.todos[0]))).json(to)
    }),
    ("patch", |tree, client| client.patch(&path(&tree.todos[0])).json(json!({ "list_id": tree.list["id"] }))),
    ("complete", |tree, client| {
        client.post(&format!("{}/complete", path(&tree.todos[0]))).json(json!({ "subtasks": "complete" }))
    }),
    ("spread", |tree, client| {
        client.post(&format!("{}/move", path(&tree.close[2]))).json(json!({ "after": tree.close[0]["id"] }))
    }),
    ("batch", |tree, client| {
        let operations = json!([
            { "op": "update", "id": tree.todos[1]["id"], "todo": { "parent_id": null, "list_id": tree.list["id"] } },
            { "op": "update", "id": tree.close[0]["id"], "todo": { "parent_id": tree.todos[0]["id"] } },
            { "op": "delete", "id": tree.todos[0]["id"] },
        ]);
        client.post("/api/v2/todos/batch").json(json!({ "operations": operations }))
    }),
    ("tools", |tree, client| {
        let moves = json!({ "todos": [
            { "id": tree.todos[0]["id"], "list_id": tree.list["id"], "place": "last" },
            { "id": tree.close[2]["id"], "after": tree.close[0]["id"] },
        ] });
        tool(client, "move_todos", moves)
    }),
];

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", text(todo))
}

async fn a_tree_is_changed_by_one_statement() {
    let server = Server::private(patient()).await;
    for (name, change) in CHANGES {
        let mut tries = 0;
        loop {
            let ws = Workspace::on(&server).await;
            let tree = Tree::new(&ws).await;
            if name == "restore" {
                ws.delete(&path(&tree.todos[0])).send().await.no_content();
            }
            let caller = ws.with_scopes(&["todos:read", "todos:write"]).await;
            use_is_noted(&caller).await;
            let (answer, counted) = spent(&caller, change(&tree, &caller)).await;
            assert!((200..300).contains(&answer.status), "{name}: {answer}");
            tries += 1;
            // As in spent_alone.
            if counted != 1 && tries < 4 {
                continue;
            }
            assert_eq!((statements(&answer), counted), (1, 1), "{name}: {answer}");
            let deepest = ws.get(&path(&tree.todos[2])).send().await;
            let other = ws.get(&path(&tree.close[1])).send().await;
            match name {
                "delete" => drop(deepest.problem(404, "todo_not_found")),
                "complete" => assert_eq!(deepest.ok()["status"], "completed"),
                "restore" => assert_eq!(deepest.ok()["version"], 3),
                "spread" => assert_eq!(other.ok()["version"], 2, "it made room"),
                _ => assert_eq!(deepest.ok()["list_id"], tree.list["id"], "{name}"),
            }
            break;
        }
    }
}

fn wakes(operation: &Operation) -> bool {
    operation.path.contains("/bulk-process") || operation.path.contains("/jobs")
}

/// One of everything.
struct Things {
    ws: Workspace,
    /// Has a token that may do everything and was not used yet.
    caller: Client,
    todo: Value,
    serial: Value,
    binned: Value,
    tag: Value,
    employee: Value,
    department: Value,
    list: Value,
    job: String,
    token: Value,
}

impl Things {
    async fn new(server: &std::sync::Arc<Server>) -> Self {
        let ws = Workspace::on(server).await;
        let todo = ws.todo(json!({ "title": "x", "tags": ["old"] })).await;
        let serial = ws.get("/api/v1/todos").send().await.ok()[0]["id"].clone();
        let binned = ws.todo(json!({ "title": "y" })).await;
        ws.delete(&format!("/api/v2/todos/{}", text(&binned))).send().await.no_content();
        // With a limit, so that the answer is not that of the request that is counted.
        let tag = ws.get("/api/v2/tags?limit=1").send().await.ok()["items"][0].clone();
        let (employee, department) = (ws.employee("Ada").await, ws.department("Research").await);
        let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
        let token = ws.token(json!(["todos:read"]), Value::Null).await;
        // One that no worker takes before the test is over.
        let job = uuid();
        let accept = "INSERT INTO jobs (workspace_id, uid, kind, filter, change, due_at) \
            SELECT id, $2::text::uuid, 'todos.bulk', '{\"q\":\"x\"}', '\"complete\"', now() + interval '1 hour' \
            FROM workspaces WHERE uid = $1::text::uuid";
        assert_eq!(database::connect().await.execute(accept, &[&ws.id, &job]).await.unwrap(), 1);
        let caller = ws.with_scopes(&["todos:read", "todos:write", "admin"]).await;
        Self { caller, ws, todo, serial, binned, tag, employee, department, list, job, token }
    }

    /// A request of this operation that succeeds.
    #[expect(clippy::too_many_lines, reason = "one table: a row for each operation")]
    fn request(&self, operation: &Operation) -> Option<Call> {
        let old = operation.path.starts_with("/api/v1/");
        let (_, route) = operation.path.split_at("/api/v2".len());
        let id = match route.split('/').nth(1)? {
            "todos" if old => self.serial.to_string(),
            "todos" if route.ends_with("/restore") => text(&self.binned).to_owned(),
            "todos" => text(&self.todo).to_owned(),
            "lists" => text(&self.list).to_owned(),
            "tags" => text(&self.tag).to_owned(),
            "employees" => text(&self.employee).to_owned(),
            "departments" => text(&self.department).to_owned(),
            "jobs" => self.job.clone(),
            "admin" => text(&self.token).to_owned(),
            _ => String::new(),
        };
        let call = self.caller.call(&operation.method, &operation.path.replace("{id}", &id));
        let bulk = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
        let batch = json!({ "operations": [{ "op": "create", "todo": { "title": "z" } }] });
        let key = uuid;
        Some(match (operation.method.as_str(), route) {
            (
                "GET",
                "/todos"
                | "/todos/{id}"
                | "/todos/stats"
                | "/todos/export"
                | "/jobs"
                | "/jobs/{id}"
                | "/tags"
                | "/employees"
                | "/employees/{id}"
                | "/departments"
                | "/departments/{id}"
                | "/me"
                | "/admin/workspaces"
                | "/admin/tokens"
                | "/openapi.json"
                | "/changes"
                | "/events"
                | "/todos/{id}/history"
                | "/lists"
                | "/lists/{id}",
            )
            | (
                "DELETE",
                "/todos/{id}" | "/jobs/{id}" | "/tags/{id}" | "/employees/{id}" | "/departments/{id}"
                | "/admin/tokens/{id}" | "/lists/{id}",
            ) => call,
            ("POST", "/todos") => {
                call.header("idempotency-key", key()).json(json!({ "title": "z", "tags": ["new", "old"] }))
            }
            ("PUT", "/todos/{id}") => call.header("if-match", "*").json(json!({ "title": "z", "tags": ["new"] })),
            ("PATCH", "/todos/{id}") => call.json(json!({ "title": "z", "tags": ["new"] })),
            ("POST", "/todos/{id}/move") => call.json(json!({ "list_id": self.list["id"], "place": "first" })),
            ("POST", "/todos/{id}/complete") => call.json(json!({ "subtasks": "complete" })),
            ("POST", "/lists") => call.header("idempotency-key", key()).json(json!({ "name": "Work" })),
            ("PUT", "/lists/{id}") => call.header("if-match", "*").json(json!({ "name": "Work" })),
            ("PATCH", "/lists/{id}") => call.json(json!({ "name": "Work" })),
            ("POST", "/todos/{id}/restore") => call.header("idempotency-key", key()),
            ("POST", "/todos/batch") => call.header("idempotency-key", key()).json(batch),
            ("POST", "/todos/bulk-process") => call.header("idempotency-key", key()).json(bulk),
            ("PATCH", "/tags/{id}") => call.json(json!({ "name": "renamed" })),
            ("POST", "/employees") => {
                let body = json!({ "name": "Bob", "email": "b@example.com", "department_id": self.department["id"] });
                call.header("idempotency-key", key()).json(body)
            }
            ("PATCH", "/employees/{id}") => call.json(json!({ "name": "Eve", "department_id": self.department["id"] })),
            ("POST", "/departments") => call.header("idempotency-key", key()).json(json!({ "name": "Sales" })),
            ("PATCH", "/departments/{id}") => call.json(json!({ "name": "Sales" })),
            ("POST", "/admin/workspaces") => call.json(json!({ "name": unique("counted") })),
            ("POST", "/admin/tokens") => {
                call.json(json!({ "workspace_id": self.ws.id, "name": "counted", "scopes": ["todos:read"] }))
            }
            _ => return None,
        })
    }
}

fn text(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}
