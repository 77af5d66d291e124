//! The worker component: claims background jobs and works them off.
//!
//! Its route is private: only the API component calls it, as a hint that there may be work. A call works for at most
//! `BUDGET` and says whether there is more. Nothing is lost if nobody listens to the answer: jobs are rows in Postgres,
//! and whoever calls next goes on.

mod config;
mod shift;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use todo_core::log::{self, Level};
use todo_core::usecases::Service;
use todo_core::usecases::work::{Setback, Worked};
use todo_core::{Meter, Result};

use crate::config::WorkerSettings;
use crate::shift::{RunGuard, Shift};

/// How long one call works. Platforms that end requests after 30 s must not interrupt it.
const BUDGET: Duration = Duration::from_secs(20);

static WORKER: OnceLock<Worker> = OnceLock::new();

/// What an instance builds once.
struct Worker {
    service: Service,
    lease: Duration,
    log_level: Level,
    shift: Shift,
}

#[cfg_attr(target_family = "wasm", spin_sdk::http_service)]
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "only the component exports it"))]
async fn run(_request: spin_sdk::http::Request) -> Response<Full<Bytes>> {
    let worker = match worker().await {
        Ok(worker) => worker,
        Err(fault) => return answer(StatusCode::SERVICE_UNAVAILABLE, &failed(&fault)),
    };
    let Some(run) = worker.shift.begin() else {
        return answer(StatusCode::OK, &json!({"busy": true, "more": false}));
    };
    match worker.work(&run).await {
        Ok(more) => answer(StatusCode::OK, &json!({"busy": false, "more": more})),
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &failed(&format!("{error:?}"))),
    }
}

/// The instance's worker. Two first calls may both build one; the first to finish is kept.
async fn worker() -> Result<&'static Worker, String> {
    if let Some(worker) = WORKER.get() {
        return Ok(worker);
    }
    let WorkerSettings { postgres, redis, lease } = config::read().await?;
    let log_level = config::log_level().await;
    let service = Service::new(postgres, redis);
    Ok(WORKER.get_or_init(|| Worker { service, lease, log_level, shift: Shift::default() }))
}

impl Worker {
    /// Works as long as there is work and time; gives whether there is more.
    async fn work(&self, run: &RunGuard<'_>) -> Result<bool> {
        let (meter, deadline) = (Arc::new(Meter::default()), Instant::now() + BUDGET);
        while run.was_called() {
            let budget = deadline.saturating_duration_since(Instant::now());
            let worked = self.service.work(&meter, self.lease, budget).await?;
            self.tell(&worked);
            if worked.more {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn tell(&self, worked: &Worked) {
        let Worked { jobs, todos, purged, setbacks, more } = worked;
        for Setback { job, cause } in setbacks {
            self.log(Level::Error, "job_set_back", &json!({"job": job, "cause": log::one_line(cause)}));
        }
        if *jobs > 0 || *todos > 0 || *purged > 0 {
            let done = json!({"jobs": jobs, "todos": todos, "purged": purged, "more": more});
            self.log(Level::Info, "worked", &done);
        }
    }

    fn log(&self, level: Level, event: &str, fields: &Value) {
        log::write(self.log_level, level, event, fields);
    }
}

/// The cause goes to the log; the caller learns nothing from it.
fn failed(cause: &str) -> Value {
    log::write(Level::Error, Level::Error, "work_failed", &json!({"cause": log::one_line(cause)}));
    json!({"error": "the worker could not run"})
}

fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_the_log_and_not_the_caller() {
        assert_eq!(failed("password wrong"), json!({"error": "the worker could not run"}));
    }
}
