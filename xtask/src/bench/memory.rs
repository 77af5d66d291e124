//! Resident memory: before the first request, after loads over few and many connections, and when they are a minute
//! ago.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::plot::{Chart, Panel};
use super::service::{Bench, Flags};
use super::wrk::Load;
use super::{anchors, results};
use crate::progress::{Step, print};
use crate::run::Process;

const MOMENTS: [&str; 4] = ["idle", "32 connections", "128 connections", "a minute later"];

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>, folder: Option<&Path>) -> Result<()> {
    let mut measured = Vec::new();
    for flags in [Flags::None, Flags::Deploy] {
        let service = bench.service_with("on", flags, &[]).await?;
        let one = format!("/api/v2/todos/{}", bench.todo);
        let found = moments(bench, &service.process(), service.load(&one)).await?;
        measured.push((format!("this service, {}", flags.name()), found));
        service.stop().await;
    }
    if let Some(folder) = folder {
        for name in ["optimized", "axum-native"] {
            let (listen, process) = anchors::start(bench, folder, name).await?;
            let load = Load { server: listen, path: "/todos/1", token: None, ..bench.load() };
            measured.push((name.to_owned(), moments(bench, &process, load).await?));
            process.stop().await;
        }
    }
    print(format!("\n| resident MB | {} |\n|---|---|---|---|---|", MOMENTS.join(" | ")));
    for (name, found) in &measured {
        let cells: Vec<String> = found.iter().map(ToString::to_string).collect();
        print(format!("| {name} | {} |", cells.join(" | ")));
    }
    let figures = measured.iter().map(|(name, found)| {
        json!({
            "application": name,
            "megabytes": MOMENTS.into_iter().zip(found).collect::<std::collections::BTreeMap<_, _>>(),
        })
    });
    let figures = figures.collect();
    let at = |moment: usize| measured.iter().map(|(_, found)| found.get(moment).map(|mb| f64::from(*mb))).collect();
    let chart = Chart {
        series: measured.iter().map(|(name, _)| name.as_str()).collect(),
        groups: MOMENTS.to_vec(),
        panels: vec![Panel { title: "Resident MB", values: (0..MOMENTS.len()).map(at).collect() }],
    };
    results::write(bench, "memory", figures, &chart).await
}

async fn moments(bench: &Bench<'_>, process: &Process, load: Load<'_>) -> Result<[u32; MOMENTS.len()]> {
    let step = Step::begin("measuring memory".to_owned());
    let resident = || process.resident_megabytes().and_then(|mb| u32::try_from(mb).ok()).unwrap_or_default();
    let idle = resident();
    Load { connections: 32, ..load }.run(bench.session).await?;
    let few = resident();
    Load { connections: 128, ..load }.run(bench.session).await?;
    let many = resident();
    tokio::time::sleep(Duration::from_secs(60)).await;
    step.done();
    Ok([idle, few, many, resident()])
}
