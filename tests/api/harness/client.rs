//! Sends requests and records them.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;

use super::{Answer, Server, mcp, record};

/// Talks to a server, with a token or without.
#[derive(Clone)]
pub struct Client {
    /// The server.
    pub server: Arc<Server>,
    /// The bearer token.
    pub token: Option<String>,
}

impl Client {
    /// A client of `server`.
    pub fn new(server: Arc<Server>, token: Option<String>) -> Self {
        Self { server, token }
    }

    /// Begins a request.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = Call { server: self.server.clone(), method, path: path.to_owned(), headers: Vec::new(), body: None };
        match &self.token {
            Some(token) => call.header("authorization", format!("Bearer {token}")),
            None => call,
        }
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// Begins a POST.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// Begins a PUT.
    pub fn put(&self, path: &str) -> Call {
        self.call("PUT", path)
    }

    /// Begins a PATCH.
    pub fn patch(&self, path: &str) -> Call {
        self.call("PATCH", path)
    }

    /// Begins a DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }
}

/// A request under construction.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    server: Arc<Server>,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<reqwest::Body>,
}

impl Call {
    /// With a header.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// With a JSON body; a PATCH calls it a merge patch.
    pub fn json(self, body: Value) -> Self {
        let media = if self.method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        self.body(media, body.to_string())
    }

    /// With a body of any kind.
    pub fn body(mut self, media: &str, body: impl Into<reqwest::Body>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", media)
    }

    /// With query parameters, percent-encoded.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        for (name, value) in pairs {
            let joint = if self.path.contains('?') { '&' } else { '?' };
            self.path = format!("{}{joint}{}={}", self.path, encode(name), encode(value));
        }
        self
    }

    /// Sends it. Fails the test if no answer comes.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().await.unwrap_or_else(|error| panic!("no answer to {what}: {error:?}"))
    }

    /// Sends it; the connection may break.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let Self { server, method, path, headers, body } = self;
        let message = body.as_ref().filter(|_| path == "/mcp").and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec);
        let url = server.next_url();
        let mut request = server.http.request(method.clone(), format!("{url}{path}"));
        // The name by which clients know all replicas, as a balancer leaves it.
        if url != server.url && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", server.url.trim_start_matches("http://"));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await?;
        let answer = Answer { method: method.to_string(), path, status, headers, body };
        record::note(&answer);
        if let Some(message) = message {
            mcp::check_output(&message, &answer);
        }
        Ok(answer)
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
