//! Settings that change what every answer carries: each test starts a server with its own.

use std::path::PathBuf;

use serde_json::json;

use crate::harness::{Options, Server, Workspace, suite, unique};

suite![
    #[embedded]
    each_environment_starts_with_its_configuration_file,
    #[embedded]
    each_environment_refuses_a_broken_configuration_file,
    #[embedded]
    secrets_that_production_needs_are_demanded,
    #[embedded]
    a_configured_origin_may_call,
    #[embedded]
    strict_transport_security_follows_its_setting,
    #[embedded]
    server_timing_follows_its_setting,
    #[embedded]
    metrics_can_be_public,
    #[embedded]
    metrics_can_be_off,
];

/// What `deploy/README.md` tells to set in the environment.
const CURSOR_SECRET: &str = "a secret of the tests, long enough";

fn file(environment: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("deploy/config/{environment}.toml"))
}

async fn each_environment_starts_with_its_configuration_file() {
    for (environment, open, strict, timed, origin) in [
        ("development", true, false, true, "http://127.0.0.1"),
        ("staging", false, false, true, "https://todo.staging.example.com"),
        ("production", false, true, false, "https://todo.example.com"),
    ] {
        let options = Options { file: Some(file(environment)), ..Options::default() };
        let server = Server::private(options.with("cursor_secret", CURSOR_SECRET).with("redis_timeout_ms", 500)).await;
        let ready = server.anonymous().get("/health/ready").send().await;
        assert_eq!(
            (&ready.ok()["status"], &ready.ok()["environment"]),
            (&json!("healthy"), &json!(environment)),
            "{ready}"
        );
        assert_eq!(ready.optional("strict-transport-security").is_some(), strict, "{ready}");
        let docs = server.anonymous().get("/docs").send().await;
        assert_eq!(docs.has_status(200).optional("strict-transport-security").is_some(), strict, "{docs}");
        let todos =
            server.anonymous().get("/api/v2/todos?limit=1").header("origin", "https://app.example").send().await;
        assert_eq!(todos.status, if open { 200 } else { 401 }, "{todos}");
        assert_eq!(todos.optional("server-timing").is_some(), timed, "{todos}");
        assert_eq!(todos.optional("access-control-allow-origin"), open.then_some("*"), "{todos}");
        assert_eq!(todos.optional("ratelimit-policy"), (!open).then_some("\"default\";q=100;w=60"), "{todos}");
        let metrics = server.anonymous().get("/metrics").send().await;
        assert_eq!(metrics.status, if open { 200 } else { 401 }, "{metrics}");
        let missing = server.admin().get("/nowhere").send().await;
        let problem = missing.problem(404, "route_not_found");
        assert!(problem.value["type"].as_str().unwrap().starts_with(origin), "{missing}");
    }
}

async fn each_environment_refuses_a_broken_configuration_file() {
    for (environment, good, broken, named) in [
        ("development", "rate_limit_default = \"0\"", "rate_limit_default = \"unlimited\"", "rate_limit_default"),
        ("staging", "v1_sunset_at = \"2027-06-01T00:00:00Z\"", "v1_sunset_at = \"in spring\"", "v1_sunset_at"),
        ("production", "auth = \"token\"", "auth = \"off\"", "auth must not be off"),
    ] {
        let text = std::fs::read_to_string(file(environment)).unwrap();
        assert!(text.contains(good), "{environment}.toml no longer says {good}");
        let path = std::env::temp_dir().join(unique(environment).replace(' ', "-")).with_extension("toml");
        std::fs::write(&path, text.replace(good, broken)).unwrap();
        let options = Options { file: Some(path.clone()), ..Options::default() };
        let server = Server::private(options.with("cursor_secret", CURSOR_SECRET)).await;
        std::fs::remove_file(path).unwrap();
        refuses(&server, named).await;
    }
}

async fn secrets_that_production_needs_are_demanded() {
    let options = Options { file: Some(file("production")), ..Options::default() };
    for (secret, named) in [("", "cursor_secret must be set"), ("too short", "cursor_secret must have")] {
        let server = Server::private(options.clone().with("cursor_secret", secret)).await;
        refuses(&server, named).await;
    }
}

