//! Which web pages may call the API from a browser.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, Method, header};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::CorsOrigins;

/// What a page may read besides the body.
static EXPOSED: [HeaderName; 11] = [
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("deprecation"),
    HeaderName::from_static("sunset"),
];

/// What a page may send besides the simple fields.
static ALLOWED: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];

/// What the settings allow; `None` where that is no origin at all.
pub fn allowed(origins: &CorsOrigins) -> Option<CorsLayer> {
    let origin = match origins {
        CorsOrigins::None => return None,
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::List(list) => AllowOrigin::list(list.iter().cloned()),
    };
    Some(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(ALLOWED.clone())
            .expose_headers(EXPOSED.clone())
            .max_age(Duration::from_secs(600)),
    )
}

/// Answers preflights and marks the answers to everything else. An OPTIONS that is no preflight asks for `Allow`, which
/// the layer by itself would keep from it.
pub async fn allow(State(allowed): State<CorsLayer>, request: Request, next: Next) -> Response {
    let plain =
        *request.method() == Method::OPTIONS && !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if plain {
        return next.run(request).await;
    }
    match allowed.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
