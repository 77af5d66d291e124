//! Other applications that do a part of the same job: to measure beside the service, and to compare answers with.
//!
//! Their folder holds `schema.sql`, `fastapi/models.py`, `fastapi/baseline.py` (the application that this service
//! replaces), `fastapi/optimized.py` (the same after its owners' plan) and a Rust package `axum-native`. They are told
//! where Postgres and Redis are by `ANCHOR_DB` and `ANCHOR_REDIS`, and serve `/todos` and `/todos/{id}`. Nothing is
//! written into the folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::progress::Step;
use crate::{Session, python};

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

/// The folder, by a path that does not depend on where a program runs.
pub fn folder(given: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(given).with_context(|| format!("{} is not there", given.display()))
}

/// The programs of a Python environment with the applications' libraries.
pub async fn python(session: &Session) -> Result<PathBuf> {
    let folder = session.checkout.dev().join("anchors-python");
    if folder.join("bin/uvicorn").is_file() {
        return Ok(folder.join("bin"));
    }
    let step = Step::begin("installing the anchors' Python libraries under target/");
    python::environment(session, &folder, &PACKAGES).await?;
    step.done();
    Ok(folder.join("bin"))
}

/// The command that serves `fastapi/<name>.py` on this port.
pub fn uvicorn(python: &Path, folder: &Path, name: &str, port: u16) -> Command {
    let mut command = Command::new(python.join("uvicorn"));
    command.current_dir(folder.join("fastapi")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args([&format!("{name}:app"), "--port", &port.to_string(), "--log-level", "warning"]);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    command
}
