//! Other spellings of an address: with a slash at the end, without a version, and nothing at all.

use serde_json::{Value, json};

use crate::harness::contract::Document;
use crate::harness::{Options, Server, Workspace, suite, uuid};
use crate::v1::assert_deprecated;

suite![
    a_trailing_slash_never_makes_a_difference,
    a_trailing_slash_keeps_the_query_and_the_method,
    old_addresses_are_those_of_version_1,
    old_addresses_fail_as_version_1_does,
    #[redis]
    every_spelling_is_one_entry_of_the_cache,
    #[embedded]
    every_spelling_is_charged_to_one_budget,
    #[embedded]
    old_addresses_can_be_switched_off,
    the_root_leads_a_browser_to_the_documentation,
    #[embedded]
    the_root_leads_nowhere_without_documentation,
];

/// Every operation, on what does not exist and with a body that is refused: the same status and code with and without.
async fn a_trailing_slash_never_makes_a_difference() {
    let ws = Workspace::new().await;
    let mut compared = 0;
    for document in Document::both(&ws.server).await {
        for operation in &document.operations {
            let id = if document.version == "v1" { "999999999".to_owned() } else { uuid() };
            let path = operation.path.replace("{id}", &id);
            let mut told = Vec::new();
            for spelling in [path.clone(), format!("{path}/"), format!("{path}//")] {
                let call = ws.call(&operation.method, &spelling);
                let call = if operation.value["requestBody"].is_object() { call.json(json!([])) } else { call };
                let answer = call.send().await;
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let code = body["code"].as_str().or_else(|| body["error"]["code"].as_str()).map(str::to_owned);
                assert_ne!(code.as_deref(), Some("route_not_found"), "{answer}");
                told.push((answer.status, code, answer.all("deprecation").len()));
            }
            assert!(told.iter().all(|other| *other == told[0]), "{} {path}: {told:?}", operation.method);
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared} operations");
    for path in ["/health", "/health/live", "/health/ready", "/docs", "/docs/migrating"] {
        ws.server.anonymous().get(&format!("{path}/")).send().await.has_status(200);
    }
}

async fn a_trailing_slash_keeps_the_query_and_the_method() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos/").json(json!({ "title": "a" })).send().await;
    let id = made.created()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/api/v2/todos/{id}"), "{made}");
    ws.titled("b").await;
    let page = ws.get("/api/v2/todos/?limit=1&sort=title").send().await;
    assert_eq!(page.ok()["items"][0]["title"], "a", "{page}");
    assert_eq!(page.ok()["items"].as_array().unwrap().len(), 1, "{page}");
    let next = page.header("link");
    assert!(next.contains("/api/v2/todos?") && next.contains("sort=title"), "{page}");
    let path = format!("/api/v2/todos/{id}/");
    let changed = ws.patch(&path).json(json!({ "title": "c" })).send().await;
    assert_eq!(changed.ok()["title"], "c", "{changed}");
    ws.delete(&path).send().await.no_content();
    ws.get(&path).send().await.problem(404, "todo_not_found");
    let restored = ws.post(&format!("/api/v2/todos/{id}/restore/")).send().await;
    assert_eq!(restored.ok()["title"], "c", "{restored}");
}

async fn old_addresses_are_those_of_version_1() {
    let ws = Workspace::new().await;
    let made = ws.post("/todos").json(json!({ "title": "Old" })).send().await;
    assert_eq!(made.header("location"), format!("/api/v1/todos/{}", made.created()["id"]), "{made}");
    let made = ws.post("/todos/").json(json!({ "title": "Old", "completed": true })).send().await;
    let todo = made.created();
    assert_eq!(made.header("location"), format!("/api/v1/todos/{}", todo["id"]), "{made}");
    assert_eq!((&todo["title"], &todo["status"]), (&json!("Old"), &json!("completed")), "{made}");
    assert_deprecated(&made);
    let id = todo["id"].as_i64().unwrap();
    for path in [format!("/todos/{id}"), format!("/todos/{id}/"), format!("/api/v1/todos/{id}/")] {
        let read = ws.get(&path).send().await;
        assert_eq!(read.ok(), todo, "{read}");
        assert_deprecated(&read);
        assert!(read.all("link").join(", ").contains("</api/v2/todos/0"), "the todo's own successor: {read}");
        ws.get(&path).header("if-none-match", read.etag()).send().await.has_status(304);
    }
    ws.titled("Second").await;
    for query in ["?skip=1&limit=1", "?completed=true", "/?completed=true", "/stats", "/stats/"] {
        let (old, new) = (format!("/todos{query}"), format!("/api/v1/todos{query}"));
        let (old, new) = (ws.get(&old).send().await, ws.get(&new).send().await);
        assert_eq!(old.ok(), new.ok(), "{old}");
        assert_eq!(old.etag(), new.etag(), "{old}");
        assert_deprecated(&old);
    }
    let put = ws.put(&format!("/todos/{id}/")).json(json!({ "title": "New" })).send().await;
    assert_eq!(put.ok()["title"], "New", "{put}");
    let read = ws.get(&format!("/todos/{id}")).send().await;
    assert_eq!(read.ok(), put.ok(), "no spelling shows the old state: {read}");
    let bulk = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
    ws.post("/todos/bulk-process").json(bulk).send().await.has_status(202);
    ws.delete(&format!("/todos/{id}")).send().await.no_content();
    ws.get(&format!("/todos/{id}")).send().await.v1_error(404, "todo_not_found");
}

