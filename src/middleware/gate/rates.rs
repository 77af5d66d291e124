//! The rate limit: what applies, and what a response tells of it.

use std::fmt::Write;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use todo_core::cache::{RateLimits, RateVerdict};

use crate::app::App;
use crate::error::Problem;

pub(super) static RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

pub(super) static RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

pub(super) fn rates(app: &App) -> RateLimits {
    let rates = &app.settings.rates;
    RateLimits {
        per_address: rates.default,
        per_token: rates.authenticated,
        writes_per_address: rates.writes,
        writes_per_token: rates.authenticated_writes,
        auth_failures: rates.auth_failures,
    }
}

pub(super) fn too_many(refused: &RateVerdict) -> Problem {
    let detail = format!("more than {} requests a minute in the class {}", refused.limit, refused.class.name());
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
        .retry_after(Duration::from_secs(refused.retry_after.into()))
}

/// The `RateLimit` fields, one item for each class that applies.
pub fn with_rates(mut response: Response, rates: &[RateVerdict]) -> Response {
    let (mut policy, mut state) = (String::new(), String::new());
    for rate in rates {
        let separator = if policy.is_empty() { "" } else { ", " };
        let RateVerdict { class, limit, remaining, reset, .. } = rate;
        let _ = write!(policy, "{separator}\"{}\";q={limit};w=60", class.name());
        let _ = write!(state, "{separator}\"{}\";r={remaining};t={reset}", class.name());
    }
    if !policy.is_empty() {
        let headers = response.headers_mut();
        for (name, value) in [(&RATELIMIT_POLICY, policy), (&RATELIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name.clone(), value);
            }
        }
    }
    response
}
