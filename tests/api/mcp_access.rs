//! Who may send messages to the endpoint of assistants: tokens, pages of other origins, limits.

use serde_json::json;

use crate::harness::answer::Problem;
use crate::harness::mcp::{legacy, modern, raw, request, tool};
use crate::harness::{Options, Server, Workspace, suite};

suite![
    a_token_is_needed,
    bodies_are_bounded_and_json,
    pages_of_unknown_origins_are_refused,
    #[embedded]
    pages_of_known_origins_are_served,
    #[embedded]
    every_page_is_served_where_the_settings_say_so,
    #[embedded]
    pages_are_refused_also_where_no_token_is_needed,
    #[embedded]
    every_message_is_limited_as_a_write,
    #[embedded]
    an_outage_is_told_as_everywhere,
];

async fn a_token_is_needed() {
    let server = Server::shared().await;
    let nobody = modern(&server.anonymous(), "tools/list", json!({})).send().await;
    nobody.problem(401, "unauthenticated");
    assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{nobody}");
    let wrong = server.bearer(&format!("tdo_{}", "x".repeat(43)));
    let refused = legacy(&wrong, "ping", json!({})).send().await;
    refused.problem(401, "unauthenticated");
    assert!(refused.header("www-authenticate").contains("invalid_token"), "{refused}");
}

async fn bodies_are_bounded_and_json() {
    let ws = Workspace::new().await;
    let large = request("ping", json!({ "x": "y".repeat(1024 * 1024) }));
    raw(&ws, large).send().await.problem(413, "body_too_large");
    let text = ws.post("/mcp").body("text/plain", request("ping", json!({})).to_string()).send().await;
    text.problem(415, "unsupported_media_type");
    let html = ws.post("/mcp").header("accept", "text/html").json(request("ping", json!({}))).send().await;
    html.problem(406, "not_acceptable");
}

async fn pages_of_unknown_origins_are_refused() {
    let ws = Workspace::new().await;
    let host = ws.server.url.clone();
    for origin in ["https://evil.example", "null", "", &host] {
        for client in [&*ws, &ws.server.anonymous()] {
            let answer = modern(client, "tools/list", json!({})).header("origin", origin).send().await;
            answer.problem(403, "origin_not_allowed");
        }
    }
}

async fn pages_of_known_origins_are_served() {
    let server = Server::private(Options::default().with("cors_origins", "https://app.example")).await;
    let ws = Workspace::on(&server).await;
    let answer = modern(&ws, "tools/list", json!({})).header("origin", "https://app.example").send().await;
    answer.result();
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    let other = modern(&ws, "tools/list", json!({})).header("origin", "https://evil.example").send().await;
    other.problem(403, "origin_not_allowed");
    let preflight = ws.call("OPTIONS", "/mcp").header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "POST");
    let answer =
        preflight.header("access-control-request-headers", "mcp-method,mcp-name,mcp-protocol-version").send().await;
    let allowed = answer.has_status(200).header("access-control-allow-headers");
    for name in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
        assert!(allowed.contains(name), "{answer}");
    }
}

async fn every_page_is_served_where_the_settings_say_so() {
    let server = Server::private(Options::default().with("cors_origins", "*")).await;
    let ws = Workspace::on(&server).await;
    for origin in ["https://any.example", "null"] {
        let answer = modern(&ws, "tools/list", json!({})).header("origin", origin).send().await;
        answer.result();
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{origin}");
    }
}

/// A page in the browser of somebody who may reach the service needs nothing else.
async fn pages_are_refused_also_where_no_token_is_needed() {
    let server = Server::private(Options::default().with("auth", "off")).await;
    let anyone = server.anonymous();
    modern(&anyone, "tools/call", json!({ "name": "overview" })).send().await.content();
    for origin in ["https://evil.example", "null", &server.url] {
        let answer = modern(&anyone, "tools/call", json!({ "name": "overview" })).header("origin", origin).send().await;
        answer.problem(403, "origin_not_allowed");
    }
}

async fn every_message_is_limited_as_a_write() {
    let server = Server::private(Options::default().with("rate_limit_authenticated_writes", 7)).await;
    let ws = Workspace::on(&server).await;
    // One more than counted or one less, and the last of these would be refused or the one after it served.
    tool(&ws, "overview", json!({})).send().await.content();
    legacy(&ws, "ping", json!({})).send().await.result();
    modern(&ws, "tools/list", json!({})).send().await.result();
    raw(&ws, request("initialize", json!({ "protocolVersion": "2025-11-25" }))).send().await.result();
    let notification = raw(&ws, json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    notification.send().await.has_status(202);
    ws.post("/mcp").body("application/json", "{").send().await.rpc_error(400, -32700);
    tool(&ws, "no_such_tool", json!({})).send().await.rpc_error(400, -32602);
    for call in [tool(&ws, "overview", json!({})), ws.post("/mcp").body("application/json", "{")] {
        let limited = call.send().await;
        waits(&limited.problem(429, "rate_limited"));
        assert!(limited.optional("retry-after").is_some(), "{limited}");
    }
}

async fn an_outage_is_told_as_everywhere() {
    let server = Server::private(Options::default().with("database_timeout_ms", 300)).await;
    let ws = Workspace::on(&server).await;
    tool(&ws, "overview", json!({})).send().await.content();
    server.host().faults().postgres().refuse();
    let answer = tool(&ws, "add_todos", json!({ "todos": [{ "title": "x" }] })).send().await;
    waits(&answer.problem(503, "unavailable"));
    assert!(answer.optional("retry-after").is_some(), "{answer}");
}

/// A model is shown the text of an answer and none of its headers.
#[track_caller]
pub fn waits(problem: &Problem) {
    assert!((1..=60).contains(&problem.value["retry_after"].as_i64().unwrap_or(0)), "{}", problem.value);
}
