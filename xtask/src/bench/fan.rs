//! The same load over few and many connections.

use anyhow::Result;
use serde_json::json;

use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags};
use super::wrk::{Load, Runs, in_turn_anyway, milliseconds};
use crate::progress::print;

const CONNECTIONS: [u32; 4] = [8, 32, 128, 512];

/// Which of [`CONNECTIONS`] the others are compared with.
const USUAL: usize = 1;

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let one = format!("/api/v2/todos/{}", bench.todo);
    let mut measured = Vec::new();
    print(
        "\n| over connections | flags | connections | requests/s | of those at 32 | p50 ms | p99 ms | refused | resident MB |\n\
         |---|---|---|---|---|---|---|---|---|",
    );
    for flags in [Flags::None, Flags::Deploy] {
        for (what, cache) in [("one todo, cached", "on"), ("page of 50, uncached", "off"), ("create", "on")] {
            let service = bench.service_with(cache, flags, &[]).await?;
            let path = match what {
                "create" => "/api/v2/todos",
                "one todo, cached" => &one,
                _ => "/api/v2/todos?limit=50",
            };
            let script = (what == "create").then_some("create.lua");
            let loads = CONNECTIONS.map(|connections| Load { connections, script, ..service.load(path) });
            let runs = in_turn_anyway(loads, bench.session).await?;
            let resident = service.megabytes().unwrap_or_default();
            service.stop().await;
            for (connections, runs_of) in CONNECTIONS.iter().zip(&runs) {
                let (typical, share) = (runs_of.typical(), runs_of.times(&runs[USUAL]));
                print(format!(
                    "| {what} | {} | {connections} | {:.0} | {share:.2} | {} | {} | {} | {resident} |",
                    flags.name(),
                    typical.requests,
                    milliseconds(typical.median),
                    milliseconds(typical.p99),
                    typical.refused,
                ));
            }
            measured.push((what, flags, runs));
        }
    }
    let figures = measured.iter().flat_map(|(what, flags, runs)| {
        CONNECTIONS.iter().zip(runs).map(move |(connections, of)| {
            json!({
                "what": what, "flags": flags.name(), "connections": connections, "share_of_32": of.times(&runs[USUAL]),
                "refused": of.typical().refused, "run": results::runs(of),
            })
        })
    });
    let figures = figures.collect();
    results::write(bench, "fan", figures, &chart(&measured)).await
}

fn chart<'a>(measured: &[(&'a str, Flags, [Runs; CONNECTIONS.len()])]) -> Chart<'a> {
    let deployed: Vec<_> = measured.iter().filter(|(_, flags, _)| *flags == Flags::Deploy).collect();
    let at = |index: usize| deployed.iter().map(|(_, _, runs)| Some(runs.get(index)?.typical().requests)).collect();
    Chart {
        series: deployed.iter().map(|(what, ..)| *what).collect(),
        groups: vec!["8", "32", "128", "512"],
        panels: vec![Panel {
            title: "Requests/s over connections, with the flags of deploy/",
            values: (0..CONNECTIONS.len()).map(at).collect(),
        }],
    }
}
