//! Prometheus metrics, counted over all instances.

use axum::response::Response;

use crate::error::Result;

/// The metrics in Prometheus' text format.
pub async fn metrics() -> Result<Response> {
    Err(crate::error::route_not_found().await)
}
