//! The project's own commands, run as `cargo xtask <command>`.
//!
//! One file per command, one file per thing a command needs. Everything that is started goes through
//! [`run::Processes`], so that Ctrl-C, an error and the end of a command all leave nothing running. Shell scripts were
//! the road not taken: they cannot promise that, and they do not run under the same lints and tests as the rest.

mod account;
mod adopt;
mod anchors;
mod apt;
mod bench;
mod build;
mod checkout;
mod database;
mod dist;
mod docs_check;
mod guard;
mod http;
mod installation;
mod manifests_check;
mod mcp_check;
mod migrate;
mod openapi;
mod postgres;
mod progress;
mod python;
mod redis;
mod release_check;
mod rules_check;
mod run;
mod schema;
mod schemathesis;
mod seed;
mod servers;
mod test;
mod tidy;
mod token;
mod toolchain;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::checkout::Checkout;
use crate::run::Processes;

/// Builds, runs and tests the todo service.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Build the API without the endpoint of assistants, to measure what it costs.
    #[arg(long, global = true)]
    without_assistants: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Build the WebAssembly components, and set up the compiler's target for them.
    Build(build::Args),
    /// Serve the API with real Postgres and Redis until Ctrl-C.
    Up(up::Args),
    /// Run every test against real Postgres and Redis, or the black-box suite against a running server.
    Test(test::Args),
    /// Kill workers, hosts, Postgres and Redis hundreds of times while jobs run, and see that each change happens once.
    Chaos(test::Chaos),
    /// Apply the migrations to a database.
    Migrate(migrate::Args),
    /// Write `migrations/schema.sql`, what the migrations add up to, or check that it is that.
    Schema(schema::Args),
    /// Tell a copied or restored database from its original.
    Installation(installation::Args),
    /// Create, list and revoke bearer tokens.
    Token(token::Args),
    /// Fill a workspace with todos to look at.
    Seed(seed::Args),
    /// Bring the data of the application that this service replaces into an empty workspace.
    Adopt(Box<adopt::Args>),
    /// Write the OpenAPI documents, or check them against the code and against what was released.
    Openapi(openapi::Args),
    /// Measure requests per second, latencies and memory.
    Bench(bench::Args),
    /// Show where the time of a request goes: in the component, in the host, in the system.
    Profile(bench::profile::Args),
    /// Try generated requests on a service and compare every answer with the OpenAPI documents.
    Schemathesis(schemathesis::Args),
    /// Try public clients of assistants and the protocol's conformance suite on `POST /mcp`.
    McpCheck(mcp_check::Args),
    /// Check the repository's own rules.
    Tidy(tidy::Args),
    /// Report the components' sizes and imports; fail on an import that `wit/` does not list.
    Dist(dist::Args),
    /// Check the recording and alerting rules and run their tests, by Prometheus's own tool.
    RulesCheck(rules_check::Args),
    /// Look at the documentation pages and at Todo-Backend's API from a real browser, installing Chromium if it is
    /// missing.
    DocsCheck(docs_check::Args),
    /// Hold the manifests of `deploy/` against the schemas of Kubernetes and of SpinKube.
    ManifestsCheck(manifests_check::Args),
    /// Push the application by Spin to a registry on this machine, serve it from there, and try it.
    ReleaseCheck(release_check::Args),
    /// Stop what a killed xtask left running (started by xtask itself).
    #[command(hide = true)]
    Guard,
}

/// What every command works with.
struct Session {
    checkout: Checkout,
    processes: Processes,
    /// Whether the API is built with the endpoint of assistants.
    assistants: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Guard = cli.command {
        return guard::watch();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            progress::say(&format!("error: the async runtime did not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(supervise(cli.command, !cli.without_assistants))
}

/// Runs the command and, however it ends, stops what it started.
async fn supervise(command: Command, assistants: bool) -> ExitCode {
    let session = match Checkout::find() {
        Ok(checkout) => Session { checkout, processes: Processes::default(), assistants },
        Err(error) => return failed(&error),
    };
    // For `up`, Ctrl-C is the ordinary end.
    let interrupted = if matches!(command, Command::Up(_)) { ExitCode::SUCCESS } else { ExitCode::from(130) };
    let outcome = tokio::select! {
        outcome = dispatch(command, &session) => outcome,
        () = asked_to_stop() => Ok(interrupted),
    };
    // The reason first: stopping the servers may take a moment.
    let code = outcome.unwrap_or_else(|error| failed(&error));
    tokio::select! {
        () = session.processes.stop_all() => {}
        () = asked_to_stop() => session.processes.kill_all().await,
    }
    code
}

async fn dispatch(command: Command, session: &Session) -> Result<ExitCode> {
    match command {
        Command::Build(args) => build::main(session, &args).await,
        Command::Up(args) => up::main(session, &args).await,
        Command::Test(args) => test::main(session, &args).await,
        Command::Chaos(args) => test::chaos(session, &args).await,
        Command::Migrate(args) => migrate::main(session, &args).await,
        Command::Schema(args) => schema::main(session, &args).await,
        Command::Installation(args) => installation::main(session, &args).await,
        Command::Token(args) => token::main(session, &args).await,
        Command::Seed(args) => seed::main(session, &args).await,
        Command::Adopt(args) => adopt::main(session, &args).await,
        Command::Openapi(args) => openapi::main(session, &args).await,
        Command::Bench(args) => bench::main(session, &args).await,
        Command::Profile(args) => bench::profile::main(session, &args).await,
        Command::Schemathesis(args) => schemathesis::main(session, &args).await,
        Command::McpCheck(args) => mcp_check::main(session, &args).await,
        Command::Tidy(args) => tidy::main(session, &args),
        Command::Dist(args) => dist::main(session, &args).await,
        Command::RulesCheck(args) => rules_check::main(session, &args).await,
        Command::DocsCheck(args) => docs_check::main(session, args).await,
        Command::ManifestsCheck(args) => manifests_check::main(session, &args).await,
        Command::ReleaseCheck(args) => release_check::main(session, &args).await,
        Command::Guard => Ok(ExitCode::SUCCESS),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    progress::say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

/// Resolves when the user or the system asks xtask to end.
async fn asked_to_stop() {
    let streams = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
