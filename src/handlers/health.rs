//! Is the service alive, ready, well?

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, Utc};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use todo_core::Meter;
use todo_core::cache::Health as CacheHealth;
use todo_core::store::readiness::{self, Readiness};

use crate::app::App;

/// What `/health` says.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    environment: &'static str,
    version: &'static str,
    checks: Checks,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
    cache: Check,
}

#[derive(Debug, Serialize)]
struct Check {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
}

/// The instance answers; nothing else is looked at.
pub async fn live() -> Response {
    answer(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}

/// 200 if requests can be served: settings are sound, Postgres answers and has the schema. A missing Redis only degrades.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let health = check(&app).await;
    // Whoever probes an installation keeps its background work going, so it needs no timer of its own.
    app.sweep();
    let ready = health.problems.is_empty();
    let mut response = answer(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health);
    if !ready {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The same facts, always with 200, for people and dashboards.
pub async fn health(State(app): State<Arc<App>>) -> Response {
    answer(StatusCode::OK, &check(&app).await)
}

async fn check(app: &App) -> Health {
    let meter = Meter::default();
    let mut problems = app.settings.faults.clone();
    let database = match readiness::check(app.service.pg(), &meter).await {
        Ok(Readiness::Ready) => up(meter.sql().1),
        Ok(Readiness::MigrationsMissing(newest)) => {
            problems.push(match newest {
                Some(newest) => {
                    format!("migrations are missing: the newest one applied is {newest}")
                }
                None => "migrations are missing: none is applied".to_owned(),
            });
            up(meter.sql().1)
        }
        Ok(Readiness::StatementTimeout(found)) => {
            let longest = app.service.pg().statement_deadline().as_millis();
            problems.push(format!(
                "statement_timeout of the database's sessions is {found} ms; it must be from 1 to {longest} \
                 (database_timeout_ms): ALTER DATABASE … SET statement_timeout = {longest}"
            ));
            up(meter.sql().1)
        }
        Ok(Readiness::TimeZone) => {
            problems.push(
                "timezone of the database's sessions is not UTC: ALTER DATABASE … SET timezone = 'UTC'".to_owned(),
            );
            up(meter.sql().1)
        }
        Err(_) => {
            problems.push("the database does not answer".to_owned());
            DOWN
        }
    };
    let cache = match app.service.cache().health(&meter).await {
        CacheHealth::Off => Check { status: "off", latency_ms: None },
        CacheHealth::Up(latency) => up(latency),
        CacheHealth::Down(_) => DOWN,
    };
    let status = match (problems.is_empty(), cache.status) {
        (false, _) => "unavailable",
        (true, "down") => "degraded",
        (true, _) => "ok",
    };
    Health {
        status,
        environment: app.settings.environment.name(),
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks { database, cache },
        timestamp: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        problems,
    }
}

const DOWN: Check = Check { status: "down", latency_ms: None };

fn up(latency: Duration) -> Check {
    Check { status: "up", latency_ms: Some((latency.as_secs_f64() * 1e6).round() / 1e3) }
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.into_response()
}
