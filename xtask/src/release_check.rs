//! `cargo xtask release-check`: what a team does with a release, on this machine alone: `spin doctor`, `spin build`,
//! `spin registry push` to a registry, `spin up --from` it, and requests that reach every component.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::progress::say;
use crate::run::ask;
use crate::servers::{free_port, tail};
use crate::token::Scope;
use crate::{Session, apt, http, up};

/// How long the registry may take to answer, and a job to end.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// Say so and succeed where Spin is missing or the registry cannot be fetched.
    #[arg(long)]
    if_installable: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let found = async {
        up::choose(Some(up::Host::Spin)).await?;
        apt::program(session, "docker-registry", "docker-registry").await
    };
    let registry = match found.await {
        Ok(registry) => registry,
        Err(error) if args.if_installable => {
            say(&format!("skipped: {error:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    let private = up::private(session, "release-check", &[Scope::Read, Scope::Write]).await?;
    let folder = private.folder().join("release");
    // Of an earlier run. What is pulled has to come from the registry.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;

    let manifest = session.checkout.root().join("spin.toml");
    let advice = ask("spin", &["doctor", "--from", &manifest.to_string_lossy()]).await.unwrap_or_default();
    if !advice.contains("No problems found") {
        bail!("spin doctor is not content with spin.toml:\n{advice}");
    }
    let registry = serve_registry(session, &registry, &folder).await?;
    let reference = format!("{registry}/todo:check");
    spin(session, "spin build", &["build"]).await?;
    let cache = folder.join("pushed");
    let push = ["registry", "push", "--insecure", "--cache-dir", &cache.to_string_lossy(), &reference];
    spin(session, "spin registry push", &push).await?;

    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut host = Command::new("spin");
    up::serve(session, &mut host, &reference, listen, &private.settings);
    // Elsewhere than where the application was built.
    host.current_dir(&folder).env("SPIN_VARIABLE_AUTH", "token");
    host.arg("--insecure").arg("--cache-dir").arg(folder.join("pulled")).arg("--state-dir").arg(folder.join("state"));
    up::started(session, host, listen).await?;
    smoke(listen, &private.token).await?;
    say(&format!(
        "the application that was pushed to {registry} and pulled from it serves: API, worker and documentation"
    ));
    Ok(ExitCode::SUCCESS)
}

async fn spin(session: &Session, name: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("spin");
    command.current_dir(session.checkout.root()).args(arguments).stdin(std::process::Stdio::null());
    session.processes.succeed(name, command).await
}

/// Starts a registry that keeps everything in the folder and asks nobody who they are; tells where it listens.
async fn serve_registry(session: &Session, program: &Path, folder: &Path) -> Result<SocketAddr> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let (config, log) = (folder.join("registry.yml"), folder.join("registry.log"));
    let storage = json!({ "filesystem": { "rootdirectory": folder.join("registry") } });
    // JSON is YAML, too.
    let text = json!({ "version": 0.1, "storage": storage, "http": { "addr": address.to_string() } });
    std::fs::write(&config, text.to_string())?;
    let mut command = Command::new(program);
    command.arg("serve").arg(config).stdin(std::process::Stdio::null());
    command.stdout(std::fs::File::create(&log)?).stderr(std::fs::File::options().append(true).open(&log)?);
    let registry = session.processes.start("docker-registry", command, Signal::TERM)?;
    let answers = async {
        while http::status(address, "/v2/").await != Some(200) {
            if registry.ended().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, answers).await.is_err() || registry.ended().is_some() {
        bail!("the registry does not answer; the end of its log:\n{}", tail(&log));
    }
    Ok(address)
}

/// A field that is a text, or an empty one.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A todo is made and read, a bulk change completes it, and the documentation is there.
async fn smoke(address: SocketAddr, token: &str) -> Result<()> {
    let ask = async |method: &str, path: &str, body: Option<Value>, wanted: u16| {
        let answer = http::ask(address, method, path, token, body.as_ref()).await;
        match answer.with_context(|| format!("{method} {path} is not answered"))? {
            (status, answer) if status == wanted => Ok(answer),
            (status, answer) => bail!("{method} {path} was answered with {status}: {answer}"),
        }
    };
    let health = ask("GET", "/health", None, 200).await?;
    if text(&health, "status") != "healthy" {
        bail!("GET /health tells {health}");
    }
    let todo = ask("POST", "/api/v2/todos", Some(json!({ "title": "Released" })), 201).await?;
    let path = format!("/api/v2/todos/{}", text(&todo, "id"));
    let change = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
    let job = ask("POST", "/api/v2/todos/bulk-process", Some(change), 202).await?;
    let job = format!("/api/v2/jobs/{}", text(&job, "job_id"));
    let worked = async {
        while text(&ask("GET", &job, None, 200).await?, "status") != "succeeded" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, worked).await.context("the bulk change does not end")??;
    let todo = ask("GET", &path, None, 200).await?;
    if (text(&todo, "title"), text(&todo, "status")) != ("Released", "completed") {
        bail!("the todo reads {todo}");
    }
    http::succeed(address, "GET", "/docs", None, None).await
}
