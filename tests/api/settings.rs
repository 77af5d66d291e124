//! Settings that change what every answer carries: each test starts a server with its own.

use crate::harness::{Options, Server, Workspace, suite};

suite![
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
    assert!([200, 204].contains(&preflight.status), "{preflight}");
    assert_eq!(preflight.header("access-control-allow-origin"), origin);
    assert!(preflight.header("access-control-allow-methods").contains("POST"), "{preflight}");
    let allowed = preflight.header("access-control-allow-headers").to_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match"] {
        assert!(allowed.contains(name), "{name} is not allowed: {preflight}");
    }
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
