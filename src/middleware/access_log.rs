//! One line per request, and `Server-Timing`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use todo_core::Meter;
use todo_core::cache::RateVerdict;
use todo_core::log::{self, Level};

use super::client;
use super::request_id::{RequestId, TraceId};
use crate::app::App;
use crate::error::Logged;

static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What inner layers find out about a request, in its extensions. Shared and not handed back with the response, because a
/// request that runs out of time is dropped together with what it would have answered.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Facts>);

impl Findings {
    /// Notes something, or looks at what is known so far.
    pub fn with<T>(&self, visit: impl FnOnce(&mut Facts) -> T) -> T {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is found out about a request.
#[derive(Debug, Default)]
pub struct Facts {
    /// The workspace's public id.
    pub workspace: Option<String>,
    /// `HIT`, `MISS` or `BYPASS`.
    pub cache: Option<&'static str>,
    /// The class of the rate limit that refused the request.
    pub limited: Option<&'static str>,
    /// The state of the rate limit.
    pub rates: Vec<RateVerdict>,
}

/// Measures the request, logs it and counts it.
pub async fn record(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let meter = Arc::new(Meter::default());
    let findings = Arc::new(Findings::default());
    request.extensions_mut().insert(Arc::clone(&meter));
    request.extensions_mut().insert(Arc::clone(&findings));
    let mut fields = Map::new();
    fields.insert("method".into(), request.method().as_str().into());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    fields.insert("route".into(), route.into());
    fields.insert("path".into(), request.uri().path().into());
    fields.insert("request_id".into(), request.extensions().get::<RequestId>().map(RequestId::as_str).into());
    fields.insert("trace_id".into(), request.extensions().get::<TraceId>().map(|trace| trace.0.as_str()).into());
    let client = client::address(request.headers(), &app.settings.auth.trusted_proxies);
    fields.insert("client".into(), client.to_string().into());
    let mut response = next.run(request).await;
    let elapsed = started.elapsed();
    let (statements, sql) = meter.sql();
    let (redis_calls, redis) = meter.redis();
    if app.settings.observability.server_timing {
        let timing = format!(
            "db;desc=\"{statements}\";dur={}, redis;desc=\"{redis_calls}\";dur={}, total;dur={}",
            millis(sql),
            millis(redis),
            millis(elapsed),
        );
        if let Ok(value) = HeaderValue::try_from(timing) {
            response.headers_mut().insert(SERVER_TIMING.clone(), value);
        }
    }
    fields.insert("status".into(), response.status().as_u16().into());
    fields.insert("duration_ms".into(), json!(elapsed.as_secs_f64() * 1000.0));
    fields.insert("statements".into(), statements.into());
    fields.insert("redis_calls".into(), redis_calls.into());
    let Facts { workspace, cache, limited, rates: _ } = findings.with(std::mem::take);
    fields.insert("workspace".into(), workspace.into());
    fields.insert("cache".into(), cache.into());
    fields.insert("limited".into(), limited.into());
    let logged = response.extensions_mut().remove::<Logged>();
    log::write(app.settings.observability.log_level, level(&response), "request", with_error(fields, logged));
    response
}

fn level(response: &Response) -> Level {
    if response.status().is_server_error() { Level::Error } else { Level::Info }
}

fn with_error(mut fields: Map<String, Value>, logged: Option<Logged>) -> Map<String, Value> {
    if let Some(Logged { code, cause }) = logged {
        fields.insert("error".into(), code.into());
        if let Some(cause) = cause {
            fields.insert("cause".into(), cause.into());
        }
    }
    fields
}

fn millis(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1000.0)
}
