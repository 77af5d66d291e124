//! `cargo xtask profile`: where the time of a request goes. Linux' `perf` samples the host under a load;
//! `docs/profiling.md` tells how to read what comes out.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::service::{Bench, Flags, Host, Service};
use super::wrk::Load;
use crate::progress::{print, say};
use crate::run::Process;
use crate::servers::on_path;
use crate::{Session, apt};

/// Samples a second. A prime, so that nothing which happens each millisecond is always or never seen.
const FREQUENCY: &str = "997";
/// How many functions of each kind are printed.
const SHOWN: usize = 15;

#[derive(clap::Args)]
pub struct Args {
    /// What to ask for.
    #[arg(value_enum)]
    subject: Subject,
    /// What runs the components. Names of their functions are known with the embedded todo-host alone.
    #[arg(long, value_enum, default_value = "embedded")]
    host: Host,
    /// The cargo profile of the embedded host.
    #[arg(long, default_value = "native")]
    profile: String,
    /// Over how many connections.
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// One todo, from the cache.
    Cached,
    /// One todo, without the cache.
    Uncached,
    /// A page of 50, without the cache.
    Page,
    /// A todo is created.
    Create,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if on_path("perf").is_none() {
        apt::install(session, &["linux-perf"], "`perf`, which takes the samples").await?;
    }
    let bench = Bench::prepare(session, args.host, &args.profile, args.seconds).await?;
    let one = format!("/api/v2/todos/{}", bench.todo);
    let (cache, path, script) = match args.subject {
        Subject::Cached => ("on", one.as_str(), None),
        Subject::Uncached => ("off", one.as_str(), None),
        Subject::Page => ("off", "/api/v2/todos?limit=50", None),
        Subject::Create => ("on", "/api/v2/todos", Some("create.lua")),
    };
    let names: &[&str] = if args.host == Host::Embedded { &["--perf-map"] } else { &[] };
    let service = bench.service_with(cache, Flags::Deploy, names).await?;
    let load = Load { connections: args.connections, script, ..service.load(path) };
    // Instances start and caches fill.
    Load { seconds: 2, ..load }.run_anyway(session).await?;
    let file = session.checkout.root().join("target/profile.data");
    let mut perf = recorder(&service.process(), &file, args.seconds);
    let servers = processes(&bench, &service);
    let before = servers.each_ref().map(|(_, process)| seconds_of(process.as_ref()));
    let (figures, recorded) = tokio::join!(load.run_anyway(session), perf.status());
    let after = servers.each_ref().map(|(_, process)| seconds_of(process.as_ref()));
    let (figures, recorded) = (figures?, recorded.context("perf does not start")?);
    if !recorded.success() {
        bail!("perf failed ({recorded}); it needs the right to watch processes: /proc/sys/kernel/perf_event_paranoid");
    }
    print(format!(
        "\n{:.0} requests/s over {} connections, {} refused\n",
        figures.requests, args.connections, figures.refused
    ));
    print("| processor time | ms a request |\n|---|---|");
    let requests = figures.requests * f64::from(args.seconds);
    for (((name, _), before), after) in servers.iter().zip(before).zip(after) {
        print(format!("| {name} | {:.2} |", (after - before) * 1000.0 / requests));
    }
    let own = report(&file, "--no-children").await?;
    let below = report(&file, "--children").await?;
    service.stop().await;
    print("\n| where in the host | share of its time |\n|---|---|");
    for (place, share) in shares(&own) {
        print(format!("| {} | {share:.1} % |", place.name()));
    }
    table("a function itself", own.iter());
    table("a component's function with all that it calls", below.iter().filter(|line| line.place == Place::Component));
    say(&format!("all of it: perf report -i {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn processes(bench: &Bench<'_>, service: &Service<'_>) -> [(&'static str, Option<Process>); 3] {
    [
        ("the host", Some(service.process())),
        ("Postgres", bench.servers.postgres.as_ref().map(|server| server.process.clone())),
        ("Redis", bench.servers.redis.as_ref().map(|server| server.process.clone())),
    ]
}

/// Samples a process while the load lasts, into a file.
fn recorder(process: &Process, file: &Path, seconds: u32) -> Command {
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "-g", "-F", FREQUENCY, "-p", &process.members().join(","), "-o"]);
    perf.arg(file).args(["--", "sleep", &seconds.saturating_sub(1).to_string()]);
    perf.stdout(Stdio::null()).kill_on_drop(true);
    perf
}