/// Asserts that the server lives, says what is wrong with it, and serves nobody.
async fn refuses(server: &std::sync::Arc<Server>, named: &str) {
    let ready = server.anonymous().get("/health/ready").send().await;
    let problems = ready.json(503)["problems"].to_string();
    assert!(problems.contains(named), "{ready}");
    assert!(ready.optional("retry-after").is_some(), "{ready}");
    assert_eq!(server.anonymous().get("/health").send().await.ok()["status"], "unhealthy");
    server.anonymous().get("/health/live").send().await.ok();
    for client in [server.anonymous(), server.admin()] {
        client.get("/api/v2/todos").send().await.problem(503, "unavailable");
        client.get("/api/v1/todos").send().await.v1_error(503, "unavailable");
    }
}

async fn a_configured_origin_may_call() {
    let server =
        Server::private(Options::default().with("cors_origins", "https://app.example,https://other.example")).await;
    let ws = Workspace::on(&server).await;
    let origin = "https://app.example";
    let answer = ws.get("/api/v2/todos").header("origin", origin).send().await;
    answer.ok();
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert!(answer.all("vary").join(", ").to_lowercase().contains("origin"), "{answer}");
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for name in ["etag", "location", "link", "x-request-id", "retry-after", "ratelimit"] {
        assert!(exposed.contains(name), "{name} is not exposed: {answer}");
    }
    let foreign = ws.get("/api/v2/todos").header("origin", "https://evil.example").send().await;
    assert_eq!(foreign.optional("access-control-allow-origin"), None, "{foreign}");
    let preflight = server
        .anonymous()
        .call("OPTIONS", "/api/v2/todos")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key,if-match")
        .send()
        .await;
    preflight.has_status(200);
    assert_eq!(preflight.header("access-control-allow-origin"), origin);
    assert!(preflight.header("access-control-allow-methods").contains("POST"), "{preflight}");
    let allowed = preflight.header("access-control-allow-headers").to_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match"] {
        assert!(allowed.contains(name), "{name} is not allowed: {preflight}");
    }
    // An OPTIONS that is no preflight asks for the methods, here as elsewhere.
    let plain = server.anonymous().call("OPTIONS", "/api/v2/todos").header("origin", origin).send().await;
    assert!(plain.has_status(204).header("allow").contains("POST"), "{plain}");
    // A browser must be able to read errors, too.
    let refused = server.anonymous().get("/api/v2/todos").header("origin", origin).send().await;
    refused.problem(401, "unauthenticated");
    assert_eq!(refused.header("access-control-allow-origin"), origin);
}

async fn strict_transport_security_follows_its_setting() {
    let server = Server::private(Options::default().with("hsts", "on")).await;
    let answer = server.anonymous().get("/health/live").send().await;
    assert!(answer.header("strict-transport-security").contains("max-age="), "{answer}");
    let shared = Server::shared().await.anonymous().get("/health/live").send().await;
    assert_eq!(shared.optional("strict-transport-security"), None, "{shared}");
}

async fn server_timing_follows_its_setting() {
    for (setting, shown) in [("on", true), ("off", false)] {
        let server = Server::private(Options::default().with("server_timing", setting)).await;
        let ws = Workspace::on(&server).await;
        let path = format!("/api/v2/todos/{}", ws.titled("x").await);
        let answer = ws.get(&path).send().await;
        answer.ok();
        assert_eq!(answer.optional("server-timing").is_some(), shown, "{answer}");
        if shown {
            let timing = answer.header("server-timing");
            assert!(timing.contains("db;desc=") && timing.contains("total;dur="), "{answer}");
        }
    }
}

async fn metrics_can_be_public() {
    let server = Server::private(Options::default().with("metrics_public", "on")).await;
    server.anonymous().get("/metrics").send().await.has_status(200);
}

async fn metrics_can_be_off() {
    let server = Server::private(Options::default().with("enable_metrics", "off")).await;
    server.admin().get("/metrics").send().await.problem(404, "route_not_found");
}
