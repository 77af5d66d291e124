//! What every answer carries: security headers, caching rules, CORS, compression.

use std::io::Read;

use serde_json::json;

use crate::harness::client::Call;
use crate::harness::{Answer, Server, Workspace, suite};

suite![
    every_answer_has_the_security_headers,
    the_documents_may_show_their_own_page,
    nothing_says_what_runs_here,
    no_length_is_false,
    private_answers_are_not_kept_by_others,
    large_answers_are_compressed_when_accepted,
    small_answers_are_not_compressed,
    errors_and_metrics_are_compressed_like_all_others,
    a_compressed_answer_has_a_tag_of_its_own,
    other_origins_are_refused_by_default,
];

async fn no_length_is_false() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in [path.as_str(), "/api/v2/todos", "/docs/migrating"] {
        let whole = ws.get(path).send().await;
        assert_eq!(whole.has_status(200).header("content-length"), whole.body.len().to_string(), "{whole}");
        let unchanged = ws.get(path).header("if-none-match", whole.header("etag")).send().await;
        assert_eq!(unchanged.has_status(304).optional("content-length"), None, "{unchanged}");
    }
    let gone = ws.delete(&path).send().await;
    assert_eq!(gone.no_content().optional("content-length"), None, "{gone}");
    let options = ws.call("OPTIONS", "/api/v2/todos").send().await;
    assert_eq!(options.no_content().optional("content-length"), None, "{options}");
}

#[track_caller]
fn assert_guarded(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{answer}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{answer}");
    assert!(answer.optional("cross-origin-resource-policy").is_some(), "{answer}");
    assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{answer}");
}

async fn every_answer_has_the_security_headers() {
    let ws = Workspace::new().await;
    for call in [
        ws.get("/api/v2/todos"),
        ws.get("/api/v1/todos"),
        ws.get("/health"),
        ws.get("/nowhere"),
        ws.post("/api/v2/todos").body("application/json", "{"),
        ws.server.anonymous().get("/api/v2/todos"),
        ws.call("OPTIONS", "/api/v2/todos"),
        ws.call("HEAD", "/api/v2/todos"),
        ws.get("/api/v2/openapi.json"),
        ws.get("/api/v2/todos/export"),
        ws.server.admin().get("/metrics"),
        ws.get("/health/ready"),
        ws.call("DELETE", "/health"),
        ws.call("PUT", "/api/v2/todos"),
        ws.post("/api/v2/todos").body("application/json", " ".repeat(1 << 21)),
        ws.get(&format!("/api/v2/todos?{}", "x".repeat(9000))),
    ] {
        assert_guarded(&call.send().await);
    }
}

async fn the_documents_may_show_their_own_page() {
    let client = Server::shared().await.anonymous();
    for path in ["/docs", "/docs/assistants", "/docs/errors", "/docs/lists", "/docs/migrating"] {
        let answer = client.get(path).send().await;
        answer.has_status(200);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer}");
        let policy = answer.header("content-security-policy");
        assert!(
            !policy.contains("unsafe-inline' ") && !policy.contains("http:") && !policy.contains("https:"),
            "{answer}"
        );
    }
}

async fn nothing_says_what_runs_here() {
    let ws = Workspace::new().await;
    for path in ["/api/v2/todos", "/nowhere", "/health"] {
        let answer = ws.get(path).send().await;
        for name in ["server", "x-powered-by"] {
            assert!(answer.optional(name).is_none(), "{answer}");
        }
    }
}

async fn private_answers_are_not_kept_by_others() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in ["/api/v2/todos", path.as_str(), "/api/v2/todos/stats", "/api/v2/tags"] {
        let answer = ws.get(path).send().await;
        assert_eq!(answer.header("cache-control"), "private, no-cache", "{answer}");
        let vary = answer.all("vary").join(", ").to_lowercase();
        assert!(vary.contains("authorization") && vary.contains("accept-encoding"), "{answer}");
    }
}

/// A workspace whose list of todos is larger than a thousand bytes.
async fn large() -> Workspace {
    let ws = Workspace::new().await;
    for number in 0..10 {
        ws.titled(&format!("a rather ordinary todo, number {number}")).await;
    }
    ws
}

async fn large_answers_are_compressed_when_accepted() {
    let ws = large().await;
    let plain = ws.get("/api/v2/todos").send().await;
    assert_eq!(plain.optional("content-encoding"), None);
    for accept in ["gzip", "br, gzip;q=0.5", "*", "GZIP"] {
        let packed = ws.get("/api/v2/todos").header("accept-encoding", accept).send().await;
        packed.has_status(200);
        assert_eq!(packed.header("content-encoding"), "gzip", "{accept}");
        assert!(packed.body.len() < plain.body.len() / 2, "{} of {} bytes", packed.body.len(), plain.body.len());
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.body);
    }
    for accept in ["gzip;q=0", "identity", "br", "*;q=0.5, gzip;q=0", ""] {
        let answer = ws.get("/api/v2/todos").header("accept-encoding", accept).send().await;
        assert_eq!(answer.optional("content-encoding"), None, "{accept}");
        assert_eq!(answer.body, plain.body);
    }
}

async fn small_answers_are_not_compressed() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.ok(), json!({ "items": [], "next_cursor": null }));
    assert_eq!(answer.optional("content-encoding"), None);
}

async fn errors_and_metrics_are_compressed_like_all_others() {
    let ws = Workspace::new().await;
    let many: serde_json::Map<_, _> = (0..20).map(|number| (format!("unknown{number}"), json!(1))).collect();
    let wrong = || ws.post("/api/v2/todos").json(many.clone().into());
    let metrics = || ws.server.admin().get("/metrics");
    for (call, part) in [(&wrong as &dyn Fn() -> Call, "unknown_field"), (&metrics, "todo_http_requests_total")] {
        let (plain, packed) = (call().send().await, call().header("accept-encoding", "gzip").send().await);
        assert!(plain.body.len() >= 1000 && plain.text().contains(part), "{plain}");
        assert_eq!((plain.optional("content-encoding"), packed.header("content-encoding")), (None, "gzip"), "{packed}");
        assert_eq!((packed.status, packed.media_type()), (plain.status, plain.media_type()), "{packed}");
        for answer in [plain, packed.clone()] {
            assert!(answer.all("vary").join(", ").contains("Accept-Encoding"), "{answer}");
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert!(text.contains(part), "{text}");
    }
}

async fn a_compressed_answer_has_a_tag_of_its_own() {
    let ws = large().await;
    let plain = ws.get("/api/v2/todos").send().await;
    let packed = ws.get("/api/v2/todos").header("accept-encoding", "gzip").send().await;
    assert_eq!(packed.etag(), format!("{}-gzip\"", plain.etag().trim_end_matches('"')));
    for tag in [plain.etag(), packed.etag()] {
        for accept in ["gzip", "identity"] {
            let call = ws.get("/api/v2/todos").header("accept-encoding", accept).header("if-none-match", &tag);
            call.send().await.has_status(304);
        }
    }
}

async fn other_origins_are_refused_by_default() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos").header("origin", "https://evil.example").send().await;
    answer.ok();
    assert_eq!(answer.optional("access-control-allow-origin"), None, "{answer}");
}
