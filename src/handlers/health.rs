//! Health of the service: liveness, readiness, and the details for people.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, Utc};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use todo_core::Meter;
use todo_core::cache::RedisHealth;
use todo_core::usecases::health::{REQUIRED_MIGRATION, Readiness};

use crate::app::App;
use crate::app::health::{Check, Checks, Health};

/// The instance answers; nothing else is looked at.
pub async fn live() -> Response {
    answer(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}

/// 200 if requests can be served: settings are sound, Postgres answers and has the schema. A missing Redis
/// only degrades, and so does a Postgres that accepts no writes: `checks` says which, and why.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let health = recent(&app).await;
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
    answer(StatusCode::OK, &recent(&app).await)
}

/// What was found of late, by this request or another one.
async fn recent(app: &App) -> Health {
    match app.health.recent() {
        Ok(known) => known,
        Err(asking) => asking.found(check(app).await),
    }
}

async fn check(app: &App) -> Health {
    let meter = Meter::default();
    let mut problems = app.settings.faults.clone();
    let mut warnings = Vec::new();
    let database = check_database(app, &meter, &mut problems, &mut warnings).await;
    let cache = match app.service.redis_health(&meter).await {
        RedisHealth::Off => Check { status: "off", latency_ms: None, reason: None },
        RedisHealth::Up(latency) => up(latency),
        RedisHealth::Down(reason) => {
            warnings.push(reason.remedy());
            Check { reason: Some(reason.as_str()), ..DOWN }
        }
    };
    let degraded = cache.status == "down" || database.reason.is_some();
    let status = match (problems.is_empty(), degraded) {
        (false, _) => "unhealthy",
        (true, true) => "degraded",
        (true, false) => "healthy",
    };
    Health {
        status,
        database: database.status,
        environment: app.settings.environment.name(),
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks { database, cache },
        timestamp: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        problems,
        warnings,
    }
}

async fn check_database(
    app: &App,
    meter: &Meter,
    problems: &mut Vec<String>,
    warnings: &mut Vec<&'static str>,
) -> Check {
    match app.service.readiness(meter).await {
        Ok(Readiness::Ready) => up(meter.sql().1),
        Ok(Readiness::ReadOnly) => {
            warnings
                .push("the database accepts no writes: does database_url name a standby, or is the primary read-only?");
            Check { reason: Some("read_only"), ..up(meter.sql().1) }
        }
        Ok(Readiness::MigrationsMissing(newest)) => {
            problems.push(missing(newest));
            up(meter.sql().1)
        }
        Ok(Readiness::StatementTimeout(found)) => {
            let longest = app.service.statement_deadline().as_millis();
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
        Ok(Readiness::FeedAhead) => {
            problems.push(
                "the log of changes was restored from a dump of another cluster: run the migrations (cargo xtask \
                 migrate), which begin a new epoch of the feed"
                    .to_owned(),
            );
            up(meter.sql().1)
        }
        Ok(Readiness::Down(down)) => {
            problems.push(down.remedy().to_owned());
            Check { reason: Some(down.as_str()), ..DOWN }
        }
        Err(_) => {
            problems.push("the database answers with something else than expected".to_owned());
            DOWN
        }
    }
}

fn missing(newest: Option<i64>) -> String {
    let (number, name) = REQUIRED_MIGRATION;
    match newest {
        Some(newest) => format!(
            "migrations are missing: this release needs {number:04} ({name}), and the newest one applied is \
             {newest:04}"
        ),
        None => "migrations are missing: none is applied".to_owned(),
    }
}

const DOWN: Check = Check { status: "down", latency_ms: None, reason: None };

fn up(latency: Duration) -> Check {
    Check { status: "up", latency_ms: Some((latency.as_secs_f64() * 1e6).round() / 1e3), reason: None }
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.into_response()
}
