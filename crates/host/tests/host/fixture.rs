//! Applications made of the probe component.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use todo_host::{Captured, Counters, Host, Options, Output};

use crate::client::{Answer, send};

/// A running application: `probe` on every path, `hidden` private, both the same component.
pub struct Fixture {
    pub host: Host,
    pub output: Captured,
}

/// What a test may change.
#[derive(Default)]
pub struct Setup<'a> {
    /// What the probe may reach.
    pub allowed: &'a [&'a str],
    /// More of the manifest.
    pub manifest: &'a str,
    /// How to run it; the manifest and the output are replaced.
    pub options: Options,
}

impl Fixture {
    /// An application that may reach the test's Postgres and Redis, and `hidden`.
    pub async fn new() -> Self {
        Self::start(Setup {
            allowed: &["postgres://*:*", "redis://*:*", "http://hidden.spin.internal"],
            ..Setup::default()
        })
        .await
    }

    pub async fn start(setup: Setup<'_>) -> Self {
        let source = probe();
        let text = format!(
            r#"spin_manifest_version = 2
[application]
name = "fixture"
[[trigger.http]]
route = "/..."
component = "probe"
[[trigger.http]]
route = {{ private = true }}
component = "hidden"
[component.hidden]
source = {source:?}
[component.probe]
source = {source:?}
allowed_outbound_hosts = {allowed:?}
{more}
"#,
            allowed = setup.allowed,
            more = setup.manifest,
        );
        let output = Captured::default();
        let host = Host::start(Options {
            manifest: manifest(&text),
            output: Output::Capture(output.clone()),
            ..setup.options
        })
        .await
        .unwrap();
        Self { host, output }
    }

    pub fn address(&self) -> SocketAddr {
        self.host.url().trim_start_matches("http://").parse().unwrap()
    }

    /// Sends a request with a JSON body.
    pub async fn send(&self, path: &str, input: Value) -> Answer {
        let answer = send(self.address(), path, &[], Bytes::from(input.to_string())).await;
        answer.expect("the connection broke")
    }

    /// Sends a request and reads its JSON answer.
    pub async fn ask(&self, path: &str, input: Value) -> Value {
        self.send(path, input).await.json()
    }

    /// Runs statements on one connection.
    pub async fn postgres(&self, statements: Value) -> Value {
        self.ask("/postgres", json!({ "address": database_url(), "do": statements })).await
    }

    /// Runs commands on one connection.
    pub async fn redis(&self, commands: Value) -> Value {
        self.ask("/redis", json!({ "address": redis_url(), "do": commands })).await
    }

    pub fn counters(&self) -> Counters {
        self.host.counters()
    }
}

/// The probe's file.
pub fn probe() -> PathBuf {
    let path = match std::env::var_os("TODO_HOST_PROBE") {
        Some(path) => PathBuf::from(path),
        None => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm/wasm32-wasip2/release/todo_host_probe.wasm")
        }
    };
    assert!(path.is_file(), "there is no {}: `cargo xtask test` builds it, or set TODO_HOST_PROBE", path.display());
    path.canonicalize().unwrap()
}

/// Writes a manifest to a file of its own.
pub fn manifest(text: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("spin-{}-{number}.toml", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub fn database_url() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL must name a Postgres that the tests may use")
}

pub fn redis_url() -> String {
    std::env::var("REDIS_URL").expect("REDIS_URL must name a Redis that the tests may use")
}

/// A key or name that no other test uses.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}
