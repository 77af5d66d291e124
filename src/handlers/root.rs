//! The root path `/`, which people type: it leads browsers to the documentation.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::error;
use crate::extract::negotiation::names;

/// Leads a browser to the documentation, where that is served. Programs hear that there is no such route: a redirect to
/// a page would look like success to a client whose base address lacks its path.
pub async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut response = if app.settings.http.docs && names(&headers, "text/html") {
        (StatusCode::FOUND, [(header::LOCATION, HeaderValue::from_static("/docs"))]).into_response()
    } else {
        error::route_not_found().await.into_response()
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}
