//! The service whose pages are looked at, and a workspace in it.

use std::net::SocketAddr;
use std::path::PathBuf;

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A running service.
pub struct Service {
    /// Scheme and authority, without a slash at the end.
    pub url: String,
    /// A token that may read and write in a workspace of the check's own.
    pub token: String,
    http: Client,
    host: Option<todo_host::Host>,
}

impl Service {
    /// The server of `TODO_BASE_URL`, or one of our own on the database of `DATABASE_URL`.
    pub async fn start() -> Self {
        let admin = variable("TODO_ADMIN_TOKEN").expect("TODO_ADMIN_TOKEN is not set: run `cargo xtask docs-check`");
        let (url, host) = match variable("TODO_BASE_URL") {
            Some(url) => (url, None),
            None => {
                let host = embedded("staging", "token").await;
                (host.url(), Some(host))
            }
        };
        let http = Client::builder().no_proxy().build().unwrap();
        let mut service = Self { url: url.trim_end_matches('/').to_owned(), token: admin, http, host };
        service.token = service.own_token().await;
        service
    }

    /// A JSON document, read with the token.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    /// Stops the server if it is ours.
    pub async fn stop(self) {
        if let Some(host) = self.host {
            host.shutdown().await;
        }
    }

    async fn own_token(&self) -> String {
        let name = format!("documentation check {}", std::process::id());
        let workspace = self.call(Method::POST, "/api/v2/admin/workspaces", Some(json!({ "name": name }))).await;
        let token = json!({
            "workspace_id": workspace["id"],
            "name": name,
            "scopes": ["todos:read", "todos:write"],
            "expires_at": null,
        });
        let token = self.call(Method::POST, "/api/v2/admin/tokens", Some(token)).await;
        token["token"].as_str().expect("a new token is shown once").to_owned()
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("no answer to {path}: {error:?}"));
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path} is not JSON: {error}"))
    }
}

/// A server of our own, in an environment, that wants tokens or none (`auth`).
pub async fn embedded(environment: &str, auth: &str) -> todo_host::Host {
    let database = variable("DATABASE_URL").expect("DATABASE_URL is not set: run `cargo xtask docs-check`");
    let redis = variable("REDIS_URL").unwrap_or_default();
    let mut variables = vec![
        ("environment", environment.to_owned()),
        ("auth", auth.to_owned()),
        ("database_url", database.clone()),
        ("redis_url", redis.clone()),
        ("log_level", "error".to_owned()),
    ];
    let (host, port) = authority(&database, "5432");
    variables.extend([("database_host", host), ("database_port", port)]);
    if !redis.is_empty() {
        let (host, port) = authority(&redis, "6379");
        variables.extend([("redis_host", host), ("redis_port", port)]);
    }
    todo_host::Host::start(todo_host::Options {
        manifest: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spin.toml"),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..todo_host::Options::default()
    })
    .await
    .unwrap_or_else(|error| panic!("the server does not start: {error:?}"))
}

/// Host and port of a URL.
fn authority(url: &str, port: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, port));
    (host.to_owned(), port.to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
