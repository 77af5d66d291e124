//! The worker component: claims background jobs and works them off.
//!
//! Its route is private: only the API component calls it, as a hint that there may be work. A call works for at most
//! `BUDGET` and says whether there is more. Nothing is lost if nobody listens to the answer: jobs are rows in Postgres, and
//! whoever calls next goes on.

mod config;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use todo_core::Meter;
use todo_core::cache::Cache;
use todo_core::store::pg::Pg;
use todo_core::usecases::Service;
use todo_core::usecases::work::Worked;

/// How long one call works. Platforms that end requests after 30 s must not interrupt it.
const BUDGET: Duration = Duration::from_secs(20);

static SERVICE: OnceLock<Service> = OnceLock::new();

#[cfg_attr(target_family = "wasm", spin_sdk::http_service)]
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "only the component exports it"))]
async fn run(_request: spin_sdk::http::Request) -> Response<Full<Bytes>> {
    let service = match service().await {
        Ok(service) => service,
        Err(fault) => return answer(StatusCode::SERVICE_UNAVAILABLE, &failed(&fault)),
    };
    let meter = Arc::new(Meter::default());
    match service.work(&meter, BUDGET).await {
        Ok(Worked { jobs, todos, purged, more }) => {
            if jobs > 0 || todos > 0 || purged > 0 {
                log("info", "worked", json!({"jobs": jobs, "todos": todos, "purged": purged, "more": more}));
            }
            answer(StatusCode::OK, &json!({"jobs": jobs, "todos": todos, "purged": purged, "more": more}))
        }
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &failed(&format!("{error:?}"))),
    }
}

/// The instance's service. Two first calls may both build one; the first to finish is kept.
async fn service() -> Result<&'static Service, String> {
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let (postgres, redis) = config::read().await?;
    Ok(SERVICE.get_or_init(|| Service::new(Pg::new(postgres), Cache::new(redis))))
}

/// The cause goes to the log; the caller learns nothing from it.
fn failed(cause: &str) -> Value {
    log("error", "work_failed", json!({ "cause": cause }));
    json!({"error": "the worker could not run"})
}

fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

/// One JSON line on standard error, like the API's.
fn log(level: &str, event: &str, mut fields: Value) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("level".to_owned(), level.into());
        fields.insert("event".to_owned(), event.into());
    }
    eprintln!("{fields}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_the_log_and_not_the_caller() {
        assert_eq!(failed("password wrong"), json!({"error": "the worker could not run"}));
    }
}