fn shares(lines: &[Line]) -> BTreeMap<Place, f64> {
    let mut shares = BTreeMap::new();
    for line in lines {
        *shares.entry(line.place).or_default() += line.share;
    }
    shares
}

fn seconds_of(process: Option<&Process>) -> f64 {
    process.map_or(0.0, Process::processor_seconds)
}

fn table<'a>(head: &str, lines: impl Iterator<Item = &'a Line>) {
    print(format!("\n| {head} | where | share |\n|---|---|---|"));
    for line in lines.take(SHOWN) {
        print(format!("| `{}` | {} | {:.1} % |", line.function, line.place.name(), line.share));
    }
}

/// Where a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Component,
    Wasmtime,
    Host,
    Libraries,
    System,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Wasmtime => "wasmtime",
            Self::Host => "host",
            Self::Libraries => "libraries of the system",
            Self::System => "system (sockets, memory, scheduling)",
        }
    }

    /// By the object that perf names, and the function.
    fn of(object: &str, function: &str) -> Self {
        match object {
            // Compiled while the host runs: known by a map, by its file, or not at all.
            _ if object.starts_with("perf-") || object.starts_with("[JIT]") || object.starts_with("[anon") => {
                Self::Component
            }
            "[unknown]" | "//anon" => Self::Component,
            _ if object.starts_with('[') => Self::System,
            _ if object.contains(".so") => Self::Libraries,
            _ if function.contains("wasmtime") => Self::Wasmtime,
            _ => Self::Host,
        }
    }
}

/// A line of perf's report.
#[derive(Debug, PartialEq)]
struct Line {
    share: f64,
    place: Place,
    function: String,
}

async fn report(file: &Path, kind: &str) -> Result<Vec<Line>> {
    let mut command = Command::new("perf");
    command.arg("report").arg("-i").arg(file).args(["--stdio", kind, "-g", "none", "-t", "\t"]);
    command.args(["--sort", "dso,symbol"]).kill_on_drop(true);
    let output = command.output().await.context("perf does not start")?;
    let lines: Vec<Line> = String::from_utf8_lossy(&output.stdout).lines().filter_map(read).collect();
    if lines.is_empty() {
        bail!("perf reports nothing:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(lines)
}

/// The share (with `--children` first that of the function with all that it calls), the object, the function behind
/// `[.]` or `[k]`.
fn read(line: &str) -> Option<Line> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let share = fields.first()?.strip_suffix('%')?.parse().ok()?;
    let at = fields.iter().position(|field| field.starts_with("[.] ") || field.starts_with("[k] "))?;
    let object = fields.get(at.checked_sub(1)?)?;
    let (_, name) = fields.get(at)?.split_once("] ")?;
    let function: String = format!("{:#}", rustc_demangle::demangle(name)).chars().take(120).collect();
    Some(Line { share, place: Place::of(object, &function), function })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_perf_is_read() {
        let line =
            read("    12.50%\t[JIT] tid 42        \t[.] _ZN9todo_core3log3add17h8ea853e68924ba36E   \t-      - ")
                .unwrap();
        assert_eq!((line.share, line.place), (12.5, Place::Component));
        assert_eq!(line.function, "todo_core::log::add");
        let below = read(" 30.00%\t 1.00%\ttodo-host\t[.] wasmtime::runtime::vm::memory::grow").unwrap();
        assert_eq!((below.share, below.place), (30.0, Place::Wasmtime));
        assert_eq!(read("3.00%\t[kernel.kallsyms]\t[k] tcp_sendmsg\t-      -").unwrap().place, Place::System);
        assert_eq!(read("3.00%\tlibc.so.6\t[.] malloc").unwrap().place, Place::Libraries);
        assert_eq!(read("# Overhead\tShared Object\tSymbol"), None);
        assert_eq!(read(""), None);
    }
}
