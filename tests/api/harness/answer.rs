//! An answer, and assertions that read like sentences and show the whole answer when they fail.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What came back.
#[derive(Clone)]
pub struct Answer {
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, as sent (perhaps compressed).
    pub body: bytes::Bytes,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} answered {}", self.method, self.path, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "  {}", body.chars().take(3000).collect::<String>())
    }
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub fn has_status(&self, status: u16) -> &Self {
        assert!(self.status == status, "expected status {status}, but {self}");
        self
    }

    /// Whether the service says that something which it needs is away or took too long, or the host that an instance
    /// has died: that answer has no request id.
    pub fn is_away(&self) -> bool {
        matches!(self.status, 503 | 504) || (self.status == 500 && self.optional("x-request-id").is_none())
    }

    /// The JSON body of an answer with this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        self.has_status(status);
        assert!(self.media_type() == "application/json", "expected application/json, but {self}");
        self.value()
    }

    /// The JSON body of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        self.json(200)
    }

    /// The JSON body of a 201.
    #[track_caller]
    pub fn created(&self) -> Value {
        self.json(201)
    }

    /// Asserts 204 without a body.
    #[track_caller]
    pub fn no_content(&self) -> &Self {
        self.has_status(204);
        assert!(self.body.is_empty(), "expected no body, but {self}");
        self
    }

    /// The body as JSON, whatever the status.
    #[track_caller]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body is not JSON ({error}): {self}"))
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap_or_else(|_| panic!("the body is not UTF-8: {self}"))
    }

    /// A header field that must be there, once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("expected a header {name}, but {self}"));
        assert!(values.next().is_none(), "expected one header {name}, but {self}");
        value.to_str().unwrap_or_else(|_| panic!("the header {name} is not text: {self}"))
    }

    /// A header field that may be missing.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The strong entity tag.
    #[track_caller]
    pub fn etag(&self) -> String {
        let tag = self.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "expected a strong ETag, but {self}");
        tag
    }

    /// The media type without parameters.
    pub fn media_type(&self) -> &str {
        self.optional("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }

    /// Asserts a complete problem document (RFC 9457) with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Problem {
        self.has_status(status);
        assert!(self.media_type() == "application/problem+json", "expected application/problem+json, but {self}");
        let value = self.value();
        assert!(value["code"] == code, "expected the code {code}, but {self}");
        assert!(value["status"] == status, "expected the status inside the problem, but {self}");
        let url = value["type"].as_str().unwrap_or_default();
        assert!(url.contains("://") && url.contains("/docs/"), "expected an absolute, documented type, but {self}");
        for member in ["title", "detail"] {
            assert!(value[member].as_str().is_some_and(|text| !text.is_empty()), "expected a {member}, but {self}");
        }
        let instance = format!("/requests/{}", self.header("x-request-id"));
        assert!(value["instance"] == instance.as_str(), "expected the instance {instance}, but {self}");
        if let Some(seconds) = self.optional("retry-after") {
            let seconds: i64 = seconds.parse().unwrap();
            assert!(value["retry_after"] == seconds, "expected the header Retry-After inside, too, but {self}");
        }
        let known = ["type", "title", "status", "detail", "instance", "code", "retry_after", "errors"];
        for name in value.as_object().unwrap().keys() {
            assert!(known.contains(&name.as_str()), "unexpected member {name}: {self}");
        }
        let faults = value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        for fault in faults {
            let place = (fault["pointer"].is_string(), fault["parameter"].is_string());
            assert!(place.0 != place.1, "expected either a pointer or a parameter, but {self}");
            assert!(fault["code"].is_string() && fault["detail"].is_string(), "expected code and detail, but {self}");
        }
        Problem { value, answer: self.clone() }
    }

    /// Asserts v1's error envelope, exactly, and returns the message.
    #[track_caller]
    pub fn v1_error(&self, status: u16, code: &str) -> String {
        self.has_status(status);
        assert!(self.media_type() == "application/json", "expected application/json, but {self}");
        let value = self.value();
        assert!(value["error"]["code"] == code, "expected the code {code}, but {self}");
        let keys =
            |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let mut inner = keys(&value["error"]);
        inner.sort();
        assert!(keys(&value) == ["error"] && inner == ["code", "message", "timestamp"], "not the envelope: {self}");
        let stamp = value["error"]["timestamp"].as_str().unwrap_or_default();
        assert!(stamp.len() >= 20 && stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T', "not an instant: {self}");
        let message = value["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "expected a message, but {self}");
        message.to_owned()
    }
}

/// A problem document that has been found well-formed.
pub struct Problem {
    /// The document.
    pub value: Value,
    answer: Answer,
}

impl Problem {
    /// Asserts that a fault with this code stands at this JSON Pointer.
    #[track_caller]
    pub fn at(&self, pointer: &str, code: &str) -> &Self {
        let found = self.faults().iter().any(|fault| fault["pointer"] == pointer && fault["code"] == code);
        assert!(found, "expected {code} at {pointer}, but {}", self.answer);
        self
    }

    /// Asserts that a fault stands at this parameter.
    #[track_caller]
    pub fn in_parameter(&self, name: &str) -> &Self {
        let found = self.faults().iter().any(|fault| fault["parameter"] == name);
        assert!(found, "expected a fault in the parameter {name}, but {}", self.answer);
        self
    }

    /// Asserts the number of faults.
    #[track_caller]
    pub fn faults_are(&self, count: usize) -> &Self {
        assert!(self.faults().len() == count, "expected {count} faults, but {}", self.answer);
        self
    }

    /// The faults.
    pub fn faults(&self) -> &[Value] {
        self.value["errors"].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}
