//! Tokens that name an employee, and `me`, which means that employee.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::mcp::tool;
use crate::harness::{Client, Options, Server, Workspace, database, suite, uuid};

suite![
    a_token_names_an_employee_for_good,
    a_token_names_nobody_of_another_workspace,
    me_shows_who_the_token_names,
    me_in_a_filter_is_whom_the_token_names,
    a_cached_list_of_one_person_is_never_anothers,
    a_list_of_me_is_one_cached_list_in_every_spelling,
    a_cursor_of_me_is_the_persons,
    me_in_a_body_is_whom_the_token_names,
    me_in_a_bulk_change_is_who_asked_for_it,
    a_key_of_one_person_replays_nothing_to_another,
    me_without_a_person_is_a_fault,
    me_is_only_an_employee,
    version_1_knows_no_me,
    a_live_token_holds_its_employee,
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
const TODOS: &str = "/api/v2/todos";

/// A client whose token names this employee.
async fn client_of(ws: &Workspace, employee: &Value) -> Client {
    let token = ws.token_of(employee).await;
    ws.server.bearer(token["token"].as_str().unwrap())
}

/// Two employees with a client and a todo each, and a todo of nobody.
async fn two(ws: &Workspace) -> [(Client, Value); 2] {
    let (ada, bob) = (ws.employee("Ada").await, ws.employee("Bob").await);
    for (title, assignee) in [("Ada's", &ada["id"]), ("Bob's", &bob["id"]), ("nobody's", &Value::Null)] {
        ws.todo(json!({ "title": title, "assignee_id": assignee })).await;
    }
    [(client_of(ws, &ada).await, ada), (client_of(ws, &bob).await, bob)]
}

fn titles(page: &Value) -> Vec<&str> {
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

async fn me_in_a_filter_is_whom_the_token_names() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, _)] = two(&ws).await;
    for (client, own) in [(&ada, "Ada's"), (&bob, "Bob's")] {
        let page = client.get(&format!("{TODOS}?assignee=me")).send().await.ok();
        assert_eq!(titles(&page), [own]);
        assert_eq!(page["next_cursor"], Value::Null);
        let file = client.get(&format!("{TODOS}/export?format=csv&assignee=me")).send().await.text();
        let rows: Vec<&str> = file.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        assert_eq!(rows, [own], "{file}");
    }
}

/// `me` is resolved before the key of the cache is made.
async fn a_cached_list_of_one_person_is_never_anothers() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, bobs)] = two(&ws).await;
    let second = client_of(&ws, &bobs).await;
    let clients = [(&ada, "Ada's"), (&bob, "Bob's"), (&second, "Bob's")];
    let (mut hits, mut etags) = ([0; 3], [const { String::new() }; 3]);
    for spelling in ["assignee=me", "assignee=%6De", "%61ssignee=m%65", "&assignee=me&"] {
        for _ in 0..250 {
            for (number, (client, own)) in clients.iter().enumerate() {
                let answer = client.get(&format!("{TODOS}?{spelling}")).send().await;
                assert_eq!(titles(&answer.ok()), [*own], "{spelling}: {answer}");
                hits[number] += u32::from(answer.header("x-cache") == "HIT");
                etags[number] = answer.etag();
            }
            if hits.iter().all(|hits| *hits > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(hits.iter().all(|hits| *hits > 0), "{spelling}: not everybody was answered from the cache: {hits:?}");
        hits = [0; 3];
        // A condition of one person's list is nothing to another.
        let conditional = bob.get(&format!("{TODOS}?{spelling}")).header("if-none-match", &etags[0]).send().await;
        assert_eq!(titles(&conditional.ok()), ["Bob's"]);
    }
    // And a write is seen by each.
    let moved = ws.todo(json!({ "title": "new", "assignee_id": bobs["id"] })).await;
    for (client, all) in [(&ada, &["Ada's"][..]), (&bob, &["new", "Bob's"]), (&second, &["new", "Bob's"])] {
        assert_eq!(titles(&client.get(&format!("{TODOS}?assignee=me")).send().await.ok()), all, "{moved}");
    }
}

async fn a_list_of_me_is_one_cached_list_in_every_spelling() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    let answer = async |spelling: &str| ada.get(&format!("{TODOS}?{spelling}")).send().await;
    for _ in 0..50 {
        answer("assignee=me&limit=7").await.ok();
        let other = answer("assignee=%6de&limit=%37").await;
        if other.header("x-cache") == "HIT" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ws.titled("everything is stale").await;
    }
    panic!("another spelling is another entry");
}

async fn a_cursor_of_me_is_the_persons() {
    let ws = Workspace::new().await;
    let [(ada, adas), (bob, _)] = two(&ws).await;
    ws.todo(json!({ "title": "second", "assignee_id": adas["id"] })).await;
    let page = ada.get(&format!("{TODOS}?assignee=me&limit=1")).send().await;
    let cursor = page.ok()["next_cursor"].as_str().unwrap().to_owned();
    assert!(page.header("link").contains("?assignee=me&limit=1&cursor="), "{page}");
    let next = format!("{TODOS}?assignee=me&limit=1&cursor={cursor}");
    assert_eq!(titles(&ada.get(&next).send().await.ok()), ["Ada's"]);
    bob.get(&next).send().await.problem(400, "invalid_cursor").in_parameter("cursor");
}

