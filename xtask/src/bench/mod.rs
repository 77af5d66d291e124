//! `cargo xtask bench`: how fast the service is, each figure beside that of an empty route of the same run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::process::Command;

use crate::build::{COMPONENTS, SERVICE, cargo, components};
use crate::progress::{Step, print};
use crate::run::Process;
use crate::servers::{Keep, Servers, Wanted, free_port, on_path};
use crate::token::{self, Scope};
use crate::{Session, apt, database, http, migrate, seed, up};

/// Todos in the measured workspace.
const TODOS: u32 = 10_000;
/// As many as a busy proxy keeps open.
const CONNECTIONS: &str = "32";

#[derive(clap::Args)]
pub struct Args {
    /// The cargo profile of the host.
    #[arg(long, default_value = "native")]
    profile: String,
    /// How long each figure is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

/// What wrk found.
struct Figures {
    requests: f64,
    median: String,
    p99: String,
    refused: u64,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if on_path("wrk").is_none() {
        apt::install(session, &["wrk"], "the load generator of the measurements").await?;
    }
    let wanted = Wanted { postgres: true, redis: true };
    let servers = Servers::start(session, "bench", Keep::Nothing, wanted).await?;
    let (Some(postgres), Some(redis)) = (&servers.postgres, &servers.redis) else { bail!("there are no servers") };
    postgres.create_database("todo").await?;
    let database_url = postgres.url("todo");
    migrate::apply(&session.checkout, &database_url).await?;
    components(session, &COMPONENTS).await?;
    let host = host(session, &args.profile).await?;
    let mut connection = database::connect(&database_url).await?;
    seed::fill(&mut connection, "bench", TODOS).await?;
    let token = token::create(&mut connection, "bench", "bench", &[Scope::Read, Scope::Write], None).await?;
    let id: String =
        sqlx::query_scalar("select uid::text from todos order by id limit 1").fetch_one(&mut connection).await?;

    print(format!("host profile {}, {} connections, {} s each\n", args.profile, CONNECTIONS, args.seconds));
    print("| what | requests/s | of empty | p50 | p99 | not 2xx | resident MB |\n|---|---|---|---|---|---|---|");
    let mut empty = None;
    for cache in ["on", "off"] {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let service = serve(session, &host, listen, &database_url, &redis.url(), cache).await?;
        let suffix = if cache == "on" { "cached" } else { "uncached" };
        let point = format!("/api/v2/todos/{id}");
        let mut rows = vec![
            ("empty route".to_owned(), "/health/live".to_owned(), false),
            (format!("one todo, {suffix}"), point, false),
            (format!("page of 50, {suffix}"), "/api/v2/todos?limit=50".to_owned(), false),
            (
                format!("page of 50, two filters, {suffix}"),
                "/api/v2/todos?status=pending&priority=high".to_owned(),
                false,
            ),
        ];
        if cache == "on" {
            rows.push(("create".to_owned(), "/api/v2/todos".to_owned(), true));
        }
        for (name, path, create) in rows {
            let figures = wrk(session, listen, &path, &token, create, args.seconds).await?;
            let of_empty = figures.requests / *empty.get_or_insert(figures.requests);
            print(format!(
                "| {name} | {:.0} | {of_empty:.2} | {} | {} | {} | {} |",
                figures.requests,
                figures.median,
                figures.p99,
                figures.refused,
                service.resident_megabytes().map_or("?".to_owned(), |megabytes| megabytes.to_string()),
            ));
        }
        service.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the host; tells where it is.
async fn host(session: &Session, profile: &str) -> Result<PathBuf> {
    let step = Step::begin(format!("building the host with the profile {profile}"));
    let mut command = cargo();
    command.current_dir(session.checkout.root());
    command.arg("build").args(SERVICE).args(["--bin", "todo-host", "--profile", profile]);
    session.processes.succeed("cargo build", command).await?;
    step.done();
    let own = std::env::current_exe().context("xtask cannot find its own binary")?;
    let target = own.ancestors().nth(2).context("xtask is not in a target folder")?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(folder).join("todo-host"))
}

/// Starts the service and waits until it is ready.
async fn serve(
    session: &Session,
    host: &std::path::Path,
    listen: SocketAddr,
    database_url: &str,
    redis_url: &str,
    cache: &str,
) -> Result<Process> {
    let mut command = Command::new(host);
    command.current_dir(session.checkout.root()).stdin(std::process::Stdio::null());
    command.args(["up", "--from", "spin.toml", "--quiet", "--listen", &listen.to_string()]);
    for (key, value) in up::settings(database_url, redis_url)? {
        command.env(format!("SPIN_VARIABLE_{key}"), value);
    }
    for (key, value) in [("AUTH", "token"), ("CACHE", cache), ("LOG_LEVEL", "warn")] {
        command.env(format!("SPIN_VARIABLE_{key}"), value);
    }
    for class in ["DEFAULT", "AUTHENTICATED", "WRITES", "AUTHENTICATED_WRITES", "AUTH_FAILURES"] {
        command.env(format!("SPIN_VARIABLE_RATE_LIMIT_{class}"), "0");
    }
    let service = session.processes.start("the service", command, Signal::INT)?;
    for _ in 0..600 {
        if http::status(listen, "/health/ready").await == Some(200) {
            return Ok(service);
        }
        if let Some(status) = service.ended() {
            bail!("the service ended before it answered ({status})");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the service is not ready after a minute")
}

async fn wrk(
    session: &Session,
    listen: SocketAddr,
    path: &str,
    token: &str,
    create: bool,
    seconds: u32,
) -> Result<Figures> {
    let mut command = Command::new("wrk");
    command.current_dir(session.checkout.root());
    command.args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s"), "--latency"]);
    command.args(["-H", &format!("authorization: Bearer {token}")]);
    if create {
        command.args(["-s", "bench/create.lua"]);
    }
    command.arg(format!("http://{listen}{path}")).kill_on_drop(true);
    let output = command.output().await.context("wrk cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).with_context(|| format!("wrk said something else than expected:\n{text}"))
}

/// Reads wrk's report.
fn read(text: &str) -> Option<Figures> {
    let after = |label: &str| {
        let line = text.lines().map(str::trim).find(|line| line.starts_with(label))?;
        line.strip_prefix(label).map(|rest| rest.trim().to_owned())
    };
    Some(Figures {
        requests: after("Requests/sec:")?.parse().ok()?,
        median: after("50%")?,
        p99: after("99%")?,
        refused: after("Non-2xx or 3xx responses:").and_then(|count| count.parse().ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_wrk_is_read() {
        let report = "  Latency Distribution\n     50%    3.10ms\n     99%   9.04ms\n  51 requests in 5s\n\
                      \x20 Non-2xx or 3xx responses: 7\nRequests/sec:   9876.54\n";
        let figures = read(report).unwrap();
        assert_eq!((figures.median.as_str(), figures.p99.as_str(), figures.refused), ("3.10ms", "9.04ms", 7));
        assert!((figures.requests - 9876.54).abs() < 0.001);
        assert!(read("nothing").is_none());
    }
}
