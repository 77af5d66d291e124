//! The command line: `todo-host up`, with the names of `spin up`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use todo_host::{Host, Options, Output, Reuse};

/// Runs a Spin application like ours without Spin.
#[derive(Parser)]
#[command(name = "todo-host", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the application.
    Up(Up),
    /// Print what a component imports, one interface a line.
    Imports {
        /// The component's file.
        component: PathBuf,
    },
}

#[derive(Args)]
struct Up {
    /// The manifest, or the folder it is in.
    #[arg(short, long, visible_alias = "file", default_value = "spin.toml")]
    from: PathBuf,
    /// Where to listen.
    #[arg(long, visible_alias = "address", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// A variable: `name=value`, `name=@file`, `@file.json` or `@file.toml`. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    variable: Vec<String>,
    /// A file that configures the providers of variables.
    #[arg(long, env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Do not print what the components print.
    #[arg(short, long)]
    quiet: bool,
    /// How many requests one instance serves in all.
    #[arg(long, default_value_t = Reuse::default().max_requests)]
    max_instance_reuse_count: usize,
    /// How many requests one instance serves at once.
    #[arg(long, default_value_t = Reuse::default().max_concurrent)]
    max_instance_concurrent_reuse_count: usize,
    /// Drop an instance after so many milliseconds without work.
    #[arg(long, default_value_t = 1000)]
    idle_instance_timeout_ms: u64,
    /// Give a request up after so many milliseconds. Without it there is no limit.
    #[arg(long)]
    request_timeout_ms: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Up(up) => self::up(up).await,
        Command::Imports { component } => {
            for import in todo_host::imports(&component)? {
                say(&import);
            }
            Ok(())
        }
    }
}

async fn up(up: Up) -> anyhow::Result<()> {
    let mut variables = Vec::new();
    for argument in &up.variable {
        variables.extend(todo_host::parse_variable(argument)?);
    }
    let manifest = if up.from.is_dir() { up.from.join("spin.toml") } else { up.from };
    let host = Host::start(Options {
        manifest,
        listen: up.listen,
        variables,
        runtime_config: up.runtime_config_file,
        output: if up.quiet { Output::Quiet } else { Output::Inherit },
        reuse: Reuse {
            max_requests: up.max_instance_reuse_count,
            max_concurrent: up.max_instance_concurrent_reuse_count,
            idle_timeout: Duration::from_millis(up.idle_instance_timeout_ms),
            request_timeout: up.request_timeout_ms.map(Duration::from_millis),
        },
        faults: false,
    })
    .await?;
    say(&format!("Serving {} on {}", host.name(), host.url()));
    say("Available Routes:");
    for (route, component) in host.routes() {
        let mark = if route.ends_with("/...") { " (wildcard)" } else { "" };
        let path = route.strip_suffix("/...").unwrap_or(route);
        say(&format!("  {component}: {}{path}{mark}", host.url()));
    }
    tokio::select! {
        () = host.wait() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
    }
}

/// Standard output is this program's result; it may be closed.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
