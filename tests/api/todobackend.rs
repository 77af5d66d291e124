//! The API of Todo-Backend: what its sixteen public specs demand, in their order, and where it is not.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::client::Call;
use crate::harness::{Answer, Client, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    the_specs_of_todo_backend_pass,
    #[embedded]
    todos_are_those_of_the_other_versions,
    #[embedded]
    the_collection_is_what_is_listed_and_deleted,
    #[embedded]
    what_is_deleted_meanwhile_is_no_fault,
    #[embedded]
    what_is_wrong_is_refused_as_everywhere,
    #[embedded]
    pages_of_every_origin_read_refusals_whatever_the_settings_allow,
    it_is_not_there_where_there_are_tokens,
];

const ROOT: &str = "/todobackend";

async fn open() -> (Arc<Server>, Client) {
    let server = Server::private(Options::default().with("auth", "off")).await;
    let client = Client::new(Arc::clone(&server), None);
    client.delete(ROOT).send().await.no_content();
    (server, client)
}

/// Sends a request as a page of another origin, which may read the answer.
async fn send(call: Call) -> Answer {
    let answer = call.header("origin", "https://todobackend.com").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer}");
    answer
}

fn path(todo: &Value) -> String {
    let url = todo["url"].as_str().expect("each todo has a url");
    let (_, rest) = url.split_once("://").expect("the url is absolute");
    rest[rest.find('/').unwrap()..].to_owned()
}

async fn the_specs_of_todo_backend_pass() {
    let (_server, client) = open().await;
    for (path, method) in [(ROOT, "POST"), (ROOT, "DELETE"), ("/todobackend/x", "PATCH")] {
        let preflight = client
            .call("OPTIONS", path)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type");
        let answer = send(preflight).await;
        answer.no_content();
        assert!(answer.header("access-control-allow-methods").contains(method), "{answer}");
        assert_eq!(answer.header("access-control-allow-headers"), "content-type");
    }
    // The prerequisites.
    send(client.get(ROOT)).await.ok();
    let posted = send(client.post(ROOT).json(json!({ "title": "a todo" }))).await.created();
    assert_eq!(posted["title"], "a todo");
    send(client.delete(ROOT)).await.no_content();
    assert_eq!(send(client.get(ROOT)).await.ok(), json!([]));
    // Storing new todos by posting to the root url.
    let made = send(client.post(ROOT).json(json!({ "title": "walk the dog" }))).await.created();
    let all = send(client.get(ROOT)).await.ok();
    assert_eq!(all, json!([made]));
    assert_eq!((&all[0]["title"], &all[0]["completed"]), (&json!("walk the dog"), &json!(false)));
    assert_eq!(send(client.get(&path(&made))).await.ok(), made);
    // Working with an existing todo.
    let item = path(&all[0]);
    let patched = send(client.patch(&item).json(json!({ "title": "bathe the cat" }))).await.ok();
    assert_eq!(patched["title"], "bathe the cat");
    let patched = send(client.patch(&item).json(json!({ "completed": true }))).await.ok();
    assert_eq!(patched["completed"], true);
    assert_eq!(send(client.get(&item)).await.ok(), patched);
    assert_eq!(send(client.get(ROOT)).await.ok(), json!([patched]));
    assert_eq!(send(client.patch(&item).json(json!({ "completed": false }))).await.ok()["completed"], false);
    send(client.delete(&item)).await.no_content();
    assert_eq!(send(client.get(ROOT)).await.ok(), json!([]));
    send(client.get(&item)).await.problem(404, "todo_not_found");
    // Tracking the order.
    let made = send(client.post(ROOT).json(json!({ "title": "blah", "order": 523 }))).await.created();
    assert_eq!(made["order"], 523);
    let patched = send(client.patch(&path(&made)).json(json!({ "order": 95 }))).await.ok();
    assert_eq!(patched["order"], 95);
    assert_eq!(send(client.get(&path(&made))).await.ok()["order"], 95);
    send(client.post(ROOT).json(json!({ "title": "first", "order": 10 }))).await.created();
    let all = send(client.get(ROOT)).await.ok();
    assert_eq!((&all[0]["title"], &all[1]["title"]), (&json!("first"), &json!("blah")));
    client.delete(ROOT).send().await.no_content();
}

