//! What refuses a request: a [`Problem`], which every error of core becomes.
//!
//! It travels as an extension of an empty response until a layer around all routes writes it (`middleware/errors.rs`).

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use todo_core::error::{Fault, Kind, Place};

/// A refused or failed request.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    /// Stable snake_case code, documented under `/docs/errors`.
    pub code: Cow<'static, str>,
    /// One sentence for the caller.
    pub detail: String,
    /// What is wrong with the input, and where.
    pub faults: Vec<Fault>,
    /// Headers that belong to the answer, such as `Retry-After` or `Allow`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    pub cause: Option<String>,
}

/// What handlers return.
pub type Result<T = crate::document::Document> = std::result::Result<T, Problem>;

impl Problem {
    /// A failure without faults.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), faults: Vec::new(), headers: Vec::new(), cause: None }
    }

    /// 400: path, query or headers are wrong.
    pub fn parameters(faults: Vec<Fault>) -> Self {
        let mut problem =
            Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", "the path, query or headers are invalid");
        problem.faults = faults;
        problem.faults.truncate(Fault::LIMIT);
        problem
    }

    /// 422: a well-formed body is wrong.
    pub fn body(faults: Vec<Fault>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "the body is invalid");
        problem.faults = faults;
        problem.faults.truncate(Fault::LIMIT);
        problem
    }

    /// 500: a defect of ours; `cause` goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side");
        problem.cause = Some(cause.into());
        problem
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    /// The same with `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with(header::RETRY_AFTER, seconds.max(1).to_string())
    }

    /// What `Retry-After` says.
    pub fn seconds_to_wait(&self) -> Option<u64> {
        let (_, value) = self.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER)?;
        value.to_str().ok()?.parse().ok()
    }
}

impl From<todo_core::Error> for Problem {
    fn from(error: todo_core::Error) -> Self {
        use todo_core::Error;
        let detail = error.to_string();
        match error {
            Error::Invalid(faults) if faults.iter().all(|fault| matches!(fault.place, Place::Parameter(_))) => {
                Self::parameters(faults)
            }
            Error::Invalid(faults) => Self::body(faults),
            Error::NotFound(kind) => Self::new(StatusCode::NOT_FOUND, not_found(kind), detail),
            Error::Conflict(conflict) => Self::new(StatusCode::CONFLICT, conflict.code(), detail),
            Error::VersionMismatch(_) => Self::new(StatusCode::PRECONDITION_FAILED, "stale_version", detail),
            Error::Exists(Kind::List) => Self::new(StatusCode::PRECONDITION_FAILED, "list_exists", detail),
            Error::Exists(_) => Self::new(StatusCode::PRECONDITION_FAILED, "todo_exists", detail),
            Error::IdempotencyMismatch => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail),
            Error::IdempotencyRunning => {
                Self::new(StatusCode::CONFLICT, "idempotency_in_progress", detail).retry_after(Duration::from_secs(1))
            }
            Error::ResyncRequired => Self::new(StatusCode::GONE, "resync_required", detail)
                .with(header::LINK, crate::document::link("/api/v2/changes", "first")),
            Error::Operation { index, source } => operation(index, *source),
            Error::Unavailable { retry_after, outcome_unknown, reason } => {
                let detail = if outcome_unknown {
                    "the service is temporarily unavailable; whether the change was made is unknown"
                } else {
                    "the service is temporarily unavailable"
                };
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
                problem.cause = Some(reason);
                problem.retry_after(retry_after)
            }
            Error::Timeout { reason } => {
                let mut problem = Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail);
                problem.cause = Some(reason);
                problem
            }
            Error::Internal(cause) => Self::internal(cause),
        }
    }
}

/// The failure of one operation decides the status of the whole batch and is placed under its index. What is "not
/// found" in a path is an invalid reference in a body.
fn operation(index: usize, source: todo_core::Error) -> Problem {
    let at = format!("/operations/{index}");
    let mut problem = match source {
        todo_core::Error::NotFound(kind) => {
            Problem::body(vec![Fault::at("/id", "not_found", format!("{kind} not found"))])
        }
        other => Problem::from(other),
    };
    if problem.faults.is_empty() {
        problem.faults.push(Fault {
            place: Place::Pointer(String::new()),
            code: code_of(&problem),
            detail: problem.detail.clone(),
        });
    }
    problem.detail = format!("operation {index} failed and nothing was changed: {}", problem.detail);
    problem.faults = problem.faults.into_iter().map(|fault| fault.under(&at)).collect();
    problem
}

fn code_of(problem: &Problem) -> &'static str {
    match &problem.code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => "failed",
    }
}

fn not_found(kind: Kind) -> &'static str {
    match kind {
        Kind::Todo => "todo_not_found",
        Kind::Tag => "tag_not_found",
        Kind::Employee => "employee_not_found",
        Kind::Department => "department_not_found",
        Kind::List => "list_not_found",
        Kind::Job => "job_not_found",
        Kind::Workspace => "workspace_not_found",
        Kind::Token => "token_not_found",
    }
}

impl IntoResponse for Problem {
    /// An empty response that carries the failure; `middleware/errors.rs` writes it out.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// The fallback of the router: no such route.
pub async fn route_not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "route_not_found", "there is no such route")
}

/// The fallback of each route: it has other methods, which axum puts into `Allow`. OPTIONS asks for just that.
pub async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not have this method")
        .into_response()
}
