//! `cargo xtask up`: the whole service, from nothing to an answered request, until Ctrl-C.

mod host;
mod private;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::process::Command;

use crate::build::{COMPONENTS, components};
use crate::database::{self, URL_FILE, host_and_port};
use crate::postgres::Postgres;
use crate::progress::{duration, say};
use crate::run::Process;
use crate::servers::{Keep, Servers, Wanted, write_private};
use crate::{Session, http, migrate, token};
pub use host::{Host, choose, embedded};
pub use private::{private, serve_privately};

/// How long the service may take until it is ready. A host compiles the components at its first start, which is a
/// matter of seconds for a released Spin and of minutes for one that was built for debugging.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
pub struct Args {
    /// What runs the components: Spin (4.1 or newer), or the embedded todo-host. By default Spin if it is on the PATH.
    #[arg(long, value_enum)]
    host: Option<Host>,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Set a variable of spin.toml; may be repeated.
    #[arg(long = "variable", value_name = "KEY=VALUE")]
    variables: Vec<String>,
    /// A runtime-config file, for the host.
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<std::path::PathBuf>,
    /// Run without Redis.
    #[arg(long)]
    no_redis: bool,
    /// Use this Postgres instead of a private one.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// Use this Redis instead of a private one.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    redis_url: Option<String>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let began = Instant::now();
    // Before anything that takes minutes.
    refuse_taken(args.listen)?;
    let host = choose(args.host).await?;
    let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
    let (given_database, given_redis) = (given(&args.database_url), given(&args.redis_url));

    let wanted = Wanted {
        postgres: given_database.is_none(),
        redis: given_redis.is_none() && !args.no_redis,
        ..Wanted::default()
    };
    let servers = Servers::start(session, "up", Keep::Data, wanted).await?;
    let database_url = match (&servers.postgres, given_database) {
        (Some(postgres), _) => own_database(postgres).await?,
        (None, Some(url)) => url,
        (None, None) => bail!("there is no Postgres"),
    };
    let redis_url = match &servers.redis {
        _ if args.no_redis => String::new(),
        Some(redis) => redis.url(),
        None => given_redis.unwrap_or_default(),
    };
    if redis_url.is_empty() {
        say("running without Redis: nothing is cached, and rate limits count per instance");
    }
    migrate::apply(&session.checkout, &database_url).await?;
    let remembered = servers.folder.join(URL_FILE);
    write_private(&crate::account::Account::Ours, &remembered, &database_url)?;
    let _forget = Forget(&remembered);
    token::workspace(&mut database::connect(&database_url).await?, "default").await?;
    components(session, &COMPONENTS).await?;
    let mut command = match host {
        Host::Spin => Command::new("spin"),
        Host::Embedded => Command::new(embedded(session).await?),
    };

    serve(session, &mut command, APPLICATION, args.listen, &settings(&database_url, &redis_url)?);
    command.args(args.variables.iter().flat_map(|variable| ["--variable", variable]));
    if let Some(file) = &args.runtime_config_file {
        command.arg("--runtime-config-file").arg(std::path::absolute(file)?);
    }
    let service = started(session, command, args.listen).await?;
    say(&format!("ready after {} at http://{} - Ctrl-C stops everything", duration(began.elapsed()), args.listen));
    example(http::reachable(args.listen));

    // Whatever ends first ends `up`; the private servers are part of it.
    let mut ends: Vec<Process> = vec![service];
    ends.extend(servers.postgres.iter().map(|server| server.process.clone()));
    ends.extend(servers.redis.iter().map(|server| server.process.clone()));
    let first = first_to_end(&ends).await;
    bail!("{first}, so `up` ends")
}

fn refuse_taken(address: SocketAddr) -> Result<()> {
    std::net::TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: stop who does, or choose another address with --listen")
    })?;
    Ok(())
}

/// The database of a private server, which outlives `up`.
async fn own_database(postgres: &Postgres) -> Result<String> {
    postgres.create_database("todo").await?;
    set_former_aside(postgres).await?;
    Ok(postgres.url("todo"))
}

