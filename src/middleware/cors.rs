//! Which web pages may call the API from a browser.

use http::{HeaderName, Method, header};
use std::time::Duration;
use tower::layer::util::Identity;
use tower::util::Either;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::CorsOrigins;

/// What a page may read besides the body.
static EXPOSED: [HeaderName; 9] = [
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("deprecation"),
];

/// What a page may send besides the simple fields.
static ALLOWED: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
];

/// Nothing where no origin is allowed.
pub fn layer(origins: &CorsOrigins) -> Either<CorsLayer, Identity> {
    let origin = match origins {
        CorsOrigins::None => return Either::Right(Identity::new()),
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::List(list) => AllowOrigin::list(list.iter().cloned()),
    };
    Either::Left(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(ALLOWED.clone())
            .expose_headers(EXPOSED.clone())
            .max_age(Duration::from_secs(600)),
    )
}
