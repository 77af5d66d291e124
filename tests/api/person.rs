//! Tokens that name an employee, and `me`, which means that employee.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::mcp::tool;
use crate::harness::{Client, Options, Server, Workspace, database, suite, uuid};

suite![
    a_token_names_an_employee_for_good,
    a_token_names_nobody_of_another_workspace,
    me_shows_who_the_token_names,
    a_key_of_one_person_replays_nothing_to_another,
    a_live_token_holds_its_employee,
    #[database]
    an_expired_token_does_not_hold_its_employee,
    assistants_know_who_asks,
    #[database]
    the_command_makes_a_token_that_names_an_employee,
    #[embedded]
    without_authentication_nobody_is_me,
    #[embedded]
    me_is_one_statement_where_the_token_names_somebody,
];

const TOKENS: &str = "/api/v2/admin/tokens";
pub const TODOS: &str = "/api/v2/todos";

/// A client whose token names this employee.
pub async fn client_of(ws: &Workspace, employee: &Value) -> Client {
    let token = ws.token_of(employee).await;
    ws.server.bearer(token["token"].as_str().unwrap())
}

/// Two employees with a client and a todo each, and a todo of nobody.
pub async fn two(ws: &Workspace) -> [(Client, Value); 2] {
    let (ada, bob) = (ws.employee("Ada").await, ws.employee("Bob").await);
    for (title, assignee) in [("Ada's", &ada["id"]), ("Bob's", &bob["id"]), ("nobody's", &Value::Null)] {
        ws.todo(json!({ "title": title, "assignee_id": assignee })).await;
    }
    [(client_of(ws, &ada).await, ada), (client_of(ws, &bob).await, bob)]
}

pub fn titles(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect()
}

async fn a_token_names_an_employee_for_good() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let admin = ws.server.admin();
    let draft = json!({ "workspace_id": ws.id, "name": "phone", "scopes": ["todos:read"], "employee_id": ada["id"] });
    let made = admin.post(TOKENS).json(draft.clone()).send().await.created();
    let shown = json!({ "id": ada["id"], "name": "Ada" });
    assert_eq!(made["employee"], shown, "{made}");
    let mut read_only = draft.clone();
    read_only["employee"] = shown.clone();
    admin.post(TOKENS).json(read_only).send().await.problem(422, "invalid_body").at("/employee", "read_only");
    let list = admin.get(&format!("{TOKENS}?workspace={}", ws.id)).send().await.ok();
    let people: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|token| &token["employee"]).collect();
    assert_eq!(people, [&Value::Null, &shown], "{list}");
    ws.server.admin().delete(&format!("{TOKENS}/{}", made["id"].as_str().unwrap())).send().await.no_content();
}

async fn a_token_names_nobody_of_another_workspace() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let foreign = other.employee("Eve").await;
    for (employee, code) in [
        (foreign["id"].clone(), "not_found"),
        (json!(uuid()), "not_found"),
        (json!("me"), "invalid_format"),
        (json!(7), "type"),
    ] {
        let draft = json!({ "workspace_id": ws.id, "name": "x", "scopes": ["todos:read"], "employee_id": employee });
        let answer = ws.server.admin().post(TOKENS).json(draft).send().await;
        answer.problem(422, "invalid_body").at("/employee_id", code).faults_are(1);
        assert!(!answer.text().contains("Eve"), "{answer}");
    }
}

async fn me_shows_who_the_token_names() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let client = client_of(&ws, &ada).await;
    let me = async |client: &Client| client.get("/api/v2/me").send().await.ok()["employee"].clone();
    assert_eq!(me(&client).await, json!({ "id": ada["id"], "name": "Ada" }));
    assert_eq!(me(&ws).await, Value::Null);
    // Seen at once, though the token is remembered.
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "name": "Ada King" })).send().await.ok();
    assert_eq!(me(&client).await, json!({ "id": ada["id"], "name": "Ada King" }));
}

async fn a_key_of_one_person_replays_nothing_to_another() {
    let ws = Workspace::new().await;
    let [(ada, adas), (bob, bobs)] = two(&ws).await;
    let second = client_of(&ws, &adas).await;
    let mine = json!({ "title": "stand-up", "assignee_id": "me" });
    let batch = json!({ "operations": [{ "op": "create", "todo": mine }] });
    let bulk = json!({ "filter": { "assignee": "me" }, "action": "complete" });
    for (path, body) in [("", mine.clone()), ("/batch", batch), ("/bulk-process", bulk)] {
        let send = async |client: &Client, body: &Value| {
            client.post(&format!("{TODOS}{path}")).header("idempotency-key", "day").json(body.clone()).send().await
        };
        assert!(send(&ada, &body).await.status < 300, "{path}");
        let replayed = send(&second, &body).await;
        assert_eq!(replayed.header("idempotent-replayed"), "true", "the same person: {replayed}");
        send(&bob, &body).await.problem(422, "idempotency_key_reused");
    }
    let drafts = json!({ "todos": [mine], "idempotency_key": "day" });
    tool(&ada, "add_todos", drafts.clone()).send().await.content();
    tool(&bob, "add_todos", drafts.clone()).send().await.refusal(422, "idempotency_key_reused");
    // Without `me` a key is the workspace's, as before.
    let plain = json!({ "title": "x", "assignee_id": bobs["id"] });
    let send =
        async |client: &Client| client.post(TODOS).header("idempotency-key", "x").json(plain.clone()).send().await;
    let first = send(&ada).await.created();
    assert_eq!(send(&bob).await.created(), first);
}

