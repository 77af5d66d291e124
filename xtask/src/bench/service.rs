//! What all subjects measure: the service on the embedded host, with private servers and a workspace of todos.

mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::AssertSqlSafe;
use tokio::process::Command;
use url::Url;

use super::wrk::{CONNECTIONS, Load, Runs, in_turn};
use crate::build::{COMPONENTS, REFERENCE, SERVICE, cargo, components};
use crate::progress::Step;
use crate::run::Process;
use crate::servers::{Keep, Servers, Wanted, free_port, on_path};
use crate::token::{self, Scope};
use crate::{Session, apt, database, http, migrate, seed, up};
pub use table::{head, row};

/// Todos in the measured workspace.
const TODOS: u32 = 10_000;

/// Production does not do without one.
const CURSOR_SECRET: &str = "of the measurements";

/// What the reference components ask Postgres for.
const FUNCTIONS: &str = "bench/reference/functions.sql";

/// What the host is told about its instances.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flags {
    /// Nothing, as `spin up` does.
    None,
    /// To keep them, as `deploy/` does.
    Deploy,
}

impl Flags {
    /// As tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no flags",
            Self::Deploy => "the flags of deploy/",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Deploy => &up::REUSE,
        }
    }
}

/// A prepared database, and how to start hosts on it.
pub struct Bench<'a> {
    /// The session of xtask.
    pub session: &'a Session,
    /// The private servers.
    pub servers: Servers,
    /// A database with 10,000 todos in one workspace.
    pub database_url: String,
    /// A token of that workspace that may read and write.
    pub token: String,
    /// The public id of one of its todos.
    pub todo: String,
    /// How long each figure is measured.
    pub seconds: u32,
    /// The cargo profile of the host.
    pub profile: String,
    /// What runs the components.
    pub host: Host,
    program: PathBuf,
}

/// What runs the components that are measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Host {
    /// todo-host, of this workspace.
    Embedded,
    /// The Spin on the PATH.
    Spin,
}

impl Host {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Spin => "spin",
        }
    }

    /// The arguments that turn Nagle's algorithm off, where the host can do without.
    pub fn without_nagle(self) -> &'static [&'static str] {
        match self {
            Self::Embedded => &["--tcp-nodelay"],
            Self::Spin => &[],
        }
    }
}

/// A host that is being measured.
pub struct Service<'a> {
    bench: &'a Bench<'a>,
    /// Where it listens.
    pub listen: SocketAddr,
    process: Process,
}

impl<'a> Bench<'a> {
    /// Builds everything, starts the servers and fills the database.
    pub async fn prepare(session: &'a Session, host: Host, profile: &str, seconds: u32) -> Result<Self> {
        if on_path("wrk").is_none() {
            apt::install(session, &["wrk"], "the load generator of the measurements").await?;
        }
        let wanted = Wanted { postgres: true, redis: true, ..Wanted::default() };
        let servers = Servers::start(session, "bench", Keep::Nothing, wanted).await?;
        let (Some(postgres), Some(_)) = (&servers.postgres, &servers.redis) else { bail!("there are no servers") };
        postgres.drop_databases("todo").await?;
        postgres.create_database("todo").await?;
        let database_url = postgres.url("todo");
        migrate::apply(&session.checkout, &database_url).await?;
        components(session, &[COMPONENTS.as_slice(), &[REFERENCE]].concat()).await?;
        let program = match host {
            Host::Embedded => build_host(session, profile).await?,
            Host::Spin => on_path("spin").context("there is no spin on the PATH")?,
        };
        let mut connection = database::connect(&database_url).await?;
        seed::fill(&mut connection, "bench", TODOS).await?;
        let token = token::create(&mut connection, "bench", "bench", &[Scope::Read, Scope::Write], None).await?;
        let todo =
            sqlx::query_scalar("select uid::text from todos order by id limit 1").fetch_one(&mut connection).await?;
        let functions = std::fs::read_to_string(session.checkout.root().join(FUNCTIONS)).context(FUNCTIONS)?;
        // The file is of the same checkout as this program.
        sqlx::raw_sql(AssertSqlSafe(functions)).execute(&mut connection).await?;
        Ok(Self { session, servers, database_url, token, todo, seconds, profile: profile.to_owned(), host, program })
    }

