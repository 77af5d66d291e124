//! Other applications that do a part of the same job, measured in the same run.
//!
//! The folder holds `schema.sql`, `fastapi/baseline.py`, `fastapi/optimized.py` and a Rust package `axum-native`. They are
//! told where Postgres and Redis are by `ANCHOR_DB` and `ANCHOR_REDIS`, and serve `/todos` and `/todos/{id}`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::AssertSqlSafe;
use tokio::process::Command;

use super::service::Bench;
use super::speed::Comparable;
use super::wrk::{CONNECTIONS, Figures, Load};
use crate::build::cargo;
use crate::progress::{Step, print};
use crate::servers::free_port;
use crate::{database, http};

/// What the applications in Python import.
const PACKAGES: [&str; 9] = [
    "fastapi",
    "uvicorn[standard]",
    "sqlalchemy[asyncio]",
    "psycopg2-binary",
    "asyncpg",
    "redis[hiredis]",
    "orjson",
    "bleach",
    "structlog",
];

/// Measures them one after the other and prints our figures as multiples of theirs.
pub async fn compare(bench: &Bench<'_>, folder: &Path, ours: &Comparable) -> Result<()> {
    let folder = std::fs::canonicalize(folder).with_context(|| format!("{} is not there", folder.display()))?;
    let python = python(bench).await?;
    let native = native(bench, &folder).await?;
    print("\n| anchor | what | requests/s | p50 ms | p99 ms | ours / it |\n|---|---|---|---|---|---|");
    for name in ["baseline", "optimized", "axum-native"] {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let port = listen.port().to_string();
        let mut command = if name == "axum-native" {
            let mut command = Command::new(&native);
            command.env("PORT", &port);
            command
        } else {
            let mut command = Command::new(python.join("bin/uvicorn"));
            command.current_dir(folder.join("fastapi")).env("PYTHONDONTWRITEBYTECODE", "1");
            command.args([&format!("{name}:app"), "--port", &port, "--log-level", "warning"]);
            command.stdout(std::process::Stdio::null());
            command
        };
        let (database, redis) = fresh(bench, &folder).await?;
        command.env("ANCHOR_DB", database).env("ANCHOR_REDIS", redis).stdin(std::process::Stdio::null());
        let process = bench.session.processes.start(name, command, Signal::TERM)?;
        answers(listen).await.with_context(|| format!("{name} does not answer"))?;
        for (what, path, ours) in [
            ("one todo", "/todos/1", &ours.one),
            ("page of 50", "/todos?limit=50", &ours.page),
            ("page of 50, two filters", "/todos?status=pending&priority=high&limit=50", &ours.filtered),
            ("create", "/todos", &ours.create),
        ] {
            let script = (what == "create").then_some("create.lua");
            let seconds = bench.seconds;
            let load = Load { server: listen, path, token: None, script, connections: CONNECTIONS, seconds };
            row(name, what, &load.run(bench.session).await?, ours);
        }
        process.stop().await;
    }
    Ok(())
}

fn row(name: &str, what: &str, figures: &Figures, ours: &Figures) {
    print(format!(
        "| {name} | {what} | {:.0} | {:.2} | {:.2} | {:.1} |",
        figures.requests,
        figures.median.as_secs_f64() * 1000.0,
        figures.p99.as_secs_f64() * 1000.0,
        ours.requests / figures.requests,
    ));
}

/// A database with the anchors' own schema, and the URLs of both servers.
async fn fresh(bench: &Bench<'_>, folder: &Path) -> Result<(String, String)> {
    let postgres = bench.servers.postgres.as_ref().context("there is no Postgres")?;
    let redis = bench.servers.redis.as_ref().context("there is no Redis")?;
    postgres.create_database("anchor").await?;
    let url = postgres.url("anchor");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).context("schema.sql cannot be read")?;
    // The folder is the user's own choice, like any program that they start.
    sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut database::connect(&url).await?).await?;
    Ok((url.replace("postgres://", "postgresql://"), format!("{}/1", redis.url())))
}

async fn answers(listen: SocketAddr) -> Result<()> {
    for _ in 0..300 {
        if http::status(listen, "/todos/1").await == Some(200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("GET /todos/1 was not answered with 200 for half a minute")
}

/// A Python environment with the applications' libraries.
async fn python(bench: &Bench<'_>) -> Result<PathBuf> {
    let folder = bench.session.checkout.dev().join("anchors-python");
    if folder.join("bin/uvicorn").is_file() {
        return Ok(folder);
    }
    let step = Step::begin("installing the anchors' Python libraries under target/");
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(&folder);
    bench.session.processes.succeed("python3 -m venv", command).await.context("Python 3 with venv is needed")?;
    let mut command = Command::new(folder.join("bin/pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    bench.session.processes.succeed("pip install", command).await?;
    step.done();
    Ok(folder)
}

/// The native application, built outside its folder.
async fn native(bench: &Bench<'_>, folder: &Path) -> Result<PathBuf> {
    let target = bench.session.checkout.dev().join("anchors-native");
    let step = Step::begin("building axum-native");
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--manifest-path"]).arg(folder.join("axum-native/Cargo.toml"));
    command.arg("--target-dir").arg(&target).current_dir(bench.session.checkout.root());
    bench.session.processes.succeed("cargo build", command).await?;
    step.done();
    Ok(target.join("release/axum-native"))
}
