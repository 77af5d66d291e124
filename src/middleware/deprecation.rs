//! Tells every caller of version 1 that it is going away and where to go (RFC 9745, RFC 8594).

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use todo_core::Caller;
use todo_core::domain::id::Id;

use super::request_id::Origin;
use crate::app::App;
use crate::document::link;
use crate::extract::query::decoded_segment;
use crate::route::{Group, Matched, Successor};
use crate::types::v2::todo::Todo;

static DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
static SUNSET: HeaderName = HeaderName::from_static("sunset");

/// Adds the headers to every answer of version 1, errors of outer layers included; other paths pass.
pub async fn announce(app: &App, request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let matched = Matched::of(request.extensions());
    if matched.group != Group::V1 {
        return answer(request).await;
    }
    let origin = Origin::of(app, &request);
    let successor = match matched.successor() {
        Some(Successor::Path(path)) => path,
        Some(Successor::Todo) | None => Successor::DEFAULT,
    };
    let mut response = answer(request).await;
    let dates = &app.settings.v1;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(format!("@{}", dates.deprecated_at.to_utc().timestamp())) {
        headers.insert(DEPRECATION.clone(), value);
    }
    let sunset = dates.sunset_at.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(value) = HeaderValue::try_from(sunset) {
        headers.insert(SUNSET.clone(), value);
    }
    if let Ok(value) = HeaderValue::try_from(link(&format!("{origin}/docs/migrating"), "deprecation")) {
        headers.append(header::LINK, value);
    }
    // The successor of a single todo is named by whoever knows its UUID.
    let named =
        headers.get_all(header::LINK).iter().any(|link| link.as_bytes().ends_with(b"rel=\"successor-version\""));
    if !named && let Ok(value) = HeaderValue::try_from(link(successor, "successor-version")) {
        headers.append(header::LINK, value);
    }
    response
}

/// The todo that a request of version 1 is about.
pub fn todo_of(request: &Request) -> Option<Id> {
    if Matched::of(request.extensions()).successor() != Some(Successor::Todo) {
        return None;
    }
    let (_, segment) = request.uri().path().rsplit_once('/')?;
    decoded_segment(segment).as_deref().and_then(Id::parse_serial)
}

/// Names the successor of a todo in an answer whose handler did not get to know its UUID. That costs a statement, and
/// only those pay it whose request was refused.
pub async fn name_successor(app: &App, caller: &Caller, todo: Id, response: &mut Response) {
    let refused = response.status().is_client_error() && response.status() != StatusCode::NOT_FOUND;
    if !refused {
        return;
    }
    // Without Postgres the list has to do.
    if let Ok(todo) = app.service.get_todo(caller, todo).await
        && let Ok(value) = HeaderValue::try_from(link(&Todo::url(todo.uid), "successor-version"))
    {
        response.headers_mut().append(header::LINK, value);
    }
}