async fn todos_are_those_of_the_other_versions() {
    let (server, client) = open().await;
    let made = client.post(ROOT).json(json!({ "title": "a", "completed": true, "order": 7.5 })).send().await.created();
    let expected = json!({ "id": made["id"], "title": "a", "completed": true, "order": 7.5, "url": made["url"] });
    assert_eq!(made, expected);
    assert_eq!(made["url"], format!("{}{}", server.url, path(&made)));
    let whole = format!("/api/v2/todos/{}", made["id"].as_str().unwrap());
    let todo = client.get(&whole).send().await.ok();
    assert_eq!((&todo["title"], &todo["status"], &todo["position"]), (&json!("a"), &json!("completed"), &json!(7.5)));
    // Its parent counts it at once, whichever way it is written.
    let parent = client.post("/api/v2/todos").json(json!({ "title": "parent" })).send().await.created();
    let parent = format!("/api/v2/todos/{}", parent["id"].as_str().unwrap());
    let under = json!({ "parent_id": parent.rsplit('/').next().unwrap() });
    client.patch(&whole).json(under).send().await.ok();
    for (completed, expected) in [(true, 1), (false, 0), (true, 1)] {
        client.get(&parent).send().await.ok();
        client.patch(&path(&made)).json(json!({ "completed": completed })).send().await.ok();
        let subtasks = client.get(&parent).send().await.ok()["subtasks"].clone();
        assert_eq!(subtasks, json!({ "total": 1, "completed": expected }));
    }
    client.patch(&whole).json(json!({ "parent_id": null })).send().await.ok();
    client.delete(&parent).send().await.no_content();
    // Another status than these two is kept by whoever writes back what it read.
    client.patch(&whole).json(json!({ "status": "in_progress" })).send().await.ok();
    client.patch(&path(&made)).json(json!({ "title": "b", "completed": false })).send().await.ok();
    assert_eq!(client.get(&whole).send().await.ok()["status"], "in_progress");
    // More todos than a page has, with subtasks, go at once.
    let create = json!({ "op": "create", "todo": { "title": "x", "parent_id": made["id"] } });
    for body in [json!({ "operations": vec![create; 60] }), {
        let create = json!({ "op": "create", "todo": { "title": "y" } });
        json!({ "operations": vec![create; 100] })
    }] {
        client.post("/api/v2/todos/batch").json(body).send().await.ok();
    }
    assert_eq!(client.get(ROOT).send().await.ok().as_array().unwrap().len(), 161);
    client.delete(ROOT).send().await.no_content();
    assert_eq!(client.get(ROOT).send().await.ok(), json!([]));
    assert_eq!(client.get("/api/v2/todos").send().await.ok()["items"], json!([]));
}

/// A thousand todos at most are listed, and none of an archived list; all but those are deleted.
async fn the_collection_is_what_is_listed_and_deleted() {
    let (_server, client) = open().await;
    let list = client.post("/api/v2/lists").json(json!({ "name": "Old" })).send().await.created();
    let list_path = format!("/api/v2/lists/{}", list["id"].as_str().unwrap());
    let inside = client.post("/api/v2/todos").json(json!({ "title": "inside", "list_id": list["id"] })).send().await;
    client.patch(&list_path).json(json!({ "archived": true })).send().await.ok();
    assert_eq!(client.get(ROOT).send().await.ok(), json!([]));
    for _ in 0..11 {
        let create = json!({ "op": "create", "todo": { "title": "x" } });
        let body = json!({ "operations": vec![create; 100] });
        client.post("/api/v2/todos/batch").json(body).send().await.ok();
    }
    assert_eq!(client.get(ROOT).send().await.ok().as_array().unwrap().len(), 1_000);
    client.delete(ROOT).send().await.no_content();
    assert_eq!(client.get("/api/v2/todos").send().await.ok()["items"], json!([]));
    let inside = format!("/api/v2/todos/{}", inside.created()["id"].as_str().unwrap());
    client.get(&inside).send().await.ok();
    client.delete(&inside).send().await.no_content();
    client.delete(&list_path).send().await.no_content();
}