async fn me_in_a_body_is_whom_the_token_names() {
    let ws = Workspace::new().await;
    let [(ada, adas), (bob, bobs)] = two(&ws).await;
    let mine = json!({ "title": "mine", "assignee_id": "me" });
    let made = ada.post(TODOS).json(mine.clone()).send().await.created();
    assert_eq!(made["assignee"]["id"], adas["id"], "{made}");
    let path = format!("{TODOS}/{}", made["id"].as_str().unwrap());
    let patched = bob.patch(&path).json(json!({ "assignee_id": "me" })).send().await.ok();
    assert_eq!(patched["assignee"]["id"], bobs["id"], "{patched}");
    let put = ada.put(&path).header("if-match", "*").json(mine.clone()).send().await.ok();
    assert_eq!(put["assignee"]["id"], adas["id"], "{put}");
    let chosen = bob.put(&format!("{TODOS}/{}", uuid())).header("if-none-match", "*").json(mine.clone()).send().await;
    assert_eq!(chosen.created()["assignee"]["id"], bobs["id"], "{chosen}");
    let operations = json!([
        { "op": "create", "todo": mine },
        { "op": "update", "id": made["id"], "todo": { "assignee_id": "me" } },
    ]);
    let results = bob.post(&format!("{TODOS}/batch")).json(json!({ "operations": operations })).send().await.ok();
    for result in results["results"].as_array().unwrap() {
        assert_eq!(result["todo"]["assignee"]["id"], bobs["id"], "{results}");
    }
}

async fn me_in_a_bulk_change_is_who_asked_for_it() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, bobs)] = two(&ws).await;
    let bulk = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": "me" });
    let accepted = bob.post(&format!("{TODOS}/bulk-process")).json(bulk).send().await;
    let job = super::jobs::ended(&ws, accepted.has_status(202).header("location")).await;
    assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(3)), "{job}");
    let assigned = ws.all(TODOS, &[("assignee", bobs["id"].as_str().unwrap())]).await;
    assert_eq!(assigned.len(), 3, "{assigned:?}");
    for (client, total) in [(&ada, 0), (&bob, 3)] {
        let bulk = json!({ "filter": { "assignee": "me" }, "action": "set_priority", "priority": "high" });
        let accepted = client.post(&format!("{TODOS}/bulk-process")).json(bulk).send().await;
        let job = super::jobs::ended(&ws, accepted.has_status(202).header("location")).await;
        assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(total)), "{job}");
    }
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

async fn me_without_a_person_is_a_fault() {
    let ws = Workspace::new().await;
    let todo = ws.titled("x").await;
    for path in
        [format!("{TODOS}?assignee=me"), format!("{TODOS}?assignee=%6de"), format!("{TODOS}/export?assignee=me")]
    {
        let answer = ws.get(&path).send().await;
        let problem = answer.problem(400, "no_person");
        problem.in_parameter("assignee").faults_are(1);
        assert_eq!(problem.faults()[0]["code"], "no_person", "{answer}");
    }
    // Beside other faults it is one of them.
    let answer = ws.get(&format!("{TODOS}?assignee=me&limit=0")).send().await;
    answer.problem(400, "invalid_parameter").in_parameter("assignee").in_parameter("limit").faults_are(2);
    let mine = json!({ "title": "x", "assignee_id": "me" });
    let change = json!({ "assignee_id": "me" });
    let path = format!("{TODOS}/{todo}");
    let operations = json!([{ "op": "create", "todo": mine }, { "op": "update", "id": todo, "todo": change }]);
    let assign = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": "me" });
    let filter = json!({ "filter": { "assignee": "me" }, "action": "complete" });
    for (call, pointers) in [
        (ws.post(TODOS).json(mine.clone()), &["/assignee_id"][..]),
        (ws.put(&path).header("if-match", "*").json(mine.clone()), &["/assignee_id"]),
        (ws.patch(&path).json(change.clone()), &["/assignee_id"]),
        (
            ws.post(&format!("{TODOS}/batch")).json(json!({ "operations": operations })),
            &["/operations/0/todo/assignee_id", "/operations/1/todo/assignee_id"],
        ),
        (ws.post(&format!("{TODOS}/bulk-process")).json(assign), &["/assignee_id"]),
        (ws.post(&format!("{TODOS}/bulk-process")).json(filter), &["/filter/assignee"]),
    ] {
        let answer = call.send().await;
        let problem = answer.problem(422, "invalid_body");
        for pointer in pointers {
            problem.at(pointer, "no_person");
        }
        problem.faults_are(pointers.len());
    }
}

async fn me_is_only_an_employee() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    for (name, value) in [("assignee", "Me"), ("assignee", "me "), ("assignee", ""), ("department", "me")] {
        let answer = ada.get(TODOS).query(&[(name, value)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter(name).faults_are(1);
    }
    ada.get(&format!("{TODOS}/me")).send().await.problem(400, "invalid_parameter");
    let department = json!({ "name": "Eve", "email": "eve@example.com", "department_id": "me" });
    let answer = ada.post("/api/v2/employees").json(department).send().await;
    answer.problem(422, "invalid_body").at("/department_id", "invalid_format").faults_are(1);
}

async fn version_1_knows_no_me() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    ada.get("/api/v1/todos?assignee=me").send().await.v1_error(400, "invalid_parameter");
    let answer = ada.post("/api/v1/todos").json(json!({ "title": "x", "assignee_id": "me" })).send().await;
    let message = answer.v1_error(422, "invalid_body");
    assert!(message.contains("/assignee_id"), "{message}");
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