async fn a_live_token_holds_its_employee() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let token = ws.token_of(&ada).await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.delete(&path).send().await.problem(409, "employee_referenced");
    ws.server.admin().delete(&format!("{TOKENS}/{}", token["id"].as_str().unwrap())).send().await.no_content();
    ws.delete(&path).send().await.no_content();
    ws.get(&path).send().await.problem(404, "employee_not_found");
}

async fn an_expired_token_does_not_hold_its_employee() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let token = ws.token_of(&ada).await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    let sql = "update tokens set expires_at = now() + interval '1 hour' where uid = $1::text::uuid";
    let id = token["id"].as_str().unwrap();
    let database = database::connect().await;
    assert_eq!(database.execute(sql, &[&id]).await.unwrap(), 1);
    ws.delete(&path).send().await.problem(409, "employee_referenced");
    let sql = "update tokens set expires_at = now() - interval '1 second' where uid = $1::text::uuid";
    assert_eq!(database.execute(sql, &[&id]).await.unwrap(), 1);
    ws.delete(&path).send().await.no_content();
    let list = ws.server.admin().get(&format!("{TOKENS}?workspace={}", ws.id)).send().await.ok();
    let left = list["items"].as_array().unwrap().iter().find(|token| token["id"] == id).unwrap();
    assert_eq!((&left["name"], &left["employee"]), (&json!("test"), &Value::Null), "{left}");
}

async fn assistants_know_who_asks() {
    let ws = Workspace::new().await;
    let [(ada, adas), _] = two(&ws).await;
    let overview = async |client: &Client| tool(client, "overview", json!({})).send().await.content()["me"].clone();
    assert_eq!(overview(&ada).await, json!({ "id": adas["id"], "name": "Ada" }));
    assert_eq!(overview(&ws).await, Value::Null);
    let found = tool(&ada, "find_todos", json!({ "assignee": "me" })).send().await.content();
    assert_eq!(titles(&found), ["Ada's"]);
    let drafts = json!({ "todos": [{ "title": "mine", "assignee_id": "me" }] });
    let added = tool(&ada, "add_todos", drafts.clone()).send().await.content();
    assert_eq!(added["todos"][0]["assignee"]["id"], adas["id"], "{added}");
    let refused = tool(&ws, "add_todos", drafts).send().await;
    refused.refusal(422, "invalid_body").at("/todos/0/assignee_id", "no_person").faults_are(1);
    let refused = tool(&ws, "find_todos", json!({ "assignee": "me" })).send().await;
    refused.refusal(422, "invalid_body").at("/assignee", "no_person").faults_are(1);
}

async fn the_command_makes_a_token_that_names_an_employee() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let me = ws.get("/api/v2/me").send().await.ok();
    let workspace = me["workspace"]["name"].as_str().unwrap();
    let xtask = |arguments: &[&str]| {
        let mut command = Command::new(std::env::var_os("TODO_XTASK").expect("run the tests with `cargo xtask test`"));
        let output = command.arg("token").args(arguments).args(["--workspace", workspace]).output().unwrap();
        let [said, warned] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.success(), said, warned)
    };
    let (made, token, warned) = xtask(&["create", "--employee", "ADA@example.com"]);
    assert!(made, "{warned}");
    let client = ws.server.bearer(token.trim());
    let me = client.get("/api/v2/me").send().await.ok();
    assert_eq!(me["employee"], json!({ "id": ada["id"], "name": "Ada" }));
    let (_, list, _) = xtask(&["list"]);
    let of_ada = list.lines().filter(|line| line.contains("  ada@example.com  command line"));
    assert_eq!(of_ada.count(), 1, "{list}");
    let (made, _, warned) = xtask(&["create", "--employee", "eve@example.com"]);
    assert!(!made && warned.contains("has no employee with the address eve@example.com"), "{warned}");
    let id = me["token"]["id"].as_str().unwrap();
    ws.server.admin().delete(&format!("{TOKENS}/{id}")).send().await.no_content();
}

async fn me_is_one_statement_where_the_token_names_somebody() {
    let server = Server::private(Options::default().with("redis_timeout_ms", 5000)).await;
    let ws = Workspace::on(&server).await;
    let client = client_of(&ws, &ws.employee("Ada").await).await;
    let statements = async || {
        let answer = client.get("/api/v2/me").send().await;
        answer.ok();
        answer.header("server-timing").split(';').nth(1).unwrap().to_owned()
    };
    assert_eq!(statements().await, "desc=\"2\"", "with the check of the token");
    assert_eq!(statements().await, "desc=\"1\"");
}

async fn without_authentication_nobody_is_me() {
    let server = Server::private(Options::default().with("auth", "off")).await;
    let anyone = server.anonymous();
    assert_eq!(anyone.get("/api/v2/me").send().await.ok()["employee"], Value::Null);
    anyone.get(&format!("{TODOS}?assignee=me")).send().await.problem(400, "no_person").in_parameter("assignee");
    let body = json!({ "title": "x", "assignee_id": "me" });
    let answer = anyone.post(TODOS).json(body).send().await;
    answer.problem(422, "invalid_body").at("/assignee_id", "no_person").faults_are(1);
}
