//! What an instance has counted for `/metrics` and not sent yet.
//!
//! A counter's name in the cache is its sample in Prometheus' text format, labels included; `handlers/metrics.rs` only
//! has to group them. Sums of seconds are counted in whole microseconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use todo_core::cache::Bypass;
use todo_core::{Meter, lock};

/// Upper bounds of the buckets of the latency histogram: in seconds, as they are written, and in microseconds.
pub const BUCKETS: [(&str, u64); 12] = [
    ("0.001", 1_000),
    ("0.0025", 2_500),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.025", 25_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.25", 250_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("5", 5_000_000),
    ("+Inf", u64::MAX),
];

/// What this instance has counted since it last sent it. Names are written out only then.
#[derive(Debug, Default)]
pub struct MetricsBuffer(Mutex<RequestCounts>);

/// What is counted of a request, besides what its meter has.
#[derive(Debug)]
pub struct CountedRequest {
    /// The path of its route, with placeholders.
    pub route: &'static str,
    /// The method.
    pub method: &'static str,
    /// The first digit of the status.
    pub class: u16,
    /// How long it took.
    pub elapsed: Duration,
    /// `HIT`, `MISS` or `BYPASS`.
    pub cache: Option<&'static str>,
    /// Why it was `BYPASS`.
    pub bypass: Option<Bypass>,
    /// The class of the rate limit that refused it.
    pub limited: Option<&'static str>,
    /// What came of an assistant's call of a tool.
    pub tool_call: Option<&'static str>,
}

#[derive(Debug, Default)]
struct RequestCounts {
    routes: HashMap<String, RouteCounts>,
    cache: BTreeMap<&'static str, u64>,
    bypasses: BTreeMap<Bypass, u64>,
    limited: BTreeMap<&'static str, u64>,
    /// Calls of the tools of assistants, by what came of them.
    tool_calls: BTreeMap<&'static str, u64>,
    statements: u64,
    connection_waits: u64,
    connection_refusals: u64,
    overload_refusals: u64,
    /// Requests that waited for changes, and those that could not.
    waits: [u64; 2],
    /// How long they waited.
    waited_micros: u64,
    /// Whether somebody will send it.
    gathering: bool,
}

#[derive(Debug, Default)]
struct RouteCounts {
    /// By method and class of status.
    requests: BTreeMap<(&'static str, u16), u64>,
    /// By the first bucket that holds the duration.
    durations: [u64; BUCKETS.len()],
    micros: u64,
}

impl RouteCounts {
    fn add(&mut self, request: (&'static str, u16), elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        *self.requests.entry(request).or_default() += 1;
        if let Some((_, count)) = BUCKETS.iter().zip(&mut self.durations).find(|((_, bound), _)| micros <= *bound) {
            *count += 1;
        }
        self.micros = self.micros.saturating_add(micros);
    }
}

impl RequestCounts {
    fn add_meter(&mut self, meter: &Meter) {
        let (waits, refusals) = meter.connection_waits();
        self.statements += u64::from(meter.sql().0);
        self.connection_waits += u64::from(waits);
        self.connection_refusals += u64::from(refusals);
        self.overload_refusals += u64::from(meter.overload_refusals());
    }
}

impl MetricsBuffer {
    /// Adds a request; true if the caller is to send the buffer after a while.
    pub fn add(&self, request: CountedRequest, meter: &Meter) -> bool {
        let CountedRequest { route, method, class, elapsed, cache, bypass, limited, tool_call } = request;
        let mut counts = lock(&self.0);
        match counts.routes.get_mut(route) {
            Some(known) => known.add((method, class), elapsed),
            None => counts.routes.entry(route.to_owned()).or_default().add((method, class), elapsed),
        }
        if let Some(result) = cache {
            *counts.cache.entry(result).or_default() += 1;
        }
        if let Some(why) = bypass {
            *counts.bypasses.entry(why).or_default() += 1;
        }
        if let Some(class) = limited {
            *counts.limited.entry(class).or_default() += 1;
        }
        if let Some(outcome) = tool_call {
            *counts.tool_calls.entry(outcome).or_default() += 1;
        }
        counts.add_meter(meter);
        !std::mem::replace(&mut counts.gathering, true)
    }

