//! Other applications that do a part of the same job, measured in the same run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::AssertSqlSafe;
use tokio::process::Command;

use super::service::{Bench, Flags};
use super::wrk::{Figures, Load, Runs, in_turn, milliseconds};
use crate::build::cargo;
use crate::progress::{Step, print};
use crate::run::Process;
use crate::servers::free_port;
use crate::{anchors, database, http};

/// Measures each in turn with the service and prints its figures, and how many times as fast the service is.
pub async fn compare(bench: &Bench<'_>, folder: &Path) -> Result<()> {
    let folder = anchors::folder(folder)?;
    let (service, reference) = (bench.service("on").await?, bench.reference(Flags::Deploy).await?);
    let one = format!("/api/v2/todos/{}", bench.todo);
    let creating = Load { script: Some("create.lua"), ..service.load("/api/v2/todos") };
    let pairs = [
        ("one todo", "/todos/1", service.load(&one)),
        ("page of 50", "/todos?limit=50", service.load("/api/v2/todos?limit=50")),
        (
            "page of 50, two filters",
            "/todos?status=pending&priority=high&limit=50",
            service.load("/api/v2/todos?status=pending&priority=high"),
        ),
        ("create", "/todos", creating),
        ("one todo; ours: the reference that asks Redis once", "/todos/1", reference.load("/script")),
    ];
    print(
        "\n| anchor | what | its requests/s | p50 ms | p99 ms | ours: requests/s | p50 ms | p99 ms | ours/its |\n\
         |---|---|---|---|---|---|---|---|---|",
    );
    for name in ["baseline", "optimized", "axum-native"] {
        let (listen, process) = start(bench, &folder, name).await?;
        for (what, path, ours) in pairs {
            let [its, ours] =
                in_turn([Load { server: listen, path, token: None, ..ours }, ours], bench.session).await?;
            row(name, what, &its, &ours);
        }
        process.stop().await;
    }
    reference.stop().await;
    service.stop().await;
    Ok(())
}

/// Starts one of the applications on a database of its own, and waits until it answers.
pub async fn start(bench: &Bench<'_>, folder: &Path, name: &'static str) -> Result<(SocketAddr, Process)> {
    let folder = anchors::folder(folder)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut command = if name == "axum-native" {
        let mut command = Command::new(native(bench, &folder).await?);
        command.env("PORT", listen.port().to_string()).stdin(std::process::Stdio::null());
        command
    } else {
        anchors::uvicorn(&anchors::python(bench.session).await?, &folder, name, listen.port())
    };
    let (database, redis) = fresh(bench, &folder).await?;
    command.env("ANCHOR_DB", database).env("ANCHOR_REDIS", redis);
    let process = bench.session.processes.start(name, command, Signal::TERM)?;
    answers(listen).await.with_context(|| format!("{name} does not answer"))?;
    Ok((listen, process))
}

fn row(name: &str, what: &str, its: &Runs, ours: &Runs) {
    let figures = [its, ours].map(|runs| {
        let Figures { requests, median, p99, .. } = runs.typical();
        format!("{requests:.0} | {} | {}", milliseconds(median), milliseconds(p99))
    });
    print(format!("| {name} | {what} | {} | {:.1} |", figures.join(" | "), ours.times(its)));
}

/// A database with the anchors' own schema, and the URLs of both servers.
pub async fn fresh(bench: &Bench<'_>, folder: &Path) -> Result<(String, String)> {
    let postgres = bench.servers.postgres.as_ref().context("there is no Postgres")?;
    let redis = bench.servers.redis.as_ref().context("there is no Redis")?;
    postgres.create_database("anchor").await?;
    let url = postgres.url("anchor");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).context("schema.sql cannot be read")?;
    // The folder is the user's own choice, like any program that they start.
    sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut database::connect(&url).await?).await?;
    Ok((url.replace("postgres://", "postgresql://"), format!("{}/1", redis.url())))
}

pub async fn answers(listen: SocketAddr) -> Result<()> {
    for _ in 0..300 {
        if http::status(listen, "/todos/1").await == Some(200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("GET /todos/1 was not answered with 200 for half a minute")
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
