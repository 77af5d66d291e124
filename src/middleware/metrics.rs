//! Counts requests for `/metrics`, over all instances, after the response, so that the caller pays nothing.
//!
//! A counter's name in the cache is its sample in Prometheus' text format, labels included; `handlers/metrics.rs` only has to
//! group them. Sums of seconds are counted in whole microseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use todo_core::Meter;

use super::access_log::Findings;
use crate::app::App;

/// Upper bounds of the buckets of the latency histogram, in seconds.
pub const BUCKETS: [&str; 11] = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "5"];

/// Counts the request that passes.
pub async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !app.settings.observability.metrics {
        return next.run(request).await;
    }
    let started = Instant::now();
    let method = method(request.method().as_str());
    // Unknown paths are one route: strangers must not be able to make new series.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let meter = request.extensions().get::<Arc<Meter>>().cloned().unwrap_or_default();
    let findings = request.extensions().get::<Arc<Findings>>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let seconds = started.elapsed();
    let mut counts = vec![
        (
            format!(
                "todo_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{}xx\"}}",
                response.status().as_u16() / 100
            ),
            1,
        ),
        (format!("todo_http_request_duration_seconds_bucket{{route=\"{route}\",le=\"{}\"}}", bucket(seconds)), 1),
        (
            format!("todo_http_request_duration_seconds_sum{{route=\"{route}\"}}"),
            u64::try_from(seconds.as_micros()).unwrap_or(u64::MAX),
        ),
    ];
    let (statements, _) = meter.sql();
    if statements > 0 {
        counts.push(("todo_sql_statements_total".to_owned(), statements.into()));
    }
    let (cache, limited) = findings.with(|facts| (facts.cache, facts.limited));
    if let Some(result) = cache {
        counts.push((format!("todo_cache_requests_total{{result=\"{}\"}}", result.to_ascii_lowercase()), 1));
    }
    if let Some(class) = limited {
        counts.push((format!("todo_rate_limited_total{{class=\"{class}\"}}"), 1));
    }
    spin_sdk::wasip3::spawn(async move {
        let counts: Vec<(&str, u64)> = counts.iter().map(|(name, by)| (name.as_str(), *by)).collect();
        app.service.cache().count(&counts).await;
    });
    response
}

/// The first bucket that holds the duration.
fn bucket(duration: Duration) -> &'static str {
    let seconds = duration.as_secs_f64();
    BUCKETS.into_iter().find(|bound| bound.parse().is_ok_and(|bound: f64| seconds <= bound)).unwrap_or("+Inf")
}

/// A known method; the rest are one, for the same reason as unknown paths.
fn method(name: &str) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == name).unwrap_or("other")
}