    /// Adds what was done after a response. It is sent with the next requests.
    pub fn add_statements(&self, meter: &Meter) {
        lock(&self.0).add_meter(meter);
    }

    /// Adds a request that is to wait for changes, and may or may not.
    pub fn add_wait(&self, may: bool) {
        let [waits, refusals] = &mut lock(&self.0).waits;
        *(if may { waits } else { refusals }) += 1;
    }

    /// Adds the time that a request has waited.
    pub fn add_waited(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut counts = lock(&self.0);
        counts.waited_micros = counts.waited_micros.saturating_add(micros);
    }

    /// Whoever was to send the buffer has done so, or will not: the next request begins anew.
    pub fn end_gathering(&self) {
        lock(&self.0).gathering = false;
    }

    /// Everything so far, as samples.
    pub fn take(&self) -> Vec<(String, u64)> {
        let RequestCounts {
            routes,
            cache,
            bypasses,
            limited,
            tool_calls,
            statements,
            connection_waits,
            connection_refusals,
            overload_refusals,
            waits: [waits, refusals],
            waited_micros,
            gathering: _,
        } = {
            let mut counts = lock(&self.0);
            let gathering = counts.gathering;
            std::mem::replace(&mut *counts, RequestCounts { gathering, ..RequestCounts::default() })
        };
        let mut samples = samples_of(routes);
        for (result, count) in cache {
            let result = result.to_ascii_lowercase();
            samples.push((format!("todo_cache_requests_total{{result=\"{result}\"}}"), count));
        }
        for (why, count) in bypasses {
            samples.push((format!("todo_cache_bypasses_total{{reason=\"{}\"}}", why.as_str()), count));
        }
        for (class, count) in limited {
            samples.push((format!("todo_rate_limited_total{{class=\"{class}\"}}"), count));
        }
        for (outcome, count) in tool_calls {
            samples.push((format!("todo_mcp_calls_total{{outcome=\"{outcome}\"}}"), count));
        }
        samples.push(("todo_sql_statements_total".to_owned(), statements));
        samples.push(("todo_database_waits_total".to_owned(), connection_waits));
        samples.push(("todo_database_refusals_total".to_owned(), connection_refusals));
        samples.push(("todo_overload_refusals_total".to_owned(), overload_refusals));
        samples.push(("todo_feed_waits_total{result=\"waited\"}".to_owned(), waits));
        samples.push(("todo_feed_waits_total{result=\"refused\"}".to_owned(), refusals));
        samples.push(("todo_feed_wait_seconds_total".to_owned(), waited_micros));
        samples.retain(|(_, count)| *count > 0);
        samples
    }
}

/// Requests and their durations, by route.
fn samples_of(routes: HashMap<String, RouteCounts>) -> Vec<(String, u64)> {
    let mut samples = Vec::new();
    for (route, RouteCounts { requests, durations, micros }) in routes {
        for ((method, class), count) in requests {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{class}xx\"");
            samples.push((format!("todo_http_requests_total{{{labels}}}"), count));
        }
        for ((le, _), count) in BUCKETS.into_iter().zip(durations) {
            let labels = format!("route=\"{route}\",le=\"{le}\"");
            samples.push((format!("todo_http_request_duration_seconds_bucket{{{labels}}}"), count));
        }
        samples.push((format!("todo_http_request_duration_seconds_sum{{route=\"{route}\"}}"), micros));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_the_buckets() {
        for (bucket, bound) in BUCKETS.into_iter().filter(|(bucket, _)| *bucket != "+Inf") {
            assert_eq!((bucket.parse::<f64>().unwrap() * 1e6).round() as u64, bound);
        }
        assert!(BUCKETS.is_sorted_by_key(|(_, bound)| bound));
        assert_eq!(BUCKETS.last(), Some(&("+Inf", u64::MAX)), "the last one holds the rest");
    }
}
