//! The command line: `todo-host up`, with the names of `spin up`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
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
    /// Drop an instance after this time without work: seconds, or with a unit (`s`, `ms`, `us`).
    #[arg(long, default_value = "1s", value_parser = duration)]
    idle_instance_timeout: Duration,
    /// Send each piece of an answer at once, as Spin does not: to measure what that costs.
    #[arg(long)]
    tcp_nodelay: bool,
    /// Write the names of the components' functions where Linux' `perf` looks for them: /tmp/perf-PID.map.
    #[arg(long)]
    perf_map: bool,
    /// Give a request up after this time. Without it there is no limit.
    #[arg(long, value_parser = duration)]
    request_timeout: Option<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run(Cli::parse().command).await else {
        return ExitCode::SUCCESS;
    };
    // The chain in one line; nobody wants the stack of a mistake in a manifest.
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
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
        postgres_connections: None,
        output: if up.quiet { Output::Quiet } else { Output::Inherit },
        reuse: Reuse {
            max_requests: up.max_instance_reuse_count,
            max_concurrent: up.max_instance_concurrent_reuse_count,
            idle_timeout: up.idle_instance_timeout,
            request_timeout: up.request_timeout,
        },
        tcp_nodelay: up.tcp_nodelay,
        perf_map: up.perf_map,
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

/// Reads a duration as `spin up` does.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
        number if number.len() == text.len() => (number, "s"),
        number => text.split_at(number.len()),
    };
    let number = number.parse().map_err(|_| format!("expected a number and `s`, `ms` or `us`, not {text:?}"))?;
    match unit {
        "s" => Ok(Duration::from_secs(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "us" => Ok(Duration::from_micros(number)),
        _ => Err(format!("expected `s`, `ms` or `us` after the number, not {unit:?}")),
    }
}

/// Standard output is this program's result; it may be closed.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("2ms"), Ok(Duration::from_millis(2)));
        assert!(duration("soon").is_err());
    }
}
