//! One line per request, and `Server-Timing`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use todo_core::cache::{Bypass, RateVerdict};
use todo_core::log::{self, Level};
use todo_core::{Meter, lock};
use uuid::Uuid;

use super::client;
use super::errors::Logged;
use super::request_id::{RequestId, TraceId};
use crate::address::WrittenUri;
use crate::app::App;
use crate::route::Matched;

static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// How long lines are gathered before they are written together, when their responses have gone out.
const GATHER: Duration = Duration::from_millis(5);

/// The context of a request: what is known of it from the start and what inner layers note about it. It is in the
/// request's extensions, shared and not handed back with the response, because a request that runs out of time is
/// dropped together with what it would have answered.
#[derive(Debug)]
pub struct RequestContext {
    /// When it was received.
    pub started: Instant,
    /// The client's address.
    pub client: IpAddr,
    /// Its SQL statements and Redis calls.
    pub meter: Arc<Meter>,
    notes: Mutex<RequestNotes>,
}

impl RequestContext {
    fn new(app: &App, request: &Request) -> Self {
        Self {
            started: Instant::now(),
            client: client::address(request.headers(), &app.settings.auth.trusted_proxies),
            meter: Arc::default(),
            notes: Mutex::default(),
        }
    }

    /// The context of the request.
    pub fn of(app: &App, request: &Request) -> Arc<Self> {
        request.extensions().get::<Arc<Self>>().cloned().unwrap_or_else(|| Arc::new(Self::new(app, request)))
    }

    /// Notes something, or looks at what is known so far.
    pub fn with<T>(&self, visit: impl FnOnce(&mut RequestNotes) -> T) -> T {
        visit(&mut lock(&self.notes))
    }
}

/// What the layers note about a request, for the log and the metrics.
#[derive(Debug, Default)]
pub struct RequestNotes {
    /// The workspace's public id.
    pub workspace: Option<Uuid>,
    /// `HIT`, `MISS` or `BYPASS`.
    pub cache: Option<&'static str>,
    /// Why it was `BYPASS`.
    pub bypass: Option<Bypass>,
    /// The class of the rate limit that refused the request.
    pub limited: Option<&'static str>,
    /// The state of the rate limit.
    pub rates: Vec<RateVerdict>,
    /// The method of an assistant's message, where it is one of the protocol's.
    pub mcp_method: Option<&'static str>,
    /// The tool that an assistant called.
    pub tool: Option<&'static str>,
    /// What came of that: done, refused or failed.
    pub tool_outcome: Option<&'static str>,
}

/// What the log says of a request.
#[derive(Serialize)]
struct AccessLogEntry<'a> {
    method: &'a str,
    route: Option<&'a str>,
    path: &'a str,
    status: u16,
    duration_ms: f64,
    request_id: Option<&'a str>,
    trace_id: Option<&'a str>,
    workspace: Option<Uuid>,
    client: IpAddr,
    cache: Option<&'static str>,
    limited: Option<&'static str>,
    statements: u32,
    redis_calls: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// Measures the request and logs it.
pub async fn record(app: &App, mut request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let context = Arc::new(RequestContext::new(app, &request));
    request.extensions_mut().insert(Arc::clone(&context));
    let method = request.method().clone();
    let written = request.extensions().get::<WrittenUri>().map(|WrittenUri(uri)| uri);
    let uri = written.unwrap_or_else(|| request.uri()).clone();
    let route = Matched::of(request.extensions()).pattern();
    let request_id = request.extensions().get::<RequestId>().cloned();
    let trace_id = request.extensions().get::<TraceId>().cloned();
    let mut response = answer(request).await;
    let elapsed = context.started.elapsed();
    let ((statements, _), (redis_calls, _)) = (context.meter.sql(), context.meter.redis());
    if app.settings.observability.server_timing
        && let Ok(timing) = timing(&context.meter, elapsed)
    {
        response.headers_mut().insert(SERVER_TIMING.clone(), timing);
    }
    let Logged { code, cause } = response.extensions_mut().remove().unwrap_or_default();
    let line = context.with(|notes| AccessLogEntry {
        method: method.as_str(),
        route,
        path: uri.path(),
        status: response.status().as_u16(),
        duration_ms: elapsed.as_secs_f64() * 1000.0,
        request_id: request_id.as_ref().map(RequestId::as_str),
        trace_id: trace_id.as_ref().map(|trace| trace.0.as_str()),
        workspace: notes.workspace,
        client: context.client,
        cache: notes.cache,
        limited: notes.limited,
        statements,
        redis_calls,
        mcp_method: notes.mcp_method,
        tool: notes.tool,
        error: code,
        cause: cause.as_deref().map(log::one_line),
    });
    if log::write_soon(app.settings.observability.log_level, level(&response), "request", &line) {
        spin_sdk::wasip3::spawn(async {
            spin_sdk::time::sleep(GATHER).await;
            log::flush();
        });
    }
    response
}

fn timing(meter: &Meter, elapsed: Duration) -> Result<HeaderValue, InvalidHeaderValue> {
    let ((statements, sql), (redis_calls, redis)) = (meter.sql(), meter.redis());
    let (sql, redis, total) = (Millis(sql), Millis(redis), Millis(elapsed));
    HeaderValue::try_from(format!(
        "db;desc=\"{statements}\";dur={sql}, redis;desc=\"{redis_calls}\";dur={redis}, total;dur={total}"
    ))
}

fn level(response: &Response) -> Level {
    if response.status().is_server_error() { Level::Error } else { Level::Info }
}

/// Milliseconds with three digits after the point, written without floating point: that is ten times the work.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}
