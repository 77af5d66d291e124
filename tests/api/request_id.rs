//! Request ids and trace contexts.

use serde_json::json;

use crate::harness::{Server, Workspace, raw, suite};

suite![
    every_answer_has_a_request_id,
    a_sane_request_id_is_echoed,
    an_insane_request_id_is_replaced,
    an_error_names_its_request,
    requests_have_different_ids,
];

async fn every_answer_has_a_request_id() {
    let ws = Workspace::new().await;
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/api/v2/todos"),
        ("GET", "/api/v2/todos/nonsense"),
        ("GET", "/nowhere"),
        ("PATCH", "/api/v2/todos"),
        ("HEAD", "/api/v2/todos"),
        ("OPTIONS", "/api/v2/todos"),
        ("GET", "/api/v1/todos"),
    ] {
        let answer = ws.call(method, path).send().await;
        assert!(is_sane(answer.header("x-request-id")), "{answer}");
    }
}

async fn a_sane_request_id_is_echoed() {
    let client = Server::shared().await.anonymous();
    let long = "x".repeat(128);
    for id in ["abc", "A.b_c:d-0", "0190-7f", &long] {
        let answer = client.get("/health/live").header("x-request-id", id).send().await;
        assert_eq!(answer.header("x-request-id"), id);
    }
}

async fn an_insane_request_id_is_replaced() {
    let server = Server::shared().await;
    let long = "x".repeat(129);
    for id in ["with space", "quote\"", "semi;colon", "<script>", "ü", "", &long] {
        let request =
            format!("GET /health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-Id: {id}\r\n\r\n");
        let answer = raw::exchange(&server, request.as_bytes()).await;
        assert_ne!(answer.header("x-request-id"), id);
        assert!(is_sane(answer.header("x-request-id")), "{answer}");
    }
}

async fn an_error_names_its_request() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").header("x-request-id", "find-me").json(json!({})).send().await;
    assert_eq!(answer.problem(422, "invalid_body").value["instance"], "/requests/find-me");
}

async fn requests_have_different_ids() {
    let client = Server::shared().await.anonymous();
    let first = client.get("/health/live").send().await;
    let second = client.get("/health/live").send().await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}
