//! Reads and writes, with the cache and without.

use anyhow::Result;

use super::service::{Bench, head, row};
use super::wrk::{Figures, Load};

/// What the anchors do, too.
pub struct Comparable {
    /// One todo, from the cache.
    pub one: Figures,
    /// A page of 50, from the cache.
    pub page: Figures,
    /// A page of 50 by two filters, from the cache.
    pub filtered: Figures,
    /// A create.
    pub create: Figures,
}

/// Measures and prints everything.
pub async fn measure(bench: &Bench<'_>) -> Result<Comparable> {
    head("the service");
    let component = bench.empty_component().await?;
    let empty = component.read("/taken").await?;
    row("an empty component", &empty, &empty, component.megabytes());
    component.stop().await;

    let one = format!("/api/v2/todos/{}", bench.todo);
    let reads = [
        ("one todo", one.as_str()),
        ("page of 50", "/api/v2/todos?limit=50"),
        ("page of 50, two filters", "/api/v2/todos?status=pending&priority=high"),
        ("counts", "/api/v2/todos/stats"),
    ];
    let service = bench.service("on").await?;
    let layers = service.read("/health/live").await?;
    row("an empty route behind all layers", &layers, &empty, service.megabytes());
    let mut cached = Vec::new();
    for (name, path) in reads {
        let figures = service.read(path).await?;
        row(&format!("{name}, cached"), &figures, &empty, service.megabytes());
        cached.push(figures);
    }
    let mut writing = service.load("/api/v2/todos");
    writing.script = Some("create.lua");
    let create = writing.run(bench.session).await?;
    row("create", &create, &empty, service.megabytes());
    service.stop().await;

    // With few clients the machine has time, and it shows what each answer waits for.
    for (name, arguments) in [
        ("one todo, cached, 4 connections", &[][..]),
        ("one todo, cached, 4 connections, without Nagle's algorithm", &["--tcp-nodelay"]),
    ] {
        let service = bench.service_on("on", arguments).await?;
        let figures = service.warm(Load { connections: 4, ..service.load(&one) }).await?;
        row(name, &figures, &empty, service.megabytes());
        service.stop().await;
    }

    let service = bench.service("off").await?;
    for (name, path) in reads {
        row(&format!("{name}, uncached"), &service.read(path).await?, &empty, service.megabytes());
    }
    service.stop().await;
    let [one, page, filtered, _]: [Figures; 4] =
        cached.try_into().map_err(|_| anyhow::anyhow!("not as many figures as reads"))?;
    Ok(Comparable { one, page, filtered, create })
}
