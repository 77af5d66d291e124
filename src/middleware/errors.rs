//! Writes error responses, and is the only place that does: RFC 9457 for version 2 and everything outside the versions,
//! the old envelope for version 1.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use chrono::{SecondsFormat, Utc};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use todo_core::error::{Fault, Place};

use super::request_id::{Origin, RequestId};
use crate::app::App;
use crate::error::Problem;
use crate::route::{Group, Matched};

/// Writes the answer that a [`Problem`] stands for.
pub async fn render(app: &App, request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let group = Matched::of(request.extensions()).group;
    let origin = Origin::of(app, &request);
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let mut response = answer(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let (content_type, body) = if group == Group::V1 {
        ("application/json", envelope(&problem))
    } else {
        ("application/problem+json", problem_details(&problem, &origin, id.as_str()))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in &problem.headers {
        headers.insert(name, value.clone());
    }
    *response.body_mut() = Body::from(body.to_string());
    // The access log tells the cause.
    response.extensions_mut().insert(Logged { code: Some(problem.code), cause: problem.cause });
    response
}

/// What the access log says of a failure.
#[derive(Debug, Clone, Default)]
pub struct Logged {
    /// The failure's code.
    pub code: Option<Cow<'static, str>>,
    /// The chain of causes.
    pub cause: Option<String>,
}

/// RFC 9457.
pub fn problem_details(problem: &Problem, origin: &Origin<'_>, request_id: &str) -> Value {
    let mut details = json!({
        "type": format!("{origin}/docs/errors#{}", problem.code),
        "title": problem.status.canonical_reason().unwrap_or("Error"),
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "instance": format!("/requests/{request_id}"),
        "code": problem.code,
    });
    if let Some(object) = details.as_object_mut() {
        // Not everybody who reads the document sees the header: of what a tool refuses, assistants are given the
        // document alone.
        if let Some(seconds) = problem.seconds_to_wait() {
            object.insert("retry_after".to_owned(), seconds.into());
        }
        if !problem.faults.is_empty() {
            object.insert("errors".to_owned(), problem.faults.iter().map(fault).collect());
        }
    }
    details
}

fn fault(Fault { place, code, detail }: &Fault) -> Value {
    match place {
        Place::Pointer(pointer) => json!({"pointer": pointer, "code": code, "detail": detail}),
        Place::Parameter(parameter) => {
            json!({"parameter": parameter, "code": code, "detail": detail})
        }
    }
}

/// The envelope that version 1 has always had: one message, so the faults are joined into it.
fn envelope(problem: &Problem) -> Value {
    let mut message = problem.detail.clone();
    for (number, fault) in problem.faults.iter().enumerate() {
        let place = match &fault.place {
            Place::Pointer(place) | Place::Parameter(place) => place,
        };
        message.push_str(if number == 0 { ": " } else { "; " });
        message.push_str(&format!("{place}: {}", fault.detail));
    }
    json!({"error": {
        "code": problem.code,
        "message": message,
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
    }})
}