async fn old_addresses_fail_as_version_1_does() {
    let ws = Workspace::new().await;
    let server = &ws.server;
    for (call, status, code) in [
        (server.anonymous().get("/todos"), 401, "unauthenticated"),
        (ws.get("/todos/999999999"), 404, "todo_not_found"),
        (ws.get("/todos?limit=0"), 400, "invalid_parameter"),
        (ws.delete("/todos/"), 405, "method_not_allowed"),
        (ws.post("/todos").json(json!({ "title": "" })), 422, "invalid_body"),
    ] {
        let answer = call.send().await;
        answer.v1_error(status, code);
        assert_deprecated(&answer);
    }
}

async fn every_spelling_is_one_entry_of_the_cache() {
    let ws = Workspace::new().await;
    ws.titled("Cached").await;
    let spellings = ["/api/v1/todos?limit=7", "/api/v1/todos/?limit=7", "/todos?limit=7", "/todos/?limit=7"];
    let first = ws.cached(spellings[0]).await;
    for spelling in spellings {
        let answer = ws.get(spelling).send().await;
        assert_eq!((answer.header("x-cache"), &answer.body), ("HIT", &first.body), "{spelling}: {answer}");
    }
    // A write at one of them outdates all.
    ws.post("/todos/").json(json!({ "title": "Second" })).send().await.created();
    for spelling in spellings {
        assert_eq!(ws.get(spelling).send().await.ok().as_array().unwrap().len(), 2, "{spelling}");
    }
}

async fn every_spelling_is_charged_to_one_budget() {
    let server = Server::private(Options::default().with("rate_limit_authenticated", 20)).await;
    let ws = Workspace::on(&server).await;
    let mut left = Vec::new();
    for path in ["/api/v1/todos", "/api/v1/todos/", "/todos", "/todos/"] {
        let answer = ws.get(path).send().await;
        answer.has_status(200);
        let fields = answer.header("ratelimit").to_owned();
        let rest = fields.split("r=").nth(1).and_then(|rest| rest.split(';').next()).map(str::to_owned);
        left.push(rest.and_then(|rest| rest.parse::<u64>().ok()).unwrap_or_else(|| panic!("{answer}")));
    }
    assert!(left.windows(2).all(|pair| pair[1] < pair[0]), "each is charged to the same budget: {left:?}");
}

async fn old_addresses_can_be_switched_off() {
    let server = Server::private(Options::default().with("unversioned_routes", "off")).await;
    let ws = Workspace::on(&server).await;
    for path in ["/todos", "/todos/", "/todos/1"] {
        let answer = ws.get(path).send().await;
        answer.problem(404, "route_not_found");
        assert!(answer.optional("deprecation").is_none(), "{answer}");
    }
    let listed = ws.get("/api/v1/todos/").send().await;
    assert_eq!(listed.ok(), json!([]), "{listed}");
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn the_root_leads_a_browser_to_the_documentation() {
    let anonymous = Server::shared().await.anonymous();
    for method in ["GET", "HEAD"] {
        let answer = anonymous.call(method, "/").header("accept", BROWSER).send().await;
        answer.has_status(302);
        assert_eq!(answer.header("location"), "/docs", "{answer}");
        assert!(answer.all("vary").join(", ").contains("Accept"), "{answer}");
        assert_eq!(answer.text(), "");
    }
    anonymous.get("/docs").send().await.has_status(200);
    for accept in ["*/*", "application/json"] {
        anonymous.get("/").header("accept", accept).send().await.problem(404, "route_not_found");
    }
    anonymous.post("/").header("accept", BROWSER).send().await.problem(405, "method_not_allowed");
}

async fn the_root_leads_nowhere_without_documentation() {
    let server = Server::private(Options::default().with("docs", "off")).await;
    server.anonymous().get("/").header("accept", BROWSER).send().await.problem(404, "route_not_found");
}
