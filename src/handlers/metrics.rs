//! Prometheus metrics, counted over all instances.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use todo_core::cache::{DownReason, RedisHealth};
use todo_core::domain::job::JobCounts;

use crate::app::App;
use crate::app::metrics::BUCKETS;
use crate::error::{Result, route_not_found};
use crate::middleware::access_log::RequestContext;
use crate::middleware::gate;
use crate::middleware::metrics;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics in Prometheus' text format, for the scope `admin` unless `metrics_public` is on.
pub async fn metrics(State(app): State<Arc<App>>, request: Request) -> Result<Response> {
    if !app.settings.observability.metrics {
        return Err(route_not_found().await);
    }
    let context = RequestContext::of(&app, &request);
    if !app.settings.observability.metrics_public {
        gate::require_admin(&app, &context, request.headers()).await?;
    }
    let meter = &context.meter;
    metrics::send(&app).await;
    app.service.learn_installation(meter).await;
    let counts = app.service.counts(meter).await;
    let mut text = exposition(&counts);
    write_redis(app.service.redis_health(meter).await, &mut text);
    // Without Postgres the counters are still worth reading.
    if let Ok(counts) = app.service.job_counts(meter).await {
        write_database(&counts, &mut text);
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Name, type and help of each metric that is counted.
const FAMILIES: [(&str, &str, &str); 11] = [
    ("todo_http_requests_total", "counter", "Requests by route, method and class of status."),
    ("todo_cache_requests_total", "counter", "Requests by result of the response cache: hit, miss or bypass."),
    ("todo_cache_bypasses_total", "counter", "Requests in which the response cache had no part, by reason."),
    ("todo_rate_limited_total", "counter", "Requests refused by the rate limit, by class."),
    (
        "todo_mcp_calls_total",
        "counter",
        "Calls of the tools of assistants, by what came of them: done, refused or failed.",
    ),
    ("todo_sql_statements_total", "counter", "SQL statements sent for requests."),
    ("todo_database_waits_total", "counter", "SQL statements that waited more than 50 ms for a connection."),
    ("todo_database_refusals_total", "counter", "SQL statements refused because no connection came free in time."),
    (
        "todo_overload_refusals_total",
        "counter",
        "Requests refused because their instance got too little of the processors.",
    ),
    ("todo_feed_waits_total", "counter", "Requests that were to wait for changes, by whether they could."),
    ("todo_feed_wait_seconds_total", "counter", "Seconds that requests waited for changes; its rate is how many wait."),
];
const DURATION: &str = "todo_http_request_duration_seconds";

/// Samples that are there from the start, so that a rate can be taken of their first increase.
const FROM_ZERO: [&str; 22] = [
    "todo_cache_requests_total{result=\"hit\"}",
    "todo_cache_requests_total{result=\"miss\"}",
    "todo_cache_requests_total{result=\"bypass\"}",
    "todo_cache_bypasses_total{reason=\"off\"}",
    "todo_cache_bypasses_total{reason=\"not_kept\"}",
    "todo_cache_bypasses_total{reason=\"refused\"}",
    "todo_cache_bypasses_total{reason=\"redis_away\"}",
    "todo_cache_bypasses_total{reason=\"unchecked\"}",
    "todo_cache_bypasses_total{reason=\"pending\"}",
    "todo_rate_limited_total{class=\"default\"}",
    "todo_rate_limited_total{class=\"writes\"}",
    "todo_rate_limited_total{class=\"auth_failures\"}",
    "todo_mcp_calls_total{outcome=\"done\"}",
    "todo_mcp_calls_total{outcome=\"refused\"}",
    "todo_mcp_calls_total{outcome=\"failed\"}",
    "todo_sql_statements_total",
    "todo_database_waits_total",
    "todo_database_refusals_total",
    "todo_overload_refusals_total",
    "todo_feed_waits_total{result=\"waited\"}",
    "todo_feed_waits_total{result=\"refused\"}",
    "todo_feed_wait_seconds_total",
];

/// Writes the counters, whose names are samples already.
fn exposition(counts: &[(String, u64)]) -> String {
    let mut text = String::new();
    for (family, kind, help) in FAMILIES {
        header_lines(&mut text, family, kind, help);
        let of_family = FROM_ZERO.iter().filter(|sample| sample.split('{').next() == Some(family));
        for sample in of_family.filter(|sample| !counts.iter().any(|(counted, _)| counted == *sample)) {
            let _ = writeln!(text, "{sample} 0");
        }
        for (sample, count) in counts {
            if sample.split('{').next() == Some(family) {
                let _ = if family.ends_with("_seconds_total") {
                    writeln!(text, "{sample} {}", Seconds(*count))
                } else {
                    writeln!(text, "{sample} {count}")
                };
            }
        }
    }
    write_durations(counts, &mut text);
    text
}

/// Buckets are counted apart and cumulative in the text.
fn write_durations(counts: &[(String, u64)], text: &mut String) {
    header_lines(text, DURATION, "histogram", "Seconds from receiving a request to sending its response, by route.");
    let mut routes: BTreeMap<&str, (BTreeMap<&str, u64>, u64)> = BTreeMap::new();
    for (sample, count) in counts {
        let Some(rest) = sample.strip_prefix(DURATION) else { continue };
        if let Some(labels) = rest.strip_prefix("_bucket{route=\"") {
            let Some((route, le)) = labels.split_once("\",le=\"") else { continue };
            routes.entry(route).or_default().0.insert(le.trim_end_matches("\"}"), *count);
        } else if let Some(labels) = rest.strip_prefix("_sum{route=\"") {
            routes.entry(labels.trim_end_matches("\"}")).or_default().1 = *count;
        }
    }
    for (route, (buckets, micros)) in routes {
        let mut total = 0;
        for (le, _) in BUCKETS {
            total += buckets.get(le).copied().unwrap_or(0);
            let _ = writeln!(text, "{DURATION}_bucket{{route=\"{route}\",le=\"{le}\"}} {total}");
        }
        let _ = writeln!(text, "{DURATION}_sum{{route=\"{route}\"}} {}", Seconds(micros));
        let _ = writeln!(text, "{DURATION}_count{{route=\"{route}\"}} {total}");
    }
}

/// Microseconds, in which sums of times are counted, written as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// One sample for each state, so that an alert can tell a Redis that is away from settings that are wrong.
fn write_redis(health: RedisHealth, text: &mut String) {
    let now = match health {
        RedisHealth::Off => "off",
        RedisHealth::Up(_) => "up",
        RedisHealth::Down(reason) => reason.as_str(),
    };
    header_lines(text, "todo_redis_state", "gauge", "State of Redis: 1 for the current state, 0 for the others.");
    for state in ["off", "up"].into_iter().chain(DownReason::ALL.map(DownReason::as_str)) {
        let _ = writeln!(text, "todo_redis_state{{state=\"{state}\"}} {}", u8::from(state == now));
    }
}

fn write_database(counts: &JobCounts, text: &mut String) {
    let JobCounts {
        queued,
        running,
        succeeded,
        failed,
        cancelled,
        oldest_queued_seconds,
        purged,
        purges_age_seconds,
        feed_unsettled_seconds,
    } = counts;
    header_lines(
        text,
        "todo_jobs",
        "gauge",
        "Background jobs by status; ended jobs are counted until they are purged.",
    );
    for (status, count) in [
        ("queued", queued),
        ("running", running),
        ("succeeded", succeeded),
        ("failed", failed),
        ("cancelled", cancelled),
    ] {
        let _ = writeln!(text, "todo_jobs{{status=\"{status}\"}} {count}");
    }
    header_lines(
        text,
        "todo_job_oldest_queued_seconds",
        "gauge",
        "Seconds for which the longest waiting job has been due; 0 if no job is due.",
    );
    let _ = writeln!(text, "todo_job_oldest_queued_seconds {oldest_queued_seconds}");
    header_lines(text, "todo_purged_rows_total", "counter", "Rows deleted because their time was over, by kind.");
    write_by_kind("todo_purged_rows_total", purged, text);
    header_lines(
        text,
        "todo_purge_age_seconds",
        "gauge",
        "Seconds since a purge last found nothing left to delete, by kind; it looks once an hour.",
    );
    write_by_kind("todo_purge_age_seconds", purges_age_seconds, text);
    header_lines(
        text,
        "todo_feed_unsettled_seconds",
        "gauge",
        "How long the oldest open transaction holds the feed of changes back.",
    );
    let _ = writeln!(text, "todo_feed_unsettled_seconds {feed_unsettled_seconds}");
}

fn write_by_kind(family: &str, numbers: &BTreeMap<String, impl Display>, text: &mut String) {
    for (kind, number) in numbers {
        let _ = writeln!(text, "{family}{{kind=\"{kind}\"}} {number}");
    }
}

fn header_lines(text: &mut String, family: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use todo_core::cache::Bypass;

    #[test]
    fn every_reason_to_bypass_the_cache_is_there_from_the_start() {
        let text = exposition(&[]);
        for reason in Bypass::ALL {
            assert!(text.contains(&format!("todo_cache_bypasses_total{{reason=\"{}\"}} 0\n", reason.as_str())));
        }
    }

    #[test]
    fn buckets_are_cumulative_and_sums_are_seconds() {
        let counts = [
            (format!("{DURATION}_bucket{{route=\"/a\",le=\"0.001\"}}"), 2),
            (format!("{DURATION}_bucket{{route=\"/a\",le=\"+Inf\"}}"), 1),
            (format!("{DURATION}_sum{{route=\"/a\"}}"), 7_000_300),
            ("todo_http_requests_total{route=\"/a\",method=\"GET\",status=\"2xx\"}".to_owned(), 3),
        ];
        let text = exposition(&counts);
        assert!(text.contains("todo_http_requests_total{route=\"/a\",method=\"GET\",status=\"2xx\"} 3\n"));
        assert!(
            text.contains("_bucket{route=\"/a\",le=\"5\"} 2\n")
                && text.contains("_bucket{route=\"/a\",le=\"+Inf\"} 3\n")
        );
        assert!(text.contains("_sum{route=\"/a\"} 7.000300\n") && text.contains("_count{route=\"/a\"} 3\n"));
    }
}