    /// A load of one plain GET, which lacks only the server and the path.
    pub fn load(&self) -> Load<'_> {
        Load {
            server: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: "/",
            token: Some(&self.token),
            script: None,
            mix: None,
            connections: CONNECTIONS,
            seconds: self.seconds,
        }
    }

    /// The command that measures a subject as this one does.
    pub fn command(&self, subject: &str) -> String {
        let (host, profile, seconds) = (self.host.name(), &self.profile, self.seconds);
        let without = if self.session.assistants { "" } else { " --without-assistants" };
        format!("cargo xtask bench {subject} --host {host} --profile {profile} --seconds {seconds}{without}")
    }

    /// The version of Postgres.
    pub async fn version(&self) -> Option<String> {
        let mut connection = database::connect(&self.database_url).await.ok()?;
        sqlx::query_scalar("select current_setting('server_version')").fetch_one(&mut connection).await.ok()
    }

    /// Starts the service as in production but without limits, and waits until it is ready.
    pub async fn service(&'a self, cache: &str) -> Result<Service<'a>> {
        self.service_with(cache, Flags::Deploy, &[]).await
    }

    /// The same with flags of a choice, and further arguments.
    pub async fn service_with(&'a self, cache: &str, flags: Flags, arguments: &[&str]) -> Result<Service<'a>> {
        self.serve(flags, arguments, &[("CACHE", cache)]).await
    }

    /// The service without any Redis.
    pub async fn service_without_redis(&'a self) -> Result<Service<'a>> {
        self.serve(Flags::Deploy, &[], &[("REDIS_URL", "")]).await
    }

    async fn serve(&'a self, flags: Flags, arguments: &[&str], further: &[(&str, &str)]) -> Result<Service<'a>> {
        let settings = [
            ("ENVIRONMENT", "production"),
            ("CURSOR_SECRET", CURSOR_SECRET),
            // Read by the measurements of what the cache did.
            ("METRICS_PUBLIC", "on"),
            ("RATE_LIMIT_DEFAULT", "0"),
            ("RATE_LIMIT_AUTHENTICATED", "0"),
            ("RATE_LIMIT_WRITES", "0"),
            ("RATE_LIMIT_AUTHENTICATED_WRITES", "0"),
            ("RATE_LIMIT_AUTH_FAILURES", "0"),
        ];
        let mut command = self.up("spin.toml", flags, &[&settings, further].concat())?;
        command.args(arguments);
        self.start(command, "/health/ready").await
    }

    /// Starts the reference components: see `bench/reference`.
    pub async fn reference(&'a self, flags: Flags) -> Result<Service<'a>> {
        self.start(self.up("bench/reference/spin.toml", flags, &[])?, "/empty").await
    }

    /// The host with a manifest, told where the servers are and what else is set.
    fn up(&self, manifest: &str, flags: Flags, settings: &[(&str, &str)]) -> Result<Command> {
        let redis = self.servers.redis.as_ref().context("there is no Redis")?;
        let mut command = Command::new(&self.program);
        // With it Spin takes a trace of the stack for each error of the host.
        command.env_remove("RUST_BACKTRACE");
        command.current_dir(self.session.checkout.root()).stdin(std::process::Stdio::null());
        command.args(["up", "--quiet", "--from", manifest]).args(flags.arguments());
        let servers = up::settings(&self.database_url, &redis.url())?;
        let servers = servers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in servers.chain(settings.iter().copied()) {
            command.env(format!("SPIN_VARIABLE_{name}"), value);
        }
        Ok(command)
    }

    async fn start(&'a self, mut command: Command, ready: &str) -> Result<Service<'a>> {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        command.args(["--listen", &listen.to_string()]);
        let process = self.session.processes.start("the service", command, Signal::INT)?;
        for _ in 0..600 {
            if http::status(listen, ready).await == Some(200) {
                return Ok(Service { bench: self, listen, process });
            }
            if let Some(status) = process.ended() {
                bail!("the service ended before it answered ({status})");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the service is not ready after a minute")
    }
}

impl Service<'_> {
    /// What to ask it for.
    pub fn load<'b>(&'b self, path: &'b str) -> Load<'b> {
        Load { server: self.listen, path, ..self.bench.load() }
    }

    /// Measures reads of `path`.
    pub async fn read(&self, path: &str) -> Result<Runs> {
        let [runs] = in_turn([self.load(path)], self.bench.session).await?;
        Ok(runs)
    }

    /// Its process.
    pub fn process(&self) -> Process {
        self.process.clone()
    }

    /// Resident memory, in megabytes.
    pub fn megabytes(&self) -> Option<u64> {
        self.process.resident_megabytes()
    }

    /// What it and the hosts beside it have counted.
    pub async fn metrics(&self) -> Result<Metrics> {
        let url = Url::parse(&format!("http://{}/metrics", self.listen))?;
        Ok(Metrics(http::send("GET", &url, &[], None).await?.body))
    }

    /// Stops it.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

/// What `/metrics` told.
pub struct Metrics(String);

impl Metrics {
    /// The sum of all lines that begin so.
    pub fn sum(&self, name: &str) -> f64 {
        let lines = self.0.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// Builds the host; tells where it is.
async fn build_host(session: &Session, profile: &str) -> Result<PathBuf> {
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
