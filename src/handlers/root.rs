//! The root: no part of the API, but what people type.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::error;

/// Leads a browser to the documentation, where that is served. Programs hear that there is no such route: a redirect to a page
/// would look like success to a client whose base address lacks its path.
pub async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut response = if app.settings.http.docs && is_browser(&headers) {
        (StatusCode::FOUND, [(header::LOCATION, HeaderValue::from_static("/docs"))]).into_response()
    } else {
        error::route_not_found().await.into_response()
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// Browsers ask for HTML by its name, other clients for anything or for JSON.
fn is_browser(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let name = range.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("text/html")
    })
}
