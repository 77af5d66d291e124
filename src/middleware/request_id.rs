//! `X-Request-Id` and `traceparent`: every request has an id, in the answer, in each log line and in each error.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use uuid::Uuid;

use crate::app::App;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SPIN_FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const LONGEST: usize = 128;

/// The id of the request.
#[derive(Debug, Clone, Default)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be kept.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// The trace id of W3C trace context, where the client sent a valid `traceparent`.
#[derive(Debug, Clone)]
pub struct TraceId(pub String);

/// Takes the client's id if it is sane, else makes one.
pub async fn assign(mut request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let id = request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_sane(id))
        .map_or_else(|| Arc::from(Uuid::now_v7().to_string()), Arc::from);
    if let Some(trace) = trace_id(request.headers()) {
        request.extensions_mut().insert(TraceId(trace));
    }
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let mut response = answer(request).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), id);
    }
    response
}

/// Scheme and authority under which the client reached us, for absolute links; written out only where it is shown.
#[derive(Debug)]
pub struct Origin<'a> {
    /// What the settings say instead, or nothing.
    public_url: &'a str,
    full_url: Option<HeaderValue>,
    host: Option<HeaderValue>,
}

impl<'a> Origin<'a> {
    /// Of a request.
    pub fn of(app: &'a App, request: &Request) -> Self {
        Self::of_headers(app, request.headers())
    }

    fn of_headers(app: &'a App, headers: &HeaderMap) -> Self {
        // The host appends its own after whatever the client sent.
        let full_url = headers.get_all(&SPIN_FULL_URL).iter().next_back();
        Self {
            public_url: &app.settings.http.public_url,
            full_url: full_url.cloned(),
            host: headers.get(header::HOST).cloned(),
        }
    }
}

/// The scheme and authority of absolute links, as a handler takes it.
#[derive(Debug)]
pub struct Base(pub String);

impl FromRequestParts<Arc<App>> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self(Origin::of_headers(app, &parts.headers).to_string()))
    }
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.public_url.is_empty() {
            return f.write_str(self.public_url);
        }
        let full = self.full_url.as_ref().and_then(|url| url.to_str().ok()).and_then(|url| url.split_once("://"));
        let (scheme, rest) = full.unwrap_or(("http", "localhost"));
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        write!(f, "{scheme}://{}", host.or_else(|| rest.split('/').next()).unwrap_or("localhost"))
    }
}

fn is_sane(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// The trace id of a version-00 `traceparent` (W3C Trace Context, 3.2): four fields of lower-case hexadecimal digits.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut fields = parent.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || fields.next().is_none())
        && hex(trace, 32)
        && !zero(trace)
        && hex(span, 16)
        && !zero(span)
        && hex(flags, 2);
    valid.then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_short_ids_are_kept() {
        for sane in ["a", "A-1_2.3:4", &"x".repeat(128)] {
            assert!(is_sane(sane), "{sane}");
        }
        for odd in ["", "a b", "a\"b", "ü", &"x".repeat(129)] {
            assert!(!is_sane(odd), "{odd}");
        }
    }

    #[test]
    fn a_trace_parent_must_be_whole() {
        let trace = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
            trace_id(&headers)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(trace(&format!("00-{id}-0000000000000000-01")), None);
        assert_eq!(trace(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))), None);
        assert_eq!(trace(&format!("00-{id}-00f067aa0ba902b7-01-x")), None);
        assert_eq!(trace("garbage"), None);
    }
}
