//! Reads and writes, with the cache and without.

use anyhow::Result;

use super::service::{Bench, head, row};
use super::wrk::{Load, in_turn};

/// Measures and prints everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    head("the service");
    let one = format!("/api/v2/todos/{}", bench.todo);
    let reads = [
        ("one todo", one.as_str()),
        ("page of 50", "/api/v2/todos?limit=50"),
        ("page of 50, two filters", "/api/v2/todos?status=pending&priority=high"),
        ("counts", "/api/v2/todos/stats"),
    ];
    // Both run at once and take turns.
    let (component, service) = (bench.empty_component().await?, bench.service("on").await?);
    let [one_todo, page, filtered, counts] = reads.map(|(_, path)| service.load(path));
    let [nothing, asking] = ["/taken", "/redis-held"].map(|path| component.load(path));
    let loads = [nothing, asking, service.load("/health/live"), one_todo, page, filtered, counts];
    let [nothing, asking, empty, cached @ ..] = in_turn(loads, bench.session).await?;
    row("an empty component", &nothing, &empty, component.megabytes());
    row("an empty component that asks Redis", &asking, &empty, component.megabytes());
    component.stop().await;
    row("an empty route behind all layers", &empty, &empty, service.megabytes());
    for ((name, _), runs) in reads.into_iter().zip(cached) {
        row(&format!("{name}, cached"), &runs, &empty, service.megabytes());
    }
    let creating = Load { script: Some("create.lua"), ..service.load("/api/v2/todos") };
    let [create] = in_turn([creating], bench.session).await?;
    row("create", &create, &empty, service.megabytes());
    service.stop().await;

    // With few clients the machine has time, and it shows what each answer waits for.
    for (name, arguments) in [
        ("one todo, cached, 4 connections", &[][..]),
        ("one todo, cached, 4 connections, without Nagle's algorithm", &["--tcp-nodelay"]),
    ] {
        let service = bench.service_on("on", arguments).await?;
        let [runs] = in_turn([Load { connections: 4, ..service.load(&one) }], bench.session).await?;
        row(name, &runs, &empty, service.megabytes());
        service.stop().await;
    }

    let service = bench.service("off").await?;
    for (name, path) in reads {
        row(&format!("{name}, uncached"), &service.read(path).await?, &empty, service.megabytes());
    }
    service.stop().await;
    Ok(())
}
