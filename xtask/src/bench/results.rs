//! What was measured, as JSON and as plots in `bench/results/`, with the machine and the versions.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::plot::Chart;
use super::service::{Bench, Host};
use super::wrk::{Figures, Runs};
use crate::progress::say;
use crate::run::ask;

/// Where the figures and the plots go.
const FOLDER: &str = "bench/results";

/// Writes the figures of a subject, and their plot.
pub async fn write(bench: &Bench<'_>, subject: &str, figures: Value, chart: &Chart<'_>) -> Result<()> {
    let folder = bench.session.checkout.root().join(FOLDER);
    std::fs::create_dir_all(&folder).context("the folder of the results cannot be made")?;
    let host = bench.host.name();
    let all = json!({
        "command": bench.command(subject),
        "machine": machine(bench).await,
        "figures": figures,
    });
    let mut name = if bench.host == Host::Spin { format!("{subject}-{host}") } else { subject.to_owned() };
    if !bench.session.assistants {
        name.push_str("-without-assistants");
    }
    std::fs::write(folder.join(format!("{name}.json")), format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    std::fs::write(folder.join(format!("{name}.svg")), chart.svg())?;
    say(&format!("the figures and the plot are in {FOLDER}/{name}.json and {name}.svg"));
    Ok(())
}

async fn machine(bench: &Bench<'_>) -> Value {
    let host = match bench.host {
        Host::Spin => ask("spin", &["--version"]).await.unwrap_or_default(),
        Host::Embedded => "todo-host".to_owned(),
    };
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: String, label: &str| {
        let line = text.lines().find(|line| line.starts_with(label)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    json!({
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "processor": after(text("/proc/cpuinfo"), "model name"),
        "memory": after(text("/proc/meminfo"), "MemTotal"),
        "system": text("/proc/sys/kernel/osrelease").trim(),
        "host": host.trim(),
        "postgres": bench.version().await,
        "commit": ask("git", &["rev-parse", "HEAD"]).await.map(|commit| commit.trim().to_owned()),
    })
}

/// Runs of one load, by their middle.
pub fn runs(runs: &Runs) -> Value {
    figures(&runs.typical())
}

/// One run.
pub fn figures(figures: &Figures) -> Value {
    let milliseconds = |latency: std::time::Duration| (latency.as_secs_f64() * 100_000.0).round() / 100.0;
    json!({
        "requests_per_second": figures.requests.round(),
        "p50_ms": milliseconds(figures.median),
        "p99_ms": milliseconds(figures.p99),
        "longest_ms": milliseconds(figures.longest),
    })
}
