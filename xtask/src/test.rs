//! `cargo xtask test`: every test of the workspace on a fresh database of a private server (or of the server of
//! `DATABASE_URL`); or the black-box suite alone against a service that is already running.

mod beside;

use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::build::{COMPONENTS, FIXTURES, SERVICE, cargo, components};
use crate::progress::say;
use crate::redis::Redis;
use crate::run::ask;
use crate::servers::{Keep, Servers, Wanted};
use crate::token::{self, Scope};
use crate::{Session, apt, database, migrate, schema};
use beside::{large, programs, replaced, restore};

/// The databases of test runs, so that those of crashed runs are recognised.
const DATABASES: &str = "todo_test_";

#[derive(Default, clap::Args)]
pub struct Args {
    /// Run only the black-box suite, against the server at this URL; repeated: against several replicas of one
    /// installation, which take turns by request.
    #[arg(long, value_name = "URL", requires = "token")]
    base_url: Vec<String>,
    /// A token of that installation with the scope `admin` (printed by `cargo xtask token create`).
    #[arg(long, env = "TODO_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Test against the application that this service replaces, too: the folder of other applications of
    /// bench/README.md.
    #[arg(long, value_name = "FOLDER", conflicts_with = "base_url")]
    anchors: Option<PathBuf>,
    /// Test in this database instead of in one of its own; for one that was set up by other means, such as a
    /// distributed one. What the tests write stays there.
    #[arg(long, value_name = "URL", conflicts_with_all = ["base_url", "postgres"])]
    database: Option<String>,
    /// A major version of Postgres (16 to 18), fetched from npm into target/, instead of the installed one.
    #[arg(long, value_name = "VERSION", conflicts_with = "base_url")]
    postgres: Option<u32>,
    /// Another program than the installed Redis, such as that of a newer version or of Valkey: a file, or a name on the
    /// PATH.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "base_url")]
    redis: Option<String>,
    /// Arguments for `cargo test`, after `--`; a second `--` separates those of the test runner.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
    /// What the tests find in their environment besides.
    #[arg(skip)]
    environment: Vec<(&'static str, String)>,
}

/// How much is killed.
#[derive(clap::Args)]
pub struct Chaos {
    /// How many kills; about two a second.
    #[arg(long, default_value_t = 500)]
    kills: u64,
    /// Repeat the choices of an earlier run, which has printed its seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Try the feed of changes instead: so many changes by 32 writers, with a kill every few seconds.
    #[arg(long)]
    operations: Option<u64>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if let Some(token) = args.token.as_ref().filter(|_| !args.base_url.is_empty()) {
        let mut command = cargo();
        command.arg("test").args(SERVICE).args(["--test", "api"]).args(&args.arguments);
        command.env("TODO_BASE_URL", args.base_url.join(" ")).env("TODO_ADMIN_TOKEN", token);
        return test(session, command).await;
    }
    let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let (given_database, given_redis) = (given("DATABASE_URL"), given("REDIS_URL"));
    refuse_two(args, given_database.is_some(), given_redis.is_some())?;
    let (postgres, redis) = (given_database.is_none() && args.database.is_none(), given_redis.is_none());
    let wanted = Wanted { postgres, redis, version: args.postgres, redis_program: args.redis.clone() };
    let servers = Servers::start(session, "test", Keep::Nothing, wanted).await?;
    let redis_url = given_redis.or(servers.redis.as_ref().map(Redis::url));
    let name = format!("{DATABASES}{}_{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(), std::process::id());
    let url = match (&servers.postgres, &given_database) {
        (Some(postgres), _) => {
            // Nobody else uses this server: what is there is of runs that were stopped.
            postgres.drop_databases(DATABASES).await?;
            postgres.create_database(&name).await?;
            postgres.url(&name)
        }
        (None, _) if args.database.is_some() => args.database.clone().unwrap_or_default(),
        (None, Some(url)) => {
            say(&format!("the tests get a database of their own, {name}, on the server of DATABASE_URL"));
            database::create_beside(url, &name).await?
        }
        (None, None) => bail!("there is no Postgres"),
    };
    if let Some(postgres) = servers.postgres.as_ref().filter(|_| args.arguments.is_empty()) {
        schema::check(session, postgres, &format!("{name}_schema")).await?;
    }
    let mut more = programs(&servers);
    // A server of its own: while one transaction fills it, no feed of changes goes on anywhere in the same cluster.
    let wanted = Wanted { postgres, version: args.postgres, ..Wanted::default() };
    let beside = Servers::start(session, "test-large", Keep::Nothing, wanted).await?;
    if let Some(postgres) = &beside.postgres {
        more.extend(large(session, postgres).await?);
    }
    if let Some(postgres) = &servers.postgres {
        more.extend(restore(postgres, &name).await?);
    }
    if let (Some(postgres), Some(folder)) = (&servers.postgres, &args.anchors) {
        more.extend(replaced(session, postgres, &name, folder).await?);
    }
    let code = suite(session, args, &url, redis_url.as_deref(), &more).await;
    if let Some(url) = given_database.filter(|_| args.database.is_none()) {
        database::drop_beside(&url, &name).await?;
    }
    code
}

/// A private server and one that is named: one of them would not be tested.
fn refuse_two(args: &Args, names_database: bool, names_redis: bool) -> Result<()> {
    if args.postgres.is_some() && names_database {
        bail!("--postgres starts a private server; unset DATABASE_URL, which names another");
    }
    if args.redis.is_some() && names_redis {
        bail!("--redis starts a private server; unset REDIS_URL, which names another");
    }
    Ok(())
}

/// Builds what the tests need and runs them against these servers.
async fn suite(
    session: &Session,
    args: &Args,
    url: &str,
    redis_url: Option<&str>,
    more: &[(&str, String)],
) -> Result<ExitCode> {
    migrate::apply(&session.checkout, url).await?;
    for (program, purpose, tests) in [
        ("jq", "jq, which README.md's tour uses,", "the test of README.md's tour"),
        ("pgbouncer", "PgBouncer, which some tests put before Postgres,", "the tests behind a pooler"),
    ] {
        if ask(program, &["--version"]).await.is_none()
            && let Err(error) = apt::install(session, &[program], purpose).await
        {
            say(&format!("{tests} will be ignored: {error}"));
        }
    }
    // At once: apart, the fixture would have dependencies with other features, which would all be compiled again.
    components(session, &[COMPONENTS.as_slice(), &FIXTURES].concat()).await?;

    let mut connection = database::connect(url).await?;
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
        command.env("DATABASE_URL", url).env("TODO_ADMIN_TOKEN", &token).env_remove("TODO_BASE_URL");
        command.envs(args.environment.iter().map(|(name, value)| (name, value)));
        command.envs(more.iter().cloned());
        // xtask is no part of the packages under test; those of its commands that write are tested as they are used.
        command.env("TODO_XTASK", std::env::current_exe()?);
        match redis_url {
            Some(url) => command.env("REDIS_URL", url),
            None => command.env_remove("REDIS_URL"),
        };
        code = test(session, command).await?;
        if code != ExitCode::SUCCESS {
            break;
        }
    }
    Ok(code)
}

/// The documentation pages in a browser, on fresh, private servers or on a server that is already running; on private
/// ones also the API of Todo-Backend, and its specs if their folder is given.
pub async fn browser(
    session: &Session,
    base_url: Option<String>,
    token: Option<String>,
    specs: Option<PathBuf>,
) -> Result<ExitCode> {
    // One after the other: what Todo-Backend's clients delete is the whole of one workspace.
    let mut suite = vec!["--test", "browser", "--", "--ignored", "--nocapture", "--test-threads", "1"];
    if specs.is_none() {
        suite.extend(["--skip", "public_specs"]);
    }
    if let (Some(url), Some(token)) = (base_url, token) {
        suite.extend(["--skip", "todo_backend"]);
        let mut command = cargo();
        command.arg("test").args(SERVICE).args(suite);
        command.env("TODO_BASE_URL", url).env("TODO_ADMIN_TOKEN", token);
        return test(session, command).await;
    }
    let arguments = suite.into_iter().map(str::to_owned).collect();
    let environment = specs.map(|folder| ("TODO_BACKEND_SPECS", folder.display().to_string())).into_iter().collect();
    main(session, &Args { arguments, environment, ..Args::default() }).await
}

/// The tests of background work and of the feed under chaos, for longer than the suite has time for.
pub async fn chaos(session: &Session, Chaos { kills, seed, operations }: &Chaos) -> Result<ExitCode> {
    let (filter, mut environment) = match operations {
        Some(operations) => {
            let minutes = 5 + operations / 10_000;
            let environment =
                vec![("TODO_CHAOS_OPERATIONS", operations.to_string()), ("TODO_TEST_MINUTES", minutes.to_string())];
            ("changes_chaos::", environment)
        }
        None => {
            let minutes = 5 + kills / 20;
            (
                "chaos::each_job",
                vec![("TODO_CHAOS_KILLS", kills.to_string()), ("TODO_TEST_MINUTES", minutes.to_string())],
            )
        }
    };
    let arguments = ["--test", "api", "--", filter, "--nocapture"].map(str::to_owned).to_vec();
    environment.extend(seed.map(|seed| ("TODO_CHAOS_SEED", seed.to_string())));
    main(session, &Args { arguments, environment, ..Args::default() }).await
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