/// Begins anew where the database was migrated by files from before the first release. It is kept under another name.
async fn set_former_aside(postgres: &Postgres) -> Result<()> {
    if !migrate::is_former(&mut database::connect(&postgres.url("todo")).await?).await? {
        return Ok(());
    }
    let kept = format!("todo_former_{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    say(&format!(
        "the database was migrated before the first release, by files that one baseline has replaced: beginning anew \
         with an empty one. It is kept as `{kept}` of the same server"
    ));
    postgres.rename_database("todo", &kept).await?;
    postgres.create_database("todo").await
}

const APPLICATION: &str = "spin.toml";

/// What a host is told about its instances, here and in `deploy/`: to keep them.
pub const REUSE: [&str; 4] = ["--max-instance-reuse-count", "1000", "--idle-instance-timeout", "60s"];

/// Makes a host serve an application, ours or one in a registry, told where the servers are. By the environment, not by
/// flags: a list of processes shows those, with the passwords in the URLs.
pub fn serve(
    session: &Session,
    host: &mut Command,
    from: &str,
    listen: SocketAddr,
    servers: &[(&'static str, String)],
) {
    host.current_dir(session.checkout.root()).stdin(std::process::Stdio::null());
    host.args(["up", "--from", from, "--listen", &listen.to_string()]).args(REUSE);
    for (key, value) in servers {
        host.env(format!("SPIN_VARIABLE_{key}"), value);
    }
}

/// Starts a host and waits until it is ready.
pub async fn started(session: &Session, host: Command, listen: SocketAddr) -> Result<Process> {
    let service = session.processes.start("the service", host, Signal::INT)?;
    until_it_answers(&service, listen).await?;
    Ok(service)
}

/// The variables of `spin.toml` that say where the servers are.
pub fn settings(database_url: &str, redis_url: &str) -> Result<Vec<(&'static str, String)>> {
    let (host, port) = host_and_port(database_url, "DATABASE_URL", 5432)?;
    let mut settings = vec![
        ("DATABASE_URL", database_url.to_owned()),
        ("DATABASE_HOST", host),
        ("DATABASE_PORT", port.to_string()),
        ("REDIS_URL", redis_url.to_owned()),
    ];
    if !redis_url.is_empty() {
        let (host, port) = host_and_port(redis_url, "REDIS_URL", 6379)?;
        settings.extend([("REDIS_HOST", host), ("REDIS_PORT", port.to_string())]);
    }
    Ok(settings)
}

/// Waits until the service is ready.
pub async fn until_it_answers(service: &Process, listen: SocketAddr) -> Result<()> {
    let address = http::reachable(listen);
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < PATIENCE {
        if let Some(status) = service.ended() {
            bail!("the service ended before it answered ({status}); see its messages above");
        }
        last = http::status(address, "/health/ready").await.or(last);
        if last == Some(200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    match last {
        Some(status) => {
            bail!("/health/ready still answers {status} after {}; GET /health tells why", duration(PATIENCE))
        }
        None => bail!("nothing answers at http://{address} after {}", duration(PATIENCE)),
    }
}

async fn first_to_end(processes: &[Process]) -> String {
    loop {
        for process in processes {
            if let Some(status) = process.ended() {
                return format!("{} ended ({status})", process.name);
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn example(address: SocketAddr) {
    say("try:");
    for line in [
        format!(
            "  curl -i http://{address}/api/v2/todos -H 'content-type: application/json' -d '{{\"title\":\"Buy \
             milk\"}}'"
        ),
        format!("  curl -s http://{address}/api/v2/todos"),
        format!("  the documentation: http://{address}/docs"),
    ] {
        say(&line);
    }
}

/// Removes a file when `up` ends, also by being dropped on Ctrl-C.
struct Forget<'a>(&'a Path);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_redis_its_host_and_port_keep_their_defaults() {
        let settings = settings("postgres://todo:p@127.0.0.1:7000/todo", "").unwrap();
        let keys: Vec<&str> = settings.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, ["DATABASE_URL", "DATABASE_HOST", "DATABASE_PORT", "REDIS_URL"]);
    }
}
