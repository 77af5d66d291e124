//! Limits of requests: the length of the URL, the size of the headers, and the time until the answer.

use std::pin::Pin;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use todo_core::deadline::watch;
use todo_core::error::Fault;

use super::access_log::RequestContext;
use super::gate::with_rates;
use crate::app::App;
use crate::error::Problem;

/// The longest path and query, in bytes.
pub const LONGEST_URI: usize = 8 * 1024;
/// The most header fields.
pub const MOST_HEADERS: usize = 100;
/// The longest list of entity tags in a condition, in bytes. As documented, so that nobody finds out at another length.
pub const LONGEST_CONDITION: usize = 4 * 1024;
/// All header fields together, in bytes.
pub const LARGEST_HEADERS: usize = 32 * 1024;

/// Ends slow requests with 504, counted from when they came in. The work is pinned by the caller: held here, too, it
/// would make the request's future as large again.
///
/// The host has no deadline of its own (ARCHITECTURE.md, *The platform*). A handler that is dropped here drops its
/// statement with it; Postgres ends it by its own `statement_timeout`.
pub async fn end_slow(app: &App, context: &RequestContext, work: Pin<&mut impl Future<Output = Response>>) -> Response {
    let timeout = app.settings.http.timeout;
    match watch(timeout.saturating_sub(context.started.elapsed()), work).await {
        Some(response) => response,
        None => {
            let detail = format!("the request took longer than {} ms", timeout.as_millis());
            let late = Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail).into_response();
            context.with(|notes| with_rates(late, &notes.rates))
        }
    }
}

/// What is said to a request that is too large.
pub fn oversized(request: &Request) -> Option<Problem> {
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > LONGEST_URI {
        let detail = format!("the path and query are longer than {LONGEST_URI} bytes");
        return Some(Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || bytes > LARGEST_HEADERS {
        let detail = format!("more than {MOST_HEADERS} header fields or {LARGEST_HEADERS} bytes of them");
        return Some(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail));
    }
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        if headers.get_all(&name).iter().any(|value| value.len() > LONGEST_CONDITION) {
            let detail = format!("must be at most {LONGEST_CONDITION} bytes");
            return Some(Problem::parameters(vec![Fault::parameter(name.as_str(), "too_long", detail)]));
        }
    }
    None
}
