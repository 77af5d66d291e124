//! `cargo xtask schemathesis`: generated requests against a service of its own, every answer compared with the published
//! documents. What counts as a violation is in `openapi/schemathesis.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::build::{COMPONENTS, components};
use crate::progress::{Step, say};
use crate::redis::Redis;
use crate::run::ask;
use crate::servers::{Keep, Servers, Wanted, free_port};
use crate::token::{self, Scope};
use crate::{Session, apt, database, migrate, up};

/// Pinned, because each release finds other things.
const PACKAGE: &str = "schemathesis==4.32.5";

#[derive(clap::Args)]
pub struct Args {
    /// The most generated cases of each operation and phase.
    #[arg(long, default_value_t = 50)]
    examples: u32,
    /// Begin with this seed, to repeat a run.
    #[arg(long)]
    seed: Option<u64>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let schemathesis = install(session).await?;
    let wanted = Wanted { postgres: true, redis: true, version: None };
    let servers = Servers::start(session, "schemathesis", Keep::Nothing, wanted).await?;
    let postgres = servers.postgres.as_ref().context("there is no Postgres")?;
    postgres.drop_databases("todo").await?;
    postgres.create_database("todo").await?;
    let url = postgres.url("todo");
    migrate::apply(&session.checkout, &url).await?;
    let scopes = [Scope::Read, Scope::Write, Scope::Admin];
    let token = token::create(&mut database::connect(&url).await?, "default", "schemathesis", &scopes, None).await?;
    components(session, &COMPONENTS).await?;

    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let redis_url = servers.redis.as_ref().map(Redis::url).unwrap_or_default();
    up::serve_privately(session, listen, &up::settings(&url, &redis_url)?, &[("AUTH", "token")]).await?;

    let mut code = ExitCode::SUCCESS;
    for version in ["v1", "v2"] {
        say(&format!("schemathesis on {version}"));
        let mut command = Command::new(&schemathesis);
        command.current_dir(session.checkout.dev()).stdin(std::process::Stdio::null());
        command.arg("--config-file").arg(session.checkout.root().join("openapi/schemathesis.toml"));
        command.arg("run").arg(session.checkout.root().join(format!("openapi/{version}.json")));
        // One worker: with more, the parser of Python 3.11 trips over itself now and then.
        command.args(["--url", &format!("http://{listen}"), "--workers", "1"]);
        command.args(["--max-examples", &args.examples.to_string()]);
        if let Some(seed) = args.seed {
            command.args(["--seed", &seed.to_string()]);
        }
        // In the environment, where a list of processes does not show it.
        command.env("TODO_AUTHORIZATION", format!("Bearer {token}"));
        let status = session.processes.run("schemathesis", command).await?;
        if !status.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// A Python environment of its own under `target`; tells where the program is.
async fn install(session: &Session) -> Result<PathBuf> {
    let folder = session.checkout.root().join("target/schemathesis");
    let program = folder.join("bin/schemathesis");
    let installed = std::fs::read_to_string(folder.join("installed")).unwrap_or_default();
    if installed == PACKAGE && program.is_file() {
        return Ok(program);
    }
    // Debian's Python comes without what fills a new environment.
    if ask("python3", &["-c", "import venv, ensurepip"]).await.is_none() {
        apt::install(session, &["python3-venv"], "Python 3 with venv").await?;
    }
    let step = Step::begin(format!("installing {PACKAGE} under target/"));
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(&folder);
    session.processes.succeed("python3 -m venv", command).await?;
    let mut command = Command::new(folder.join("bin/pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    session.processes.succeed("pip install", command).await?;
    std::fs::write(folder.join("installed"), PACKAGE)?;
    step.done();
    Ok(program)
}