async fn what_is_deleted_meanwhile_is_no_fault() {
    let (_server, client) = open().await;
    let mut database = database::connect().await;
    for round in 0..4 {
        let mut made = Vec::new();
        for title in ["a", "b", "c"] {
            made.push(client.post(ROOT).json(json!({ "title": title })).send().await.created());
        }
        let transaction = database.transaction().await.unwrap();
        let middle = made[1]["id"].as_str().unwrap();
        if round % 2 == 0 {
            let home = "select id from workspaces where name = 'default'";
            let home: i64 = transaction.query_one(home, &[]).await.unwrap().get(0);
            let held = "select outcome from todo_delete_v1($1, null, null, null, false, null, $2::text::uuid, null)";
            let row = transaction.query_one(held, &[&home, &middle]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "done");
        } else {
            database::hold(&transaction, &[middle]).await;
        }
        // Both have found the same todos before either of them deletes one.
        let [one, two] = [(); 2].map(|()| tokio::spawn(client.delete(ROOT).send()));
        database::until_blocked(transaction.client(), 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        transaction.commit().await.unwrap();
        one.await.unwrap().no_content();
        two.await.unwrap().no_content();
        assert_eq!(client.get(ROOT).send().await.ok(), json!([]));
    }
}

async fn what_is_wrong_is_refused_as_everywhere() {
    let (_server, client) = open().await;
    let wrong = send(client.post(ROOT).json(json!({ "order": "1", "completed": 1, "x": 1 }))).await;
    let problem = wrong.problem(422, "invalid_body");
    problem.at("/title", "required").at("/order", "type").at("/completed", "type").at("/x", "unknown_field");
    send(client.get("/todobackend/7")).await.problem(400, "invalid_parameter");
    let put = send(client.put(ROOT).json(json!({}))).await;
    put.problem(405, "method_not_allowed");
    let named = client.call("OPTIONS", ROOT).send().await;
    assert_eq!(named.header("allow"), "GET, POST, PATCH, DELETE");
}

async fn it_is_not_there_where_there_are_tokens() {
    let ws = Workspace::new().await;
    let nobody = Client::new(ws.server.clone(), None);
    for client in [&*ws, &nobody] {
        for path in [ROOT, "/todobackend/0190163d-8694-739b-aea5-966c26f8ad91"] {
            for method in ["GET", "POST", "PATCH", "DELETE", "OPTIONS"] {
                client.call(method, path).send().await.problem(404, "route_not_found");
            }
        }
    }
}

async fn pages_of_every_origin_read_refusals_whatever_the_settings_allow() {
    let options = Options::default().with("auth", "off").with("cors_origins", "https://app.example");
    let server = Server::private(options.with("rate_limit_default", 3)).await;
    let client = Client::new(Arc::clone(&server), None);
    let preflight = client.call("OPTIONS", ROOT).header("access-control-request-method", "PATCH");
    send(preflight).await.no_content();
    send(client.get(ROOT).header("accept", "text/csv")).await.problem(406, "not_acceptable");
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(send(client.get(ROOT)).await.status);
    }
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
    // Elsewhere the setting decides.
    let answer = client.get("/api/v2/me").header("origin", "https://todobackend.com").send().await;
    assert_eq!(answer.optional("access-control-allow-origin"), None, "{answer}");
}
