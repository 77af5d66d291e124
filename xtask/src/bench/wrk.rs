//! The load: `wrk`, one thread, on the same machine.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::Session;

/// As many as a busy proxy keeps open.
pub const CONNECTIONS: u32 = 32;

/// Runs of a load.
const RUNS: usize = 3;

/// What to ask for.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// Where the server listens.
    pub server: SocketAddr,
    /// The path and query.
    pub path: &'a str,
    /// A bearer token, where the server wants one.
    pub token: Option<&'a str>,
    /// A script of `bench/` that makes the requests; plain GETs without one.
    pub script: Option<&'a str>,
    /// What is mixed, instead of a path and a script; with a script, what is told to that.
    pub mix: Option<Mix<'a>>,
    /// Over how many connections at once.
    pub connections: u32,
    /// For how long.
    pub seconds: u32,
}

/// Reads and writes together, made by `bench/mixed.lua`.
#[derive(Clone, Copy)]
pub struct Mix<'a> {
    /// How many per cent of the requests create a todo.
    pub writes: u32,
    /// The public ids of single todos to read, separated by commas; of several workspaces, separated by semicolons.
    pub todos: &'a str,
    /// Tokens that take turns, or one of each workspace, separated by commas; none: of an application of another kind.
    pub tokens: &'a str,
}

/// What wrk found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Requests per second that were served: answered with 2xx or 3xx.
    pub requests: f64,
    /// The median latency.
    pub median: Duration,
    /// The 99th percentile of the latencies.
    pub p99: Duration,
    /// The longest latency.
    pub longest: Duration,
    /// Answers of another status than 2xx and 3xx, and errors of the sockets.
    pub refused: u64,
}

/// Runs of one load. Now and then a shared machine does something else for a while, so the one in the middle counts.
pub struct Runs(pub Vec<Figures>);

impl Runs {
    /// The run with the middle rate.
    pub fn typical(&self) -> Figures {
        self.middle(|figures| figures.requests)
    }

    /// The run with the middle 99th percentile.
    pub fn typical_tail(&self) -> Figures {
        self.middle(|figures| figures.p99.as_secs_f64())
    }

    /// How many times as fast as `others`, run by run, in the middle.
    pub fn times(&self, others: &Self) -> f64 {
        middle(self.0.iter().zip(&others.0).map(|(one, other)| one.requests / other.requests), |times| *times)
    }

    fn middle(&self, by: impl Fn(&Figures) -> f64) -> Figures {
        middle(self.0.iter().copied(), by)
    }
}

/// The one of several in the middle.
fn middle<T>(several: impl Iterator<Item = T>, by: impl Fn(&T) -> f64) -> T {
    let mut several: Vec<T> = several.collect();
    several.sort_by(|one, other| by(one).total_cmp(&by(other)));
    several.swap_remove(several.len() / 2)
}

/// In milliseconds, for a table.
pub fn milliseconds(latency: Duration) -> String {
    format!("{:.2}", latency.as_secs_f64() * 1000.0)
}

