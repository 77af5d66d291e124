//! What operators and orchestrators ask.

use crate::harness::{Server, suite};

suite![
    health_names_every_part,
    live_depends_on_nothing,
    ready_says_so,
    health_needs_no_token,
    unknown_routes_are_not_found
];

async fn health_names_every_part() {
    let answer = Server::shared().await.anonymous().get("/health").send().await;
    let health = answer.ok();
    assert!(["healthy", "degraded"].contains(&health["status"].as_str().unwrap_or_default()), "{answer}");
    assert_eq!(health["database"], "up", "{answer}");
    assert!(["development", "staging", "production"].contains(&health["environment"].as_str().unwrap()), "{answer}");
    assert!(health["version"].as_str().is_some_and(|version| version.contains('.')), "{answer}");
    assert!(health["timestamp"].as_str().is_some_and(|instant| instant.ends_with('Z')), "{answer}");
    for check in ["database", "cache"] {
        let check = &health["checks"][check];
        assert!(check["latency_ms"].is_number() || check["status"] == "off", "{answer}");
    }
    let text = answer.text();
    for secret in ["postgres://", "redis://", "password"] {
        assert!(!text.contains(secret), "{answer}");
    }
}

async fn live_depends_on_nothing() {
    let answer = Server::shared().await.anonymous().get("/health/live").send().await;
    assert!(answer.ok()["status"].is_string(), "{answer}");
}

async fn ready_says_so() {
    let answer = Server::shared().await.anonymous().get("/health/ready").send().await;
    assert!(answer.ok()["status"].is_string(), "{answer}");
}

async fn health_needs_no_token() {
    let server = Server::shared().await;
    for path in ["/health", "/health/live", "/health/ready"] {
        server.anonymous().get(path).send().await.has_status(200);
        // Not even a wrong one matters.
        server.bearer("tdo_wrong").get(path).send().await.has_status(200);
        let posted = server.anonymous().post(path).send().await;
        posted.problem(405, "method_not_allowed");
        assert!(posted.header("allow").contains("GET"), "{posted}");
    }
}

async fn unknown_routes_are_not_found() {
    let server = Server::shared().await;
    for path in ["/", "/api", "/api/v3/todos", "/health/nothing", "/favicon.ico"] {
        server.admin().get(path).send().await.problem(404, "route_not_found");
    }
}
