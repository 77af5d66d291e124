//! The same load over few and many connections, beside what the platform alone makes of them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags};
use super::wrk::{Load, Runs, in_turn_anyway, milliseconds};
use crate::progress::print;

const CONNECTIONS: [u32; 5] = [8, 32, 128, 512, 1000];

/// Which of [`CONNECTIONS`] the others are compared with.
const USUAL: usize = 1;

/// Connections to Postgres that the host may have, beside as many as it has without a bound.
const CAPS: [u32; 2] = [4, 12];

/// What is asked for.
#[derive(Clone, Copy)]
struct Case<'a> {
    what: &'a str,
    /// The setting of the service; none: the reference components.
    cache: Option<&'a str>,
    path: &'a str,
    script: Option<&'a str>,
    /// Whether its rate is Postgres', so that the number of connections matters.
    capped: bool,
}

/// What is measured: what is asked for, the host's flags, and how many connections to Postgres it may have.
struct Row<'a> {
    what: &'a str,
    flags: Flags,
    cap: Option<u32>,
    runs: [Runs; CONNECTIONS.len()],
}

impl Row<'_> {
    fn print(&self, resident: u64) {
        for (connections, runs) in CONNECTIONS.iter().zip(&self.runs) {
            let typical = runs.typical();
            print(format!(
                "| {} | {} | {} | {connections} | {:.0} | {:.2} | {} | {} | {} | {resident} |",
                self.what,
                self.flags.name(),
                self.cap.map_or_else(|| "no bound".to_owned(), |cap| cap.to_string()),
                typical.requests,
                runs.times(&self.runs[USUAL]),
                milliseconds(typical.median),
                milliseconds(typical.p99),
                typical.refused,
            ));
        }
    }

    fn figures(&self) -> Vec<Value> {
        let figure = |(connections, runs): (&u32, &Runs)| {
            json!({
                "what": self.what, "flags": self.flags.name(), "postgres_connections": self.cap,
                "connections": connections, "share_of_32": runs.times(&self.runs[USUAL]),
                "refused": runs.typical().refused, "run": results::runs(runs),
            })
        };
        CONNECTIONS.iter().zip(&self.runs).map(figure).collect()
    }
}

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let one = format!("/api/v2/todos/{}", bench.todo);
    let cases = [
        Case { what: "reference: an answer of two bytes", cache: None, path: "/empty", script: None, capped: false },
        Case { what: "reference: one script in Redis", cache: None, path: "/script", script: None, capped: false },
        Case { what: "one todo, cached", cache: Some("on"), path: &one, script: None, capped: false },
        Case {
            what: "page of 50, uncached",
            cache: Some("off"),
            path: "/api/v2/todos?limit=50",
            script: None,
            capped: true,
        },
        Case { what: "create", cache: Some("on"), path: "/api/v2/todos", script: Some("create.lua"), capped: true },
    ];
    let mut measured = Vec::new();
    print(
        "\n| over connections | flags | connections to Postgres | connections | served/s | of those at 32 | p50 ms | \
         p99 ms | refused | resident MB |\n\
         |---|---|---|---|---|---|---|---|---|---|",
    );
    for (flags, cap, case) in rows(&cases) {
        let Case { what, cache, path, script, capped: _ } = case;
        let config = cap.map(|cap| runtime_config(bench, cap)).transpose()?;
        let arguments: Vec<&str> = config.iter().flat_map(|config| ["--runtime-config-file", config]).collect();
        let service = match cache {
            Some(cache) => bench.service_with(cache, flags, &arguments).await?,
            None => bench.reference(flags).await?,
        };
        let loads = CONNECTIONS.map(|connections| Load { connections, script, ..service.load(path) });
        let runs = in_turn_anyway(loads, bench.session).await?;
        let resident = service.megabytes().unwrap_or_default();
        service.stop().await;
        let row = Row { what, flags, cap, runs };
        row.print(resident);
        measured.push(row);
    }
    let figures = measured.iter().flat_map(Row::figures).collect();
    results::write(bench, "fan", figures, &chart(&measured)).await
}

/// Everything with both kinds of flags, and with few connections to Postgres what depends on them.
fn rows<'a>(cases: &[Case<'a>]) -> Vec<(Flags, Option<u32>, Case<'a>)> {
    let with = |flags, cap| cases.iter().map(move |case| (flags, cap, *case));
    let capped = CAPS.iter().flat_map(|cap| with(Flags::Deploy, Some(*cap))).filter(|(.., case)| case.capped);
    with(Flags::None, None).chain(with(Flags::Deploy, None)).chain(capped).collect()
}

/// A runtime-config file with so many connections to Postgres.
fn runtime_config(bench: &Bench<'_>, cap: u32) -> Result<String> {
    let file = bench.session.checkout.dev().join(format!("bench-connections-{cap}.toml"));
    std::fs::write(&file, format!("[outbound_pg]\nmax_connections = {cap}\n"))
        .with_context(|| file.display().to_string())?;
    Ok(file.display().to_string())
}

fn chart<'a>(measured: &[Row<'a>]) -> Chart<'a> {
    let deployed: Vec<_> = measured.iter().filter(|row| row.flags == Flags::Deploy && row.cap.is_none()).collect();
    let at = |index: usize| deployed.iter().map(|row| Some(row.runs.get(index)?.typical().requests)).collect();
    Chart {
        series: deployed.iter().map(|row| row.what).collect(),
        groups: vec!["8", "32", "128", "512", "1,000"],
        panels: vec![Panel {
            title: "Requests/s over connections, with the flags of deploy/",
            values: (0..CONNECTIONS.len()).map(at).collect(),
        }],
    }
}
