//! What the service says of itself: one line per request, and no secret in any.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use todo_host::{Captured, Output};

use crate::harness::{Options, Server, Workspace, database, mcp, suite};
use crate::jobs::ended;

suite![
    #[embedded]
    each_request_is_one_line,
    #[embedded]
    every_request_is_told_with_every_field,
    #[embedded]
    a_request_that_ran_out_of_time_is_told_with_what_was_known,
    #[embedded]
    nothing_else_is_printed,
    #[embedded]
    a_call_of_a_tool_is_told_by_method_and_tool_alone,
    #[embedded]
    no_secret_is_logged,
    #[embedded]
    a_trace_context_is_honoured,
    #[embedded]
    the_level_is_a_setting,
    #[embedded]
    an_error_is_logged_with_its_cause,
    #[embedded]
    what_set_a_job_back_is_one_line,
];

/// A server whose output is kept.
async fn talking(level: &str) -> (Arc<Server>, Captured) {
    let captured = Captured::default();
    let options = Options { output: Output::Capture(captured.clone()), ..Options::default() };
    (
        Server::private(options.with("log_level", level).with("cache", "off").with("database_timeout_ms", 1000)).await,
        captured,
    )
}

/// All lines so far, each a JSON object.
fn lines(captured: &Captured) -> Vec<Value> {
    let text = captured.text();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The one line about the request with this id.
async fn line_of(captured: &Captured, request_id: &str) -> Value {
    for _ in 0..50 {
        let mut found: Vec<Value> = lines(captured)
            .into_iter()
            .filter(|line| line["request_id"] == request_id && line["event"] == "request")
            .collect();
        if let Some(line) = found.pop() {
            assert!(found.is_empty(), "more than one line: {found:?} {line}");
            return line;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no line about {request_id} in {}", captured.text());
}

async fn each_request_is_one_line() {
    let (server, captured) = talking("info").await;
    let ws = Workspace::on(&server).await;
    let id = ws.titled("x").await;
    let path = format!("/api/v2/todos/{id}");
    ws.get(&path).header("x-request-id", "log-1").send().await.ok();
    let line = line_of(&captured, "log-1").await;
    for (field, value) in [
        ("level", json!("info")),
        ("method", json!("GET")),
        ("route", json!("/api/v2/todos/{id}")),
        ("path", json!(path)),
        ("status", json!(200)),
        ("workspace", json!(ws.id)),
    ] {
        assert_eq!(line[field], value, "{field} of {line}");
    }
    // The path is told as it was written, whatever route it led to.
    ws.get("/todos/").header("x-request-id", "log-2").send().await.has_status(200);
    let old = line_of(&captured, "log-2").await;
    assert_eq!((&old["route"], &old["path"]), (&json!("/api/v1/todos"), &json!("/todos/")), "{old}");
    for (id, nothing) in [("log-3", "/nothing"), ("log-4", "/api/v1/nothing")] {
        ws.get(nothing).header("x-request-id", id).send().await.has_status(404);
        let line = line_of(&captured, id).await;
        assert_eq!((&line["route"], &line["path"]), (&Value::Null, &json!(nothing)), "{line}");
    }
    assert!(line["statements"].is_u64() && line["redis_calls"].is_u64() && line["duration_ms"].is_number(), "{line}");
    assert!(line["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1")), "{line}");
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
}

/// What each line about a request has, null where it does not apply.
const FIELDS: [&str; 15] = [
    "time",
    "level",
    "event",
    "method",
    "route",
    "path",
    "status",
    "duration_ms",
    "request_id",
    "trace_id",
    "workspace",
    "client",
    "cache",
    "statements",
    "redis_calls",
];

async fn every_request_is_told_with_every_field() {
    let (server, captured) = talking("info").await;
    let ws = Workspace::on(&server).await;
    for (number, (call, status)) in [
        (ws.get("/api/v2/todos"), 200),
        (ws.get("/api/v1/todos/7"), 404),
        (ws.post("/api/v2/todos").body("application/json", "{"), 400),
        (ws.call("OPTIONS", "/api/v2/todos"), 204),
        (ws.get("/nowhere"), 404),
        (ws.get("/health/live"), 200),
        (server.anonymous().get("/metrics"), 401),
        (server.anonymous().get("/api/v2/todos"), 401),
        (server.bearer("tdo_wrong").get("/api/v2/todos"), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("told-{number}");
        call.header("x-request-id", &id).send().await.has_status(status);
        let line = line_of(&captured, &id).await;
        for field in FIELDS {
            assert!(line.get(field).is_some(), "no {field} in {line}");
        }
        assert_eq!((&line["status"], &line["client"]), (&json!(status), &json!("127.0.0.1")), "{line}");
    }
}

async fn a_request_that_ran_out_of_time_is_told_with_what_was_known() {
    let captured = Captured::default();
    let options = Options { output: Output::Capture(captured.clone()), ..Options::default() };
    let options = options.with("log_level", "info").with("cache", "off").with("request_timeout_ms", 1000);
    let server = Server::private(options.with("database_timeout_ms", 30_000)).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    server.host().faults().postgres().delay(Duration::from_secs(5));
    ws.get("/api/v2/todos").header("x-request-id", "late").send().await.problem(504, "timeout");
    server.host().faults().postgres().heal();
    let line = line_of(&captured, "late").await;
    assert_eq!((&line["level"], &line["error"]), (&json!("error"), &json!("timeout")), "{line}");
    assert_eq!((&line["workspace"], &line["client"]), (&json!(ws.id), &json!("127.0.0.1")), "{line}");
}

async fn nothing_else_is_printed() {
    let (server, captured) = talking("info").await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    server.anonymous().get("/docs").send().await.has_status(200);
    server.anonymous().get("/docs/nothing").send().await.has_status(404);
    let job = super::jobs::done(&ws, json!({ "filter": { "q": "x" }, "action": "complete" })).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    ws.get("/api/v2/todos/export").header("x-request-id", "last").send().await.has_status(200);
    line_of(&captured, "last").await;
    // Besides requests, only the worker's counts of what it did.
    for line in lines(&captured) {
        assert!(["request", "worked"].contains(&line["event"].as_str().unwrap_or_default()), "{line}");
        assert!(line["time"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(lines(&captured).iter().any(|line| line["event"] == "worked"), "{}", captured.text());
}

async fn a_call_of_a_tool_is_told_by_method_and_tool_alone() {
    let (server, captured) = talking("debug").await;
    let ws = Workspace::on(&server).await;
    let draft = json!({ "title": "very private title", "description": "very private text" });
    let private = json!({ "todos": [draft], "idempotency_key": "very-private-key" });
    let wrong = json!({ "text": "very private search", "very_private_field": 1 });
    let body = |text: &'static str| ws.post("/mcp").body("application/json", text);
    let doubled = r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"very private":1,"very private":2}}"#;
    let private_id = json!({ "jsonrpc": "2.0", "id": "very private id", "method": "ping" });
    let version = json!({ "protocolVersion": "very private version", "clientInfo": { "name": "very private client" } });
    let listed = mcp::request("tools/list", mcp::with_meta(json!({}), "very-private"));
    let unknown_version = mcp::raw(&ws, listed).header("mcp-protocol-version", "very-private");
    let unknown_version = unknown_version.header("mcp-method", "tools/list");
    for (id, call, told) in [
        ("mcp-1", mcp::tool(&ws, "add_todos", private), json!(["tools/call", "add_todos", null])),
        ("mcp-2", mcp::tool(&ws, "find_todos", wrong), json!(["tools/call", "find_todos", "invalid_body"])),
        ("mcp-3", mcp::legacy(&ws, "tools/list", json!({})), json!(["tools/list", null, null])),
        ("mcp-4", mcp::tool(&ws, "very_private_tool", json!({})), json!(["tools/call", null, "rpc_invalid_params"])),
        ("mcp-5", mcp::modern(&ws, "very/private", json!({})), json!(["other", null, "rpc_method_not_found"])),
        ("mcp-6", body(r#"{"very private": very private"#), json!([null, null, "rpc_parse_error"])),
        ("mcp-7", body(doubled), json!([null, null, "rpc_invalid_request"])),
        ("mcp-8", mcp::raw(&ws, private_id), json!(["ping", null, null])),
        ("mcp-9", mcp::raw(&ws, mcp::request("initialize", version)), json!(["initialize", null, null])),
        ("mcp-10", unknown_version, json!(["tools/list", null, "rpc_unsupported_version"])),
    ] {
        call.header("x-request-id", id).send().await;
        let line = line_of(&captured, id).await;
        assert_eq!(json!([line["mcp_method"], line["tool"], line["error"]]), told, "{line}");
        assert_eq!((&line["route"], &line["workspace"]), (&json!("/mcp"), &json!(ws.id)), "{line}");
    }
    let text = captured.text();
    for secret in ["very private", "very_private", "very-private", "very/private"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    ws.get("/api/v2/me").header("x-request-id", "other").send().await.ok();
    let line = line_of(&captured, "other").await;
    assert!(line.get("mcp_method").is_none() && line.get("tool").is_none(), "{line}");
}

async fn no_secret_is_logged() {
    let (server, captured) = talking("debug").await;
    let ws = Workspace::on(&server).await;
    ws.todo(json!({ "title": "very private title", "description": "very private text" })).await;
    ws.post("/api/v2/todos")
        .json(json!({ "title": 7, "very_private_field": 1 }))
        .send()
        .await
        .problem(422, "invalid_body");
    server
        .bearer("tdo_a-wrong-but-long-enough-token")
        .get("/api/v2/todos")
        .send()
        .await
        .problem(401, "unauthenticated");
    ws.get("/api/v2/todos?q=very+private+search").header("x-request-id", "last").send().await.ok();
    line_of(&captured, "last").await;
    let text = captured.text();
    let token = ws.token.clone().unwrap();
    let password = std::env::var("DATABASE_URL").unwrap();
    for secret in [&token[4..], &server.admin_token[4..], "very private", "very_private", "wrong-but-long", &password] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(!text.contains("postgres://"), "{text}");
}

async fn a_trace_context_is_honoured() {
    let (server, captured) = talking("info").await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let context = format!("00-{trace}-00f067aa0ba902b7-01");
    let client = server.anonymous();
    client.get("/health/live").header("x-request-id", "traced").header("traceparent", context).send().await.ok();
    assert_eq!(line_of(&captured, "traced").await["trace_id"], trace);
    client.get("/health/live").header("x-request-id", "odd").header("traceparent", "nonsense").send().await.ok();
    assert_ne!(line_of(&captured, "odd").await["trace_id"], "nonsense");
}

async fn the_level_is_a_setting() {
    let (server, captured) = talking("error").await;
    server.anonymous().get("/health/live").send().await.ok();
    server.anonymous().get("/nowhere").send().await.has_status(404);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(captured.text(), "");
}

async fn an_error_is_logged_with_its_cause() {
    let (server, captured) = talking("error").await;
    let ws = Workspace::on(&server).await;
    server.host().faults().postgres().refuse();
    let answer = ws.get("/api/v2/todos").header("x-request-id", "broken").send().await;
    answer.problem(503, "unavailable");
    server.host().faults().postgres().heal();
    let line = line_of(&captured, "broken").await;
    assert_eq!((&line["level"], &line["error"]), (&json!("error"), &json!("unavailable")), "{line}");
    // The host tells it in several.
    let cause = one_line(&line);
    assert!(cause.contains("Caused by:"), "{line}");
    assert!(!answer.text().contains(cause), "the log says more than the answer: {line} {answer}");
}

/// The cause that a line tells of, which must be one bounded line.
#[track_caller]
fn one_line(line: &Value) -> &str {
    let cause = line["cause"].as_str().unwrap_or_default();
    let is_one = !cause.is_empty() && !cause.contains('\n') && cause.chars().count() <= 501;
    assert!(is_one && !cause.contains("backtrace"), "one bounded line: {line}");
    cause
}

async fn what_set_a_job_back_is_one_line() {
    let (server, captured) = talking("error").await;
    let ws = Workspace::on(&server).await;
    let sql = database::connect().await;
    let id = database::workspace(&sql, &ws).await;
    ws.titled("x").await;
    let function = format!(
        "create function verbose_{id}() returns trigger language plpgsql as $$ begin \
         raise exception '%', repeat(E'broken\\n', 200) || 'Stack backtrace:'; end $$"
    );
    let trigger = format!(
        "create trigger verbose_{id} before update on todos for each row when (new.workspace_id = {id}) \
         execute function verbose_{id}()"
    );
    for statement in [function, trigger] {
        sql.batch_execute(&statement).await.unwrap();
    }
    let body = json!({ "filter": { "q": "x" }, "action": "complete" });
    let started = ws.post("/api/v2/todos/bulk-process").json(body).send().await;
    let mut told = None;
    for _ in 0..200 {
        told = lines(&captured).into_iter().find(|line| line["event"] == "job_set_back");
        if told.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for mend in [format!("drop trigger verbose_{id} on todos"), format!("drop function verbose_{id}()")] {
        sql.batch_execute(&mend).await.unwrap();
    }
    let line = told.unwrap_or_else(|| panic!("no job was set back: {}", captured.text()));
    assert!(one_line(&line).contains("broken"), "{line}");
    // Others count the jobs that wait.
    assert_eq!(ended(&ws, started.header("location")).await["status"], "succeeded");
}
