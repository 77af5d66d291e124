//! The metrics, read by a real parser.

use prometheus_parse::{Sample, Scrape, Value as Number};
use serde_json::json;

use crate::harness::{Options, Server, Workspace, suite};

suite![
    metrics_are_for_administrators,
    every_documented_metric_is_there,
    requests_are_counted_by_route_method_and_status,
    a_histogram_adds_up,
    #[embedded]
    metrics_can_be_public,
    #[embedded]
    metrics_can_be_off,
    #[embedded]
    all_instances_count_together,
];

async fn scrape(server: &std::sync::Arc<Server>) -> Vec<Sample> {
    let answer = server.admin().get("/metrics").send().await;
    answer.has_status(200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{answer}");
    let text = answer.text();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        assert!(name.starts_with("todo_"), "{line}");
    }
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).unwrap_or_else(|error| panic!("{error}: {answer}")).samples
}

/// The sum of a counter's samples with these labels.
fn count(samples: &[Sample], metric: &str, labels: &[(&str, &str)]) -> f64 {
    let fitting = samples.iter().filter(|sample| {
        sample.metric == metric && labels.iter().all(|(name, value)| sample.labels.get(name) == Some(*value))
    });
    fitting
        .map(|sample| match sample.value {
            Number::Counter(value) | Number::Gauge(value) | Number::Untyped(value) => value,
            _ => panic!("{metric} is no number: {sample:?}"),
        })
        .sum()
}

/// Waits until the metrics show what `shown` looks for: they are written after the answers that they count.
async fn wait_for(server: &std::sync::Arc<Server>, what: &str, shown: impl Fn(&[Sample]) -> bool) {
    let mut samples = Vec::new();
    for _ in 0..50 {
        samples = scrape(server).await;
        if shown(&samples) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the metrics never show {what}: {samples:#?}");
}

async fn metrics_are_for_administrators() {
    let ws = Workspace::new().await;
    ws.get("/metrics").send().await.problem(403, "insufficient_scope");
    ws.server.admin().get("/metrics").send().await.has_status(200);
}

async fn every_documented_metric_is_there() {
    let ws = Workspace::new().await;
    ws.get(&format!("/api/v2/todos/{}", ws.titled("x").await)).send().await.ok();
    wait_for(&ws.server, "every documented metric", |samples| {
        [
            "todo_http_requests_total",
            "todo_http_request_duration_seconds",
            "todo_cache_requests_total",
            "todo_sql_statements_total",
            "todo_jobs",
            "todo_job_oldest_queued_seconds",
        ]
        .iter()
        .all(|name| samples.iter().any(|sample| sample.metric == *name))
    })
    .await;
}

async fn requests_are_counted_by_route_method_and_status() {
    let ws = Workspace::new().await;
    let labels = [("route", "/api/v2/departments/{id}"), ("method", "PATCH"), ("status", "4xx")];
    let before = count(&scrape(&ws.server).await, "todo_http_requests_total", &labels);
    let path = format!("/api/v2/departments/{}", crate::harness::uuid());
    for _ in 0..3 {
        ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, "department_not_found");
    }
    wait_for(&ws.server, "three more requests", |samples| {
        count(samples, "todo_http_requests_total", &labels) >= before + 3.0
    })
    .await;
    // What a stranger types must not become a label.
    let stranger = format!("/stranger-{}", crate::harness::uuid());
    ws.get(&stranger).send().await.problem(404, "route_not_found");
    let answer = ws.server.admin().get("/metrics").send().await;
    assert!(!answer.text().contains(&stranger), "{stranger}");
}

async fn a_histogram_adds_up() {
    let ws = Workspace::new().await;
    ws.get("/api/v2/me").send().await.ok();
    wait_for(&ws.server, "the histogram of /api/v2/me", |samples| {
        samples.iter().any(|sample| {
            sample.labels.get("route") == Some("/api/v2/me") && matches!(sample.value, Number::Histogram(_))
        })
    })
    .await;
    for sample in scrape(&ws.server).await {
        if let Number::Histogram(buckets) = &sample.value {
            assert!(buckets.iter().map(|bucket| bucket.count).is_sorted(), "{sample:?}");
            assert_eq!(buckets.last().map(|bucket| bucket.less_than), Some(f64::INFINITY), "{sample:?}");
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

async fn all_instances_count_together() {
    let servers = [Server::private(Options::default()).await, Server::private(Options::default()).await];
    let ws = Workspace::on(&servers[0]).await;
    let labels = [("route", "/api/v2/tags/{id}"), ("method", "DELETE"), ("status", "4xx")];
    let before = count(&scrape(&servers[0]).await, "todo_http_requests_total", &labels);
    let path = format!("/api/v2/tags/{}", crate::harness::uuid());
    for server in &servers {
        let client = server.bearer(ws.token.as_deref().unwrap());
        for _ in 0..2 {
            client.delete(&path).send().await.problem(404, "tag_not_found");
        }
    }
    wait_for(&servers[1], "the requests of both", |samples| {
        count(samples, "todo_http_requests_total", &labels) >= before + 4.0
    })
    .await;
}