/// The same as [`in_turn`] where requests may be refused; the figures tell how many.
pub async fn in_turn_anyway<const N: usize>(loads: [Load<'_>; N], session: &Session) -> Result<[Runs; N]> {
    let mut measured = [const { Vec::new() }; N];
    for _ in 0..RUNS {
        for (load, runs) in loads.iter().zip(&mut measured) {
            Load { seconds: 1, ..*load }.run_anyway(session).await?;
            runs.push(load.run_anyway(session).await?);
        }
    }
    Ok(measured.map(Runs))
}

/// Measures several loads in turn, so that each run of one stands beside one of every other. Before each run there is a
/// second in which instances start and caches fill: without work they are gone after a second.
///
/// # Errors
/// If a request was refused: such figures say nothing.
pub async fn in_turn<const N: usize>(loads: [Load<'_>; N], session: &Session) -> Result<[Runs; N]> {
    let measured = in_turn_anyway(loads, session).await?;
    for (load, runs) in loads.iter().zip(&measured) {
        for figures in &runs.0 {
            figures.complete(load)?;
        }
    }
    Ok(measured)
}

impl Figures {
    fn complete(&self, load: &Load<'_>) -> Result<()> {
        if self.refused > 0 {
            bail!("{} requests for http://{}{} were refused", self.refused, load.server, load.path);
        }
        Ok(())
    }
}

impl Load<'_> {
    /// Asks, and reads wrk's report.
    ///
    /// # Errors
    /// If a request was refused: such figures say nothing.
    pub async fn run(&self, session: &Session) -> Result<Figures> {
        let figures = self.run_anyway(session).await?;
        figures.complete(self)?;
        Ok(figures)
    }

    /// The same while requests may be refused.
    pub async fn run_anyway(&self, session: &Session) -> Result<Figures> {
        let mut command = Command::new("wrk");
        command.current_dir(session.checkout.root());
        let (connections, duration) = (self.connections.to_string(), format!("{}s", self.seconds));
        command.args(["-t1", "-c", &connections, "-d", &duration, "--latency", "--timeout", "10s"]);
        if let Some(token) = self.token {
            command.args(["-H", &format!("authorization: Bearer {token}")]);
        }
        if let Some(script) = self.script.or(self.mix.map(|_| "mixed.lua")) {
            command.arg("-s").arg(format!("bench/{script}"));
        }
        if let Some(Mix { writes, todos, tokens }) = self.mix {
            command.env("WRITES", writes.to_string()).env("TODOS", todos).env("TOKENS", tokens);
        }
        command.arg(format!("http://{}{}", self.server, self.path)).kill_on_drop(true);
        let output = command.output().await.context("wrk cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        read(&text).with_context(|| format!("wrk said something else than expected:\n{text}"))
    }
}

/// Reads wrk's report.
fn read(text: &str) -> Option<Figures> {
    let after = |label: &str| {
        let line = text.lines().map(str::trim).find(|line| line.starts_with(label))?;
        line.strip_prefix(label).map(str::trim)
    };
    let statuses: u32 = after("Non-2xx or 3xx responses:").and_then(|count| count.parse().ok()).unwrap_or(0);
    let answers = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let served = 1.0 - f64::from(statuses) / answers.filter(|count: &f64| *count > 0.0)?;
    let sockets = after("Socket errors:")
        .map_or(0, |errors| errors.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok()).sum());
    Some(Figures {
        requests: served * after("Requests/sec:")?.parse::<f64>().ok()?,
        median: latency(after("50%")?)?,
        p99: latency(after("99%")?)?,
        // Average, deviation, longest, and the share within the deviation.
        longest: latency(after("Latency  ")?.split_whitespace().nth(2)?)?,
        refused: u64::from(statuses) + sockets,
    })
}

/// `870.00us`, `3.10ms`, `1.20s`, `1.50m`.
fn latency(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.40ms    1.20ms  41.07ms   91.33%
    Req/Sec     9.41k   312.00     9.98k    70.00%
  Latency Distribution
     50%    3.10ms
     99%    9.04ms
  70 requests in 5s
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:   9876.54
";

    #[test]
    fn the_report_of_wrk_is_read() {
        let figures = read(REPORT).unwrap();
        assert!((figures.requests - 0.9 * 9876.54).abs() < 0.001);
        let latencies = [figures.median, figures.p99, figures.longest].map(|latency| latency.as_micros());
        assert_eq!(latencies, [3100, 9040, 41070]);
        assert_eq!(figures.refused, 10);
        assert_eq!(read("nothing"), None);
    }

    #[test]
    fn latencies_come_in_many_units() {
        assert_eq!(latency("870.00us"), Some(Duration::from_micros(870)));
        assert_eq!(latency("1.20s"), Some(Duration::from_millis(1200)));
        assert_eq!(latency("1.50m"), Some(Duration::from_secs(90)));
        assert_eq!(latency("fast"), None);
    }
}
