//! The same load over few and many connections, beside what the platform alone makes of them.

use anyhow::Result;
use serde_json::json;

use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags};
use super::wrk::{Load, Runs, in_turn_anyway, milliseconds};
use crate::progress::print;

const CONNECTIONS: [u32; 5] = [8, 32, 128, 512, 1000];

/// Which of [`CONNECTIONS`] the others are compared with.
const USUAL: usize = 1;

/// What is asked for.
#[derive(Clone, Copy)]
struct Case<'a> {
    what: &'a str,
    /// The setting of the service; none: the reference components.
    cache: Option<&'a str>,
    path: &'a str,
    script: Option<&'a str>,
}

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let one = format!("/api/v2/todos/{}", bench.todo);
    let cases = [
        Case { what: "reference: an answer of two bytes", cache: None, path: "/empty", script: None },
        Case { what: "reference: one script in Redis", cache: None, path: "/script", script: None },
        Case { what: "one todo, cached", cache: Some("on"), path: &one, script: None },
        Case { what: "page of 50, uncached", cache: Some("off"), path: "/api/v2/todos?limit=50", script: None },
        Case { what: "create", cache: Some("on"), path: "/api/v2/todos", script: Some("create.lua") },
    ];
    let mut measured = Vec::new();
    print(
        "\n| over connections | flags | connections | served/s | of those at 32 | p50 ms | p99 ms | refused | resident \
         MB |\n\
         |---|---|---|---|---|---|---|---|---|",
    );
    for flags in [Flags::None, Flags::Deploy] {
        for Case { what, cache, path, script } in cases {
            let service = match cache {
                Some(cache) => bench.service_with(cache, flags, &[]).await?,
                None => bench.reference(flags).await?,
            };
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
        groups: vec!["8", "32", "128", "512", "1,000"],
        panels: vec![Panel {
            title: "Requests/s over connections, with the flags of deploy/",
            values: (0..CONNECTIONS.len()).map(at).collect(),
        }],
    }
}
