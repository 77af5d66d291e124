//! `cargo xtask test`: every test of the workspace against fresh, private servers; or the black-box suite alone against a
//! server that is already running.

use std::process::{ExitCode, ExitStatus};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::build::{COMPONENTS, FIXTURES, SERVICE, cargo, components};
use crate::progress::say;
use crate::servers::{Keep, Servers, Wanted};
use crate::token::{self, Scope};
use crate::{Session, database, migrate};

/// The databases of test runs, so that those of crashed runs are recognised.
const DATABASES: &str = "todo_test_";

#[derive(clap::Args)]
pub struct Args {
    /// Run only the black-box suite, against the server at this URL.
    #[arg(long, value_name = "URL", requires = "token")]
    base_url: Option<String>,
    /// A token of that server with the scope `admin` (printed by `cargo xtask token create`).
    #[arg(long, env = "TODO_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Arguments for `cargo test`, after `--`; a second `--` separates those of the test runner.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if let (Some(url), Some(token)) = (&args.base_url, &args.token) {
        let mut command = cargo();
        command.arg("test").args(SERVICE).args(["--test", "api"]).args(&args.arguments);
        command.env("TODO_BASE_URL", url).env("TODO_ADMIN_TOKEN", token);
        return test(session, command).await;
    }
    let servers = Servers::start(session, "test", Keep::Nothing, Wanted { postgres: true, redis: true }).await?;
    let postgres = servers.postgres.as_ref().context("there is no Postgres")?;
    postgres.drop_databases(DATABASES).await?;
    let name = format!("{DATABASES}{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    postgres.create_database(&name).await?;
    let url = postgres.url(&name);
    migrate::apply(&session.checkout, &url).await?;
    components(session, &COMPONENTS).await?;
    components(session, &FIXTURES).await?;

    let mut connection = database::connect(&url).await?;
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let token = token::create(&mut connection, "default", "cargo xtask test", &all, None).await?;
    say("running the tests (their first build takes minutes: wasmtime and its compiler)");
    // Examples in the documentation before the rest: their runner ends with a line of its own for each package, mostly
    // about none.
    let everything: [&[&str]; 3] = [
        &["--package", "xtask"],
        &[SERVICE.as_slice(), &["--doc"]].concat(),
        &[SERVICE.as_slice(), &["--lib", "--bins", "--tests"]].concat(),
    ];
    let parts: &[&[&str]] = if args.arguments.is_empty() { &everything } else { &[&SERVICE] };
    let mut code = ExitCode::SUCCESS;
    for part in parts {
        let mut command = cargo();
        command.arg("test").args(*part).args(&args.arguments);
        command.env("DATABASE_URL", &url).env("TODO_ADMIN_TOKEN", &token).env_remove("TODO_BASE_URL");
        match &servers.redis {
            Some(redis) => command.env("REDIS_URL", redis.url()),
            None => command.env_remove("REDIS_URL"),
        };
        code = test(session, command).await?;
        if code != ExitCode::SUCCESS {
            break;
        }
    }
    Ok(code)
}

/// The documentation pages in a browser, on fresh, private servers or on a server that is already running.
pub async fn browser(session: &Session, base_url: Option<String>, token: Option<String>) -> Result<ExitCode> {
    let suite = ["--test", "browser", "--", "--ignored", "--nocapture"];
    if let (Some(url), Some(token)) = (base_url, token) {
        let mut command = cargo();
        command.arg("test").args(SERVICE).args(suite);
        command.env("TODO_BASE_URL", url).env("TODO_ADMIN_TOKEN", token);
        return test(session, command).await;
    }
    let arguments = suite.map(str::to_owned).to_vec();
    main(session, &Args { base_url: None, token: None, arguments }).await
}

/// Runs `cargo test`. Its last lines are to be the last that anybody sees, so nothing is said afterwards.
async fn test(session: &Session, mut command: Command) -> Result<ExitCode> {
    command.current_dir(session.checkout.root());
    let status = session.processes.run("cargo test", command).await?;
    Ok(faithful(status))
}

/// The same exit code; a runner that a signal ended has failed.
fn faithful(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
